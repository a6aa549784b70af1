from fractions import Fraction

import cv2
import numpy as np
import pytest

from melies.effects._blend import mix
from melies.effects.compose import Compose
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import picture, write_clip

MODES = {
    "multiply": lambda s, b: s * b,
    "screen": lambda s, b: s + b - s * b,
    "overlay": lambda s, b: np.where(b <= 0.5, 2 * s * b, 1 - 2 * (1 - s) * (1 - b)),
    "hard-light": lambda s, b: np.where(s <= 0.5, 2 * s * b, 1 - 2 * (1 - s) * (1 - b)),
    "soft-light": lambda s, b: np.where(
        s <= 0.5,
        b - (1 - 2 * s) * b * (1 - b),
        b + (2 * s - 1) * (np.where(b <= 0.25, ((16 * b - 12) * b + 4) * b, np.sqrt(b)) - b),
    ),
    "add": lambda s, b: np.minimum(1, s + b),
    "subtract": lambda s, b: np.maximum(0, b - s),
    "difference": lambda s, b: np.abs(s - b),
    "darken": np.minimum,
    "lighten": np.maximum,
}


def compose(image, times=(0,), **options):
    height, width, channels = image.shape
    spec = VideoSpec(width, height, Fraction(25), Fraction(1, 25), depth=8 * image.itemsize, alpha=channels == 4)
    effect = Compose(**options)
    frames = [Frame(image.copy(), time, Fraction(1, 25), 1) for time in times]
    out = [frame.image for frame in effect.apply(iter(frames), spec)]
    assert all(one.shape == effect.output(spec).shape and one.dtype == image.dtype for one in out)
    return out if len(out) > 1 else out[0]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compose")
    logo = np.zeros((10, 20, 4), np.uint8)
    logo[:, 10:] = (0, 0, 255, 255)
    cv2.imwrite(str(folder / "logo.png"), logo)
    write_clip(folder / "film.mkv", size=(40, 30), frames=6, codec="ffv1", pix_fmt="yuv444p")
    return folder


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("depth", [8, 16])
def test_blend_modes_follow_their_formulas(mode, depth):
    front, back = picture(23, 17, 0, depth=depth), picture(23, 17, 5, scene=1, depth=depth)
    white = 255 if depth == 8 else 65535
    expected = np.clip(MODES[mode](front / white, back / white), 0, 1) * white
    assert np.abs(mix(front, back, mode) - expected).max() <= (1.01 if depth == 8 else 2)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("depth", [8, 10])
def test_over_a_colour(depth, alpha):
    image = picture(31, 21, 2, depth=depth, alpha=alpha)
    result = compose(image, background="white")
    white = np.iinfo(image.dtype).max
    assert result.shape[2] == 3
    if alpha:
        share = image[..., 3:] / white
        assert np.abs(result - (image[..., :3] * share + white * (1 - share))).max() <= 1
    else:
        assert np.array_equal(result, image)


def test_over_a_transparent_colour_keeps_alpha():
    image = picture(31, 21, 2, alpha=True)
    result = compose(image, background="transparent")
    assert np.array_equal(result[..., 3], image[..., 3])
    seen = image[..., 3] > 8
    assert np.abs(result[seen].astype(int) - image[seen]).max() <= 1


def test_the_clip_over_a_background_is_scaled_moved_and_thinned():
    image = np.full((20, 40, 3), 200, np.uint8)
    result = compose(image, background="black", scale=0.5, gravity="top-left", x=4, y=2, opacity=0.5)
    assert (result[2:12, 4:24] == 100).all()
    outside = np.ones((20, 40), bool)
    outside[2:12, 4:24] = False
    assert not result[outside].any()


def test_a_foreground_lies_over_the_clip(files):
    image = np.full((20, 40, 3), 50, np.uint8)
    result = compose(image, foreground=files / "logo.png", fit="none", gravity="bottom-right")
    assert (result[10:, 30:] == (255, 0, 0)).all()
    assert (result[10:, :30] == 50).all()
    assert (result[:10] == 50).all()
    result = compose(image, foreground=files / "logo.png")
    assert (result[:, 26:] == (255, 0, 0)).all()
    assert (compose(image, foreground=files / "logo.png", x=9999) == 50).all()


@pytest.mark.parametrize("ending", ["loop", "hold"])
def test_a_film_behind_follows_the_clock(files, ending):
    clear = np.zeros((30, 40, 4), np.uint8)
    images = compose(clear, times=[0, 3, 5, 6, 9, 40], background=files / "film.mkv", ending=ending)
    if ending == "loop":
        assert np.array_equal(images[0], images[3])
        assert np.array_equal(images[1], images[4])
    else:
        assert np.array_equal(images[2], images[3])
        assert np.array_equal(images[2], images[5])
    assert not np.array_equal(images[0], images[1])


def test_multiply_over_the_clip(files):
    image = picture(40, 30, 0)
    result = compose(image, foreground=files / "film.mkv", mode="multiply", opacity=0.5)
    plain = compose(image, foreground=files / "film.mkv", mode="multiply")
    assert np.abs(result - (plain / 2 + image / 2)).max() <= 1


@pytest.mark.parametrize("options", [{}, {"background": "white", "foreground": "x.png"}])
def test_one_other_is_needed(options):
    with pytest.raises(UseError, match="either --background or --foreground"):
        Compose(**options)


def test_what_is_neither_file_nor_colour_is_refused():
    with pytest.raises(UseError, match="neither a file nor a colour"):
        compose(np.zeros((4, 4, 3), np.uint8), background="nowhere.png")
    with pytest.raises(UseError, match="nowhere"):
        compose(np.zeros((4, 4, 3), np.uint8), foreground="nowhere.png")
