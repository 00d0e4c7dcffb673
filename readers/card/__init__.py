"""Card procedures as generators: no I/O, no clock."""
