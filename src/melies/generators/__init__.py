"""Generators: one file each; they make frames from nothing.

Plugins add theirs by the entry point group `melies.generators`, whose value names a module that holds one class.
"""

from melies.effect import Generator
from melies.registry import Registry

_registry = Registry("generator", Generator, __name__, "melies.generators")

names = _registry.names
find = _registry.find
every = _registry.every
