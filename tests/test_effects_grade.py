import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melies.effects._lut import linear_to_srgb, read_cube, srgb_to_linear, white_balance
from melies.effects.grade import Grade, _grader
from melies.errors import UseError
from melies.frame import VideoSpec
from melies.media.synthetic import picture

IMAGES = [
    picture(37, 23, 1),
    picture(37, 23, 1, alpha=True),
    picture(37, 23, 1, depth=10),
    picture(37, 23, 1, depth=16, alpha=True),
]


def look(red, green, blue):
    return red**0.8, 0.9 * green + 0.05, 0.7 * blue + 0.3 * red * green


def write_cube(path, size=17, function=look, head="", solid=True):
    steps = np.linspace(0, 1, size)
    if solid:
        rows = [function(r, g, b) for b in steps for g in steps for r in steps]
    else:
        rows = [function(v, v, v) for v in steps]
    text = f'TITLE "a look"\n# made by a test\nLUT_{3 if solid else 1}D_SIZE {size}\n{head}\n'
    path.write_text(text + "\n".join(" ".join(f"{v:.7f}" for v in row) for row in rows) + "\n")
    return path


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_asked_returns_the_same_image(image, tmp_path):
    assert Grade().process(image) is image
    assert Grade(lut=write_cube(tmp_path / "a.cube"), lut_strength=0).process(image) is image


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize(
    "options",
    [{"exposure": 0.5}, {"saturation": 1.5}, {"temperature": 30, "tint": -10}, {"contrast": 1.3, "pivot": 0.4}],
)
def test_shape_depth_and_alpha_stay(options, image):
    before = image.copy()
    result = Grade(**options).process(image)
    assert result.shape == image.shape
    assert result.dtype == image.dtype
    assert np.array_equal(image, before)
    assert not np.array_equal(result, image)
    if image.shape[2] == 4:
        assert np.array_equal(result[..., 3], image[..., 3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_exposure_doubles_light(dtype):
    white = np.iinfo(dtype).max
    image = np.array([[[20, 60, 100]]], dtype) * (white // 255)
    result = Grade(exposure=1).process(image)
    light = srgb_to_linear(image / white) * 2
    assert np.abs(result - np.rint(np.clip(linear_to_srgb(light), 0, 1) * white)).max() <= 1


def test_temperature_and_tint_move_colours_the_way_they_say():
    grey = np.full((1, 1, 3), 128, np.uint8)
    warm, cold = (Grade(temperature=value).process(grey)[0, 0].astype(int) for value in (60, -60))
    assert warm[0] > 128 > warm[2]
    assert cold[0] < 128 < cold[2]
    magenta = Grade(tint=60).process(grey)[0, 0].astype(int)
    assert magenta[1] < 128 < magenta[0]
    assert white_balance(40, 20) @ (0.2126, 0.7152, 0.0722) == pytest.approx(1)


def test_lift_gain_gamma_and_contrast_follow_their_formulas():
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)
    values = np.arange(256)[:, None] / 255

    def is_near(result, expected):
        return np.abs(result[0] - np.rint(np.clip(expected, 0, 1) * 255)).max() <= 1

    assert is_near(Grade(lift=0.1).process(ramp), values + 0.1 * (1 - values))
    assert is_near(Grade(gain=(1.2, 1, 0.5)).process(ramp), values * (1.2, 1, 0.5))
    assert is_near(Grade(gamma=2.0).process(ramp), values**0.5)
    assert is_near(Grade(contrast=1.5, pivot=0.4).process(ramp), (values - 0.4) * 1.5 + 0.4)


def test_no_saturation_is_grey_with_the_same_luma():
    image = IMAGES[0]
    result = Grade(saturation=0).process(image)
    assert (np.ptp(result, axis=2) == 0).all()
    assert np.abs(result[..., 0] - image @ (0.2126, 0.7152, 0.0722)).max() <= 1


@pytest.mark.parametrize("image", [image[..., :3].copy() for image in IMAGES])
def test_a_cube_gives_what_it_was_made_from(image, tmp_path):
    result = Grade(lut=write_cube(tmp_path / "look.cube")).process(image)
    white = np.iinfo(image.dtype).max
    expected = np.stack(look(*np.moveaxis(image / white, 2, 0)), axis=2) * white
    assert np.abs(result - expected).max() < 0.012 * white
    half = Grade(lut=tmp_path / "look.cube", lut_strength=0.5).process(image)
    assert np.abs(half - (expected + image) / 2).max() < 0.012 * white


@pytest.mark.parametrize("size", [2, 3, 33])
def test_a_straight_cube_changes_nothing(size, tmp_path):
    path = write_cube(tmp_path / "straight.cube", size, lambda r, g, b: (r, g, b))
    for image in IMAGES:
        spread = int(np.abs(Grade(lut=path).process(image).astype(int) - image).max())
        assert spread <= (0 if image.dtype == np.uint8 else 1)


@settings(max_examples=50)
@given(st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 3), min_size=1, max_size=8))
def test_tetrahedra_are_exact_on_greys_and_stay_between_the_corners(tmp_path_factory, colours):
    path = tmp_path_factory.getbasetemp() / "edges.cube"
    cube = read_cube(write_cube(path, 2, lambda r, g, b: (r * g, max(r, g, b), b)))
    found = cube(np.array(colours, np.float32))
    points = np.array(colours)
    assert np.abs(found[:, 1] - points.max(axis=1)).max() < 1e-6
    assert np.abs(found[:, 0] - np.minimum(points[:, 0], points[:, 1])).max() < 1e-6
    assert np.abs(found[:, 2] - points[:, 2]).max() < 1e-6


