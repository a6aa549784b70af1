"""`Reaction`: the numbers of an effect or generator, moment by moment, as formulas of what is heard and of the time."""

from __future__ import annotations

import logging
import types
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Generic, TypeVar, Union, get_args, get_origin

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from melies.effect import Effect, Generator, Reactive
from melies.engine.pipeline import close
from melies.errors import UseError
from melies.expression import Expression
from melies.frame import Frame, VideoSpec
from melies.hearing.features import HELD, NAMES, Heard, Row, listen
from melies.hearing.shaping import PIPES, shaping
from melies.suggest import did_you_mean

log = logging.getLogger("melies")

S = TypeVar("S", bound=Reactive)

Own = Callable[[], Heard | None]

TIME = ("t", "frame")
"""Seconds, and the number of the frame."""
WHOLE = ("frame", "section")
"""Those that are whole numbers."""
_ABOVE = 1e-6
"""How far a number stays above, or below, a bound that it must not reach."""


def formulas(step: Reactive) -> dict[str, Expression]:
    """Read what a step's numbers are to follow.

    Raises:
        ValueError: A reaction names no number of the step, one that cannot change, one twice, or holds no formula.
    """
    read: dict[str, Expression] = {}
    numbers = [name for name in type(step).model_fields if name not in step.constant and _number(type(step), name)]
    for text in step.react:
        name, is_given, formula = text.partition("=")
        name = name.strip().replace("-", "_")
        if is_given and name in step.constant:
            raise ValueError(f"{name} cannot follow anything: it decides what the clip looks like")
        if not is_given or name not in numbers:
            shown = [number.replace("_", "-") for number in numbers]
            known = f"PARAM is one of {', '.join(shown)}" if shown else "nothing here is a number"
            near = "" if name in numbers else did_you_mean(name.replace("_", "-"), shown)
            raise ValueError(f"{text!r} should be PARAM=FORMULA{f'.{near} ' if near else '; '}{known}")
        if name in read:
            raise ValueError(f"{name.replace('_', '-')} is given two formulas")
        try:
            read[name] = formula_of(formula, text)
        except UseError as error:
            raise ValueError(str(error)) from None
    return read


def formula_of(formula: str, line: str) -> Expression:
    """Read a formula of what is heard.

    Args:
        formula: About `TIME` and `NAMES`.
        line: What ends with it, such as `zoom=1+bass`.

    Raises:
        UseError: It is none; the message shows the place in the line.
    """
    names = (*TIME, *NAMES)
    start = len(line) - len(formula)
    return Expression.within(line, start, formula, "reaction", names=names, pipes=PIPES, whole=WHOLE)


def _number(model: type[Reactive], name: str) -> type[int] | type[float] | None:
    """The kind of number a field is; None for anything else."""
    kind: Any = model.model_fields[name].annotation
    if get_origin(kind) in (Union, types.UnionType):
        kinds = [part for part in get_args(kind) if part is not type(None)]
        kind = kinds[0] if len(kinds) == 1 else None
    return kind if kind in (int, float) else None


class Reaction(Generic[S]):
    """A step whose numbers follow formulas.

    Args:
        step: As it is set where no formula says otherwise.
        rate: Frames a second: so often the formulas are evaluated.
        length: Frames that there are, if that is known.
        own: Listens to the film's own sound, for a step that names no other.

    Raises:
        UseError: The sound cannot be opened, or there is none.
    """

    def __init__(self, step: S, rate: Fraction, length: int | None = None, own: Own | None = None) -> None:
        self._step = step
        self._rate = rate
        self._formulas = formulas(step)
        self._heard: dict[str, Row] = {}
        if names := names_heard(step):
            heard = listen(step.audio) if step.audio is not None else own() if own is not None else None
            if heard is None:
                raise nothing_to_hear(step)
            self._heard = {name: heard.row(name, rate) for name in names}
        self._length = max([length or 1, *map(len, self._heard.values())])
        self._rows: dict[str, Row] = {}
        self._now: tuple[int, S] = (-1, step)

    @classmethod
    def of(cls, step: S, spec: VideoSpec, own: Own | None = None) -> Reaction[S]:
        """Make the reaction of a step on what a clip looks like.

        Raises:
            UseError: A number decides what comes out looks like, so it cannot change on the way; or as above.
        """
        reaction = cls(step, spec.rate, spec.frames, own)
        for name in reaction._formulas:
            row = reaction._row(name)
            for value in {float(row.min()), float(row.max())}:
                if _looks(set_to(step, {name: value}, step), spec) != _looks(step, spec):
                    word = name.replace("_", "-")
                    raise UseError(
                        f"{word} of {step.name()}, as it is set, decides how large, fast or long the clip is: "
                        "it must not change.",
                        "Where a size is given, such as --width and --height of crop, a place can.",
                    )
        return reaction

    def at(self, time: Fraction) -> S:
        """Return the step as it is set at a time, in seconds; the same object while nothing changes."""
        index = max(0, int(time * self._rate + Fraction(1, 1000)))
        if index != self._now[0]:
            values = {name: self._value(name, index) for name in self._formulas}
            self._now = index, set_to(self._step, values, self._now[1])
        return self._now[1]

    def following(self, frames: Iterator[Frame]) -> tuple[Iterator[Frame], Callable[[], S]]:
        """Return the frames, and what says how the step is set at the one that was taken last."""
        last = [Fraction(0)]

        def watched() -> Iterator[Frame]:
            try:
                for frame in frames:
                    last[0] = frame.pts * frame.time_base
                    yield frame
            finally:
                close(frames)

        return watched(), lambda: self.at(last[0])

    def _value(self, name: str, index: int) -> float:
        if index >= self._length:  # longer than it was said to be, or without end
            self._length = 2 * index
            self._rows.clear()
        if name not in self._rows:
            self._rows[name] = self._row(name)
        return float(self._rows[name][index])

    def _row(self, name: str) -> Row:
        """Evaluate a formula for every frame; after the end of the sound nothing is heard."""
        row = followed(self._formulas[name], self._heard, self._rate, self._length)
        return bounded(self._step, name, row)


