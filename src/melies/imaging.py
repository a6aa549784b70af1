"""Small operations on single images that several effects share.

Images are RGB or RGBA with straight alpha, uint8 or uint16 (see `melies.frame.Image`); masks have a
single channel and the same depth. Nothing here modifies its arguments.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from melies.errors import UseError
from melies.files import exists, is_file
from melies.frame import Image

Rgba = tuple[int, int, int, int]
Fit = Literal["stretch", "contain", "cover"]
Filter = Literal["auto", "nearest", "linear", "cubic", "area", "lanczos"]
Plane = NDArray[np.uint8] | NDArray[np.uint16]
Float = NDArray[np.float32]

FILTERS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}


def parse_colour(text: str) -> Rgba:
    """Read a colour the way CSS writes it.

    Args:
        text: A CSS name, `transparent`, `#rgb`, `#rgba`, `#rrggbb`, `#rrggbbaa` or `rgb(r, g, b[, a])`,
            where a is 0…1 or a percentage.

    Returns:
        Red, green, blue and alpha, each 0…255.

    Raises:
        ValueError: It is not a colour.
    """
    word = text.strip().lower()
    if word in _names():
        word = _names()[word]
    digits = word.removeprefix("#")
    if word.startswith("#") and re.fullmatch(r"[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8}", digits):
        if len(digits) < 6:
            digits = "".join(digit * 2 for digit in digits)
        red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
        return red, green, blue, alpha
    if match := re.fullmatch(r"rgba?\(([^()]*)\)", word):
        parts = re.split(r"[\s,/]+", match[1].strip())
        if len(parts) in (3, 4) and all(re.fullmatch(r"\d*\.?\d+%?", part) for part in parts):
            red, green, blue = (_number(part, 255) for part in parts[:3])
            return red, green, blue, _number(parts[3], 255, unit=255) if len(parts) == 4 else 255
    raise ValueError(f"{text!r} is not a colour; write a name such as red, #rrggbb, #rrggbbaa or rgb(r, g, b)")


def _number(text: str, full: int, unit: float = 1) -> int:
    """Read one component of `rgb()`: a number (times `unit`) or a percentage of `full`."""
    value = float(text[:-1]) / 100 * full if text.endswith("%") else float(text) * unit
    if not 0 <= value <= full:
        raise ValueError(f"colour component {text} is out of range")
    return round(value)


def _valid_colour(text: str) -> str:
    parse_colour(text)
    return text


ColourText = Annotated[str, AfterValidator(_valid_colour), Field(json_schema_extra={"format": "colour"})]
"""The type of effect fields that hold a colour."""


def white_of(image: NDArray[Any]) -> int:
    """The largest code value of an image: 255 or 65535."""
    return int(np.iinfo(image.dtype).max)


def fill(width: int, height: int, colour: Rgba, like: Image, *, alpha: bool | None = None) -> Image:
    """Make an image of one colour with the depth and, unless `alpha` differs, the channels of `like`."""
    channels = like.shape[2] if alpha is None else 3 + alpha
    value = np.array(colour[:channels], like.dtype) * (white_of(like) // 255)
    return np.broadcast_to(value, (height, width, channels)).copy()


def to_depth(image: Image, dtype: np.dtype[Any]) -> Image:
    """Convert between uint8 and uint16 so that white stays white; exact there and back."""
    if image.dtype == dtype:
        return image
    if dtype == np.uint16:
        return image.astype(np.uint16) * np.uint16(257)
    return cast(Image, cv2.convertScaleAbs(image, alpha=1 / 257))


def split_alpha(image: Image) -> tuple[Image, Plane | None]:
    """Return the colours (`H×W×3`, contiguous) and the alpha plane (`H×W`), None where there is none."""
    if image.shape[2] == 3:
        return image, None
    return cast(Image, cv2.cvtColor(image, cv2.COLOR_RGBA2RGB)), cast(Plane, cv2.extractChannel(image, 3))


def join_alpha(colours: Image, alpha: Plane | None) -> Image:
    """Put an alpha plane beside colours; with None the colours are returned as they are."""
    if alpha is None:
        return colours
    image = cv2.cvtColor(colours, cv2.COLOR_RGB2RGBA)
    return cast(Image, cv2.insertChannel(alpha, image, 3))


def over(foreground: Image, background: Image, white: int | None = None) -> Image:
    """Lay an RGBA image over another of the same size and depth (Porter and Duff's *over*, straight alpha).

    Args:
        foreground: `H×W×4`; with three channels it simply covers the background.
        background: `H×W×3` or `H×W×4`.
        white: 255 or 65535; taken from the images when None.

    Returns:
        As many channels as `background`. Alpha of 0 and of `white` are exact.
    """
    white = white_of(background) if white is None else white
    front, alpha = split_alpha(foreground)
    if alpha is None:
        return join_alpha(front, np.full(front.shape[:2], white, front.dtype) if background.shape[2] == 4 else None)
    back, below = split_alpha(background)
    if below is None:
        return blend(front, back, alpha)
    top, bottom = _unit(alpha), _unit(below)
    whole = top + bottom * (1 - top)
    share = np.divide(top, whole, out=np.zeros_like(top), where=whole > 0)
    colours = blend(front, back, _quantise(share, np.dtype(np.float32)))
    return join_alpha(colours, _quantise(whole, background.dtype))


def blend(front: Image, back: Image, weight: NDArray[Any]) -> Image:
    """Mix two images of three channels: `weight` of front (`H×W`; 0…white, or 0…1 as float32) over back."""
    share = weight if weight.dtype == np.float32 else _unit(weight)
    if front.dtype == np.uint8:
        return cast(Image, cv2.blendLinear(front, back, share, 1 - share))
    mixed = cv2.subtract(front, back, dtype=cv2.CV_32F)
    mixed = cv2.multiply(mixed, cv2.cvtColor(share, cv2.COLOR_GRAY2RGB))
    return cast(Image, cv2.add(mixed, back, dtype=cv2.CV_16U))


def _unit(plane: NDArray[Any]) -> Float:
    """Bring a plane of code values to 0…1."""
    return cast(Float, np.multiply(plane, np.float32(1 / white_of(plane)), dtype=np.float32))


def _quantise(plane: Float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Bring 0…1 back to code values, rounded and clipped; float32 stays as it is."""
    if dtype == np.float32:
        return plane
    white = np.iinfo(dtype).max
    return np.clip(np.rint(plane * white), 0, white).astype(dtype)


def resize(image: Image, width: int, height: int, filter: Filter = "auto") -> Image:
    """Scale to `width`×`height`, with colours weighted by alpha so that no dark or foreign fringe appears.

    `auto` averages areas where a side shrinks and uses Lanczos where it grows.
    """
    if image.shape[:2] == (height, width):
        return image
    if image.shape[2] == 3:
        return cast(Image, _scale(image, width, height, filter))
    colours, alpha = split_alpha(image)
    assert alpha is not None
    white = white_of(image)
    if int(alpha.min()) == white:
        return join_alpha(_scale(colours, width, height, filter), np.full((height, width), white, image.dtype))
    weight = _unit(alpha)
    carried = _scale(
        cv2.multiply(colours, cv2.cvtColor(weight, cv2.COLOR_GRAY2RGB), dtype=cv2.CV_32F),
        width,
        height,
        filter,
    )
    weight = _scale(weight, width, height, filter)
    safe = cv2.cvtColor(np.maximum(weight, 1 / (2 * white)), cv2.COLOR_GRAY2RGB)
    depth = cv2.CV_8U if image.dtype == np.uint8 else cv2.CV_16U
    return join_alpha(cast(Image, cv2.divide(carried, safe, dtype=depth)), _quantise(weight, image.dtype))


def _scale(image: NDArray[Any], width: int, height: int, filter: Filter) -> Any:
    """Scale without regard to alpha; `auto` may shrink one side first and then enlarge the other."""
    if filter != "auto":
        return cv2.resize(image, (width, height), interpolation=FILTERS[filter])
    small = min(width, image.shape[1]), min(height, image.shape[0])
    if small != (image.shape[1], image.shape[0]):
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    if small != (width, height):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LANCZOS4)
    return image


