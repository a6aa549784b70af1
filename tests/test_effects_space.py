"""resize, crop and pad."""

from fractions import Fraction

import numpy as np
import pytest

from melies.effects.crop import Crop
from melies.effects.pad import Pad
from melies.effects.resize import Resize
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import picture


def spec_of(image, **changes):
    height, width, channels = image.shape
    plain = VideoSpec(width, height, Fraction(25), Fraction(1, 25), depth=8 * image.itemsize, alpha=channels == 4)
    return plain.replace(**changes)


def run(effect, image, **changes):
    """Apply to a clip of one frame and check what comes out against the declared spec."""
    spec = spec_of(image, **changes)
    before = image.copy()
    given = Frame(image, 7, Fraction(1, 25), 3, cut=True)
    (frame,) = effect.apply(iter([given]), spec)
    out = effect.output(spec)
    assert frame.image.shape == out.shape
    assert frame.image.dtype == out.dtype
    assert (frame.pts, frame.duration, frame.cut) == (7, 3, True)
    assert np.array_equal(given.image, before)
    return frame.image, out


IMAGES = [
    picture(37, 23, 1),
    picture(37, 23, 1, alpha=True),
    picture(37, 23, 1, depth=10),
    picture(37, 23, 1, depth=16, alpha=True),
]


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize(
    "effect",
    [
        Resize(),
        Resize(scale=1),
        Resize(width=37),
        Resize(width=37, height=23),
        Crop(),
        Crop(x=0, width=37),
        Pad(),
        Pad(width=37, height=23),
        Pad(colour="transparent"),
        Crop(aspect="37:23"),
    ],
)
def test_settings_that_change_nothing_return_the_same_image(effect, image):
    result, out = run(effect, image)
    assert result is image
    assert out == spec_of(image)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width": 74}, (74, 46)),
        ({"height": 46}, (74, 46)),
        ({"scale": 0.5}, (18, 12)),
        ({"scale": 0.5, "even": True}, (18, 12)),
        ({"width": 75, "even": True}, (76, 46)),
        ({"width": 20, "height": 20}, (20, 12)),
        ({"width": 20, "height": 20, "fit": "cover"}, (20, 20)),
        ({"width": 21, "height": 90, "fit": "cover", "even": True}, (20, 90)),
        ({"width": 20, "height": 20, "fit": "stretch"}, (20, 20)),
        ({"width": 1}, (1, 1)),
        ({"width": 60, "filter": "nearest"}, (60, 37)),
    ],
)
def test_resize_gives_the_size_it_declares(options, size, image):
    _, out = run(Resize(**options), image)
    assert (out.width, out.height) == size


def test_resize_makes_pixels_square_unless_it_only_scales():
    image = picture(72, 57, 0)
    _, out = run(Resize(height=57), image, pixel_aspect=Fraction(64, 45))
    assert (out.width, out.height, out.pixel_aspect) == (102, 57, 1)
    _, out = run(Resize(width=100, height=100), image, pixel_aspect=Fraction(64, 45))
    assert (out.width, out.height) == (100, 56)
    _, out = run(Resize(scale=0.5), image, pixel_aspect=Fraction(64, 45))
    assert (out.width, out.height, out.pixel_aspect) == (36, 28, Fraction(64, 45))


def test_cover_keeps_the_middle():
    image = np.zeros((10, 40, 3), np.uint8)
    image[:, 15:25] = 255
    result, _ = run(Resize(width=10, height=10, fit="cover"), image)
    assert (result == 255).all()


def test_resize_asks_for_one_way_only():
    with pytest.raises(UseError, match="not both"):
        Resize(width=10, scale=2)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize(
    ("options", "box"),
    [
        ({"x": 3, "y": 4, "width": 5, "height": 6}, (3, 4, 5, 6)),
        ({"x": 3}, (3, 0, 34, 23)),
        ({"width": 11, "height": 11}, (13, 6, 11, 11)),
        ({"width": 11, "height": 11, "gravity": "bottom-right"}, (26, 12, 11, 11)),
        ({"width": 11, "height": 11, "gravity": "left"}, (0, 6, 11, 11)),
        ({"aspect": "1:1"}, (7, 0, 23, 23)),
        ({"aspect": "9:16"}, (12, 0, 13, 23)),
        ({"aspect": "4", "gravity": "top"}, (0, 0, 37, 9)),
    ],
)
def test_crop_cuts_the_rectangle(options, box, image):
    x, y, width, height = box
    result, _ = run(Crop(**options), image)
    assert np.array_equal(result, image[y : y + height, x : x + width])


def test_crop_minds_the_shape_of_pixels():
    _, out = run(Crop(aspect="4:3"), picture(72, 48, 0), pixel_aspect=Fraction(2))
    assert (out.width, out.height) == (32, 48)


@pytest.mark.parametrize(
    "options", [{"x": 30, "width": 8}, {"width": 38}, {"y": 23}, {"x": 99, "aspect": "1:1"}, {"height": 24}]
)
def test_crop_outside_is_refused(options):
    with pytest.raises(UseError, match="sticks out"):
        Crop(**options).output(spec_of(IMAGES[0]))


@pytest.mark.parametrize("value", ["0", "-1:2", "wide", "1:0"])
def test_an_impossible_aspect_is_refused(value):
    with pytest.raises(UseError, match="aspect"):
        Crop(aspect=value)


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize(
    ("options", "canvas"),
    [
        ({"width": 50, "height": 30}, (50, 30, 6, 3)),
        ({"width": 50, "gravity": "left"}, (50, 23, 0, 0)),
        ({"aspect": "1:1"}, (37, 37, 0, 7)),
        ({"aspect": "37:13", "gravity": "left"}, (65, 23, 0, 0)),
        ({"left": 1, "right": 2, "top": 3, "bottom": 4}, (40, 30, 1, 3)),
        ({"aspect": "1:1", "colour": "transparent"}, (37, 37, 0, 7)),
        ({"aspect": "1:1", "blur": 3}, (37, 37, 0, 7)),
    ],
)
def test_pad_surrounds_the_picture(options, canvas, image):
    width, height, x, y = canvas
    result, out = run(Pad(**options), image)
    white = np.iinfo(image.dtype).max
    assert (out.width, out.height) == (width, height)
    assert np.array_equal(result[y : y + 23, x : x + 37, : image.shape[2]], image)
    if "blur" in options:
        assert 0 < result[0, 0, :3].astype(int).sum() < 3 * white
    else:
        edge = result[height - 1, width - 1]
        assert (edge[:3] == 0).all()
        assert result.shape[2] == 3 or edge[3] == (0 if "colour" in options else white)


def test_pad_smaller_than_the_picture_is_refused():
    with pytest.raises(UseError, match="does not fit"):
        Pad(width=36).output(spec_of(IMAGES[0]))
    with pytest.raises(UseError, match="one of the three"):
        Pad(width=99, aspect="1:1")
    with pytest.raises(UseError, match="not a colour"):
        Pad(colour="reddish")