def test_the_domain_is_minded(tmp_path):
    path = write_cube(tmp_path / "wide.cube", 2, lambda r, g, b: (r, g, b), "DOMAIN_MIN 0 0 0\nDOMAIN_MAX 2 2 4")
    result = Grade(lut=path).process(np.full((1, 1, 3), 200, np.uint8))
    assert result.tolist() == [[[100, 100, 50]]]
    path = write_cube(tmp_path / "davinci.cube", 2, lambda r, g, b: (r, g, b), "LUT_3D_INPUT_RANGE 0 2")
    assert Grade(lut=path).process(np.full((1, 1, 3), 200, np.uint8)).tolist() == [[[100, 100, 100]]]


@pytest.mark.parametrize("saturation", [1.0, 1.4])
def test_a_table_of_one_dimension(saturation, tmp_path):
    path = write_cube(tmp_path / "one.cube", 5, lambda r, g, b: (1 - r, g, b / 2), solid=False)
    for image in IMAGES:
        white = np.iinfo(image.dtype).max
        result = Grade(lut=path, saturation=saturation).process(image)
        before = Grade(saturation=saturation).process(image)[..., :3].astype(float)
        expected = np.stack([white - before[..., 0], before[..., 1], before[..., 2] / 2], axis=2)
        assert np.abs(result[..., :3] - expected).max() <= 1


def test_the_table_of_all_colours_agrees_with_working_them_out(tmp_path):
    grade = Grade(saturation=1.3, exposure=0.2)
    grader = _grader(grade, np.dtype(np.uint8).str, 0)
    slow = grader(IMAGES[0])
    grader._seen = 1 << 24
    assert np.array_equal(grader(IMAGES[0]), slow)
    assert grader._table is not None


def test_a_changed_file_is_read_again(tmp_path):
    import os

    path = write_cube(tmp_path / "changes.cube", 2, lambda r, g, b: (r, g, b))
    grey = np.full((1, 1, 3), 100, np.uint8)
    assert Grade(lut=path).process(grey).tolist() == [[[100] * 3]]
    write_cube(path, 2, lambda r, g, b: (1 - r, 1 - g, 1 - b))
    os.utime(path, ns=(1, 1))
    assert Grade(lut=path).process(grey).tolist() == [[[155] * 3]]


BROKEN = {
    "neither": "0 0 0\n1 1 1\n",
    "both": "LUT_1D_SIZE 2\nLUT_3D_SIZE 2\n0 0 0\n1 1 1\n",
    "2 colours instead of the 8": "LUT_3D_SIZE 2\n0 0 0\n1 1 1\n",
    "Line 3 .* 2 numbers": "LUT_1D_SIZE 2\n0 0 0\n1 1\n",
    "Line 2 .* numbers": "LUT_1D_SIZE 2\n0 0 zero\n1 1 1\n",
    "not finite": "LUT_1D_SIZE 2\n0 0 nan\n1 1 1\n",
    "whole number from 2": "LUT_3D_SIZE 1\n0 0 0\n",
    "takes 3 numbers": "LUT_1D_SIZE 2\nDOMAIN_MIN 0\n0 0 0\n1 1 1\n",
    "domain": "LUT_1D_SIZE 2\nDOMAIN_MIN 1 1 1\nDOMAIN_MAX 0 1 1\n0 0 0\n1 1 1\n",
    "do not know": "LUT_1D_SIZE 2\nCOLOUR red\n0 0 0\n1 1 1\n",
}


@pytest.mark.parametrize("message", BROKEN)
def test_malformed_tables_say_what_is_wrong(message, tmp_path):
    path = tmp_path / "broken.cube"
    path.write_text(BROKEN[message])
    with pytest.raises(UseError, match=message):
        Grade(lut=path).output(VideoSpec(2, 2, 25, 1))


def test_missing_and_binary_tables_are_refused(tmp_path):
    with pytest.raises(UseError, match="does not exist"):
        Grade(lut=tmp_path / "none.cube").output(VideoSpec(2, 2, 25, 1))
    (tmp_path / "binary.cube").write_bytes(bytes(range(128, 256)))
    with pytest.raises(UseError, match="not a text file"):
        Grade(lut=tmp_path / "binary.cube").output(VideoSpec(2, 2, 25, 1))


def test_one_number_stands_for_three_and_bounds_are_named():
    assert Grade(gain=["1.5"]).gain == (1.5, 1.5, 1.5)
    assert Grade(lift="0.1").lift == (0.1, 0.1, 0.1)
    with pytest.raises(UseError, match="gain"):
        Grade(gain=(9, 1, 1))
    grade = Grade(lift=(0.1, 0, 0))
    assert pickle.loads(pickle.dumps(grade)) == grade
    assert Grade.model_validate_json(grade.model_dump_json()) == grade
