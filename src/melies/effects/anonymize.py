"""`anonymize`: faces made unrecognisable."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from melies.effect import Effect
from melies.effects._faces import FACES, Chooser, Faces, identity_models
from melies.effects._fields import File
from melies.effects._shelf import Delay
from melies.engine.tally import tally
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.imaging import ColourText, parse_colour

if TYPE_CHECKING:
    from melies.masking.cover import Cover
    from melies.masking.watch import Watch

log = logging.getLogger("melies")
_SAFE = 8
"""Samples across a head from which one begins to tell people apart."""
_MOST_AHEAD = 48
"""Frames; reduced copies of so many are kept."""


class Anonymize(Effect):
    """Cover faces so that nobody can tell whose they are; voices are not changed."""

    cover: Literal["blur", "pixelate", "fill", "mask"] = Field(
        "blur", description="what is laid over: blur, pixelate (a mosaic), fill (one colour) or mask (a drawn face)"
    )
    part: Literal["head", "face"] = Field(
        "head", description="cover the whole head with hair and ears, by which people are known too, or only the face"
    )
    blocks: int = Field(
        6,
        ge=2,
        le=64,
        description="how many samples across are left of a face by blur and pixelate; with more than 8 people can be "
        "recognised",
    )
    margin: float = Field(0.1, ge=0, le=2, description="by what share the cover is larger than what it hides")
    colour: ColourText = Field("#d8c7a8", description="the colour of fill and mask")
    hold: float = Field(
        1.0, ge=0, le=10, description="seconds for which a place stays covered after its face was last seen"
    )
    ahead: float = Field(
        0.8,
        ge=0,
        le=5,
        description="seconds to look ahead, so that a face is covered before it is found; none on a camera",
    )
    sensitivity: float = Field(
        0.3, ge=0.05, le=0.9, description="how readily something is taken for a face; higher covers more that is none"
    )
    model: Literal["face", "centerface"] = Field(
        "face", description="what finds faces: centerface finds more of the small ones, and must be pulled"
    )
    face: Faces = Field("all", description=f"who is covered: {FACES}")
    keep: File | None = Field(None, description="a picture of the only one who is not covered")

    @property
    def synthesis(self) -> str:
        """The faces are not those that were filmed."""
        return "Faces were made unrecognisable (anonymize)."

    def live(self) -> Self:
        """Without look-ahead: a new face may be seen for an instant."""
        return self.model_copy(update={"ahead": 0.0})

    def models(self) -> tuple[str, ...]:
        """The face finder and mesh, and who is who where a picture says who is meant."""
        return tuple(dict.fromkeys(["face", self.model, *identity_models(self._chosen)]))

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes; the picture of who is kept is looked at.

        Raises:
            UseError: Two options say who is covered, or the picture shows no face.
        """
        if self.keep is not None and self.face != "all":
            raise UseError("--keep and --face both say who is covered.", "Give one of them.")
        Chooser(self._chosen)
        if self.blocks > _SAFE and self.cover in ("blur", "pixelate"):
            _warn(self.blocks)
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Cover the faces of one shot."""
        from melies.masking.cover import Cover

        ahead = min(_MOST_AHEAD, round(self.ahead * spec.rate))
        cover = Cover(self.cover, self.part, self.margin, self.blocks, parse_colour(self.colour))
        watch = self._watch(spec, ahead)
        with Delay() as waiting:
            for frame in frames:
                watch.see(frame.image)
                waiting.push(frame)
                if len(waiting) > ahead:
                    yield _covered(waiting.pop(), cover, watch)
            while len(waiting):
                yield _covered(waiting.pop(), cover, watch)

    @property
    def _chosen(self) -> Faces:
        return self.face if self.keep is None else str(self.keep)

    def _watch(self, spec: VideoSpec, ahead: int) -> Watch:
        from melies.masking.watch import Watch

        who: Literal["all", "chosen", "others"] = "chosen" if self.face != "all" else "all"
        if self.keep is not None:
            who = "others"
        return Watch(
            Chooser(self._chosen),
            who,
            hold=round(self.hold * spec.rate),
            ahead=ahead,
            least=1 - self.sensitivity,
            finder=self.model,
        )


@cache
def _warn(blocks: int) -> None:
    """Say it once, though what comes out is asked for more than once."""
    log.warning("With blocks %d people may be recognised; up to %d is safe.", blocks, _SAFE)


def _covered(frame: Frame, cover: Cover, watch: Watch) -> Frame:
    faces = list(watch.take())
    tally(Anonymize.name(), len(faces))
    if not faces:
        return frame
    image = frame.image.copy()
    cover.put_on(image, faces)
    return frame.with_image(image)
