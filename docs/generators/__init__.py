"""One module for each document that is made from the code."""
