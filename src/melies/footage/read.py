"""Reading a film: its shots, with everything that is asked of them answered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from melies.engine.libraries import opencv_keeps_to_its_thread
from melies.engine.pipeline import Stage
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


def read(
    path: str | Path, seen: Callable[[], None] = lambda: None, extras: Collection[str] = (), max_errors: int = 10
) -> Iterator[Seen]:
    """Read a film once, shot by shot; the film runs on while the questions are answered.

    Args:
        path: The film.
        seen: Called after every frame, from another thread.
        extras: Which of the questions to put that take long, as in `analyse.extras`.
        max_errors: How many broken frames may be skipped before reading is given up.

    Raises:
        UseError: It cannot be opened, or is none.
        MediaError: Too many of its frames are broken.
    """
    watched = Stage(watch(Path(path), seen, max_errors), "watch")
    try:
        with opencv_keeps_to_its_thread():
            for material in watched:
                yield Seen(material, ask(material, extras))
    finally:
        watched.close()
