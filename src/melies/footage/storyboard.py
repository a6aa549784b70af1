"""A storyboard of footage that exists: a picture of every shot with its size, its moves and what is said, on paper."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from melies.errors import UseError
from melies.files import replacing, writable
from melies.footage.label import Label
from melies.footage.read import Seen
from melies.footage.record import Record, Word
from melies.footage.shot import Shot
from melies.footage.storyboard_arrows import with_arrows
from melies.footage.storyboard_overview import Row, overview, palette
from melies.footage.storyboard_page import GREY, HEIGHT, KINDS, WIDTH, Page, Writer, wrap, writer
from melies.footage.timecode import Timecode, first_timecode
from melies.frame import Image
from melies.matting.scale import cv

log = logging.getLogger("melies")

ABBREVIATIONS = {
    "extreme close-up": "ECU",
    "close-up": "CU",
    "medium close-up": "MCU",
    "medium": "MS",
    "medium full": "MFS",
    "full": "FS",
    "long": "LS",
    "extreme long": "ELS",
    "insert": "INS",
}
"""What sizes are called on storyboards."""
_SAID = ("framing", "angle", "movement", "place")
"""Facets that are told first; then all others that have one answer."""
_ANGLES = {"low": "low angle", "high": "high angle", "top": "top shot", "dutch": "dutch angle"}
_PLAIN = ("neutral", "normal", "normal key")
"""Answers that tell nothing on paper."""
_LONGEST = 480
"""Pixels of a picture's longer side."""

_MARGIN = 36.0
_GAP = 12.0
_BELOW = 10.0
_HEAD = 24.0
_SMALL = 7.2
_LEADING = 8.8
_LINES = 7
"""Lines below a picture: labels, then what is said."""


