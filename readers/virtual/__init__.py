"""Virtual cards and readers behind a real pcscd."""
