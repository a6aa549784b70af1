"""`puppet`: a portrait that does what somebody's face does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from melies.effect import Effect
from melies.effects._faces import FACES, Chooser, Faces, identity_models
from melies.effects._fields import File, Named
from melies.errors import UseError
from melies.frame import Colour, Frame, VideoSpec
from melies.times import parse_time

if TYPE_CHECKING:
    from melies.puppetry.performer import Cue
    from melies.puppetry.retarget import Manner
    from melies.puppetry.stage import Cast

_MOST = 4
"""How many faces of a performance are followed where not the largest is meant."""


_SURELY = 1.05
"""Lengths of films are estimates: the share of one beyond which it is surely over."""
_USUAL = 2.3
"""Side of the square around a head, in sizes of the face, as LivePortrait has it."""


def _moment(value: Any) -> Any:
    return value if value in ("auto", "alike", "first") else float(parse_time(value))


def _warned(frame: Frame, end: float) -> Frame:
    """Say once in a film, at the first frame after it, that a written performance is over."""
    if frame.time - float(frame.duration * frame.time_base) <= end < frame.time:
        logging.getLogger("melies").warning(
            f"The performance in --motion-file is over at {end:.1f} s; the portrait stays at rest from there."
        )
    return frame


class Puppet(Effect):
    """Bring a portrait to life: it does what the face in the clip does.

    The clip is the performance: its timing and its sound are kept, and the portrait is what is seen. Anything with a
    face will do as a portrait: a photograph, a painting, a statue, a cartoon, or a film, whose frames run along.
    """

    portrait: Named = Field(
        description="The picture that is brought to life; a film runs along, over and over; FILM@SECONDS is one frame."
    )
    engine: Literal["mesh", "fomm"] = Field(
        "mesh",
        description="What moves it: mesh (a net of 478 points, in real time) or fomm (a First Order Motion Model of "
        "yours, at its own resolution).",
    )
    model: File | None = Field(
        None,
        description="For fomm: a checkpoint such as vox-adv-cpk.pth.tar, or the folder of a `melies train puppet`.",
    )
    motion: Literal["relative", "absolute"] = Field(
        "relative",
        description="relative: the portrait changes as the performer changes from rest, and keeps its own look; "
        "absolute: it turns its head and opens mouth and eyes as far as the performer does.",
    )
    driving_multiplier: float = Field(
        1.0,
        ge=0,
        le=3,
        allow_inf_nan=False,
        description="How strongly it moves: 0 not at all, 1 as it was performed, 2 twice as much.",
    )
    region: Literal["all", "lips", "eyes", "expression", "pose"] = Field(
        "all",
        description="What is taken over: all, only the lips, only the eyes (lids, gaze and brows), the expression "
        "without the head's pose, or only the pose.",
    )
    mouth: Literal["driver", "procedural"] = Field(
        "driver",
        description="What is seen between lips that open: the performer's own, matched in colour, or a drawn one.",
    )
    paste_back: bool = Field(True, description="Make the whole picture; otherwise only a square around the head.")
    crop_scale: float = Field(
        _USUAL,
        ge=1.2,
        le=5,
        description="How large that square is against the face; with fomm, also what that sees.",
    )
    smooth: float = Field(
        0.5, ge=0, le=1, description="How firmly trembling landmarks are held still; 0 not at all, higher also lags."
    )
    neutral: Annotated[Literal["auto", "alike", "first"] | float, BeforeValidator(_moment)] = Field(
        "auto",
        description="Which frame shows the performer at rest: auto (the calmest is found), alike (the most like the "
        "portrait), first, or the one at this time in seconds, in the shot that it lies in.",
    )
    lookahead: float = Field(
        2.0,
        ge=0,
        le=10,
        description="For how many seconds every shot is looked at for a calm face before it begins; later, calmer ones "
        "are taken over gently. Live it is always 0.",
    )
    face: Faces = Field("largest", description=f"Whose performance it is: {FACES}.")
    portrait_face: Faces = Field("largest", description="Whose face of the portrait moves; chosen in the same way.")
    motion_file: File | None = Field(
        None,
        description="A performance that `melies motion` wrote down (NPZ), in place of the one in the clip, which still "
        "gives timing and sound; where it is shorter, the portrait goes back to rest and stays there.",
    )

    @model_validator(mode="after")
    def _engine_fits(self) -> Self:
        if (self.engine == "fomm") != (self.model is not None):
            raise ValueError("give --model with --engine fomm, and only then")
        if self.engine == "fomm" and self.motion_file is not None:
            raise ValueError("--engine fomm must see the performer, so it takes no --motion-file")
        if self.engine == "fomm" and self.region != "all":
            raise ValueError("--region is for --engine mesh")
        return self

    @property
    def synthesis(self) -> str:
        """What the file's provenance says."""
        return f"The face of a portrait was animated by a performance (puppet, engine {self.engine})."

    def models(self) -> tuple[str, ...]:
        """The face mesh, the head's matte, hands, and what recognises people where a face is chosen by a picture."""
        who = (*identity_models(self.face), *identity_models(self.portrait_face))
        return ("face", "selfie", "hand", "hand-detector", *who)

    def live(self) -> Self:
        """Without looking ahead."""
        return self.model_copy(update={"lookahead": 0.0})

    def output(self, spec: VideoSpec) -> VideoSpec:
        """The portrait's size, depth and alpha; the performance's timing.

        Raises:
            UseError: The portrait or a motion cannot be read, or shows no face.
        """
        from melies.puppetry.portrait import Portrait
        from melies.puppetry.template import Template

        Chooser(self.face)
        self.must_show_rest(spec)
        if self.motion_file is not None:
            Template.read(self.motion_file)
        with Portrait(self.portrait, self.portrait_face, self._crop) as portrait:
            image = portrait.first.image
        height, width, channels = image.shape
        return spec.replace(
            width=width,
            height=height,
            depth=8 * image.itemsize,
            alpha=channels == 4,
            colour=Colour(),
            pixel_aspect=1,
        )

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Play one shot."""
        return self.steered(frames, spec, lambda: self)

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[Frame]:
        """Play one shot with knobs that turn; whoever was seen at rest is remembered."""
        from melies.puppetry.performer import ahead
        from melies.puppetry.stage import Stage

        with Stage(self.output(spec)) as stage:
            for frame, cue in ahead(self._performance(frames, now)):
                effect = now()
                picture = stage.picture(effect._cast, frame.pts * frame.time_base, cue, effect._manner, effect.mouth)
                yield frame.with_image(picture)

    def cues(self, frames: Iterator[Frame]) -> Iterator[tuple[float, Cue]]:
        """Read a performance alone, shot by shot: times in seconds, and what it asks of a portrait then."""
        from melies.engine.shots import mark_shots, shots
        from melies.puppetry.motion import STILL
        from melies.puppetry.performer import Cue

        for shot in shots(mark_shots(frames)):
            for frame, cue in self._read(shot):
                yield frame.time, cue or Cue(STILL, 0.0)

    def must_show_rest(self, spec: VideoSpec) -> None:
        """Refuse a moment of rest that a film has not got.

        Raises:
            UseError: It ends before, by all that is known of it.
        """
        ends = None if spec.frames is None else float(spec.frames / spec.rate)
        if ends is not None and isinstance(self.neutral, float) and self.neutral > _SURELY * ends:
            raise UseError(
                f"--neutral {self.neutral:g} is after the end of the film, which is {ends:.1f} s long.",
                "Give a time within it, counted from its beginning or --start.",
            )

    @property
    def _cast(self) -> Cast:
        from melies.puppetry.stage import Cast

        return Cast(self.portrait, self.portrait_face, self._crop, self.model, self.crop_scale / _USUAL)

    @property
    def _manner(self) -> Manner:
        from melies.puppetry.retarget import Manner

        return Manner(self.region, self.motion == "absolute", self.driving_multiplier)

    @property
    def _crop(self) -> float | None:
        return None if self.paste_back else self.crop_scale

    def _performance(self, frames: Iterator[Frame], now: Callable[[], Self]) -> Iterator[tuple[Frame, Cue | None]]:
        """Each frame and what it asks; read afresh where it is changed how, or by whom."""
        coming = iter(frames)
        following = next(coming, None)

        def unchanged(effect: Self) -> Iterator[Frame]:
            nonlocal following
            while following is not None and effect._reading == now()._reading:
                yield following
                following = next(coming, None)

        while following is not None:
            effect = now()
            yield from effect._read(unchanged(effect))

    @property
    def _reading(self) -> tuple[Any, ...]:
        return self.face, self.neutral, self.smooth, self.motion_file

    def _read(self, frames: Iterator[Frame]) -> Iterator[tuple[Frame, Cue | None]]:
        from melies.puppetry.neutral import unlikeness
        from melies.puppetry.performer import Performer
        from melies.puppetry.portrait import Portrait
        from melies.puppetry.template import Template

        if self.motion_file is not None:
            template = Template.read(self.motion_file)
            return ((frame, template.at(_warned(frame, template.end).time)) for frame in frames)
        most = 1 if self.face == "largest" else _MOST
        chooser = Chooser(self.face)
        if self.neutral != "alike":
            return Performer(chooser, most, self.smooth, self.neutral, self.lookahead).read(frames)
        with Portrait(self.portrait, self.portrait_face, None) as portrait:
            points = portrait.first.points
        assert points is not None
        alike = partial(unlikeness, points)
        return Performer(chooser, most, self.smooth, "auto", self.lookahead, alike).read(frames)
