"""Méliès: machine learning on the moving image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from melies.clip import Clip, open
    from melies.effect import Effect, FrameEffect, Generator
    from melies.errors import MeliesError, UseError
    from melies.frame import Colour, Frame, Sound, VideoSpec

__version__ = "0.1.0"

_WHERE = {
    "Clip": "clip",
    "open": "clip",
    "Effect": "effect",
    "FrameEffect": "effect",
    "Generator": "effect",
    "MeliesError": "errors",
    "UseError": "errors",
    "Colour": "frame",
    "Frame": "frame",
    "Sound": "frame",
    "VideoSpec": "frame",
}

__all__ = [
    "Clip",
    "Colour",
    "Effect",
    "Frame",
    "FrameEffect",
    "Generator",
    "MeliesError",
    "Sound",
    "UseError",
    "VideoSpec",
    "__version__",
    "open",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _WHERE:
        return getattr(import_module(f"melies.{_WHERE[name]}"), name)
    if name[:1].isupper():
        return _effect_class(name)
    raise AttributeError(f"module 'melies' has no attribute {name!r}")


def _effect_class(name: str) -> Any:
    """Find `melies.Matte` and its like: every effect under its class name."""
    import re

    from melies import effects

    command = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    if command not in effects.names():
        raise AttributeError(f"module 'melies' has no attribute {name!r}")
    return effects.find(command)


def __dir__() -> list[str]:
    return sorted(__all__)
