"""What machines ask of the server."""
