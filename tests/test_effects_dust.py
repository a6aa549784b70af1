"""Dust and scratches go; what is sharp, fast and small stays."""

import cv2
import numpy as np
import pytest

from melies.effects.dust import Dust
from melies.frame import Frame, VideoSpec
from melies.metrics import psnr
from melies.restoring import ageing
from melies.restoring.dust import Blob, lonely
from melies.restoring.lines import Line, Lines, persistent
from melies.testing import run

SIZE = 192, 128


def scene(count=10, dtype=np.uint8, step=2):
    noise = np.random.default_rng(7).random((SIZE[1], SIZE[0] + count * step, 3), np.float32)
    wide = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0.25, 0.75, cv2.NORM_MINMAX)
    white = np.iinfo(dtype).max
    return [np.rint(wide[:, i * step : i * step + SIZE[0]] * white).astype(dtype) for i in range(count)]


def cleaned(images, **settings):
    spec = VideoSpec(*SIZE, 25, 1, depth=8 if images[0].dtype == np.uint8 else 16)
    frames = [Frame(image, index, 1, 1, cut=not index) for index, image in enumerate(images)]
    return [frame.image for frame in run(Dust(**settings), frames, spec)]


def likeness(images, truth):
    return float(np.mean([min(60, psnr(a, b)) for a, b in zip(images, truth, strict=True)]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_dust_is_filled_from_the_frames_beside_it(dtype):
    truth = scene(dtype=dtype)
    bad, masks = zip(*(ageing.dust(image, index, 6) for index, image in enumerate(truth)), strict=True)
    good = cleaned(bad, scratches=0)
    assert likeness(good, truth) > likeness(bad, truth) + 6
    untouched = [np.array_equal(a[~spread(m)], b[~spread(m)]) for a, b, m in zip(good, bad, masks, strict=True)]
    assert sum(untouched) >= len(untouched) - 2


def spread(mask):
    return cv2.dilate(mask.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0


def test_a_clean_film_is_left_alone():
    truth = scene()
    changed = [np.any(a != b, axis=-1).mean() for a, b in zip(cleaned(truth), truth, strict=True)]
    assert np.mean(changed) < 0.002


def test_a_ball_that_flies_past_is_not_dust():
    flying = scene(step=0)
    for index, image in enumerate(flying):
        cv2.circle(image, (20 + 14 * index, 60 + 2 * index), 4, (250, 250, 250), -1, cv2.LINE_AA)
    good = cleaned(flying, scratches=0)
    for index in range(2, 8):
        assert good[index][60 + 2 * index, 20 + 14 * index].min() > 200


def test_blobs_on_one_line_are_a_thing_on_its_way():
    def blob(x, y, sign=1):
        return Blob((x, y), 30, sign, 1)

    assert lonely([blob(50, 50)], [blob(40, 48)], [blob(60, 52)], 30) == []
    assert lonely([blob(50, 50)], [blob(40, 48)], [blob(40, 20)], 30) != []
    assert lonely([blob(50, 50)], [blob(40, 48, -1)], [blob(60, 52)], 30) != []


def test_scratches_are_taken_off_and_what_is_under_them_stays():
    truth = scene(16)
    bad = [ageing.scratches(image, index, 2)[0] for index, image in enumerate(truth)]
    good = cleaned(bad, dust=0)
    assert likeness(good, truth) > likeness(bad, truth) + 5


def test_lines_are_found_where_they_are():
    image = scene(1)[0]
    assert Lines(0.5).find(np.ascontiguousarray(image[..., 1])) == []
    image[:, 80:82] = 250
    (line,) = Lines(0.5).find(np.ascontiguousarray(image[..., 1]))
    assert abs(line.x - 80.5) <= 1
    assert (line.lean, line.sign) == (pytest.approx(0, abs=0.01), 1)


def test_a_line_of_one_frame_is_no_scratch():
    line = Line(50, 0, 1)
    assert persistent([line], [[line]] * 4 + [[]] * 2) == [line]
    assert persistent([line], [[Line(50, 0, -1)]] * 6) == []
    assert persistent([line], [[line]]) == []


def test_very_short_shots_pass():
    assert [np.array_equal(a, b) for a, b in zip(cleaned(scene(2)), scene(2), strict=True)] == [True, True]
