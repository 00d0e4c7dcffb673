"""The main job from end to end, played by real processes on virtual readers."""
