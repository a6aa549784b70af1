"""Walks through latent spaces: where the way leads, and what is seen on it."""
