"""Effects: one file each; the file's name is the command's name.

Plugins add theirs by the entry point group `melies.effects`, whose value names a module that holds one effect class.
"""

from melies.effect import Effect
from melies.registry import Registry

_registry = Registry("effect", Effect, __name__, "melies.effects")

names = _registry.names
find = _registry.find
every = _registry.every
