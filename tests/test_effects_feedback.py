"""Feedback: trails go where they should, fade to nothing, and show no hidden colour."""

import numpy as np
import pytest

from melies.effects.feedback import Feedback
from melies.frame import Frame, VideoSpec
from melies.imaging import resize
from melies.testing import run

STILL = {"zoom": 1, "rotate": 0}


def fed(images, effect):
    height, width, channels = images[0].shape
    spec = VideoSpec(width, height, 25, 1, alpha=channels == 4)
    frames = [Frame(image, index, 1, 1, cut=not index) for index, image in enumerate(images)]
    return [frame.image for frame in run(effect, frames, spec)]


def flash(count=12, size=(40, 60), channels=3):
    images = [np.zeros((*size, channels), np.uint8) for _ in range(count)]
    images[0][10:20, 6:12] = 200
    return images


@pytest.mark.parametrize("mode", ["lighten", "screen", "add", "difference"])
def test_a_flash_moves_on_and_grows_faint(mode):
    made = fed(flash(), Feedback(mode=mode, amount=0.8, x=0.1, y=0.05, **STILL))
    for number in (1, 3, 6):
        there = np.argwhere(made[number][..., 0] > 0)
        assert there.min(axis=0).tolist() == [10 + 2 * number, 6 + 6 * number]
        assert abs(int(made[number].max()) - 200 * 0.8**number) <= 1


def test_trails_end_in_darkness():
    assert not fed(flash(80), Feedback(amount=0.85, **STILL))[-1].any()


def test_a_picture_in_the_picture_leaves_a_plain_wall_plain():
    wall = [np.full((40, 60, 3), 140, np.uint8)] * 5
    assert np.array_equal(fed(wall, Feedback(mode="normal", zoom=0.8, rotate=20))[-1], wall[0])


def test_hues_turn_and_come_round():
    images = flash(13)
    images[0][..., 1:] = 0
    made = fed(images, Feedback(amount=1, hue=120, **STILL))
    assert made[1][15, 8].argmax() == 1
    assert made[2][15, 8].argmax() == 2


def test_trails_of_a_cutout_are_seen_and_what_was_cut_away_is_not():
    images = flash(4, channels=4)
    for number, image in enumerate(images):
        image[..., 0] = 255
        image[..., 3] = 0
        if number == 0:
            image[10:20, 6:12] = (0, 200, 0, 255)
    made = fed(images, Feedback(amount=0.5, x=0.1, **STILL))
    assert made[0][..., 0].max() == 0
    assert made[2][15, 20].tolist() == pytest.approx([0, 200, 0, 64], abs=1)
    assert made[2][15, 8, 3] == 0


def test_the_screen_outlives_a_turned_knob():
    images = flash(6)
    frames = [Frame(image, index, 1, 1) for index, image in enumerate(images)]
    settings = iter([Feedback(amount=1, **STILL)] * 3 + [Feedback(amount=1, x=0.1, **STILL)] * 3)
    made = list(Feedback().steered(iter(frames), VideoSpec(60, 40, 25, 1), lambda: next(settings)))
    assert np.argwhere(made[2].image[..., 0]).min(axis=0).tolist() == [10, 6]
    assert np.argwhere(made[5].image[..., 0]).min(axis=0).tolist() == [10, 6 + 18]


def test_it_looks_the_same_at_any_size():
    rng = np.random.default_rng(1)
    small = [resize(rng.integers(0, 256, (6, 9, 3), np.uint8), 60, 40, "linear") for _ in range(6)]
    large = [resize(image, 240, 160, "linear") for image in small]
    effect = Feedback(mode="screen", amount=0.7, x=0.05, rotate=10)
    a, b = fed(small, effect)[-1], resize(fed(large, effect)[-1], 60, 40, "area")
    assert np.abs(a.astype(int) - b).mean() < 4
