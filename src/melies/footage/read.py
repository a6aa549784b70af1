"""Reading a film: its shots, with everything that is asked of them answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from melies.footage.analyse import ask
from melies.footage.label import Label
from melies.footage.material import Material
from melies.footage.watch import watch


@dataclass(frozen=True)
class Seen:
    """A shot that was looked at.

    Attributes:
        material: What was looked at.
        labels: What is said about it.
    """

    material: Material
    labels: tuple[Label, ...]


def read(path: str | Path, seen: Callable[[], None] = lambda: None) -> Iterator[Seen]:
    """Read a film once, shot by shot.

    Args:
        path: The film.
        seen: Called after every frame.

    Raises:
        UseError: It cannot be opened, or is none.
        MediaError: Too many of its frames are broken.
    """
    for material in watch(Path(path), seen):
        yield Seen(material, ask(material))
