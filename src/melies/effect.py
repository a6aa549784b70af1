"""`Effect`, `FrameEffect` and `Generator`: the three kinds of thing a clip is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from melies.errors import UseError
from melies.explain import explain
from melies.frame import Frame, Image, Sound, VideoSpec
from melies.times import first_frame

Scope = Literal["frame", "shot", "video"]


class Step(BaseModel):
    """What effects and generators share: fields that are their only declaration."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="strings")

    def __init__(self, **options: Any) -> None:
        """Check the options.

        Raises:
            UseError: A value is out of range, of the wrong type, or unknown; it says which and what is allowed.
        """
        try:
            super().__init__(**options)
        except ValidationError as error:
            name = self.name()
            hint = f"See: melies effects {name}" if isinstance(self, Effect) else ""
            raise UseError(explain(error, type(self), name), hint) from None

    @classmethod
    def name(cls) -> str:
        """The word users type: the name of the file that holds the class."""
        return cls.__module__.rpartition(".")[2].replace("_", "-")

    def models(self) -> tuple[str, ...]:
        """Names of the registry rows that this step will load with its current settings."""
        return ()


def _local(value: object) -> object:
    from melies.effects._fields import refuse_address

    return refuse_address(value)


class Reactive(Step):
    """What effects and generators share beyond that: every number among their fields can follow sound, or the time."""

    constant: ClassVar[tuple[str, ...]] = ()
    """Numbers that nothing can follow, because they decide what the clip looks like."""

    react: tuple[str, ...] = Field(
        (),
        description="Let a number follow what is heard, or the time: PARAM=FORMULA, such as zoom=1+bass*0.05 or "
        "hue=360*t/10.",
    )
    audio: Annotated[Path, BeforeValidator(_local)] | None = Field(
        None, description="The sound that is listened to and that the result gets; else the film's own."
    )

    @property
    def synthesis(self) -> str | None:
        """What a machine made that could pass for real, in one sentence for the file's provenance; None if nothing."""
        return None

    @model_validator(mode="after")
    def _reactions_can_be_read(self) -> Self:
        if self.react:
            from melies.hearing.reaction import formulas

            formulas(self)
        return self


class Effect(Reactive):
    """A function from an iterator of frames to an iterator of frames, with its parameters as fields.

    Attributes:
        scope: What it must see in one piece. `"shot"`: `apply` is called afresh for every shot, so that no
            state leaks over a cut. `"frame"`: frames do not depend on each other; shots are not looked for.
            `"video"`: the whole clip.
        first: The field whose value may follow the effect's name on the command line without `--` and its name.
    """

    scope: ClassVar[Scope] = "shot"
    first: ClassVar[str | None] = None

    @property
    def lead_in(self) -> int | None:
        """How many frames before a mid-shot start it needs to be exact; None when it needs them all."""
        return 0 if self.scope == "frame" else None

    @property
    def retimes(self) -> bool:
        """Whether moments of the result are other moments of the source, as after slow motion.

        Subtitles and chapters no longer fit then, and neither does the sound unless the effect changes it as well.
        """
        return False

    @property
    def touches_sound(self) -> bool:
        """Whether `sound` does anything; when no effect does, sound packets are copied untouched."""
        return False

    def live(self) -> Self:
        """Return the effect as it should run on a camera: without look-ahead."""
        return self

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Say how size, rate, depth, alpha or frame count change.

        Raises:
            UseError: The settings make no sense for such a clip.
        """
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Turn frames into frames; `spec` describes the incoming ones."""
        raise NotImplementedError

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[Frame]:
        """Do the same with settings that change on the way, as on a stage.

        Here `apply` begins afresh with every change; an effect whose memory should outlive one overrides this.

        Args:
            frames: What comes in.
            spec: What it looks like.
            now: Returns the effect as it is set at this moment; its output spec never changes.
        """
        coming = iter(frames)
        following = next(coming, None)

        def unchanged(effect: Self) -> Iterator[Frame]:
            nonlocal following
            while following is not None and now() is effect:
                yield following
                following = next(coming, None)

        while following is not None:
            effect = now()
            yield from effect.apply(unchanged(effect), spec)

    def sound(self, blocks: Iterator[Sound], spec: VideoSpec) -> Iterator[Sound]:
        """Turn sound into sound, so that it stays with the picture; only called if `touches_sound`."""
        return blocks


class FrameEffect(Effect):
    """An effect without memory: write `process`; the engine may call it from several threads."""

    scope: ClassVar[Scope] = "frame"

    def process(self, image: Image) -> Image:
        """Return a new image, or the same one where there is nothing to do."""
        raise NotImplementedError

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Call `process` on every frame."""
        for frame in frames:
            yield self.step(frame)

    def step(self, frame: Frame) -> Frame:
        """Process one frame, keeping its place in time."""
        image = self.process(frame.image)
        return frame if image is frame.image else frame.with_image(image)


class Generator(Reactive):
    """The same kind of model, but it makes frames from nothing: `Clip(generator)` is a clip like any other.

    Subclasses write `spec` and `make`.
    """

    @property
    def spec(self) -> VideoSpec:
        """What the frames will look like."""
        raise NotImplementedError

    def make(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Make the frames from `since` on, in seconds, and up to `lead_in` frames before it.

        A frame must not depend on where the making began.
        """
        raise NotImplementedError

    def steered(self, since: Fraction, lead_in: int, now: Callable[[Fraction], Self]) -> Iterator[Frame]:
        """Make the same frames with settings that change on the way.

        Here each frame is made anew; a generator whose frames grow out of those before overrides this.

        Args:
            since: As for `make`.
            lead_in: As for `make`.
            now: Returns the generator as it is set at a time, in seconds; its spec never changes.
        """
        from melies.engine.pipeline import close

        spec = self.spec
        index = first_frame(since, spec.rate, lead_in)
        while spec.frames is None or index < spec.frames:
            time = index / spec.rate
            made = now(time).make(time)
            yield next(made)
            close(made)
            index += 1

    def frames(self, since: Fraction = Fraction(0), lead_in: int = 0) -> Iterator[Frame]:
        """Yield the frames from `since` on, in seconds, and up to `lead_in` before it, following what is heard."""
        if not self.react:
            return self.make(since, lead_in)
        from melies.hearing.reaction import Reaction

        spec = self.spec
        return self.steered(since, lead_in, Reaction.of(self, spec).at)

    @property
    def tracks(self) -> int:
        """How many sound tracks there are."""
        return int(self.audio is not None)

    @property
    def files(self) -> list[Path]:
        """The files that are read."""
        from melies.clip import files_of

        return files_of([self])

    def sound(self, track: int = 0) -> Iterator[Sound]:
        """Decode the sound, as long as the picture."""
        from melies.media.sound import read_sound

        if self.audio is None:
            return iter(())
        spec = self.spec
        length = None if spec.frames is None else spec.frames / spec.rate
        return read_sound(self.audio, length=length, track=track)
