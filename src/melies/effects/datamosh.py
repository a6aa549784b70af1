"""`datamosh`: key frames get lost, and the next shot's motion moves the pixels of the last one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

import cv2
import numpy as np
from pydantic import Field as Option
from pydantic import model_validator

from melies.effect import Effect, Scope
from melies.effects._background import Layer, fitted_to
from melies.effects._fields import File
from melies.engine.shots import mark_shots
from melies.errors import UseError
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import to_depth
from melies.motion import Flow, grey, pixels

if TYPE_CHECKING:
    from melies.motion import Field

cv: Any = cv2

_HEALED = 1 / 512
"""So little damage is none: the picture itself is shown again."""

_DEEP: Final = np.dtype(np.uint16)
"""The wrong picture is kept in 16 bits, so that it heals without steps."""

_QUIET = 0.012 * 65535
"""Smaller differences are noise; a codec would not spend a bit on them."""

_UNLIKE = 40
"""Grey levels by which two pictures of another film differ if there is a cut between them."""

_FLOW = 400
"""The longest side, in pixels, of the pictures in which motion is looked for."""


class Datamosh(Effect):
    """Lose the key frame of every shot: its motion moves what was left of the shot before, as in a broken film file.

    Without cuts nothing is lost; `bloom` with `every`, and `motion`, work on a single shot as well.
    """

    scope: ClassVar[Scope] = "video"

    blocks: int = Option(
        24,
        ge=0,
        le=360,
        description="How many blocks, each moved as a whole, fit into the shorter side; 0 moves every pixel by itself.",
    )
    detail: float = Option(
        0.6,
        ge=0,
        le=1,
        description="How much of what motion cannot explain is painted over the moved picture, as codecs do.",
    )
    heal: float = Option(
        0.0, ge=0, le=60, description="Seconds after which half of the damage is gone; 0: it stays until the end."
    )
    bloom: int = Option(
        0,
        ge=0,
        le=250,
        description="For so many pictures after a key frame was lost, the first motion goes on and on, and spreads.",
    )
    every: float = Option(
        0.0,
        ge=0,
        le=600,
        description="Seconds between further moments within a shot at which its motion blooms, which needs --bloom; 0: "
        "only after cuts.",
    )
    push: float = Option(1.0, ge=0, le=5, description="How much further than it is the motion moves.")
    motion: File | None = Option(
        None,
        description="A film whose motion moves the clip's pictures instead; every cut of the clip gives it a new one.",
    )

    @model_validator(mode="after")
    def _something_blooms(self) -> Self:
        if self.every and not self.bloom:
            raise ValueError("--every says when motion blooms: give --bloom as well, such as 12")
        return self

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes; the other film is looked at.

        Raises:
            UseError: It cannot be read, or has one frame only.
        """
        if self.motion is not None:
            with Layer(self.motion) as layer:
                layer.at(Fraction(0))
                if layer.end is not None:
                    raise UseError(
                        f"The --motion {self.motion} is one picture, in which nothing moves.", "Give a film."
                    )
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Go through all shots with one picture in hand."""
        return self.steered(frames, spec, lambda: self)

    def steered(self, frames: Iterator[Frame], spec: VideoSpec, now: Callable[[], Self]) -> Iterator[Frame]:
        """The wrong picture outlives a changed number."""
        waiting: deque[Self] = deque()

        def noted() -> Iterator[Frame]:
            # Cuts are looked for ahead: every frame keeps the settings that were in force when it came.
            for frame in frames:
                waiting.append(now())
                yield frame

        with ExitStack() as stack:
            other = None if self.motion is None else stack.enter_context(Layer(self.motion))
            mosh = _Mosh(self, other)
            for frame, cut in _with_cuts(noted()):
                mosh.effect = waiting.popleft()
                yield mosh.step(frame, cut)


class _Mosh:
    """A decoder that goes on from a wrong picture.

    Args:
        effect: Its settings.
        other: The film whose motion counts; the clip's own if None.

    Attributes:
        effect: Its settings at this moment.
    """

    def __init__(self, effect: Datamosh, other: Layer | None) -> None:
        self.effect = effect
        self._other = other
        self._search = Flow("medium", _FLOW)
        self._wrong: Image | None = None
        self._damage = 0.0
        self._before: Frame | None = None
        self._moved: Frame | None = None
        self._blooms = 0
        self._held: Field | None = None
        self._carried: Field | None = None

    def step(self, frame: Frame, cut: bool) -> Frame:
        """Return what the next frame becomes."""
        before, self._before = self._before, frame
        if before is None or cut or self._due(before, frame):
            self._lose(before, frame, cut)
        if self._wrong is None or before is None:
            return frame
        if not (cut and self._other is None):
            # The first picture of a shot is the lost one: no motion leads to it.
            self._wrong = self._predicted(self._wrong, before, frame)
        self._wrong = self._healed(self._wrong, frame)
        if self._wrong is None:
            return frame
        made = frame.with_image(to_depth(self._wrong, frame.image.dtype))
        return made.at(made.pts, made.duration, cut=made.cut and self._other is not None)

    def _due(self, before: Frame, frame: Frame) -> bool:
        every = self.effect.every
        return bool(every) and int(before.time / every) != int(frame.time / every)

    def _lose(self, before: Frame | None, frame: Frame, cut: bool) -> None:
        """Keep what is shown instead of the picture that comes; another film's motion moves the picture that comes."""
        if self._other is not None and (cut or before is None):
            self._wrong = to_depth(frame.image, _DEEP)
        elif self._wrong is None and before is not None:
            self._wrong = to_depth(before.image, _DEEP)
        self._damage = 1.0
        self._blooms, self._held, self._carried = self.effect.bloom, None, None

    def _predicted(self, wrong: Image, before: Frame, frame: Frame) -> Image:
        """Move the wrong picture, and add what motion does not explain of the right one."""
        field = self._motion(before, frame)
        if field is None:
            return wrong
        if held := self._blooms > 0:
            self._blooms -= 1
            field = self._held = field if self._held is None else self._held
        field = self._coarse(field * np.float32(self.effect.push))
        how = cv2.INTER_NEAREST if self.effect.blocks else cv2.INTER_CUBIC
        places = field + pixels(*field.shape[:2])
        moved = cast(Image, cv.remap(wrong, places, None, how, borderMode=cv2.BORDER_REPLICATE))
        if held or self._other is not None or not self.effect.detail:
            return moved
        shown = cv.remap(to_depth(before.image, _DEEP), places, None, how, borderMode=cv2.BORDER_REPLICATE)
        rest = cv.subtract(to_depth(frame.image, _DEEP), shown, dtype=cv2.CV_32F)
        rest -= np.clip(rest, -_QUIET, _QUIET)
        return cast(Image, cv.add(moved, rest * np.float32(self.effect.detail), dtype=cv2.CV_16U))

    def _motion(self, before: Frame, frame: Frame) -> Field | None:
        """Where each pixel of this moment was at the one before; None if nothing moved."""
        if self._held is not None and self._blooms > 0:
            return self._held
        if self._other is None:
            return self._search(grey(frame.image), grey(before.image))
        shown, moved = self._other.at(frame.pts * frame.time_base), self._moved
        self._moved = shown
        if moved is None or moved is shown:
            return None
        here, there = (grey(fitted_to(picture.image, frame.image)) for picture in (shown, moved))
        return self._search(here, there) if cv.norm(here, there, cv2.NORM_L1) < _UNLIKE * here.size else None

    def _coarse(self, field: Field) -> Field:
        """One motion for each block, in whole pixels; what is left over goes on to the next."""
        if not self.effect.blocks:
            return field
        height, width = field.shape[:2]
        side = max(2, round(min(height, width) / self.effect.blocks))
        size = -(-width // side), -(-height // side)
        wanted = cv.resize(field, size, interpolation=cv2.INTER_AREA)
        if self._carried is not None:
            wanted += self._carried
        whole = np.rint(wanted)
        self._carried = wanted - whole
        return cast("Field", whole.repeat(side, axis=0)[:height].repeat(side, axis=1)[:, :width])

    def _healed(self, wrong: Image, frame: Frame) -> Image | None:
        """Let the right picture come through a little; None once nothing else is left."""
        if not self.effect.heal:
            return wrong
        kept = 0.5 ** (float(frame.duration * frame.time_base) / self.effect.heal)
        self._damage *= kept
        if self._damage < _HEALED and self._other is None:
            return None
        return cast(Image, cv.addWeighted(wrong, kept, to_depth(frame.image, _DEEP), 1 - kept, 0))


def _with_cuts(frames: Iterator[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Yield frames, and whether they begin a shot: as they say themselves, or as it looks."""
    said: deque[bool] = deque()

    def listened() -> Iterator[Frame]:
        for frame in frames:
            said.append(frame.cut)
            yield frame

    for seen in mark_shots(listened()):
        cut = said.popleft()
        yield seen.at(seen.pts, seen.duration, cut=cut), cut or seen.cut
