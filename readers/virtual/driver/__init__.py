"""The reader driver for pcscd and its build."""
