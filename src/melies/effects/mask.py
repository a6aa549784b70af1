"""`mask`: make-up, face paint, glasses and other things put on faces."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from melies.effect import Effect
from melies.effects._faces import FACES, Chooser, Faces, identity_models
from melies.effects._fields import File
from melies.engine.tally import tally
from melies.errors import UseError
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import ColourText, split_alpha, white_of

if TYPE_CHECKING:
    from melies.masking.dresser import Dresser
    from melies.masking.looks import Outfit

log = logging.getLogger("melies")
_OFTEN, _SELDOM = 2, 8
"""Every so many frames somebody new is looked for: in a render, and on a stage, where each frame has its time."""
_OF_STICKERS = ("anchor", "scale", "x", "y", "turn")
_LIKE = "; its alpha says how strongly, transparent takes away what the look has"


class Mask(Effect):
    """Put make-up, face paint, glasses, hats or stickers on faces; they stay on when the head turns."""

    look: Literal["none", "natural", "glam", "goth", "clown", "mime", "cat", "tiger", "butterfly", "dog"] = Field(
        "none", description="a ready-made outfit; the options below are put on over it"
    )
    lipstick: ColourText | None = Field(None, description=f"colour of the lips{_LIKE}")
    finish: Literal["matte", "satin", "gloss"] | None = Field(
        None, description="how lipstick shines; as the look has it, else satin"
    )
    eyeliner: ColourText | None = Field(None, description="colour of a line along the upper lids")
    eyeshadow: ColourText | None = Field(None, description="colour of the lids")
    blush: ColourText | None = Field(None, description="colour of the cheeks")
    brows: ColourText | None = Field(None, description="colour of the brows")
    iris: ColourText | None = Field(None, description="colour of the eyes, as of contact lenses")
    smooth_skin: float | None = Field(
        None, ge=0, le=1, description="how much the skin is evened out; its finest texture stays"
    )
    paint: File | None = Field(
        None,
        description="an image in the layout of the flattened face, painted on; melies faces --layout OUT.png "
        "draws the layout",
    )
    wear: list[Literal["round-glasses", "sunglasses", "moustache", "dog", "cat-ears", "crown", "party-hat"]] = Field(
        default=[], description="a thing to wear"
    )
    sticker: File | None = Field(None, description="an image with alpha to wear, fixed to the anchor")
    anchor: Literal["eyes", "nose", "forehead", "hat", "moustache", "mouth", "ears", "face"] = Field(
        "eyes", description="what the sticker is fixed to; at the ears there are two"
    )
    scale: float = Field(1.0, gt=0, le=10, description="size of the sticker: 1 fits an average face")
    x: float = Field(0.0, ge=-50, le=50, description="centimetres by which the sticker is moved to the right as seen")
    y: float = Field(0.0, ge=-50, le=50, description="centimetres by which the sticker is moved down")
    turn: float = Field(0.0, ge=-180, le=180, description="degrees by which the sticker is turned clockwise")
    opacity: float = Field(1.0, ge=0, le=1, description="how much of everything is seen; 0 changes nothing")
    steady: float = Field(
        0.5, ge=0, le=1, description="how strongly still faces are held still; higher lags a little more"
    )
    face: Faces = Field("all", description=f"whose face: {FACES}")
    occlusion: bool = Field(
        True, description="keep hands and things that come before the face in front; off saves some milliseconds"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        idle = [name for name in _OF_STICKERS if getattr(self, name) != type(self).model_fields[name].default]
        if self.sticker is None and idle:
            raise ValueError(f"--{idle[0]} is for a sticker: give one with --sticker FILE, or leave it out")
        return self

    @property
    def synthesis(self) -> str:
        """What is on the faces is not real."""
        return "Make-up or things that were not there were put on faces (mask)."

    def models(self) -> tuple[str, ...]:
        """The face mesh, the hands, and who is who where a picture says who is meant."""
        hands = ("hand", "hand-detector") if self.occlusion else ()
        return ("face", *hands, *identity_models(self.face))

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes; what is put on is looked at.

        Raises:
            UseError: Nothing is put on, or a picture cannot be read or is a film.
        """
        from melies.masking.looks import Outfit

        if self._outfit() == Outfit() and self.paint is None and self.sticker is None:
            raise UseError(
                "Nothing says what to put on.",
                "Give --look glam, --lipstick crimson, --wear sunglasses, --sticker FILE or another option of mask.",
            )
        Chooser(self.face)
        self._dresser()
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Dress the faces of one shot."""
        return self._dress(frames, lambda: self, _OFTEN)

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[Frame]:
        """Dress the faces of one shot; who is who outlives a changed setting."""
        return self._dress(frames, now, _SELDOM)

    def _dress(self, frames: Iterator[Frame], now: Callable[[], Self], every: int) -> Iterator[Frame]:
        from melies.masking.behind import Behind
        from melies.masking.company import Company

        effect = self
        behind: dict[int, Behind] = {}
        company = Company(Chooser(effect.face), effect.steady, every)
        dresser = effect._dresser()
        for frame in frames:
            before, effect = effect, now()
            if effect is not before:
                dresser = effect._dresser()
                if (effect.face, effect.steady) != (before.face, before.steady):
                    company = Company(Chooser(effect.face), effect.steady, every)
            faces = company.step(frame.image, frame.time) if effect.opacity else []
            tally(self.name(), len(faces))
            if not faces:
                yield frame
                continue
            image = frame.image.copy()
            seen, _ = split_alpha(frame.image)
            behind = {face.person: behind.get(face.person) or Behind() for face in faces}
            for face in sorted(faces, key=lambda face: -face.size):
                with behind[face.person].put_on(image, seen, face, frame.time) if effect.occlusion else nullcontext():
                    dresser.put_on(image, face)
            yield frame.with_image(image)

    def _outfit(self) -> Outfit:
        """The look with what was chosen over it."""
        from dataclasses import replace

        from melies.masking.looks import LOOKS

        look = LOOKS[self.look]
        kinds = ("lipstick", "finish", "eyeliner", "eyeshadow", "blush", "brows", "iris", "smooth_skin")
        chosen = {kind: getattr(self, kind) for kind in kinds if getattr(self, kind) is not None}
        return replace(look, **chosen, wear=tuple(dict.fromkeys([*look.wear, *self.wear])))

    def _dresser(self) -> Dresser:
        from melies.masking.dresser import Dresser
        from melies.masking.layout import Paint
        from melies.masking.things import Piece
        from melies.masking.wearing import ANCHORS, Worn

        paints = [] if self.paint is None else [Paint(_painted(self.paint))]
        worn = []
        if self.sticker is not None:
            anchor = ANCHORS[self.anchor]
            piece = Piece(_picture(self.sticker), self.anchor, anchor.width, faces=anchor.faces)
            worn.append(Worn(piece, self.scale, (self.x, self.y), self.turn))
        return Dresser(self._outfit(), self.opacity, paints, worn)


def _painted(path: File) -> Image:
    image = _picture(path)
    _, alpha = split_alpha(image)
    if alpha is None or alpha.min() == white_of(alpha):
        _warn_opaque(path)
    return image


@cache
def _warn_opaque(path: File) -> None:
    """Say it once, though the picture is read for every shot."""
    log.warning("%s has no transparent parts and covers the whole face; see melies faces --layout.", path)


def _picture(path: File) -> Image:
    from fractions import Fraction

    from melies.effects._background import Layer

    with Layer(path, "hold") as layer:
        if layer.spec.frames != 1:
            raise UseError(f"{path} is a film, not a picture.", "Give a PNG or another still picture with alpha.")
        return layer.at(Fraction(0)).image
