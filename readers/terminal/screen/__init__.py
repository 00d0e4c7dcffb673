"""The terminal's own screen: static files and the present picture, on loopback only."""
