from fractions import Fraction

import numpy as np
import pytest

from melies.effects._background import Background, Layer, blur_behind
from melies.errors import UseError
from melies.frame import Frame
from melies.media.synthetic import write_clip


def cutout(dtype=np.uint8):
    image = np.zeros((40, 60, 4), dtype)
    image[10:30, 20:40] = np.iinfo(dtype).max
    return image


def moment(index, image):
    return Frame(image, index, Fraction(1, 25), 1)


def test_none_returns_the_cutout_itself():
    image = cutout()
    with Background.parse("none") as background:
        assert background.alpha
        assert background.compose(image, moment(0, image), image) is image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_colour_is_filled_in(dtype):
    image, white = cutout(dtype), np.iinfo(dtype).max
    with Background.parse("#ff0000") as background:
        assert not background.alpha
        result = background.compose(image, moment(0, image), image)
    assert (result[0, 0] == (white, 0, 0)).all()
    assert (result[20, 30] == white).all()


def test_a_half_transparent_colour_keeps_alpha():
    image = cutout()
    background = Background.parse("#ff000080")
    assert background.alpha
    assert tuple(background.compose(image, moment(0, image), image)[0, 0]) == (255, 0, 0, 128)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_blur_does_not_smear_the_subject_into_the_ground(dtype):
    white = np.iinfo(dtype).max
    original = np.zeros((40, 60, 3), dtype)
    original[10:30, 20:40] = white
    image = cutout(dtype)
    blurred = blur_behind(original, image[..., 3], 5)
    assert blurred[:9].max() < white / 20
    with Background.parse("blur:5") as background:
        assert (background.compose(image, moment(0, image), original)[20, 30] == white).all()


@pytest.mark.parametrize("text", ["blur:x", "blur:0", "blur:-1", "nosuch.png", "blur:"])
def test_nonsense_is_refused(text):
    with pytest.raises(UseError, match="background"):
        Background.parse(text)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("layer") / "film.mkv"
    write_clip(path, size=(32, 32), frames=6, rate=25, codec="ffv1")
    return path


def test_a_film_is_sampled_by_time_and_repeats(film):
    with Layer(film) as layer:
        images = [layer.at(Fraction(i, 25)).image.copy() for i in range(6)]
        again = [layer.at(Fraction(i, 25)).image for i in range(6, 18)]
        between = layer.at(Fraction(7, 50)).image
    assert not np.array_equal(images[0], images[5])
    for index, image in enumerate(again):
        assert np.array_equal(image, images[index % 6])
    assert np.array_equal(between, images[3])


@pytest.mark.parametrize("start", [3, 5, 8, 100])
def test_a_film_shows_the_same_wherever_one_starts(film, start):
    with Layer(film) as layer, Layer(film, "hold") as held:
        late, last = layer.at(Fraction(start, 25)).image, held.at(Fraction(start, 25)).image
    with Layer(film) as layer:
        assert np.array_equal(late, layer.at(Fraction(start % 6, 25)).image)
        assert np.array_equal(last, layer.at(Fraction(min(start, 5), 25)).image)


def test_a_film_is_fitted_behind(film):
    image = cutout(np.uint16)
    with Background.parse(str(film)) as background:
        result = background.compose(image, moment(0, image), image)
    assert result.shape == (40, 60, 3)
    assert result.dtype == np.uint16
    assert result[:9].max() > 10000
