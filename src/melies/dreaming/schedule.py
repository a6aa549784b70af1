"""Numbers, prompts and seeds by frame, in the grammar of Deforum (https://github.com/deforum-art/sd-webui-deforum).

`0:(1.02+0.01*sin(2*3.14*t/30)), 60:(1.0)`: at frame 60 the number is 1; before it, the formula holds. What counts is
what Deforum's own parser makes of such a line:

- A key whose value is nothing but a number, such as `1`, `-0.5` or `.5`, is that number; between two such keys, and
  from one to whatever follows, the numbers are interpolated.
- Any other value is a formula with numexpr's meaning, evaluated at its own frame and at every frame until the next
  key. It may be about `t`, the frame; `max_f`, the last frame; and `s`, the seed: three whole numbers.
- Before the first key its number holds, and after the last number key that number.
- Keys at or after the end of the film do not exist.
- A formula's value that cannot be computed, or is infinite, is bridged by its neighbours.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from melies.errors import UseError
from melies.expression import Expression, FormulaError, Numbers

log = logging.getLogger("melies")

Way = Literal["linear", "quadratic", "cubic"]
"""How numbers are interpolated."""

NAMES = ("t", "max_f", "s")
"""What a formula may be about: the frame, the last frame, the seed."""

_NUMBER = re.compile(r"(?=.)[+-]?[0-9]*(\.[0-9]+)?")
_LOOKED_AT = 300
"""Frames of what never ends whose numbers are looked at beforehand."""
_AROUND = 40
"""Known numbers on each side that a spline is laid through; farther ones change less than can be told."""


class _Key(NamedTuple):
    """One key: its frame, and either a number or a formula."""

    frame: Expression
    number: float | None
    formula: Expression


class Schedule:
    """Numbers by frame.

    Args:
        text: As Deforum's users write it: `0:(1), 30:(2)`. Brackets around a value may be missing, a comma may follow
            the last, blanks and quotes around keys do nothing, and a value without a key holds from frame 0. A key may
            be a formula of `max_f` and `s`.
        way: `"quadratic"` needs at least 3 keys and `"cubic"` 4, else the simpler way is taken, as Deforum does.
        seed: What `s` is.

    Raises:
        UseError: It is no schedule; the message shows the place with a caret.
    """

    def __init__(self, text: str, way: Way = "linear", seed: int = 0) -> None:
        self.text = text
        self.way = way
        self.seed = seed
        self._keys = [self._key(*piece) for piece in _pieces(text)]
        if not self._keys:
            raise UseError("The schedule is empty.", "Write keys and values, such as 0:(1), 30:(1.5).")

    def values(self, length: int) -> Numbers:
        """Return the number of every frame.

        Args:
            length: Frames that there are.

        Returns:
            `length` float64.

        Raises:
            UseError: No key lies within the film, or no number can be computed.
        """
        given = np.full(length, np.nan)
        keys = self._placed(length)
        ends = [start for start, _ in keys[1:]] + [length]
        for (start, key), end in zip(keys, ends, strict=False):
            if key.number is not None:
                given[start] = key.number
            else:
                given[start:end] = self._computed(key.formula, np.arange(start, end), length)
        given[~np.isfinite(given)] = np.nan
        known = np.flatnonzero(np.isfinite(given))
        if not len(known):
            raise UseError(f"The schedule {self.text!r} gives no number within the {length} frames that there are.")
        given[0], given[-1] = given[known[0]], given[known[-1]]
        return _filled(given, _degree(self.way, len(self._keys)))

    def at(self, frame: int, length: int | None) -> float:
        """Return the number of one frame.

        Args:
            frame: Which, from 0.
            length: Frames that there are; None if they never end: then the last key holds for ever.

        Raises:
            UseError: As for `values`, or the end matters and there is none.
        """
        if length is not None:
            return float(_row(self.text, self.way, self.seed, length)[frame])
        if any("max_f" in part.used for key in self._keys for part in (key.frame, key.formula)):
            raise UseError("max_f is the last frame, and this never ends.", "Give it a --duration.")
        last, key = max(self._placed(2**31), key=lambda item: item[0])
        if frame > last and key.number is None:
            value = float(self._computed(key.formula, np.array([frame]), 2**31)[0])
            if not np.isfinite(value):
                raise UseError(f"The schedule {self.text!r} gives no number at frame {frame}.")
            return value
        return float(_row(self.text, self.way, self.seed, last + 1)[min(frame, last)])

    def _key(self, frame: str, frame_at: int, value: str, value_at: int) -> _Key:
        # A blank in front Deforum cannot read at all; one behind makes a formula of a number there.
        bare = re.sub("['\"()]", "", value.strip()).lstrip()
        number = float(bare) if _NUMBER.fullmatch(bare) and bare not in "+-" else None
        formula = self._formula(value, value_at, NAMES) if number is None else Expression(bare)
        return _Key(self._formula(frame, frame_at, NAMES[1:]), number, formula)

    def _formula(self, text: str, place: int, names: tuple[str, ...]) -> Expression:
        text = re.sub("['\"]", " ", text)
        return Expression.within(self.text, place, text, "schedule", names=names, whole=names)

    def _placed(self, length: int) -> list[tuple[int, _Key]]:
        """The keys within the film, in order; of several at one frame the last."""
        placed = {}
        for key in self._keys:
            frame = float(key.frame(max_f=length - 1, s=self.seed))
            if 0 <= frame < length:
                placed[int(frame)] = key
        return sorted(placed.items(), key=lambda item: item[0])

    def _computed(self, formula: Expression, frames: np.ndarray, length: int) -> Numbers:
        row = formula(t=frames, max_f=length - 1, s=self.seed)
        return np.broadcast_to(row, frames.shape)


@lru_cache(maxsize=64)
def read(text: str, way: Way, seed: int) -> Schedule:
    """Return a schedule; those that were read last are kept, as every frame asks for its own."""
    return Schedule(text, way, seed)


@lru_cache(maxsize=64)
def warn_outside(option: str, schedule: Schedule, least: float, most: float, length: int | None) -> None:
    """Warn once of a schedule whose numbers leave what is possible, and of the first frame at which they do.

    Args:
        option: What it is called.
        schedule: The same object for the same schedule.
        least: The smallest number that is possible.
        most: The largest.
        length: Frames that there are; of what never ends the first are looked at.
    """
    for frame in range(_LOOKED_AT if length is None else length):
        number = schedule.at(frame, length)
        if not least <= number <= most:
            kept = min(max(number, least), most)
            log.warning("%s is %g at frame %d, and is taken for %g there.", option, number, frame, kept)
            return


def seeds(behaviour: Behaviour, seed: int, frame: int, every: int = 1) -> int:
    """Return the seed of a frame as Deforum's seed behaviours go through them.

    Args:
        behaviour: `"iter"` counts up, `"ladder"` goes two up and one down, `"alternate"` one up and one down, `"fixed"`
            stays, `"random"` draws: Deforum at random, this from the first seed and the frame.
        seed: The first.
        frame: Which frame, from 0.
        every: Frames from one seed to the next, for `"iter"`.
    """
    match behaviour:
        case "iter":
            return (seed + -(-frame // every)) % 2**32
        case "ladder":
            return (seed + frame // 2 + 2 * (frame % 2)) % 2**32
        case "alternate":
            return (seed + frame % 2) % 2**32
        case "random":
            return seed if frame == 0 else _drawn(seed, frame)
        case _:
            return seed


def scheduled(number: float, seed: int, frame: int) -> int:
    """Return the seed that a schedule of seeds means.

    Args:
        number: What it gives; its fraction is cut off, and -1 draws one: Deforum at random, this from the other two.
        seed: The first.
        frame: Which frame, from 0.
    """
    whole = int(number)
    return _drawn(seed, frame) if whole == -1 else whole % 2**32


def _drawn(seed: int, frame: int) -> int:
    return int(np.random.SeedSequence([seed, frame]).generate_state(1)[0])


Behaviour = Literal["iter", "fixed", "random", "ladder", "alternate"]
"""How seeds go on from frame to frame; the sixth of Deforum's, `schedule`, is a `Schedule` of them."""


