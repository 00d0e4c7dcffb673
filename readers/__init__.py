"""What is on a card and how it is read; runs without the server's stack."""
