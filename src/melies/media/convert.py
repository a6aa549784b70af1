"""Between a decoder's frames and RGB images, with the source's own matrix, range and depth.

Planar YCbCr is converted here rather than by swscale: its fast path is off by up to three code values and its
accurate one several times slower, and above 8 bits it maps white to 65280 instead of 65535. Chroma is taken
to lie in the middle of the pixels it covers (bilinear up, box average down), both ways, so that round trips
do not drift.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, Literal

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from melies.errors import MediaError
from melies.frame import Colour, Frame, Image, VideoSpec
from melies.imaging import to_depth

RANGES = {0: "unknown", 1: "limited", 2: "full"}
MATRICES = {
    0: "gbr", 1: "bt709", 2: "unknown", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m",
    8: "ycgco", 9: "bt2020nc", 10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc",
    13: "chroma-derived-c", 14: "ictcp", 15: "ipt-c2", 16: "ycgco-re", 17: "ycgco-ro",
}  # fmt: skip
PRIMARIES = {
    1: "bt709", 2: "unknown", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film",
    9: "bt2020", 10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
TRANSFERS = {
    1: "bt709", 2: "unknown", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear",
    9: "log100", 10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10",
    15: "bt2020-12", 16: "smpte2084", 17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip

# Weights of red and blue in luma: ITU-T H.273, table 4.
LUMA = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
}

# Names of chroma subsamplings, by the base-2 logarithms of how many pixels a sample covers across and down.
_CHROMA = {(1, 1): "420", (1, 0): "422", (0, 0): "444", (0, 1): "440", (2, 0): "411", (2, 2): "410"}


Array = NDArray[Any]

_kept = threading.local()

# OpenCV multiplies 8-bit pixels in fixed point. Coefficients that are whole multiples of its step, and
# offsets made from those, keep neutral greys exactly neutral.
_STEPS = 1024


def _number(table: dict[int, str], name: str) -> int:
    return next((number for number, known in table.items() if known == name), 0 if table is RANGES else 2)


def colour_of(thing: Any) -> Colour:
    """Read the colour tags of a PyAV frame or video codec context."""
    return Colour(
        range=RANGES.get(thing.color_range, "unknown"),
        matrix=MATRICES.get(thing.colorspace, "unknown"),
        primaries=PRIMARIES.get(thing.color_primaries, "unknown"),
        transfer=TRANSFERS.get(thing.color_trc, "unknown"),
    )


def set_colour(thing: Any, colour: Colour) -> None:
    """Write colour tags onto a PyAV frame or video codec context."""
    thing.color_range = _number(RANGES, colour.range)
    thing.colorspace = _number(MATRICES, colour.matrix)
    thing.color_primaries = _number(PRIMARIES, colour.primaries)
    thing.color_trc = _number(TRANSFERS, colour.transfer)


def resolve(colour: Colour, height: int, pix_fmt: str) -> Colour:
    """Fill in what a file does not say about range and matrix, as players do.

    An unknown matrix is bt709 from 720 lines on, else smpte170m. An unknown range is full for RGB, grey and
    the `yuvj` formats, else limited; the range of an RGB source says nothing about YCbCr made from it.

    Args:
        colour: As tagged.
        height: Lines of the picture as coded.
        pix_fmt: FFmpeg's name of the pixel format.
    """
    layout = _layout(pix_fmt)
    matrix, range_ = colour.matrix, colour.range
    if layout.rgb:
        return Colour("full", "gbr", colour.primaries, colour.transfer)
    if matrix == "gbr":
        range_ = "unknown"
    if matrix in ("unknown", "gbr"):
        matrix = "bt709" if height >= 720 else "smpte170m"
    if pix_fmt.startswith("yuvj"):
        range_ = "full"
    elif range_ == "unknown":
        range_ = "full" if layout.grey else "limited"
    return Colour(range_, matrix, colour.primaries, colour.transfer)


class _Layout:
    """What a pixel format's name means."""

    def __init__(self, pix_fmt: str) -> None:
        try:
            format_ = av.VideoFormat(pix_fmt)
        except ValueError:
            raise MediaError(f"There is no pixel format {pix_fmt!r}.") from None
        components = format_.components
        self.bits = max((part.bits for part in components), default=8)
        self.alpha = format_.has_palette or any(part.is_alpha for part in components)
        self.channels = 4 if self.alpha else 3
        self.rgb = format_.is_rgb or format_.has_palette or format_.is_bayer
        colours = len(components) - self.alpha
        self.grey = not self.rgb and colours <= 1
        self.float = "f32" in pix_fmt or "f16" in pix_fmt
        self.sub = (0, 0)
        if not self.rgb and not self.grey:
            wide = format_.chroma_width(64), format_.chroma_height(64)
            self.sub = (64 // wide[0]).bit_length() - 1, (64 // wide[1]).bit_length() - 1
        self.planar = self._planar(pix_fmt)

    def _planar(self, pix_fmt: str) -> str:
        """Name of the planar, little-endian format that holds the same values."""
        deep = "" if self.bits <= 8 else f"{self.bits}le"
        if self.rgb:
            return (
                ("rgba" if self.alpha else "rgb24")
                if self.bits <= 8 and not self.float
                else ("rgba64le" if self.alpha else "rgb48le")
            )
        if self.grey:
            if self.alpha:
                return "ya8" if self.bits <= 8 else "ya16le"
            return "gray" + deep
        if pix_fmt.startswith("yuvj"):
            return pix_fmt
        return f"yuv{'a' if self.alpha else ''}{_CHROMA[self.sub]}p{deep}"


@cache
def _layout(pix_fmt: str) -> _Layout:
    return _Layout(pix_fmt)


def bits_and_alpha(pix_fmt: str) -> tuple[int, bool]:
    """Say how many bits a channel of a pixel format has, and whether it has alpha."""
    layout = _layout(pix_fmt)
    return (16 if layout.float else layout.bits), layout.alpha


@cache
def _to_rgb(matrix: str, range_: str, bits: int, white: int) -> NDArray[np.float32]:
    """The 3×4 matrix from code values of YCbCr to RGB of 0…white."""
    scale, offset = _codes(range_, bits)
    inverse = np.linalg.inv(_analysis(matrix) * scale[:, None] / white)
    if bits == 8:
        inverse = np.rint(inverse * _STEPS) / _STEPS
    return np.column_stack([inverse, -inverse @ offset]).astype(np.float32)


@cache
def _to_ycc(matrix: str, range_: str, bits: int, white: int) -> NDArray[np.float32]:
    """The 3×4 matrix from RGB of 0…white to code values of YCbCr."""
    scale, offset = _codes(range_, bits)
    forward = _analysis(matrix) * scale[:, None] / white
    if white == 255:
        rows = np.rint(forward.sum(1) * _STEPS) / _STEPS
        forward = np.rint(forward * _STEPS) / _STEPS
        forward[:, 1] = rows - forward[:, 0] - forward[:, 2]
    return np.column_stack([forward, offset]).astype(np.float32)


def _analysis(matrix: str) -> NDArray[np.float64]:
    """From R, G, B of 0…1 to Y of 0…1 and Cb, Cr of -½…½: ITU-T H.273, section 8.3."""
    if matrix == "ycgco":
        return np.array([[0.25, 0.5, 0.25], [-0.25, 0.5, -0.25], [0.5, 0, -0.5]])
    if matrix not in LUMA:
        raise MediaError(f"The colour matrix {matrix} is not supported.", "Convert the file to bt709 first.")
    red, blue = LUMA[matrix]
    luma = np.array([red, 1 - red - blue, blue])
    return np.stack([luma, ([0, 0, 1] - luma) / (2 * (1 - blue)), ([1, 0, 0] - luma) / (2 * (1 - red))])


def _codes(range_: str, bits: int) -> tuple[Array, Array]:
    """How many code values Y, Cb and Cr span, and the codes of their zeros."""
    step = 1 << (bits - 8)
    if range_ == "limited":
        return np.array([219, 224, 224]) * step, np.array([16, 128, 128]) * step
    return np.full(3, (1 << bits) - 1), np.array([0, 128, 128]) * step


def _plane(plane: Any, width: int, height: int, bits: int) -> Array:
    """The samples of a plane as an array without copying."""
    dtype = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    stride = plane.line_size
    offset = (height - 1) * -stride if stride < 0 else 0
    return np.ndarray((height, width), dtype, plane, offset, (stride, dtype.itemsize))


def _planes(frame: av.VideoFrame, bits: int) -> list[Array]:
    planes = frame.planes
    sizes = [(plane.width, plane.height) for plane in planes]
    return [_plane(plane, *size, bits) for plane, size in zip(planes, sizes, strict=True)]


def reformat(frame: av.VideoFrame, pix_fmt: str, **options: Any) -> av.VideoFrame:
    """`VideoFrame.reformat` on one thread: with more, swscale now and then leaves the last lines unwritten.

    What converts is kept for each thread and kind of result, since making it takes as long as shrinking a picture.
    """
    kept: dict[str, VideoReformatter] = _kept.__dict__
    how = f"{pix_fmt} {options.get('interpolation')}"
    if how not in kept:
        kept[how] = VideoReformatter()
    return kept[how].reformat(frame, format=pix_fmt, threads=1, **options)


def source(frame: av.VideoFrame) -> dict[str, int]:
    """Options with which `reformat` reads a frame by its own matrix and range: faster than `to_image`, less exact."""
    colour = resolve(colour_of(frame), frame.height, frame.format.name)
    if colour.matrix == "gbr":
        return {}
    return {"src_colorspace": _number(MATRICES, colour.matrix), "src_color_range": _number(RANGES, colour.range)}


def small(
    frame: Frame, size: tuple[int, int], form: Literal["rgb24", "bgr24", "gray"], **options: Any
) -> NDArray[np.uint8]:
    """Return a frame at another size in 8 bits, `H×W×3` or `H×W`, converting no more than that.

    Args:
        frame: What is to be seen.
        size: Width and height in pixels.
        form: Which channels, in which order; alpha is left out.
        options: For `reformat`, if the frame is not converted yet; by default it takes means of areas.
    """
    if frame.native is not None:
        how = {"interpolation": "AREA", **options}
        made = reformat(frame.native, form, width=size[0], height=size[1], **how)
        return np.asarray(made.to_ndarray(), np.uint8)
    image = to_depth(cv2.resize(frame.image[..., :3], size, interpolation=cv2.INTER_AREA), np.dtype(np.uint8))
    if form == "gray":
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    return image[..., ::-1] if form == "bgr24" else image


def _same(frame: av.VideoFrame, pix_fmt: str) -> av.VideoFrame:
    """Repack a frame without touching its values: matrix and range are declared equal on both sides."""
    if frame.format.name == pix_fmt:
        return frame
    return reformat(frame, pix_fmt, src_colorspace=1, dst_colorspace=1, src_color_range=2, dst_color_range=2)


def to_image(native: av.VideoFrame) -> Image:
    """Convert a decoded frame to RGB, or RGBA when its format has alpha.

    The frame's own matrix and range are honoured. Where the file says nothing the matrix is bt709 from 720
    lines on and smpte170m below, the range limited, or full for RGB, grey and `yuvj` formats.

    Returns:
        `H×W×3` or `H×W×4` (straight alpha), uint8 for 8-bit formats, uint16 of 0…65535 for deeper ones.

    Raises:
        MediaError: The matrix is not one that is linear in RGB (such as ictcp).
    """
    name = native.format.name
    layout = _layout(name)
    colour = resolve(colour_of(native), native.height, name)
    frame = _same(native, layout.planar)
    if layout.rgb:
        return _packed(frame)
    white = 255 if layout.bits <= 8 else 65535
    if layout.grey:
        return _grey(frame, layout, colour, white)
    matrix = _to_rgb(colour.matrix, colour.range, layout.bits, white)
    luma, *chroma = _planes(frame, layout.bits)
    image = np.empty((frame.height, frame.width, layout.channels), np.uint8 if white == 255 else np.uint16)
    for lines in _bands(frame.width, frame.height):
        parts = [_enlarge(plane, lines, frame.width, layout.sub) for plane in chroma[:2]]
        rgb: Array = cv2.transform(cv2.merge([luma[lines], *parts]), matrix)
        if layout.alpha:
            rgb = _with_alpha(rgb, _stretch(chroma[2][lines], (1 << layout.bits) - 1, white))
        image[lines] = rgb
    return image


def _bands(width: int, height: int) -> list[slice]:
    """Cut a picture into bands of lines that stay in the processor's cache: about twice as fast."""
    step = max(4, 65536 // width // 4 * 4)
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]


def _packed(frame: av.VideoFrame) -> Image:
    """An RGB frame as an array of its own, without the padding of its lines."""
    return np.ascontiguousarray(frame.to_ndarray())


def _grey(frame: av.VideoFrame, layout: _Layout, colour: Colour, white: int) -> Image:
    bits = 16 if layout.alpha and layout.bits > 8 else layout.bits
    alpha: Array | None = None
    luma: Array
    if layout.alpha:
        pairs = _plane(frame.planes[0], frame.width * 2, frame.height, bits)
        luma, alpha = np.ascontiguousarray(pairs[:, ::2]), np.ascontiguousarray(pairs[:, 1::2])
    else:
        luma = _plane(frame.planes[0], frame.width, frame.height, bits)
    top = (1 << bits) - 1
    if colour.range == "limited":
        step = 1 << (bits - 8)
        luma = cv2.transform(luma, np.array([[white / (219 * step), -16 * white / 219]], np.float32))
    else:
        luma = _stretch(luma, top, white)
    rgb: Array = cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB)
    return rgb if alpha is None else _with_alpha(rgb, _stretch(alpha, top, white))