def bounded(step: Reactive, name: str, row: Row) -> Row:
    """Keep a row within what a field allows; a number that cannot be computed is the field's own.

    Args:
        step: As it is set where no formula says otherwise.
        name: Of the field.
        row: Numbers.
    """
    field = getattr(step, name)
    own = 0.0 if field is None else float(field)
    row = np.where(np.isnan(row), own, row)
    whole = _number(type(step), name) is int
    above = 1.0 if whole else _ABOVE
    for limit in type(step).model_fields[name].metadata:
        if isinstance(limit, Ge | Gt):
            bound: Any = limit.ge if isinstance(limit, Ge) else _float(limit.gt) + above
            row = np.maximum(row, bound)
        elif isinstance(limit, Le | Lt):
            bound = limit.le if isinstance(limit, Le) else _float(limit.lt) - above
            row = np.minimum(row, bound)
    row = np.where(np.isinf(row), own, row)
    return np.rint(row) if whole else row


def set_to(step: S, values: Mapping[str, float], now: S) -> S:
    """Return a step with some numbers set.

    Args:
        step: As it is set where nothing is said.
        values: Within what the fields allow.
        now: As it was set last: returned itself if nothing changes.
    """
    whole = {name: int(value) if _number(type(step), name) is int else value for name, value in values.items()}
    if all(getattr(now, name) == value for name, value in whole.items()):
        return now
    return step.model_copy(update={**whole, "react": ()})


def followed(formula: Expression, heard: Mapping[str, Row], rate: Fraction, length: int, first: int = 0) -> Row:
    """Evaluate a formula for a number of frames.

    Args:
        formula: About `TIME` and `NAMES`.
        heard: Rows by name; after their end nothing is heard.
        rate: Frames a second.
        length: Frames.
        first: The number of the first frame.
    """
    frame = np.arange(first, first + length, dtype=np.float64)
    rows = {name: _filled(name, row, length) for name, row in heard.items()}
    with shaping(float(rate)):
        row = formula(t=frame / float(rate), frame=frame, **rows)
    return np.broadcast_to(row, frame.shape)


def names_heard(step: Reactive) -> list[str]:
    """Return which of `NAMES` a step's formulas are about."""
    used = set().union(*(formula.used for formula in formulas(step).values())) if step.react else set()
    return [name for name in NAMES if name in used]


def nothing_to_hear(step: Reactive) -> UseError:
    """Say that a step reacts to sound, and there is none."""
    return UseError(f"There is nothing for {step.name()} to listen to.", "Name a sound: --audio song.wav")


def _looks(step: Reactive, spec: VideoSpec) -> VideoSpec:
    """What comes out of a step."""
    return step.output(spec) if isinstance(step, Effect) else step.spec if isinstance(step, Generator) else spec


def _filled(name: str, row: Row, length: int) -> Row:
    """Go on after the end of the sound, where nothing is heard."""
    more = max(0, length - len(row))
    return np.pad(row, (0, more), mode="edge" if name in HELD else "constant")


def _float(limit: Any) -> float:
    return float(limit)
