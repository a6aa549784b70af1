"""Conversion between decoder frames and images, measured against the formulas of ITU-T H.273."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from melies.errors import MediaError
from melies.frame import Colour, VideoSpec
from melies.media.convert import (
    MATRICES,
    PRIMARIES,
    TRANSFERS,
    bits_and_alpha,
    colour_of,
    resolve,
    set_colour,
    to_image,
    to_native,
)
from melies.media.synthetic import picture

WEIGHTS = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114), "bt2020nc": (0.2627, 0.0593)}


def spec(image: np.ndarray, **changes: Any) -> VideoSpec:
    height, width, channels = image.shape
    base = VideoSpec(width, height, Fraction(25), Fraction(1, 25), alpha=channels == 4)
    return base.replace(depth=8 if image.dtype == np.uint8 else 16, **changes)


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    dtype = np.dtype(np.uint8 if bits_and_alpha(frame.format.name)[0] == 8 else np.uint16)
    return [
        np.ndarray((plane.height, plane.width), dtype, plane, strides=(plane.line_size, dtype.itemsize))
        for plane in frame.planes
    ]


def reference(ycc: np.ndarray, matrix: str, range_: str, bits: int) -> np.ndarray:
    """RGB of 0…1 from code values, straight from the standard."""
    red, blue = WEIGHTS[matrix]
    green, step, top = 1 - red - blue, 2 ** (bits - 8), 2**bits - 1
    luma, cb, cr = np.moveaxis(ycc.astype(np.float64), -1, 0)
    if range_ == "limited":
        luma, cb, cr = (luma / step - 16) / 219, (cb / step - 128) / 224, (cr / step - 128) / 224
    else:
        luma, cb, cr = luma / top, (cb - 128 * step) / top, (cr - 128 * step) / top
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    return np.clip(np.stack([r, (luma - red * r - blue * b) / green, b], -1), 0, 1)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("range_", ["limited", "full"])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_to_image_follows_the_formulas(matrix: str, range_: str, bits: int) -> None:
    codes = np.random.default_rng(1).integers(0, 2**bits, (32, 48, 3), dtype=np.uint32)
    frame = av.VideoFrame(48, 32, "yuv444p" if bits == 8 else f"yuv444p{bits}le")
    for plane, values in zip(planes(frame), np.moveaxis(codes, -1, 0), strict=True):
        plane[...] = values
    set_colour(frame, Colour(range_, matrix))
    image = to_image(frame)
    white = 255 if bits == 8 else 65535
    expected = reference(codes, matrix, range_, bits) * white
    assert image.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert np.abs(image - expected).max() <= 1


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "yuv420p10le", "yuv422p12le", "yuva444p10le", "nv12"])
@pytest.mark.parametrize("range_", ["limited", "full"])
def test_grey_stays_neutral_and_white_stays_white(pix_fmt: str, range_: str) -> None:
    white = 255 if bits_and_alpha(pix_fmt)[0] == 8 else 65535
    ramp = np.linspace(0, white, 64).astype(np.uint8 if white == 255 else np.uint16)
    image = np.repeat(np.broadcast_to(ramp, (16, 64))[..., None], 3, axis=2).copy()
    back = to_image(to_native(image, spec(image, colour=Colour(range_, "bt709")), pix_fmt))
    colours = back[..., :3].astype(int)
    assert np.ptp(colours, axis=2).max() == 0
    assert np.abs(colours - image).max() <= (white + 1) // 256 + 1
    assert (colours[:, 0] == 0).all()
    assert (colours[:, -1] == white).all()


@pytest.mark.parametrize("matrix", [*WEIGHTS, "unknown", "ycgco", "smpte240m"])
@pytest.mark.parametrize("range_", ["limited", "full", "unknown"])
def test_round_trip_within_two_codes(matrix: str, range_: str) -> None:
    image = picture(48, 33, 3)
    native = to_native(image, spec(image, colour=Colour(range_, matrix)), "yuv444p")
    assert np.abs(to_image(native).astype(int) - image).max() <= 2


def test_ten_bits_are_kept() -> None:
    image = picture(48, 33, 3, depth=10)
    native = to_native(image, spec(image), "yuv444p10le")
    error = np.abs(to_image(native).astype(int) - image)
    assert error.max() <= 2 * 64
    assert len(np.unique(to_image(native)[..., 1])) > 256


@pytest.mark.parametrize("size", [(48, 32), (49, 33), (1, 1), (2, 3)])
@pytest.mark.parametrize(
    "pix_fmt", ["yuv420p", "yuv422p", "yuv411p", "yuv410p", "yuv440p", "yuv420p10le", "nv12", "p010le"]
)
def test_subsampled_formats_of_any_size(pix_fmt: str, size: tuple[int, int]) -> None:
    deep = bits_and_alpha(pix_fmt)[0] > 8
    if pix_fmt == "p010le":  # swscale misplaces its last chroma sample when a side is odd; no decoder makes such
        size = size[0] + size[0] % 2, size[1] + size[1] % 2
    colour = np.array([200, 90, 40]) * (257 if deep else 1)
    image = np.broadcast_to(colour, (size[1], size[0], 3)).astype(np.uint16 if deep else np.uint8)
    back = to_image(to_native(image, spec(image), pix_fmt))
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).max() <= (2 * 257 if deep else 2)


@pytest.mark.parametrize(
    "pix_fmt",
    ["rgb24", "bgr24", "gbrp", "rgb48le", "gbrp16le", "rgba", "argb", "gbrap", "rgba64be", "gbrap16le"],
)
def test_rgb_formats_are_exact(pix_fmt: str) -> None:
    bits, alpha = bits_and_alpha(pix_fmt)
    image = picture(49, 33, 2, depth=bits, alpha=alpha)
    back = to_image(to_native(image, spec(image), pix_fmt))
    assert np.array_equal(back, image)
    assert back.flags.c_contiguous


@pytest.mark.parametrize("pix_fmt", ["gbrp10le", "gbrap12le", "gbrp9le"])
def test_rgb_of_other_depths_reaches_white(pix_fmt: str) -> None:
    bits, alpha = bits_and_alpha(pix_fmt)
    image = picture(48, 32, 2, depth=16, alpha=alpha)
    image[0] = 65535
    back = to_image(to_native(image, spec(image), pix_fmt))
    assert (back[0] == 65535).all()
    assert np.abs(back.astype(int) - image).max() <= 65536 // 2**bits


@pytest.mark.parametrize("pix_fmt", ["yuva420p", "yuva444p", "yuva422p10le", "yuva444p12le", "yuva444p16le"])
def test_alpha_is_exact_at_its_ends_and_full_range(pix_fmt: str) -> None:
    bits, _ = bits_and_alpha(pix_fmt)
    image = picture(48, 33, 1, depth=bits, alpha=True)
    image[0, :, 3], image[1, :, 3] = 0, image.max()
    back = to_image(to_native(image, spec(image), pix_fmt))
    assert (back[0, :, 3] == 0).all()
    assert (back[1, :, 3] == image[1, 0, 3]).all()
    assert np.abs(back[..., 3].astype(int) - image[..., 3]).max() <= (0 if bits in (8, 16) else 65536 // 2**bits)


def test_alpha_is_dropped_or_assumed_opaque() -> None:
    image = picture(16, 16, 0, alpha=True)
    assert to_image(to_native(image, spec(image), "yuv444p")).shape == (16, 16, 3)
    opaque = to_image(to_native(picture(16, 16, 0), spec(image), "yuva444p"))
    assert (opaque[..., 3] == 255).all()


@pytest.mark.parametrize(("range_", "code"), [("limited", 235), ("full", 255), ("unknown", 255)])
def test_grey_formats_honour_their_range(range_: str, code: int) -> None:
    frame = av.VideoFrame(17, 9, "gray")
    planes(frame)[0][...] = code
    set_colour(frame, Colour(range_))
    assert (to_image(frame) == 255).all()
    deep = av.VideoFrame(17, 9, "gray10le")
    planes(deep)[0][...] = 940 if range_ == "limited" else 1023
    set_colour(deep, Colour(range_))
    assert (to_image(deep) == 65535).all()


def test_eight_bit_images_go_into_deep_formats_and_back() -> None:
    image = picture(32, 32, 0)
    native = to_native(image, spec(image), "yuv444p10le")
    assert np.abs((to_image(native) >> 8).astype(int) - image).max() <= 1
    deep = picture(32, 32, 0, depth=16)
    assert np.abs(to_image(to_native(deep, spec(deep), "yuv444p")).astype(int) - (deep >> 8)).max() <= 2


def test_unknown_is_resolved_by_height_and_format() -> None:
    unknown = Colour()
    assert resolve(unknown, 720, "yuv420p") == Colour("limited", "bt709")
    assert resolve(unknown, 719, "yuv420p") == Colour("limited", "smpte170m")
    assert resolve(unknown, 100, "yuvj420p").range == "full"
    assert resolve(unknown, 100, "rgb24") == Colour("full", "gbr")


def test_tags_are_written_and_read_back() -> None:
    image = picture(16, 16, 0)
    colour = Colour("limited", "bt2020nc", "bt2020", "smpte2084")
    assert colour_of(to_native(image, spec(image, colour=colour), "yuv420p10le")) == colour
    assert colour_of(to_native(image, spec(image), "yuv420p")) == Colour()


@pytest.mark.parametrize("table", [MATRICES, PRIMARIES, TRANSFERS])
def test_names_are_unique(table: dict[int, str]) -> None:
    assert len(set(table.values())) == len(table)


def test_the_decoded_frame_is_not_touched() -> None:
    image = picture(16, 16, 0)
    native = to_native(image, spec(image), "nv12")
    before = colour_of(native), bytes(native.planes[0])
    to_image(native)
    assert (colour_of(native), bytes(native.planes[0])) == before


def test_a_matrix_that_is_not_linear_in_rgb_is_refused() -> None:
    frame = av.VideoFrame(16, 16, "yuv420p10le")
    set_colour(frame, Colour("limited", "ictcp"))
    with pytest.raises(MediaError, match="ictcp"):
        to_image(frame)


def test_large_pictures_are_converted_in_bands_without_seams() -> None:
    image = picture(2050, 301, 0)
    whole = to_native(image, spec(image), "yuv420p")
    left = to_native(image[:, :64].copy(), spec(image[:, :64]), "yuv420p")
    for wide, narrow in zip(planes(whole), planes(left), strict=True):
        assert np.array_equal(wide[:, : narrow.shape[1]], narrow)
    assert np.array_equal(to_image(whole)[:, :62], to_image(left)[:, :62])


def test_repacking_writes_every_line() -> None:
    frame = av.VideoFrame(38, 34, "p010le")
    for plane in frame.planes:
        plane.update(np.full(plane.buffer_size // 2, 500 << 6, np.uint16).tobytes())
    expected = to_image(frame)
    for _ in range(200):
        litter = av.VideoFrame(38, 34, "yuv420p10le")
        for plane in litter.planes:
            plane.update(bytes(range(256)) * (plane.buffer_size // 256) + bytes(plane.buffer_size % 256))
        del litter, plane
        assert np.array_equal(to_image(frame), expected)
