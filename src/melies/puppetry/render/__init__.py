"""Painting a portrait whose face has moved."""

from melies.puppetry.render.puppet import Puppet

__all__ = ["Puppet"]
