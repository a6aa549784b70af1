"""Putting one face on another: the face flattened, its light, what covers it, and where its looks come from."""
