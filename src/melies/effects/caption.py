"""Write on the picture."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Self

import cv2
from pydantic import AfterValidator, Field, model_validator

from melies.effect import Effect, Scope
from melies.effects._fields import Source
from melies.effects._lettering import LEADING, Layer, Type, face, fitted, letters, outlined
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.imaging import ColourText, parse_colour
from melies.times import Time

cv: Any = cv2

log = logging.getLogger("melies")

_MARGIN = 0.04
"""Space between text and the border, as a share of the height."""


def _place(text: str) -> str:
    if text not in ("top", "center", "bottom") and _shares(text) is None:
        raise ValueError("should be top, center, bottom, or two shares of the picture such as 0.5,0.8")
    return text


def _shares(text: str) -> tuple[float, float] | None:
    match = re.fullmatch(r"\s*(0?\.\d+|[01](?:\.0*)?)\s*,\s*(0?\.\d+|[01](?:\.0*)?)\s*", text)
    return None if match is None else (float(match[1]), float(match[2]))


Place = Annotated[str, AfterValidator(_place)]


class Caption(Effect):
    """Write on the picture: letters with an outline that stay readable on anything, as memes have them."""

    scope: ClassVar[Scope] = "frame"

    text: str = Field(
        max_length=2000,
        description="What to write, in a script that runs from left to right. It is broken where a line is full, and "
        "where you write \\n.",
    )
    position: Place = Field(
        "bottom",
        description="top, center, bottom, or where the middle of the text goes as shares of width and height, such as "
        "0.5,0.8.",
    )
    size: float = Field(0.1, ge=0.01, le=1, description="Height of the letters' line as a share of the picture's.")
    width: float = Field(0.92, ge=0.05, le=1, description="Share of the picture's width that a line may take.")
    uppercase: bool = Field(False, description="Write it in capitals.")
    font: Source = Field(
        "sans",
        description="sans, italic, uni (with Chinese, Japanese and Korean), or a font file (.ttf, .otf, .ttc).",
    )
    weight: int = Field(
        800, ge=100, le=1000, description="Thickness of the strokes, 400 is regular; for fonts of variable weight."
    )
    colour: ColourText = Field("white", description="Colour of the letters.")
    outline_colour: ColourText = Field("black", description="Colour of the line around them.")
    outline: float = Field(0.08, ge=0, le=0.5, description="Width of that line as a share of the size; 0 for none.")
    start: Time = Field(None, description="When it appears; from the beginning if not given.")
    end: Time = Field(None, description="When it goes; never if not given.")
    fade: float = Field(0.0, ge=0, le=60, description="Seconds in which it comes and goes.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("--end should be later than --start")
        return self

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes; the text and the font are looked at.

        Raises:
            UseError: The text is in a script that runs from right to left, or the font cannot be read.
        """
        sign = next((sign for sign in self.text if unicodedata.bidirectional(sign) in ("R", "AL")), None)
        if sign is not None:
            raise UseError(
                f"caption --text has {sign} in it, which is written from right to left: such scripts would come out in "
                "the wrong order.",
                "Make a transparent picture of the text and lay it over the clip: compose --foreground text.png",
            )
        face(self.font)
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Draw the text once and lay it over every frame that it is shown in."""
        layer = self._layer(spec)
        entered, shown = None, layer is None
        for frame in frames:
            entered = frame.pts * frame.time_base if entered is None else entered
            share = self._share(frame)
            shown = shown or share > 0
            yield frame if layer is None or share == 0 else frame.with_image(layer.over(frame.image, share))
        # A clip that is entered later, to go on where it was left, may have shown it before.
        if not shown and entered is not None and entered <= (self.start or 0):
            log.warning("The caption %r was never shown: no frame lies between its start and its end.", self.text)

    def _share(self, frame: Frame) -> float:
        """How much of the text is there, 0…1."""
        begin = frame.pts * frame.time_base
        since = begin - (self.start or 0)
        if since < 0 or (self.end is not None and begin >= self.end):
            return 0.0
        if not self.fade:
            return 1.0
        shares = [1.0]
        if self.start is not None:
            # Half a frame later than it begins, so that the first one is not lost.
            shares.append((float(since) + float(frame.duration * frame.time_base) / 2) / self.fade)
        if self.end is not None:
            shares.append(float(self.end - begin) / self.fade)
        return min(shares)

    def _check_signs(self, text: str) -> None:
        missing = Type(face(self.font), 32, self.weight).lacks(text)
        if missing:
            # What is nothing to look at by itself, such as an accent, goes by its number.
            shown = [sign if unicodedata.category(sign)[0] in "LNPS" else f"U+{ord(sign):04X}" for sign in missing]
            log.warning(
                "caption: the font %s lacks %s, and a question mark is drawn for each: give a --font that has them.",
                self.font,
                " ".join(shown),
            )

    def _layer(self, spec: VideoSpec) -> Layer | None:
        text = self.text.replace("\\n", "\n").strip()
        if not text:
            return None
        text = text.upper() if self.uppercase else text
        self._check_signs(text)
        fine = 4 if spec.width * spec.height <= 1 << 20 else 2
        # Where pixels are not square, text is drawn on what people see and squeezed like the picture.
        wide, high = max(1, round(spec.width * fine * spec.pixel_aspect)), spec.height * fine
        space = round(_MARGIN * high)
        asked = max(1, round(self.size * high))
        room = max(1, round(self.width * wide)), max(1, high - 2 * space)
        type_, lines = fitted(text, face(self.font), self.weight, asked, *room)
        block = type_.size * len(lines) * LEADING
        across, down = _shares(self.position) or (0.5, 0.5)
        middle = {"top": space + block / 2, "bottom": high - space - block / 2}.get(self.position, down * high)
        inner = letters(lines, type_, (wide, high), (across * wide, middle))
        outer = outlined(inner, self.outline * type_.size)
        size = spec.width, spec.height
        inner, outer = (cv.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (inner, outer))
        line = parse_colour(self.outline_colour) if self.outline else parse_colour(self.colour)
        return Layer.make(inner, outer, parse_colour(self.colour), line)
