"""`erase`: an object, a logo or people taken out of a film."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from melies.effect import Effect
from melies.effects._background import Layer
from melies.effects._fields import File
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.imaging import shrink
from melies.times import parse_time

if TYPE_CHECKING:
    from melies.erasing.where import Marks, Persons, Start

log = logging.getLogger("melies")
_BOX = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*([1-9]\d*)\s*,\s*([1-9]\d*)\s*(?:@(.*))?", re.DOTALL)
_black: set[Path] = set()
_PEOPLE = ("selfie", "body", "body-detector")


def _start(text: str) -> Start:
    """Read `x,y,width,height[@time]`."""
    from melies.erasing.where import Start

    match = _BOX.fullmatch(text)
    if match is None:
        raise ValueError("should be x,y,width,height in pixels, and @time if it is not the beginning: 40,60,120,80@3.5")
    x, y, width, height = (int(number) for number in match.groups()[:4])
    return Start(x, y, width, height, parse_time(match[5] or "0"))


def _valid_box(text: str) -> str:
    _start(text)
    return text


Box = Annotated[str, AfterValidator(_valid_box)]
"""A rectangle at a moment, written `x,y,width,height@time`."""


class Erase(Effect):
    """Take an object, a logo or people out, and put what is behind them in their place."""

    mask: File | None = Field(
        None, description="an image, or a film that plays beside the clip, whose white parts are erased"
    )
    box: list[Box] = Field(
        default=[],
        description="a rectangle x,y,width,height in pixels around what is erased, at the beginning or @time in "
        "seconds; it is followed through its shot",
    )
    shape: Literal["box", "object"] = Field(
        "box", description="erase all of each box, or only what stands out in it (object), which leaves more as it was"
    )
    people: bool = Field(False, description="erase everybody, as the effect matte finds them")
    grow: float = Field(
        4.0, ge=0, le=200, description="pixels that are erased around what is marked: shadows, blur, soft edges"
    )
    feather: float = Field(2.0, ge=0, le=50, description="pixels over which the fill fades into the picture")
    reach: float = Field(
        2.0,
        ge=0.1,
        le=10,
        description="seconds to look ahead for what is behind; longer finds more and takes longer",
    )

    def models(self) -> tuple[str, ...]:
        """The networks that find people."""
        return _PEOPLE if self.people else ()

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes; boxes and masks are looked at.

        Raises:
            UseError: Nothing says what to erase, a box lies outside the clip, or the mask cannot be read.
        """
        if not (self.mask or self.box or self.people):
            raise UseError(
                "Nothing says what to erase.",
                "Give --mask FILE, --box x,y,width,height or --people.",
            )
        length = None if spec.frames is None or spec.variable else spec.frames / spec.rate
        for text in self.box:
            start = _start(text)
            if start.left >= spec.width or start.top >= spec.height:
                raise UseError(f"The box {text} lies outside the picture, which is {spec.width}×{spec.height}.")
            if length is not None and start.time >= length:
                raise UseError(f"The box {text} comes after the clip's end at {float(length):g} s.")
        if self.mask is not None:
            Layer(self.mask).close()
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Fill what is marked in one shot."""
        from melies.erasing.filler import Filler

        with ExitStack() as stack:
            filler = stack.enter_context(Filler(spec, round(self.reach * spec.rate), self.feather))
            yield from filler.run(self._marked(frames, spec, stack))

    def _marked(
        self, frames: Iterator[Frame], spec: VideoSpec, stack: ExitStack
    ) -> Iterator[tuple[Frame, Marks | None]]:
        """Every frame with what is to be erased in it."""
        from melies.erasing.where import Painted, follow

        begin: float | None = None
        marked = bool(self.box or self.people)
        painted = None if self.mask is None else stack.enter_context(Painted(Layer(self.mask, "hold")))
        persons = self._persons() if self.people else None
        for frame, marks in follow(frames, spec, [_start(text) for text in self.box], self.shape):
            for source in (painted, persons):
                if source is not None:
                    found = source.step(frame)
                    marks = found if marks is None else np.maximum(marks, found)
            begin = frame.time if begin is None else begin
            marked = marked or (marks is not None and bool(marks.any()))
            yield frame, None if marks is None else shrink(marks, -self.grow)
        if self.mask is not None and begin is not None and not marked:
            _say_black(self.mask, begin)

    def _persons(self) -> Persons:
        from melies import models
        from melies.erasing.where import Persons
        from melies.matting.cutter import Cutter
        from melies.matting.nets import Fast
        from melies.matting.refine import Refiner

        return Persons(Cutter(Fast(*map(models.load, _PEOPLE)), 0.8, Refiner(black=0.05, white=0.9)))


def _say_black(mask: Path, begin: float) -> None:
    """Warn, but for each mask only the first time: a still is black in every shot."""
    if mask not in _black:
        _black.add(mask)
        log.warning("The mask %s is black all through the shot at %.2f s: nothing is erased there.", mask, begin)