@lru_cache(maxsize=64)
def _row(text: str, way: Way, seed: int, length: int) -> Numbers:
    row = Schedule(text, way, seed).values(length)
    row.flags.writeable = False
    return row


def _wrong(what: str, text: str, place: int) -> UseError:
    return FormulaError(what, text, min(place, len(text)), "schedule")


def _pieces(text: str) -> list[tuple[str, int, str, int]]:
    """Cut a schedule into keys and values, and say where each begins; no formula has a colon, but some have commas."""
    if not text.strip():
        return []
    colons = [place for place, letter in enumerate(text) if letter == ":"]
    if not colons:
        return [("0", 0, text, 0)]
    starts = [0]
    for before, colon in pairwise(colons):
        comma = text.rfind(",", before, colon)
        if comma < 0:
            raise _wrong("a comma is missing before this key's colon", text, colon)
        starts.append(comma + 1)
    pieces = []
    for start, colon, end in zip(starts, colons, [*(start - 1 for start in starts[1:]), len(text)], strict=True):
        value = text[colon + 1 : end].rstrip().removesuffix("," if end == len(text) else "")
        for part, place, what in ((text[start:colon], start, "frame"), (value, colon + 1, "value")):
            if not part.strip():
                raise _wrong(f"a {what} is missing", text, place)
        pieces.append((text[start:colon], start, value, colon + 1))
    return pieces


