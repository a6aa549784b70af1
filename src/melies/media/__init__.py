"""Reading and writing moving images."""
