"""Making a file that a stranger sent safe to keep and to show, in a process of its own."""