def _degree(way: Way, keys: int) -> int:
    """Deforum's rule for how many keys a way needs."""
    if way == "cubic" and keys > 3:
        return 3
    return 2 if way != "linear" and keys > 2 else 1


def _filled(row: Numbers, degree: int) -> Numbers:
    """Interpolate what is missing between the first and the last, as pandas does with SciPy's splines."""
    known, missing = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
    if degree == 1 or len(known) < 3:
        row[missing] = np.interp(missing, known, row[known])
        return row
    after = np.searchsorted(known, missing)
    filled = row.copy()
    for gap in np.unique(after):
        window = known[max(0, gap - _AROUND) : gap + _AROUND]
        at = missing[after == gap]
        filled[at] = _spline(window.astype(np.float64), row[window], at, min(degree, len(window) - 1))
    return filled


def _spline(x: Numbers, y: Numbers, at: Numbers, degree: int) -> Numbers:
    """Interpolate by the B-spline that SciPy's `make_interp_spline` makes: not-a-knot, or knots half-way between."""
    inner = x[2:-2] if degree == 3 else (x[1:] + x[:-1])[1:-1] / 2
    knots = np.concatenate([[x[0]] * (degree + 1), inner, [x[-1]] * (degree + 1)])
    weights = np.linalg.solve(_basis(knots, x, degree), y)
    return np.asarray(_basis(knots, at, degree) @ weights, np.float64)


def _basis(knots: Numbers, at: Numbers, degree: int) -> Numbers:
    """The B-splines' values by the recursion of Cox and de Boor: places × splines."""
    place = np.asarray(at, np.float64)[:, None]
    last = np.searchsorted(knots, knots[-1]) - 1
    basis = ((knots[:-1] <= place) & (place < knots[1:])).astype(np.float64)
    basis[place[:, 0] == knots[-1], last] = 1  # the last place belongs to the last stretch
    for order in range(1, degree + 1):
        left, right = knots[: -order - 1], knots[order + 1 :]
        rising = _shares(place - left, knots[order:-1] - left)
        falling = _shares(right - place, right - knots[1:-order])
        basis = rising * basis[:, :-1] + falling * basis[:, 1:]
    return basis


def _shares(part: Numbers, whole: Numbers) -> Numbers:
    return np.divide(part, whole, out=np.zeros(np.broadcast_shapes(part.shape, whole.shape)), where=whole != 0)
