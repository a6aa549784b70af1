"""Palettes: which colour of a layout stands for which class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.files import is_file
from melies.imaging import parse_colour
from melies.painting import tables
from melies.suggest import did_you_mean

Labels = NDArray[np.uint8]
"""`H×W` uint8: the number of the class of every pixel."""

_LINE = re.compile(r"\s*(?P<name>[^#]+?)\s+(?P<colours>#[0-9a-fA-F]{6}(\s+#[0-9a-fA-F]{6})*)\s*")
_MOST = 255
"""Classes of a palette at most: labels are bytes, and one value stands for none."""


@dataclass(frozen=True)
class Palette:
    """Classes by number, and their colours.

    Attributes:
        name: What it is called.
        classes: Their names, in the order of their numbers.
        colours: RGB of 0–255 and the number of the class that it stands for; the first of a class is the one it is
            drawn in. None at all where layouts hold the numbers themselves.
        codes: For each grey value the number of the class that it stands for in layouts of numbers.
        own: Whether a file of the user's names the classes: each must then be known to who paints.
    """

    name: str
    classes: tuple[str, ...]
    colours: tuple[tuple[tuple[int, int, int], int], ...] = ()
    codes: bytes = tables.PLAIN
    own: bool = False

    @property
    def entries(self) -> tuple[tuple[str, tuple[int, int, int]], ...]:
        """The classes with the colours they are drawn in, or their numbers as grey values, as cards hold them."""
        drawn = {number: colour for colour, number in reversed(self.colours)}
        return tuple((name, drawn.get(number, (number, number, number))) for number, name in enumerate(self.classes))

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """The colours, `N×3`."""
        return np.array([colour for colour, _ in self.colours], np.int64).reshape(-1, 3)

    @cached_property
    def numbers(self) -> Labels:
        """The classes' numbers, one for each of `keys`."""
        return np.array([number for _, number in self.colours], np.uint8)

    def painted(self, labels: Labels) -> NDArray[np.uint8]:
        """Return labels as a picture in the palette's colours, `H×W×3`; as grey values if it has none."""
        table = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
        for colour, number in reversed(self.colours):
            table[number] = colour
        made: NDArray[np.uint8] = table[labels]
        return made


def find(name: str) -> Palette:
    """Return a palette by its name, or from a text file with a line for each class: its name and its colours.

    Raises:
        UseError: There is none of that name, or the file cannot be used.
    """
    if name in tables.NAMES:
        return _named(name)
    if not is_file(Path(name)):
        raise UseError(
            f"There is no palette {name}.{did_you_mean(name, tables.NAMES)}",
            f"There are {', '.join(tables.NAMES)}, and text files with lines such as: road #804080",
        )
    return _read(Path(name))


def of(name: str, classes: Sequence[tuple[str, tuple[int, int, int]]]) -> Palette:
    """Return the palette of a network's classes, their names and colours; a public one, which may know more colours."""
    for known in map(_named, tables.NAMES):
        if known.entries == tuple(classes):
            return known
    titles = tuple(title for title, _ in classes)
    return Palette(name, titles, tuple((colour, number) for number, (_, colour) in enumerate(classes)))


def _named(name: str) -> Palette:
    return Palette(name, *tables.table(name))


def _rgb(text: str) -> tuple[int, int, int]:
    red, green, blue, *_ = parse_colour(text)
    return red, green, blue


def _read(path: Path) -> Palette:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UseError(f"The palette {path} is no text file.") from None
    classes: list[str] = []
    colours: dict[tuple[int, int, int], int] = {}
    for count, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise UseError(f"Line {count} of {path} is not a name and a colour: {line!r}.", "Write: road #804080")
        classes.append(found["name"])
        for text in found["colours"].split():
            colour = _rgb(text)
            if colour in colours:
                raise UseError(
                    f"Line {count} of {path} gives {found['name']} the colour {text}, which {classes[colours[colour]]} "
                    "has already.",
                    "Give each class colours of its own.",
                )
            colours[colour] = len(classes) - 1
    if not classes:
        raise UseError(f"The palette {path} names no class.", "Write a line for each, such as: road #804080")
    if len(classes) > _MOST:
        raise UseError(f"The palette {path} names {len(classes)} classes, and {_MOST} are the most.")
    return Palette(path.stem, tuple(classes), tuple(colours.items()), own=True)


def translated(known: Palette, wanted: Sequence[str]) -> Labels:
    """Return for each number of a palette's classes that of the network's class that is meant by it.

    What has another name there is found (`tables.KIN`). What a network does not know of a public palette is to it as if
    unlabelled; of one of the user's own it is a mistake.

    Args:
        known: The palette in which layouts are drawn.
        wanted: Names of the network's classes.

    Returns:
        256 numbers.

    Raises:
        UseError: A class has no counterpart.
    """
    numbers = {name: number for number, name in reversed(list(enumerate(wanted)))}
    table = np.zeros(256, np.uint8)
    for number, name in enumerate(known.classes):
        otherwise = () if known.own else (tables.UNKNOWN,)
        kin = next((one for one in (name, *tables.KIN.get(name, ()), *otherwise) if one in numbers), None)
        if kin is None:
            raise UseError(
                f"The model paints no {name}, which is a class of the palette {known.name}."
                f"{did_you_mean(name, wanted)}",
                f"It paints {', '.join(wanted[:12])}{' …' if len(wanted) > 12 else ''}.",
            )
        table[number] = numbers[kin]
    return table
