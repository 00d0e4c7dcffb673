"""The bytes and messages that terminal and server agree on."""
