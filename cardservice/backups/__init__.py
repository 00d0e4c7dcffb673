"""Backups of database and key store together, sealed; and what is made of them again."""
