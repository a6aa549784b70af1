"""What a training says while it runs: a bar and pictures in a terminal, plain lines elsewhere, JSON for machines."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from melies.cli import report

if TYPE_CHECKING:
    from rich.text import Text

    from melies.frame import Image
    from melies.train import Progress

EVERY = 10.0
"""Seconds between two plain lines."""
_WIDEST, _HIGHEST = 160, 30
"""Columns and lines of a picture at most."""


class Screen(report.Report, Protocol):
    """How a training speaks."""

    def tell(self, progress: Progress) -> None:
        """Tell how far it is, and what was written."""


def screen_for(*, as_json: bool, quiet: bool, pictures: bool) -> Screen:
    """Return what suits where the output goes."""
    if quiet:
        return QuietTraining()
    if as_json:
        return JsonTraining()
    return BarTraining(pictures=pictures) if sys.stderr.isatty() else LinesTraining()


class LinesTraining(report.Lines):
    """Plain lines, one every few seconds, and one for each file that is finished."""

    def __init__(self) -> None:
        super().__init__()
        self._told = 0.0

    def tell(self, progress: Progress) -> None:
        """Write a line if nothing was said for a while, and one for each file."""
        now = time.monotonic()
        if now - self._told >= EVERY or progress.files:
            self._told = now
            report.say(" · ".join(_words(progress)), err=True)
        for file in progress.files:
            report.say(f"wrote {file}", err=True)


class QuietTraining(report.Quiet):
    """Only warnings."""

    def tell(self, progress: Progress) -> None:
        """Say nothing."""


class BarTraining(report.Bar):
    """A bar that is redrawn in place, and previews as small pictures above it.

    Args:
        pictures: Whether to show them.
    """

    def __init__(self, *, pictures: bool) -> None:
        super().__init__()
        self._pictures = pictures

    def tell(self, progress: Progress) -> None:
        """Redraw the bar; write above it what was measured, the preview, and the files."""
        words = " · ".join(_words(progress))
        total = None if progress.share is None else 1.0
        # Names are the user's, and no markup.
        self._screen.update(
            self._task, total=total, completed=progress.share or 0.0, description=words.replace("[", r"\[")
        )
        console = self._screen.console
        lines = [f"wrote {file}" for file in progress.files]
        if progress.measured and lines:
            lines.insert(0, words)
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if progress.preview is not None and self._pictures:
            console.print(blocks(progress.preview, min(console.width - 1, _WIDEST), _HIGHEST))


class JsonTraining(report.Json):
    """Every few seconds, and for each file, one object on stdout."""

    def __init__(self) -> None:
        self._told = 0.0

    def tell(self, progress: Progress) -> None:
        """Tell everything that is known."""
        now = time.monotonic()
        if now - self._told < EVERY and not progress.files:
            return
        self._told = now
        facts: dict[str, Any] = {
            "step": progress.step,
            "share": progress.share,
            "seconds": round(progress.seconds, 1),
            "left": None if progress.left is None else round(progress.left, 1),
            "losses": dict(progress.losses),
            "measured": dict(progress.measured),
            "files": [str(file) for file in progress.files],
        }
        self._write("progress", **facts)


def blocks(image: Image, columns: int, lines: int) -> Text:
    """Draw a picture with characters, two pixels in each: the upper one is its colour, the lower one what is behind.

    Args:
        image: `H×W×3` uint8.
        columns: Characters of a line at most.
        lines: Lines at most.
    """
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    from melies.matting.scale import reduce

    height, width = image.shape[:2]
    scale = min(1.0, columns / width, 2 * lines / height)
    high = max(2, 2 * round(height * scale / 2))
    small = reduce(image, max(1, round(width * scale)), high)
    text = Text(no_wrap=True, overflow="crop")
    for upper, lower in zip(small[::2].tolist(), small[1::2].tolist(), strict=True):
        for ink, paper in zip(upper, lower, strict=True):
            text.append("▀", Style(color=Color.from_rgb(*ink), bgcolor=Color.from_rgb(*paper)))
        text.append("\n")
    return text


def _words(progress: Progress) -> list[str]:
    words = [] if progress.share is None else [f"{progress.share:.0%}"]
    words.append(f"step {progress.step}")
    if progress.left is not None:  # before the rest, which a narrow terminal cuts off
        words.append(f"{report.clock(progress.left)} left")
    words += [f"{name} {value:.4g}" for name, value in progress.losses.items()]
    return words + [f"[{name} {value:.4g}]" for name, value in progress.measured.items()]
