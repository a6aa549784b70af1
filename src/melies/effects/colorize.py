"""`colorize`: colours for black-and-white film, from pictures and strokes that show them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from melies.effect import Effect
from melies.effects._fields import Named
from melies.effects._shelf import Delay
from melies.errors import UseError
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import join_alpha, parse_colour, split_alpha

if TYPE_CHECKING:
    from melies.colouring.chroma import Plane
    from melies.colouring.references import Strokes

log = logging.getLogger("melies")

_ASKEW = 0.02
"""How far the proportions of strokes may be from those of the clip."""
_SEPIA = (112, 66, 20, 255)
_BUDGET = 48 << 20
"""Bytes of frames kept in memory while they wait; the rest lies on disk."""


def _toning(text: str) -> str:
    if text.strip().lower() != "sepia":
        parse_colour(text)
    return text


class Colorize(Effect):
    """Colour black-and-white film after pictures in colour or strokes; without either, tone it in one colour.

    Brightness stays as it is, to the last digit. Colours are found on key frames and carried along the motion.
    """

    reference: list[Named] = Field(
        default=[],
        description="A picture in colour of the same or a similar scene, or FILM@TIME for a frame of a film; may be "
        "given several times. Every shot is matched with those that suit it best.",
    )
    scribbles: list[Named] = Field(
        default=[],
        description="A transparent picture with strokes of colour painted over the frame at FILE@TIME (seconds), "
        "the first frame without a time; may be given several times. They count in the shot they are painted on.",
    )
    tint: Annotated[str, AfterValidator(_toning)] | None = Field(
        None,
        description="Tone the film in this one colour: sepia or any colour. This is what happens, in sepia, when "
        "neither a reference nor scribbles are given.",
    )
    layout: float = Field(
        0.25,
        ge=0,
        le=1,
        description="How much the place in the picture counts: raise it for references that are framed alike, 0 for "
        "those that are not.",
    )
    strength: float = Field(1.0, ge=0, le=2, description="How strong the colours are; 1 is as they were found.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.tint is not None and (self.reference or self.scribbles):
            raise ValueError("give either --tint, or --reference and --scribbles")
        return self

    @property
    def lead_in(self) -> int | None:
        """None to tone; to colour, the whole shot, whose key frames hang together."""
        return None if self.reference or self.scribbles else 0

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes; the files are looked at.

        Raises:
            UseError: A file is missing, black and white, or without transparent parts; strokes come after the clip's
                end or have not its proportions; a time comes after the end of a reference.
        """
        from melies.colouring.references import Place, Strokes, reference

        for name in self.reference:
            reference(Place.parse(name))
        length = None if spec.frames is None or spec.variable else spec.frames / spec.rate
        for name in self.scribbles:
            strokes = Strokes.read(name)
            if length is not None and strokes.time >= length:
                raise UseError(f"The strokes {name} come after the clip's end at {float(length):g} s.")
            height, width = strokes.image.shape[:2]
            askew = Fraction(width * spec.height, height * spec.width)
            # Over pixels that are not square one may paint in either of two proportions.
            if min(abs(askew - 1), abs(askew / spec.pixel_aspect - 1)) > _ASKEW:
                raise UseError(
                    f"The strokes {name} are {width}×{height}, but the clip is {spec.width}×{spec.height}.",
                    "Paint them over a frame of the clip, in its proportions.",
                )
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Colour one shot."""
        if not (self.reference or self.scribbles):
            for frame in frames:
                yield frame.with_image(self._toned(frame.image))
            return
        from melies.colouring.references import Strokes

        strokes = [Strokes.read(name) for name in self.scribbles]
        with Delay(_BUDGET) as held, Delay(_BUDGET) as waiting:
            marked = _marked(frames, strokes, held)
            shot = chain(_emptied(held), frames)
            first = next(shot, None)
            if first is None:
                return
            if self.reference or marked:
                yield from self._coloured(chain([first], shot), _bright(first), marked, waiting)
            else:
                log.warning("The shot at %.2f s has no strokes on it and stays as it is.", first.time)
                yield from chain([first], shot)

    def _toned(self, image: Image) -> Image:
        """The tint's colour in the middle of the scale, black and white as they are."""
        from melies.colouring.chroma import chroma, join, luma

        rgba = _SEPIA if self.tint is None or self.tint.strip().lower() == "sepia" else parse_colour(self.tint)
        colours, alpha = split_alpha(image)
        bright = luma(colours)
        tone = chroma(np.array(rgba[:3], np.uint8).reshape(1, 1, 3))
        share = np.float32(4 * self.strength) * bright * (1 - bright)
        return join_alpha(join(bright, share[..., None] * tone, image.dtype), alpha)

    def _coloured(
        self, shot: Iterator[Frame], first: Plane, marked: list[tuple[int, Plane, Strokes]], waiting: Delay
    ) -> Iterator[Frame]:
        from melies.colouring.references import Place, reference
        from melies.colouring.shot import Colourist, known, lesson

        pictures = [known(reference(Place.parse(name))) for name in self.reference]
        swatch, given = lesson(first, pictures, marked, self.layout)
        colourist = Colourist(swatch, self.layout)
        for frame, last in _with_last(shot):
            waiting.push(frame)
            for found in colourist.add(_bright(frame), given.get(frame.pts), last):
                settled = waiting.pop()
                colours, alpha = split_alpha(settled.image)
                yield settled.with_image(join_alpha(found.paint(colours, self.strength), alpha))


def _bright(frame: Frame) -> Plane:
    from melies.colouring.chroma import luma
    from melies.colouring.shot import small

    return luma(small(split_alpha(frame.image)[0]))


def _marked(frames: Iterator[Frame], strokes: list[Strokes], held: Delay) -> list[tuple[int, Plane, Strokes]]:
    """Hold frames until the last strokes, or the end of the shot, and find those that were painted over."""
    found: list[tuple[int, Plane, Strokes]] = []
    for frame in frames if strokes else ():
        held.push(frame)
        begin, end = (ticks * frame.time_base for ticks in (frame.pts, frame.pts + frame.duration))
        found += [(frame.pts, _bright(frame), one) for one in strokes if begin <= one.time < end]
        if all(one.time < end for one in strokes):
            break
    return found


def _emptied(held: Delay) -> Iterator[Frame]:
    while len(held):
        yield held.pop()


def _with_last(frames: Iterator[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Each frame, and whether it is the last."""
    held = next(frames)
    for frame in frames:
        yield held, False
        held = frame
    yield held, True
