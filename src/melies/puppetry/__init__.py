"""Puppetry: a portrait moved by somebody's face."""
