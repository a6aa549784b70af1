"""`deinterlace`: whole pictures from the half ones of television and tape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from melies.effect import Effect
from melies.errors import UseError
from melies.frame import Frame, VideoSpec

_ORDERS: dict[str, Literal["auto", "tff", "bff"]] = {"auto": "auto", "top": "tff", "bottom": "bff"}


class Deinterlace(Effect):
    """Make whole pictures of interlaced ones, as television and tape have them; others stay as they are."""

    rate: Literal["frame", "field"] = Field(
        "frame",
        description="frame: as many pictures as there were; field: one of each field, twice as many (50i becomes 50p) "
        "and as smooth as it was on a television",
    )
    order: Literal["auto", "top", "bottom"] = Field(
        "auto", description="which field was shown first; auto: as the file says, or as it looks"
    )
    when: Literal["interlaced", "always"] = Field(
        "interlaced",
        description="interlaced: frames that the file marks as such, or that look it; always: every frame",
    )
    telecine: bool = Field(
        False,
        description="film that was stretched to television by 3:2 pulldown: find its own pictures again, 24 for every "
        "30, without making up a line",
    )

    @property
    def lead_in(self) -> int:
        """What the judgement of a frame looks at; of telecine, the group it is in."""
        from melies.restoring.fields import REACH
        from melies.restoring.telecine import GROUP

        return GROUP + 2 if self.telecine else 2 * REACH + 2

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Twice as many pictures with `--rate field`, four of five with `--telecine`."""
        from melies.restoring.fields import check_size

        if self.telecine:
            if spec.variable:
                raise UseError(
                    "deinterlace --telecine needs a constant frame rate, and this clip's varies.",
                    "Make it constant first: melies apply IN OUT --fps 30000/1001",
                )
            if self.rate == "field":
                raise UseError("deinterlace makes pictures of fields or undoes telecine, not both.", "Leave one out.")
            return spec.replace(rate=spec.rate * 4 / 5, time_base=1 / (spec.rate * 4 / 5), frames=None)
        if self.when == "always":
            check_size(spec.width, spec.height)
        if self.rate == "frame":
            return spec
        return spec.replace(rate=spec.rate * 2, time_base=spec.time_base / 2, frames=spec.frames and spec.frames * 2)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Judge every frame, and make pictures of those that are interlaced."""
        from melies.restoring.fields import fields
        from melies.restoring.telecine import film

        if self.telecine:
            return film(frames, spec.rate, top=self.order != "bottom")
        return fields(frames, _ORDERS[self.order], self.when == "always", self.rate == "field")
