"""One pass over a film: its shots, and of each what the questions need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from melies.engine.pipeline import Stage
from melies.engine.shots import thumbnail
from melies.footage.detect import Adaptively
from melies.footage.film import open_film
from melies.footage.listen import Ear
from melies.footage.material import Material
from melies.footage.reel import Reel


def watch(path: Path, seen: Callable[[], None] = lambda: None, max_errors: int = 10) -> Iterator[Material]:
    """Go through a film once and yield its shots, each some seconds after it has ended: those that `detect` finds.

    Memory does not grow with the film or its shots, but for some numbers a frame.

    Args:
        path: The film.
        seen: Called after every frame.
        max_errors: How many broken frames may be skipped before reading is given up.

    Raises:
        UseError: It cannot be opened, or is none.
        MediaError: Too many of its frames are broken.
    """
    clip = open_film(path, max_errors=max_errors)
    decoded = Stage(clip.frames(), "decode")
    ear = Ear(clip.sound()) if clip.spec.sound else None
    reel = Reel(path, clip.spec, ear)
    finder = Adaptively(clip.spec.rate)
    try:
        for frame in decoded:
            reel.add(frame)
            yield from filter(None, map(reel.part, finder.step(thumbnail(frame))))
            seen()
        yield from filter(None, map(reel.part, finder.finish()))
        yield from filter(None, [reel.end()])
    finally:
        decoded.close()
        if ear:
            ear.close()
