"""Faces that benchmarks take from pictures."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from melies.errors import MeliesError

PORTRAITS = "MELIES_PORTRAITS"
"""Environment variable with a folder of portraits."""


def portraits() -> list[Path]:
    """Return the pictures of the folder that `MELIES_PORTRAITS` names; the astronaut alone if it names none."""
    named = os.environ.get(PORTRAITS)
    if not named:
        return [astronaut()]
    found = sorted(path for path in Path(named).iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not found:
        raise MeliesError(f"{PORTRAITS} names {named}, where there are no JPEG or PNG pictures.")
    return found


def astronaut() -> Path:
    """Return where scikit-image keeps its picture of an astronaut."""
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise MeliesError("The benchmark needs a portrait.", "Install it with: pip install scikit-image")
    return Path(package.origin).parent / "data" / "astronaut.png"
