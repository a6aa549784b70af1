"""`bokeh`: what a lens would do, on pictures made for it and on a real one."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from skimage import data

from melies.effects import _lens
from melies.effects.bokeh import Bokeh
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.imaging import join_alpha

TICK = Fraction(1, 25)
SIDE = 120


def blurred(*images, **options):
    height, width, channels = images[0].shape
    depth = 8 * images[0].itemsize
    spec = VideoSpec(width, height, 1 / TICK, TICK, depth=depth, alpha=channels == 4)
    frames = [Frame(image.copy(), index, TICK, 1) for index, image in enumerate(images)]
    effect = Bokeh(**options)
    assert effect.output(spec) == spec
    return [frame.image for frame in effect.apply(iter(frames), spec)]


def write(path, image):
    cv2.imwrite(str(path), image)
    return path


def flat(level, side=SIDE):
    return np.full((side, side, 3), level, np.uint8)


@pytest.fixture
def far(tmp_path):
    """A depth map on which everything is at the far end."""
    return write(tmp_path / "far.png", np.zeros((SIDE, SIDE), np.uint8))


@pytest.fixture
def square(tmp_path):
    """A depth map with a near square in the middle."""
    depth = np.zeros((SIDE, SIDE), np.uint8)
    depth[40:80, 40:80] = 255
    return write(tmp_path / "square.png", depth)


def with_square(ground, colour):
    image = flat(0)
    image[...] = ground
    image[40:80, 40:80] = colour
    return image


# --- light -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_light_becomes_the_same_picture_again(dtype):
    white = np.iinfo(dtype).max
    codes = np.linspace(0, white, 3 * 256).round().astype(dtype).reshape(16, 16, 3)
    again = _lens.to_code(_lens.to_light(codes, 0), codes.dtype)
    assert np.abs(again.astype(int) - codes).max() <= (0 if dtype == np.uint8 else white / 2000)


def test_only_what_is_bright_shines():
    light = _lens.to_light(np.array([[[60, 60, 60], [255, 255, 255]]], np.uint8), 1.0)
    assert light[0, 0].max() < 0.06
    assert light[0, 1].min() > 4


@pytest.mark.parametrize("blades", [0, 5, 8])
@pytest.mark.parametrize("radius", [1.0, 4.3, 12.0])
def test_an_opening_has_the_size_it_says(radius, blades):
    shape = _lens.opening(radius, blades)
    assert shape.sum() == pytest.approx(1, abs=1e-5)
    area = 1 / shape.max()
    assert area == pytest.approx(np.pi * radius**2, rel=0.12)
    assert np.allclose(shape, shape[:, ::-1], atol=0.15 * shape.max()), "left and right are alike"


def test_a_point_of_light_becomes_a_disc_and_no_light_is_lost(far):
    image = flat(0)
    image[60, 60] = 255
    (found,) = blurred(image, depth=far, amount=10, highlights=0)
    light = _lens.to_light(found, 0)[..., 0]
    assert light.sum() == pytest.approx(1, rel=0.2), "8-bit black swallows a little"
    y, x = np.nonzero(light > 0.3 * light.max())
    assert np.hypot(x - 60, y - 60).max() == pytest.approx(6, abs=1.6)


# --- by a depth map --------------------------------------------------------------------------------


def test_nothing_sharp_leaks_into_what_is_behind(square):
    (found,) = blurred(with_square(90, (220, 30, 30)), depth=square, amount=12, highlights=0)
    outside = np.ones((SIDE, SIDE), bool)
    outside[39:81, 39:81] = False
    assert np.abs(found[outside].astype(int) - 90).max() <= 1
    assert np.array_equal(found[41:79, 41:79], with_square(90, (220, 30, 30))[41:79, 41:79])


def test_what_is_behind_does_get_blurred(square):
    image = with_square(0, (220, 30, 30))
    image[:, 100:] = 255
    (found,) = blurred(image, depth=square, amount=12, highlights=0)
    step = found[20, 90:110, 0].astype(int)
    assert np.all(np.diff(step) >= -1)
    assert np.sum((step > 20) & (step < 235)) > 6


def test_what_is_near_spreads_over_what_is_sharp_behind_it(square):
    image = with_square(90, (220, 30, 30))
    (found,) = blurred(image, depth=square, focus=0, amount=12, highlights=0)
    assert found[60, 36, 0] > 110, "its blur goes beyond its edge"
    assert found[60, 43, 0] < 210, "and one sees through it inside"
    assert np.abs(found[60, 60].astype(int) - (220, 30, 30)).max() <= 1
    assert np.array_equal(found[:20], image[:20])


def test_black_may_be_near(square, tmp_path):
    image = with_square(90, (220, 30, 30))
    image[::7] //= 2
    turned = write(tmp_path / "turned.png", 255 - cv2.imread(str(square), cv2.IMREAD_GRAYSCALE))
    (a,), (b,) = blurred(image, depth=square), blurred(image, depth=turned, near="black")
    assert np.array_equal(a, b)


def test_focus_is_found_at_a_place(square):
    image = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    (near,) = blurred(image, depth=square, focus_at=(0.5, 0.5))
    (far,) = blurred(image, depth=square, focus_at=(0.1, 0.1))
    assert np.array_equal(near, blurred(image, depth=square, focus=1)[0])
    assert np.array_equal(far, blurred(image, depth=square, focus=0)[0])


def test_a_depth_film_plays_along(tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    for number, level in enumerate((255, 0)):
        write(tmp_path / f"{number}.png", np.full((SIDE, SIDE), level, np.uint8))
    sharp, soft, held = blurred(image, image, image, depth=tmp_path / "%d.png")
    assert np.array_equal(sharp, image)
    assert soft.std() < 0.5 * image.std()
    assert np.array_equal(soft, held), "its last picture stays"


def test_deep_pictures_and_alpha(square):
    image = with_square(90, (220, 30, 30))
    deep = image.astype(np.uint16) * 257
    (a,), (b,) = blurred(image, depth=square, amount=8), blurred(deep, depth=square, amount=8)
    assert np.abs(a.astype(int) - b / 257).max() < 1.5
    alpha = np.arange(SIDE * SIDE).reshape(SIDE, SIDE).astype(np.uint8)
    (c,) = blurred(join_alpha(image, alpha), depth=square, amount=8)
    assert np.array_equal(c[..., 3], alpha)
    assert np.array_equal(c[..., :3], a)


# --- by who is in the picture ----------------------------------------------------------------------


def test_people_stay_sharp_and_what_is_behind_them_does_not():
    image = cv2.resize(data.astronaut(), (320, 320), interpolation=cv2.INTER_AREA)
    (found,) = blurred(image, amount=6)

    def detail(picture, part):
        return cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F)[part].std()

    face, rocket = (slice(55, 95), slice(128, 152)), (slice(20, 170), slice(225, 300))
    assert np.abs(found[face].astype(int) - image[face]).max() <= 2
    assert detail(found, rocket) < 0.25 * detail(image, rocket)


def test_people_do_not_glow():
    """The suit is orange, and nothing of that lies on the wall beside it."""
    image = cv2.resize(data.astronaut(), (320, 320), interpolation=cv2.INTER_AREA)
    (found,) = blurred(image, amount=8, highlights=0)
    wall = found[140:165, 222:232].astype(int)
    assert (wall[..., 0] - wall[..., 2]).mean() < 30


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"blades": 2}, "at least 3"),
        ({"focus": 0.5}, "needs --depth"),
        ({"depth": "d.png", "focus": 0.5, "focus_at": (0.5, 0.5)}, "either --focus or --focus-at"),
        ({"amount": 50}, "--amount"),
        ({"depth": "https://example.com/d.png"}, "https"),
    ],
)
def test_what_makes_no_sense_is_refused(options, words):
    with pytest.raises(UseError, match=words):
        Bokeh(**options)


def test_a_missing_depth_map_is_named(tmp_path):
    with pytest.raises(UseError, match=r"none\.png"):
        blurred(flat(0), depth=tmp_path / "none.png")


def test_networks_are_named_only_where_they_are_used(far):
    assert Bokeh().models() == ("selfie", "body", "body-detector")
    assert Bokeh(depth=far).models() == ()