def _stretch(plane: Array, top: int, white: int) -> Array:
    """Scale samples of 0…top to 0…white."""
    if top == white:
        return plane
    return cv2.transform(plane, np.array([[white / top]], np.float32))


def _with_alpha(rgb: Array, alpha: Array) -> Array:
    return cv2.merge([*cv2.split(rgb), alpha])


def _enlarge(plane: Array, lines: slice, width: int, sub: tuple[int, int]) -> Array:
    """Chroma for a band of lines, as if the whole plane had been enlarged."""
    if sub == (0, 0):
        return plane[lines]
    first, last = lines.start >> sub[1], -(-lines.stop >> sub[1])
    above, below = max(first - 1, 0), min(last + 1, plane.shape[0])
    size = plane.shape[1] << sub[0], (below - above) << sub[1]
    enlarged: Array = cv2.resize(plane[above:below], size, interpolation=cv2.INTER_LINEAR)
    top = lines.start - (above << sub[1])
    return enlarged[top : top + lines.stop - lines.start, :width]


def _reduce(plane: Array, sub: tuple[int, int]) -> Array:
    if sub == (0, 0):
        return plane
    height, width = plane.shape
    right, bottom = -width % (1 << sub[0]), -height % (1 << sub[1])
    if right or bottom:
        plane = cv2.copyMakeBorder(plane, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    size = plane.shape[1] >> sub[0], plane.shape[0] >> sub[1]
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def to_native(image: Image, spec: VideoSpec, pix_fmt: str) -> av.VideoFrame:
    """Convert an image to a frame for an encoder, tagged with the colour it was made for.

    Args:
        image: `H×W×3` or `H×W×4`, uint8 or uint16; alpha is dropped when `pix_fmt` has none, and opaque is
            assumed when `image` has none.
        spec: Its `colour` says which matrix, range, primaries and transfer to use and to write down; unknown
            matrix and range are resolved as `to_image` does, and left unknown in the tags.
        pix_fmt: FFmpeg's name of the encoder's pixel format.

    Returns:
        A frame without pts.

    Raises:
        MediaError: The matrix is not one that is linear in RGB (such as ictcp).
    """
    layout = _layout(pix_fmt)
    height, width = image.shape[:2]
    colour = resolve(spec.colour, height, pix_fmt)
    if layout.rgb or (layout.grey and layout.alpha):
        frame = _rgb_frame(image, layout, pix_fmt)
    else:
        frame = av.VideoFrame(width, height, layout.planar)
        _fill(_planes(frame, layout.bits), image, layout, colour)
        frame = _same(frame, pix_fmt)
    tags = spec.colour
    if layout.rgb:
        tags = Colour("full", "gbr", tags.primaries, tags.transfer)
    elif tags.matrix == "gbr":
        tags = colour
    set_colour(frame, tags)
    return frame


def _fill(planes: list[Array], image: Image, layout: _Layout, colour: Colour) -> None:
    """Write the planes of a YCbCr or grey format."""
    deepen = image.dtype == np.uint8 and layout.bits > 8
    white = 65535 if deepen else int(np.iinfo(image.dtype).max)
    matrix = _to_ycc(colour.matrix, colour.range, layout.bits, white)
    for lines in _bands(image.shape[1], image.shape[0]):
        band: Array = image[lines]
        if deepen:
            band = band.astype(np.uint16) * np.uint16(257)
        rgb = cv2.cvtColor(band, cv2.COLOR_RGBA2RGB) if band.shape[2] == 4 else band
        if layout.grey:
            planes[0][lines] = cv2.transform(rgb, matrix[:1])
            continue
        luma, *chroma = cv2.split(cv2.transform(rgb, matrix))
        planes[0][lines] = luma
        rows = slice(lines.start >> layout.sub[1], -(-lines.stop >> layout.sub[1]))
        for plane, values in zip(planes[1:3], chroma, strict=True):
            plane[rows] = _reduce(values, layout.sub)
        if layout.alpha and band.shape[2] == 4:
            planes[3][lines] = _stretch(np.ascontiguousarray(band[..., 3]), white, (1 << layout.bits) - 1)
        elif layout.alpha:
            planes[3][lines] = (1 << layout.bits) - 1


def _rgb_frame(image: Image, layout: _Layout, pix_fmt: str) -> av.VideoFrame:
    """A frame of an RGB format; swscale's repacking between RGB depths is exact."""
    deep = image.dtype == np.uint16
    pixels: Array = image
    if image.shape[2] == 4 and not layout.alpha:
        pixels = cv2.cvtColor(image, cv2.COLOR_RGBA2RGB)
    packed = {(False, 3): "rgb24", (False, 4): "rgba", (True, 3): "rgb48le", (True, 4): "rgba64le"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), packed[deep, pixels.shape[2]])
    return _same(frame, pix_fmt)
