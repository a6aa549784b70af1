"""Finding how a camera shook, and showing its film from where it should have been."""
