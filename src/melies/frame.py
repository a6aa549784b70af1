"""The picture as it walks through the house: `Frame`, and what a stream of them looks like: `VideoSpec`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

Image = NDArray[Any]
"""`H×W×3` RGB or `H×W×4` RGBA (straight alpha), uint8 0–255 or uint16 0–65535, full range."""


@dataclass(frozen=True, slots=True)
class Colour:
    """How code values relate to light, in FFmpeg's names (`"unknown"` when the file does not say).

    Attributes:
        range: `"limited"`, `"full"` or `"unknown"`.
        matrix: YCbCr matrix, such as `"bt709"`, `"smpte170m"`, `"bt2020nc"`, `"gbr"`.
        primaries: Such as `"bt709"`, `"bt2020"`, `"smpte432"`.
        transfer: Such as `"bt709"`, `"smpte2084"` (PQ), `"arib-std-b67"` (HLG), `"iec61966-2-1"` (sRGB).
    """

    range: str = "unknown"
    matrix: str = "unknown"
    primaries: str = "unknown"
    transfer: str = "unknown"


@dataclass(frozen=True, slots=True)
class VideoSpec:
    """What every frame of a stream has in common.

    Attributes:
        width: Pixels, as displayed (after rotation), before the pixel aspect is applied.
        height: Pixels, as displayed (after rotation).
        rate: Frames per second, nominal or average, rational.
        time_base: Seconds per tick of `Frame.pts`.
        variable: Whether frames last differently long.
        depth: Significant bits per channel: 8, 10, 12 or 16. Images are uint8 for 8 and uint16 above.
        alpha: Whether images have four channels.
        colour: The source's colour description.
        pixel_aspect: Width of a pixel divided by its height.
        frames: How many frames to expect, when known; an estimate for progress, not a promise.
        sound: Whether the clip carries sound.
    """

    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    variable: bool = False
    depth: int = 8
    alpha: bool = False
    colour: Colour = Colour()
    pixel_aspect: Fraction = Fraction(1)
    frames: int | None = None
    sound: bool = False

    def replace(self, **changes: Any) -> VideoSpec:
        """Return a copy with `changes`."""
        return replace(self, **changes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy type of the images: uint8 up to 8 bits, uint16 above."""
        return np.dtype(np.uint8 if self.depth <= 8 else np.uint16)

    @property
    def channels(self) -> int:
        """4 with alpha, else 3."""
        return 4 if self.alpha else 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of every image: `(height, width, channels)`."""
        return self.height, self.width, self.channels

    @property
    def white(self) -> int:
        """The largest code value of an image: 255 or 65535."""
        return 255 if self.depth <= 8 else 65535


class Frame:
    """One picture and when it is shown; treat it as immutable.

    The picture is either an RGB(A) array or a decoder's frame that is converted when `image` is first asked
    for; a frame that no effect touches is never converted.

    Args:
        image: The picture; kept, not copied, and marked read-only.
        pts: When it appears, in ticks of `time_base`.
        time_base: Seconds per tick.
        duration: How long it stays, in ticks.
        cut: Whether it is the first of a shot.
        native: The decoder's frame, in place of `image`.
        scaled: The width and height that its file has it in, where these are not those of the clip: it was scaled then.
    """

    __slots__ = ("_image", "cut", "duration", "native", "pts", "scaled", "time_base")

    def __init__(
        self,
        image: Image | None,
        pts: int,
        time_base: Fraction,
        duration: int,
        *,
        cut: bool = False,
        native: av.VideoFrame | None = None,
        scaled: tuple[int, int] | None = None,
    ) -> None:
        if image is None and native is None:
            raise ValueError("a frame needs an image or a native frame")
        if image is not None:
            image.flags.writeable = False
        self._image = image
        self.native = native
        self.pts = pts
        self.time_base = time_base
        self.duration = duration
        self.cut = cut
        self.scaled = scaled

    @property
    def image(self) -> Image:
        """The picture as RGB or RGBA, read-only: make a copy to draw on."""
        if self._image is None:
            from melies.media.convert import to_image

            assert self.native is not None
            self._image = to_image(self.native)
            self._image.flags.writeable = False
            self.native = None
        return self._image

    @property
    def time(self) -> float:
        """Seconds from the start of the clip."""
        return float(self.pts * self.time_base)

    @property
    def nbytes(self) -> int:
        """How much memory the picture takes, for bounding queues."""
        if self._image is not None:
            return self._image.nbytes
        assert self.native is not None
        return sum(plane.buffer_size for plane in self.native.planes)

    def with_image(self, image: Image) -> Frame:
        """Return the same moment with another picture."""
        return Frame(image, self.pts, self.time_base, self.duration, cut=self.cut, scaled=self.scaled)

    def at(self, pts: int, duration: int, time_base: Fraction | None = None, *, cut: bool | None = None) -> Frame:
        """Return the same picture at another moment."""
        return Frame(
            self._image,
            pts,
            self.time_base if time_base is None else time_base,
            duration,
            cut=self.cut if cut is None else cut,
            native=self.native,
            scaled=self.scaled,
        )

    def __repr__(self) -> str:
        return f"Frame(t={self.time:.3f}, pts={self.pts}, duration={self.duration}, cut={self.cut})"


@dataclass(frozen=True, slots=True)
class Sound:
    """A block of sound on its way through the effects.

    Attributes:
        samples: `N×channels` float32, nominally -1…1.
        rate: Samples per second.
        start: Index of the first sample, counted from the start of the clip.
    """

    samples: NDArray[np.float32]
    rate: int
    start: int
