"""Diffusion models: which pipeline a folder asks for, what runs it, and how its pictures become a film."""
