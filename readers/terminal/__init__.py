"""The terminal: reads, decides offline, journals, shows, uploads."""
