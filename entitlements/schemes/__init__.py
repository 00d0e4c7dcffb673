"""The rules: schemes as dated data, and the engine that decides by them. Pure throughout."""
