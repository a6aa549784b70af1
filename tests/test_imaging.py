import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melies import imaging

DEPTHS = [np.uint8, np.uint16]


def noise(height, width, channels, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype)


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("Red", (255, 0, 0, 255)),
        ("transparent", (0, 0, 0, 0)),
        ("#0f0", (0, 255, 0, 255)),
        ("#0f08", (0, 255, 0, 136)),
        ("#102030", (16, 32, 48, 255)),
        ("#10203040", (16, 32, 48, 64)),
        ("rgb(1, 2, 3)", (1, 2, 3, 255)),
        ("rgb(100% 0% 50% / 0.5)", (255, 0, 128, 128)),
        ("rgba(1,2,3,25%)", (1, 2, 3, 64)),
    ],
)
def test_colours_are_read_as_css_writes_them(text, colour):
    assert imaging.parse_colour(text) == colour


@pytest.mark.parametrize(
    "text", ["", "reddish", "#12", "#12345", "#ggg", "rgb(1,2)", "rgb(1,2,256)", "rgb(a,b,c)", "12"]
)
def test_what_is_no_colour_is_refused(text):
    with pytest.raises(ValueError, match="colour"):
        imaging.parse_colour(text)


@pytest.mark.parametrize("dtype", DEPTHS)
def test_over_matches_the_formula(dtype):
    front, back = noise(9, 7, 4, dtype), noise(9, 7, 3, dtype, 1)
    front[0, :, 3], front[1, :, 3] = 0, np.iinfo(dtype).max
    result = imaging.over(front, back)
    share = front[..., 3:] / np.iinfo(dtype).max
    expected = front[..., :3] * share + back * (1 - share)
    assert np.abs(result - expected).max() <= 0.501 + 1e-7 * np.iinfo(dtype).max
    assert np.array_equal(result[0], back[0])
    assert np.array_equal(result[1], front[1, :, :3])


@pytest.mark.parametrize("dtype", DEPTHS)
def test_over_a_transparent_ground_keeps_colour_and_alpha(dtype):
    front, back = noise(9, 7, 4, dtype), noise(9, 7, 4, dtype, 1)
    back[..., 3] = 0
    front[..., 3] |= 1
    assert np.abs(imaging.over(front, back).astype(int) - front).max() <= 1


@given(st.integers(0, 255))
def test_depth_conversion_is_exact_there_and_back(value):
    image = np.full((1, 1, 3), value, np.uint8)
    wide = imaging.to_depth(image, np.dtype(np.uint16))
    assert wide[0, 0, 0] == value * 257
    assert np.array_equal(imaging.to_depth(wide, np.dtype(np.uint8)), image)


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("size", [(5, 40), (40, 5), (5, 5), (40, 41)])
def test_resizing_leaves_no_fringe_from_transparent_colours(dtype, size):
    white = np.iinfo(dtype).max
    image = np.zeros((20, 20, 4), dtype)
    image[:, 7:13] = white
    result = imaging.resize(image, *size)
    assert result.shape == (size[1], size[0], 4)
    assert result.dtype == dtype
    seen = result[..., 3] > white // 50
    assert seen.any()
    assert (result[seen][:, :3] >= white - white // 100).all()


def test_fit_keeps_or_ignores_the_aspect():
    image = np.full((10, 20, 3), 200, np.uint8)
    assert (imaging.fit(image, 30, 30, "cover") == 200).all()
    assert (imaging.fit(image, 30, 30, "stretch") == 200).all()
    boxed = imaging.fit(image, 30, 30, "contain")
    assert (boxed[8:22] == 200).all()
    assert (boxed[:7] == 0).all()
    assert (boxed[23:] == 0).all()


def test_place_cuts_what_sticks_out():
    image = noise(4, 6, 3, np.uint8)
    assert np.array_equal(imaging.place(image, 3, 2, -2, -1), image[1:3, 2:5])
    moved = imaging.place(image, 8, 8, 5, 6, (9, 9, 9, 255))
    assert np.array_equal(moved[6:, 5:], image[:2, :3])
    assert (moved[:6] == 9).all()
    assert (imaging.place(image, 4, 4, 50, 0, (7, 7, 7, 7)) == 7).all()


@pytest.mark.parametrize("pixels", [-2, -0.5, 0, 0.5, 1, 3])
def test_shrink_moves_the_edge(pixels):
    alpha = np.zeros((31, 31), np.uint8)
    alpha[10:21, 10:21] = 255
    width = imaging.shrink(alpha, pixels)[15].sum() / 255
    assert width == pytest.approx(11 - 2 * pixels, abs=0.02)


def test_a_wide_blur_is_close_to_the_exact_one():
    import cv2

    plane = np.zeros((200, 300), np.float32)
    plane[50:150, 100:200] = 1
    assert np.abs(imaging.blur(plane, 20) - cv2.GaussianBlur(plane, (0, 0), 20)).max() < 0.02


def test_masks_are_brightness_times_alpha(tmp_path):
    import cv2

    image = np.zeros((4, 4, 4), np.uint8)
    image[..., :3] = 255
    image[:2, :, 3] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), image)
    mask = imaging.read_mask(tmp_path / "mask.png", 4, 4, np.dtype(np.uint16))
    assert (mask[:2] == 65535).all()
    assert (mask[2:] == 0).all()