@dataclass(frozen=True)
class Panel:
    """What the board shows of a shot.

    Attributes:
        shot: The shot.
        image: Its picture, `H×W×3` uint8; None if it has none.
        labels: What is known of it.
        words: What is said in it.
    """

    shot: Shot
    image: Image | None
    labels: tuple[Label, ...] = ()
    words: str = ""

    @classmethod
    def of_record(cls, record: Record) -> Panel:
        """A shot of a catalogue; a picture that is gone is left out."""
        path = record.pictures[len(record.pictures) // 2] if record.pictures else None
        image = None
        if path is not None and path.is_file() and path.stat().st_size:
            image = cv.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
        return cls(record.shot, image, record.labels, record.text)

    @classmethod
    def of_seen(cls, seen: Seen, words: Iterable[Word] = ()) -> Panel:
        """A shot that was just read, and of the words of its film those that begin in it."""
        shot = seen.material.shot
        said = " ".join(word.text for word in words if shot.start <= word.start < shot.end)
        return cls(shot, seen.material.best.image, seen.labels, said)

    def values(self, facet: str) -> list[str]:
        """The answers to a question, the surest first."""
        found = sorted((label for label in self.labels if label.facet == facet), key=lambda label: -label.sure)
        return [str(label.value) for label in found]

    def value(self, facet: str) -> str:
        """The surest answer; empty if there is none."""
        return next(iter(self.values(facet)), "")


def checked(path: str | Path, overwrite: bool = False) -> Path:
    """Return where a board is written to, refusing before the work begins what could not be written after it.

    Raises:
        UseError: The ending is neither .pdf nor .html, the file exists, or it cannot be written there.
    """
    target = Path(path)
    if target.suffix.lower() not in KINDS:
        raise UseError(f"The board {target.name} should end in .pdf or .html.")
    writable(target, overwrite)
    return target


def board(
    panels: Iterable[Panel | Record],
    path: str | Path,
    *more: str | Path,
    title: str,
    columns: int = 3,
    overwrite: bool = False,
) -> int:
    """Write a storyboard; memory does not grow with its pictures.

    Args:
        panels: The shots, in order.
        path: Ends in `.pdf` or `.html`; nothing appears there before it is complete.
        more: Further files for the same board, such as a `.pdf` to print and an `.html` to look at.
        title: Stands on the first page.
        columns: Pictures in a row, 1 to 5.
        overwrite: Whether to replace files that exist.

    Returns:
        How many shots are on it.

    Raises:
        UseError: There are no shots, or it cannot be written there.
    """
    targets = list({one.absolute(): one for one in (checked(one, overwrite) for one in (path, *more))}.values())
    rows: list[Row] = []
    with ExitStack() as stack:
        outs = [stack.enter_context(_begun(target, title)) for target in targets]
        pages = _Pages(title, columns, outs)
        for one in panels:
            panel = Panel.of_record(one) if isinstance(one, Record) else one
            rows.append(_row(panel))
            pages.add(panel)
        if not rows:
            raise UseError(f"There are no shots for {targets[0].name}.")
        pages.finish()
        first = overview(rows, title)
        for out in outs:
            out.finish(first)
    return len(rows)


@contextmanager
def _begun(target: Path, title: str) -> Iterator[Writer]:
    with replacing(target) as part, part.open("wb") as file:
        yield writer(target, file, title)


def _row(panel: Panel) -> Row:
    """What the overview needs of a shot."""
    size, movement = panel.value("size"), panel.value("movement")
    return Row(panel.shot.file, panel.shot.seconds, size, movement, palette(panel.image))


class _Pages:
    """Panels laid out in rows from page to page."""

    def __init__(self, title: str, columns: int, outs: Sequence[Writer]) -> None:
        self._title = title
        self._columns = columns
        self._outs = outs
        self._width = (WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) / columns
        self._picture = self._width * 9 / 16
        self._height = self._picture + 12 + _LINES * _LEADING
        self._rows = max(1, int((HEIGHT - 2 * _MARGIN - _HEAD) // (self._height + _BELOW)))
        self._begins: dict[Path, Timecode | None] = {}
        self._film: Path | None = None
        self._page = Page()
        self._count = 0
        self._number = 1

    def add(self, panel: Panel) -> None:
        """Put a panel in the next place."""
        if self._count == self._columns * self._rows:
            self.finish()
        if not self._count:
            self._number += 1
            self._page.text(_MARGIN, _MARGIN + 8, self._title, 9, colour=GREY)
            self._page.text(WIDTH - _MARGIN, _MARGIN + 8, str(self._number), 9, colour=GREY, right=True)
        row, column = divmod(self._count, self._columns)
        x = _MARGIN + column * (self._width + _GAP)
        y = _MARGIN + _HEAD + row * (self._height + _BELOW)
        self._panel(panel, x, y)
        self._count += 1

    def finish(self) -> None:
        """Write the page, if anything stands on it."""
        for out in self._outs if self._count else ():
            out.add(self._page)
        self._page, self._count = Page(), 0

    def _panel(self, panel: Panel, x: float, y: float) -> None:
        page, shot = self._page, panel.shot
        page.text(x, y + 7, str(shot.number), 8.5, bold=True)
        begin = self._begin(shot.file)
        timecode = str(begin.at(shot.start)) if begin is not None else f"{float(shot.start):.2f} s"
        page.text(x + 22, y + 7, timecode, _SMALL, colour=GREY)
        page.text(x + self._width, y + 7, f"{shot.seconds:.1f} s", _SMALL, colour=GREY, right=True)
        if panel.image is not None:
            self._shown(panel, panel.image, x, y + 11)
        y += 12 + self._picture + _LEADING
        room = _LINES
        if shot.file != self._film:  # where another film begins
            self._film = shot.file
            for line in wrap(shot.file.name, self._width, _SMALL, 2):
                page.text(x, y, line, _SMALL)
                y += _LEADING
                room -= 1
        size = panel.value("size")
        short = ABBREVIATIONS.get(size, "")
        page.text(x, y, short, _SMALL, bold=True)
        told = ", ".join(filter(None, ("" if short else size, *_told(panel.labels))))
        indent = 24.0 if short else 0.0
        for line in wrap(told, self._width - indent, _SMALL, 2):
            page.text(x + indent, y, line, _SMALL, colour=GREY)
            y += _LEADING
            room -= 1
        if short and not told:
            y += _LEADING
            room -= 1
        if panel.words:
            quoted = f"“{panel.words}”" if panel.words.isascii() else f'"{panel.words}"'
            for line in wrap(quoted, self._width, _SMALL, room):
                page.text(x, y, line, _SMALL)
                y += _LEADING

    def _shown(self, panel: Panel, image: Image, x: float, y: float) -> None:
        scale = min(1.0, _LONGEST / max(image.shape[:2]))
        if scale < 1:
            size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
            image = cv.resize(image, size, interpolation=cv2.INTER_AREA)
        drawn = with_arrows(image, (panel.value("movement"), *panel.values("moves")), panel.value("pace"))
        high, wide = drawn.shape[:2]
        fits = min(self._width / wide, self._picture / high)
        left = x + (self._width - wide * fits) / 2
        about = f"shot {panel.shot.number} of {panel.shot.file.name}"
        self._page.picture(left, y + (self._picture - high * fits) / 2, wide * fits, high * fits, drawn, about)

    def _begin(self, film: Path) -> Timecode | None:
        """The timecode of a film's first frame; None for one that is not there any more."""
        if film not in self._begins:
            try:
                self._begins[film] = first_timecode(film)
            except UseError:
                self._begins[film] = None
        return self._begins[film]


def _told(labels: Iterable[Label]) -> Iterator[str]:
    """The answers in words: first those that matter most; numbers and lists are left out."""
    from melies.footage.analyse import facets

    single = {name for name, facet in facets().items() if facet.kind == "one"} - {"size"}
    best: dict[str, Label] = {}
    for label in labels:
        if label.facet in single and (label.facet not in best or label.sure > best[label.facet].sure):
            best[label.facet] = label
    pace = best.pop("pace", None)
    for name in (*_SAID, *sorted(best)):
        if name in best:
            word = str(best.pop(name).value)
            if word in _PLAIN:
                continue
            if name == "movement" and pace is not None:
                word = f"{pace.value} {word}"
            yield _ANGLES.get(word, word) if name == "angle" else word
