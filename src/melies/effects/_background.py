"""What stands behind a cut-out subject, and pictures that play beside a clip; shared by several effects."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import cv2
import numpy as np

from melies.effects._scratch import Closing
from melies.errors import MediaError, UseError
from melies.files import exists
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import Fit, blend, blur, fill, fit, over, parse_colour, split_alpha, to_depth, white_of

if TYPE_CHECKING:
    from melies.media.reader import Reader

Ending = Literal["loop", "hold"]


class Layer(Closing):
    """A still or a film that is asked what it shows at a moment; it holds one decoder and two frames.

    Args:
        path: Any file that can be read.
        ending: What it shows after its end: itself again (`loop`) or its last frame (`hold`).

    Raises:
        UseError: The file does not exist or holds no picture.
    """

    def __init__(self, path: Path, ending: Ending = "loop") -> None:
        from melies.media.reader import Reader

        self._reader: Reader = Reader(path)
        self._ending = ending
        self._frames: Iterator[Frame] = iter(())
        self._shown: Frame | None = None
        self._next: Frame | None = None
        self._end: Fraction | None = None
        self._asked = Fraction(0)

    @property
    def spec(self) -> VideoSpec:
        """What its frames look like."""
        return self._reader.spec

    @property
    def end(self) -> Fraction | None:
        """When its last frame ends, in seconds; None as long as that was not reached."""
        return self._end

    def at(self, time: Fraction) -> Frame:
        """Return the frame shown at `time` seconds of the clip; times should mostly grow."""
        if self._end is not None:
            time = time % self._end if self._ending == "loop" else time
        if self._shown is None or (time < self._asked and time < _begin(self._shown)):
            self._seek(time)
        self._asked = time
        while self._next is not None and _begin(self._next) <= time:
            self._step()
        if self._ending == "loop" and self._end is not None and time >= self._end:
            return self.at(time)
        assert self._shown is not None
        return self._shown

    def _step(self) -> None:
        self._shown = self._next
        self._next = next(self._frames, None)
        if self._next is None and self._shown is not None:
            self._end = _begin(self._shown) + max(self._shown.duration, 1) * self._shown.time_base

    def _seek(self, time: Fraction) -> None:
        """Go to the frame before or at `time`; from the beginning where seeking finds nothing there."""
        for since in (max(time, Fraction(0)), Fraction(0)):
            self.close()
            self._frames = self._reader.frames(since, lead_in=1 if since else 0)
            self._next = next(self._frames, None)
            self._step()
            if self._shown is not None:
                return
        raise MediaError(f"{self._reader.path} has no frame that can be decoded.", "Choose another file.")

    def close(self) -> None:
        """Close the decoder."""
        stop = getattr(self._frames, "close", None)
        if stop is not None:
            stop()
        self._shown = self._next = None


def _begin(frame: Frame) -> Fraction:
    return frame.pts * frame.time_base


def fitted_to(image: Image, like: Image, mode: Fit = "cover") -> Image:
    """Bring a picture to the size and depth of another."""
    height, width = like.shape[:2]
    return to_depth(fit(image, width, height, mode), like.dtype)


class Background(Closing):
    """What to put behind a cut-out; make it with `parse`, use it in a `with` block.

    Attributes:
        alpha: Whether what it composes still has an alpha channel.
    """

    alpha = True

    @staticmethod
    def parse(text: str) -> Background:
        """Read `none`, `blur`, `blur:RADIUS`, a colour, or the name of an image or film.

        Raises:
            UseError: It is none of these, or the file cannot be read.
        """
        word = text.strip()
        if word.lower() in ("none", "transparent"):
            return Background()
        if word.lower().partition(":")[0] == "blur":
            return _Blur(_radius(word))
        try:
            return _Plain(word)
        except ValueError:
            pass
        path = Path(word)
        if not exists(path):
            raise UseError(
                f"The background {text!r} is neither a file nor a colour.",
                "Write none, blur, blur:RADIUS, a colour such as white or #204060, or the path of a file.",
            )
        return _File(path)

    def compose(self, foreground: Image, frame: Frame, original: Image) -> Image:
        """Lay the cut-out over this background.

        Args:
            foreground: The subject, `H×W×4`.
            frame: Whose moment it is.
            original: The picture that the subject was cut from, same size, for `blur`.

        Returns:
            `H×W×3`, or `H×W×4` where `alpha` is true.
        """
        return foreground

    def picture(self, frame: Frame, original: Image, matte: Image) -> Image | None:
        """Return this background alone, `H×W×3`, for callers that composite themselves; None where it has alpha.

        Args:
            frame: Whose moment it is.
            original: The picture to be covered, `H×W×3`, for its size and depth and for `blur`.
            matte: Opacity of the subject, `H×W`, for `blur`.
        """
        return None

    def close(self) -> None:
        """Let go of open files."""


class _Plain(Background):
    def __init__(self, text: str) -> None:
        self._colour = parse_colour(text)
        self.alpha = self._colour[3] < 255
        self._image: Image | None = None

    def compose(self, foreground: Image, frame: Frame, original: Image) -> Image:
        return over(foreground, self._filled(foreground))

    def picture(self, frame: Frame, original: Image, matte: Image) -> Image | None:
        return None if self.alpha else self._filled(original)

    def _filled(self, like: Image) -> Image:
        last = self._image
        if last is None or last.shape[:2] != like.shape[:2] or last.dtype != like.dtype:
            height, width = like.shape[:2]
            self._image = last = fill(width, height, self._colour, like, alpha=self.alpha)
        return last


class _File(Background):
    def __init__(self, path: Path) -> None:
        self._layer = Layer(path)
        self.alpha = self._layer.spec.alpha
        self._fitted: tuple[Frame, Image] | None = None

    def compose(self, foreground: Image, frame: Frame, original: Image) -> Image:
        return over(foreground, self._shown(frame, foreground))

    def picture(self, frame: Frame, original: Image, matte: Image) -> Image | None:
        return None if self.alpha else self._shown(frame, original)

    def _shown(self, frame: Frame, like: Image) -> Image:
        shown = self._layer.at(_begin(frame))
        if self._fitted is None or self._fitted[0] is not shown:
            self._fitted = shown, fitted_to(shown.image, like)
        return self._fitted[1]

    def close(self) -> None:
        self._layer.close()


class _Blur(Background):
    alpha = False

    def __init__(self, radius: float | None) -> None:
        self._radius = radius

    def compose(self, foreground: Image, frame: Frame, original: Image) -> Image:
        colours, alpha = split_alpha(foreground)
        if alpha is None:
            return colours
        behind = self.picture(frame, split_alpha(original)[0], alpha)
        return blend(colours, behind, alpha)

    def picture(self, frame: Frame, original: Image, matte: Image) -> Image:
        sigma = self._radius if self._radius is not None else max(2.0, original.shape[0] / 36)
        return blur_behind(original, matte, sigma)


def blur_behind(original: Image, alpha: Image, sigma: float) -> Image:
    """Blur what is behind the subject without letting the subject's own colours bleed into it."""
    white = white_of(original)
    # A little weight everywhere fills the middle of wide subjects, where nothing of the background is near.
    weight = np.subtract(white * 1.001, alpha, dtype=np.float32) * np.float32(1 / white)
    weights = cv2.cvtColor(weight, cv2.COLOR_GRAY2RGB)
    light = blur(cv2.multiply(original, weights, dtype=cv2.CV_32F), sigma)
    depth = cv2.CV_8U if original.dtype == np.uint8 else cv2.CV_16U
    return cast(Image, cv2.divide(light, blur(weights, sigma), dtype=depth))


def _radius(text: str) -> float | None:
    _, colon, number = text.partition(":")
    if not colon:
        return None
    try:
        radius = float(number)
    except ValueError:
        radius = 0.0
    if not 0 < radius <= 1000:
        raise UseError(
            f"The background {text!r} has no valid radius.",
            "Write blur:RADIUS with 0 < RADIUS ≤ 1000 pixels.",
        )
    return radius
