"""`style`: films painted as a picture is painted, in strokes that stay where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from melies.effect import Effect
from melies.effects._fields import Source
from melies.errors import UseError
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import join_alpha, split_alpha
from melies.translating.mix import MASK_MODELS, Where, mixed

if TYPE_CHECKING:
    from melies.styling.painter import Painter
    from melies.translating.mix import Picture


class Style(Effect):
    """Paint a film in a style: one that was learned, or, with AdaIN's weights, that of any picture."""

    first: ClassVar[str | None] = "style"

    style: Source = Field(
        "wave",
        description="how to paint: auvers, cafe, wave (paintings), engraving, pointillism, ink (drawn), one that you "
        "trained, a network's file (.onnx, .pth, .safetensors), or any picture",
    )
    to: Source | None = Field(None, description="a second style, to which the film goes over from its start to its end")
    blend: float | None = Field(
        None, ge=0, le=1, description="with --to: stay at this share of the second style in place of going over"
    )
    over: float | None = Field(
        None, gt=0, le=86400, description="with --to: go over in so many seconds in place of the whole film"
    )
    strength: float = Field(1.0, ge=0, le=1, description="how much of the painting is mixed into the film; 0: none")
    keep_colours: bool = Field(False, description="take only light and shade from the painting, colours from the film")
    mask: Where = Field("everywhere", description="what is painted: everywhere, people, or the background behind them")
    steady: float = Field(1.0, ge=0, le=1, description="how strongly strokes stay on what they paint; 0: not at all")
    size: int = Field(
        540,
        ge=0,
        le=4320,
        description="shorter side in pixels at which frames are painted at most: the smaller, the larger the strokes, "
        "and the faster; 0: as large as they are",
    )

    @model_validator(mode="after")
    def _stays_or_goes(self) -> Self:
        if self.blend is not None and self.over is not None:
            raise ValueError(
                "--blend stays at a share of the second style and --over goes over to it: give one of them"
            )
        return self

    @property
    def lead_in(self) -> int | None:
        """Everything before, where strokes stay where they are or people are followed."""
        return None if self.strength and (self.steady or self.mask != "everywhere") else 0

    def models(self) -> tuple[str, ...]:
        """The rows that hold the styles, and those that find people."""
        from melies.models import registry
        from melies.styling.looks import spelt, styles

        known, rows = styles(), {row.name for row in registry.rows()}
        names = (spelt(name, known) for name in (self.style, self.to) if name is not None)
        held = (known[name].model for name in names if name in known)
        return (
            *dict.fromkeys(model for model in held if model in rows),
            *(MASK_MODELS if self.mask != "everywhere" else ()),
        )

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes; what is asked for is looked for.

        Raises:
            UseError: A style is not there, or it is not known how long the film is.
        """
        from melies.styling.looks import where

        for name in filter(None, (self.style, self.to)):
            where(name)
        if self.to is None and (self.blend is not None or self.over is not None):
            raise UseError("--blend and --over need a second style.", "Name it: --to")
        self._end(spec)
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Paint one shot."""
        return self.steered(frames, spec, lambda: self)

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[Frame]:
        """Paint one shot; strokes stay where they are when a setting changes."""
        from melies.engine.pipeline import ordered_map
        from melies.styling.painter import enlarged
        from melies.translating.mix import Mask
        from melies.translating.steady import Steady

        steady, mask, masked = Steady(0), Mask("everywhere"), "everywhere"
        begun = now()
        workers = begun._painter(spec).workers if begun.strength else 1
        for job in ordered_map(_Job.done, self._jobs(frames, spec, now), workers):
            effect = job.effect
            if job.made is None or job.small is None:
                yield job.frame
                continue
            if effect.mask != masked:
                mask, masked = Mask(effect.mask), effect.mask
            image, alpha = split_alpha(job.frame.image)
            steady.strength = effect.steady
            made = enlarged(steady(job.small, job.made), image)
            shown = mixed(image, made, effect.strength, keep_colours=effect.keep_colours, mask=mask(image))
            yield job.frame.with_image(join_alpha(shown, alpha))

    def _jobs(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[_Job]:
        before: Self | None = None
        painter: Painter | None = None
        for frame in frames:
            effect = now()
            if effect is not before:
                painter, before = effect._painter(spec) if effect.strength else None, effect
            yield _Job(frame, effect, painter, effect._share(frame, spec))

    def _painter(self, spec: VideoSpec) -> Painter:
        from melies.styling.looks import find
        from melies.styling.painter import Painter

        first, second = (find(name, spec, self.size) if name is not None else None for name in (self.style, self.to))
        assert first is not None
        return Painter(first, second, self.size)

    def _share(self, frame: Frame, spec: VideoSpec) -> float:
        """Return how far the film is on its way to the second style."""
        if self.to is None:
            return 0.0
        if self.blend is not None:
            return self.blend
        end = self._end(spec)
        return float(min(Fraction(1), frame.pts * frame.time_base / end)) if end else 1.0

    def _end(self, spec: VideoSpec) -> Fraction:
        """Return when the film has wholly gone over, in seconds: with its last frame."""
        if self.over is not None:
            return Fraction(self.over)
        if self.to is None or self.blend is not None:
            return Fraction(0)
        if spec.frames is None:
            raise UseError(
                "It is not known how long this is.", "Say how long to take: --over SECONDS, or --blend SHARE"
            )
        return (spec.frames - 1) / spec.rate


@dataclass
class _Job:
    """A frame on its way through the hands of several workers.

    Attributes:
        frame: The frame.
        effect: The effect as it was set when the frame came.
        painter: Who paints it; None if nobody does.
        share: How far it is from the first style to the second.
        small: The picture at the size at which it is painted, and
        made: what came of it, when it is done.
    """

    frame: Frame
    effect: Style
    painter: Painter | None
    share: float
    small: Image | None = None
    made: Picture | None = None

    def done(self) -> _Job:
        """Paint the picture."""
        if self.painter is not None:
            image, _ = split_alpha(self.frame.image)
            self.small = self.painter.shrunk(image)
            self.made = self.painter.paint(self.small, self.share)
        return self
