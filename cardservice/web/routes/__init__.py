"""Which pages are mounted where, by who they are for."""
