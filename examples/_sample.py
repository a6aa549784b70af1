"""Something to work on for the examples: the file given on the command line, or a small film made on the spot."""

import sys
from pathlib import Path

from melies.media.synthetic import write_clip

OUT = Path("out")


def film(name: str = "sample.mp4", *, frames: int = 50, cut_at: int | None = None) -> Path:
    """Return the film named by the first argument, or make one of two seconds with sound."""
    OUT.mkdir(exist_ok=True)
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    return write_clip(OUT / name, size=(320, 180), frames=frames, rate=25, sound=True, cut_at=cut_at)