def fitted(width: int, height: int, into_width: int, into_height: int, mode: Fit) -> tuple[int, int]:
    """Size of a picture fitted into another: inside it (`contain`), filling it (`cover`), or `stretch`."""
    if mode == "stretch":
        return into_width, into_height
    across, down = into_width * height, into_height * width
    wide = across < down if mode == "contain" else across > down
    if wide:
        return into_width, max(1, (into_width * height + width // 2) // width)
    return max(1, (into_height * width + height // 2) // height), into_height


def fit(image: Image, width: int, height: int, mode: Fit = "cover", filter: Filter = "auto") -> Image:
    """Bring an image to exactly `width`×`height`.

    Args:
        image: RGB or RGBA.
        width: Wanted width in pixels.
        height: Wanted height in pixels.
        mode: `stretch` ignores the aspect; `cover` keeps it and crops to the middle; `contain` keeps it and
            leaves bars, transparent with alpha and black without.
        filter: How to interpolate.
    """
    size = fitted(image.shape[1], image.shape[0], width, height, mode)
    scaled = resize(image, *size, filter)
    if size == (width, height):
        return scaled
    return place(scaled, width, height, (width - size[0]) // 2, (height - size[1]) // 2)


def place(image: Image, width: int, height: int, x: int, y: int, colour: Rgba = (0, 0, 0, 0)) -> Image:
    """Put the image with its corner at (x, y) on a `width`×`height` canvas; what sticks out is cut."""
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + image.shape[1], width), min(y + image.shape[0], height)
    if right - left == width and bottom - top == height:
        if image.shape[:2] == (height, width):
            return image
        return image[top - y : bottom - y, left - x : right - x].copy()
    canvas = fill(width, height, colour, image)
    if right > left and bottom > top:
        canvas[top:bottom, left:right] = image[top - y : bottom - y, left - x : right - x]
    return canvas


def blur(plane: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Gaussian blur of `sigma` pixels, any channels; wide ones are computed on a smaller copy."""
    shrink = int(sigma // 6)
    if shrink < 2 or min(plane.shape[:2]) < 8 * shrink:
        return cv2.GaussianBlur(plane, (0, 0), sigma) if sigma > 0 else plane
    height, width = plane.shape[:2]
    small = cv2.resize(plane, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def shrink(alpha: NDArray[Any], pixels: float) -> NDArray[Any]:
    """Pull the edge of a matte inwards by `pixels` (negative: outwards); fractions are interpolated."""
    if pixels == 0:
        return alpha
    operation = cv2.erode if pixels > 0 else cv2.dilate
    whole = int(abs(pixels))
    part = abs(pixels) - whole
    if whole:
        size = 2 * whole + 1
        alpha = operation(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    if part:
        further = operation(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
        alpha = cv2.addWeighted(alpha, 1 - part, further, part, 0)
    return alpha


def read_mask(path: Path, width: int, height: int, dtype: np.dtype[Any], called: str = "mask") -> Plane:
    """Read an image file as a mask, brought to `width`×`height` and `dtype`: its brightness times its alpha.

    Args:
        path: The file.
        width: Pixels.
        height: Pixels.
        dtype: uint8 or uint16.
        called: What a message calls it.

    Raises:
        UseError: The file is missing or no image.
    """
    if not is_file(path):
        wrong = "is a folder" if exists(path) else "does not exist"
        raise UseError(f"The {called} {path} {wrong}.", "Give an image file.")
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) if path.stat().st_size else None
    if image is None:
        raise UseError(f"The {called} {path} is not an image that can be read.", "Give a PNG, JPEG, TIFF or WebP file.")
    image = np.atleast_3d(image)
    grey = image[..., 0] if image.shape[2] < 3 else cv2.cvtColor(image[..., :3], cv2.COLOR_BGR2GRAY)
    mask = _unit(grey) * (_unit(image[..., 3]) if image.shape[2] == 4 else np.float32(1))
    return _quantise(_scale(mask, width, height, "auto"), dtype)


_NAMES = """
aliceblue f0f8ff antiquewhite faebd7 aqua 00ffff aquamarine 7fffd4 azure f0ffff beige f5f5dc bisque ffe4c4
black 000000 blanchedalmond ffebcd blue 0000ff blueviolet 8a2be2 brown a52a2a burlywood deb887 cadetblue
5f9ea0 chartreuse 7fff00 chocolate d2691e coral ff7f50 cornflowerblue 6495ed cornsilk fff8dc crimson dc143c
cyan 00ffff darkblue 00008b darkcyan 008b8b darkgoldenrod b8860b darkgray a9a9a9 darkgreen 006400 darkgrey
a9a9a9 darkkhaki bdb76b darkmagenta 8b008b darkolivegreen 556b2f darkorange ff8c00 darkorchid 9932cc darkred
8b0000 darksalmon e9967a darkseagreen 8fbc8f darkslateblue 483d8b darkslategray 2f4f4f darkslategrey 2f4f4f
darkturquoise 00ced1 darkviolet 9400d3 deeppink ff1493 deepskyblue 00bfff dimgray 696969 dimgrey 696969
dodgerblue 1e90ff firebrick b22222 floralwhite fffaf0 forestgreen 228b22 fuchsia ff00ff gainsboro dcdcdc
ghostwhite f8f8ff gold ffd700 goldenrod daa520 gray 808080 green 008000 greenyellow adff2f grey 808080
honeydew f0fff0 hotpink ff69b4 indianred cd5c5c indigo 4b0082 ivory fffff0 khaki f0e68c lavender e6e6fa
lavenderblush fff0f5 lawngreen 7cfc00 lemonchiffon fffacd lightblue add8e6 lightcoral f08080 lightcyan
e0ffff lightgoldenrodyellow fafad2 lightgray d3d3d3 lightgreen 90ee90 lightgrey d3d3d3 lightpink ffb6c1
lightsalmon ffa07a lightseagreen 20b2aa lightskyblue 87cefa lightslategray 778899 lightslategrey 778899
lightsteelblue b0c4de lightyellow ffffe0 lime 00ff00 limegreen 32cd32 linen faf0e6 magenta ff00ff maroon
800000 mediumaquamarine 66cdaa mediumblue 0000cd mediumorchid ba55d3 mediumpurple 9370db mediumseagreen
3cb371 mediumslateblue 7b68ee mediumspringgreen 00fa9a mediumturquoise 48d1cc mediumvioletred c71585
midnightblue 191970 mintcream f5fffa mistyrose ffe4e1 moccasin ffe4b5 navajowhite ffdead navy 000080 oldlace
fdf5e6 olive 808000 olivedrab 6b8e23 orange ffa500 orangered ff4500 orchid da70d6 palegoldenrod eee8aa
palegreen 98fb98 paleturquoise afeeee palevioletred db7093 papayawhip ffefd5 peachpuff ffdab9 peru cd853f
pink ffc0cb plum dda0dd powderblue b0e0e6 purple 800080 rebeccapurple 663399 red ff0000 rosybrown bc8f8f
royalblue 4169e1 saddlebrown 8b4513 salmon fa8072 sandybrown f4a460 seagreen 2e8b57 seashell fff5ee sienna
a0522d silver c0c0c0 skyblue 87ceeb slateblue 6a5acd slategray 708090 slategrey 708090 snow fffafa
springgreen 00ff7f steelblue 4682b4 tan d2b48c teal 008080 thistle d8bfd8 tomato ff6347 transparent 00000000
turquoise 40e0d0 violet ee82ee wheat f5deb3 white ffffff whitesmoke f5f5f5 yellow ffff00 yellowgreen 9acd32
"""


@cache
def _names() -> dict[str, str]:
    words = _NAMES.split()
    return {name: f"#{code}" for name, code in zip(words[::2], words[1::2], strict=True)}
