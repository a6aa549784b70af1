"""Glitches depend on the seed and the moment alone, and each damage does what it says."""

from itertools import pairwise

import numpy as np
import pytest

from melies.effects._damage import DAMAGES, Hit
from melies.effects.glitch import Glitch
from melies.frame import Frame, VideoSpec
from melies.imaging import to_depth
from melies.media.synthetic import picture
from melies.testing import run

SPEC = VideoSpec(96, 64, 25, 1)


def film(count, begin=0):
    image = picture(96, 64, 3)
    return [Frame(image, index * 512, 1 / 12800, 512) for index in range(begin, begin + count)]


def hit_frames(effect, frames):
    return [a is not b for a, b in zip(run(effect, frames, SPEC), frames, strict=True)]


def test_where_a_render_begins_does_not_matter():
    whole = run(Glitch(rate=6, seed=3), film(60), SPEC)
    late = run(Glitch(rate=6, seed=3), film(31, begin=29), SPEC)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(whole[29:], late, strict=True))


def test_bursts_come_as_often_and_last_as_long_as_asked():
    hit = hit_frames(Glitch(rate=0.5, length=0.4), film(1500))
    begun = sum(b and not a for a, b in pairwise(hit))
    assert 27 <= begun <= 30
    assert 0.15 < np.mean(hit) < 0.25
    assert not any(hit_frames(Glitch(rate=0), film(50)))
    assert hit != hit_frames(Glitch(rate=0.5, length=0.4, seed=1), film(1500))


def struck(name, image, strength=0.9):
    hit = Hit(strength, 0.3, np.random.default_rng(1), np.random.default_rng(2))
    return DAMAGES[name](image, hit)


@pytest.mark.parametrize("name", DAMAGES)
def test_every_damage_in_any_depth_and_with_alpha(name):
    image = picture(95, 63, 3)
    image.flags.writeable = False
    made = struck(name, image)
    assert made.shape == image.shape
    assert made.dtype == np.uint8
    assert np.mean(made != image) > 0.02
    assert np.abs(made.astype(int) - struck(name, image, 0.1)).mean() > 0.5, "strength does nothing"
    deep = struck(name, to_depth(image, np.dtype(np.uint16)))
    assert deep.dtype == np.uint16
    assert np.abs(to_depth(deep, np.dtype(np.uint8)).astype(int) - made).mean() < 1.5
    ghost = np.dstack([image, np.full((63, 95, 1), 77, np.uint8)])
    assert np.array_equal(struck(name, ghost)[..., :3], made)
    assert (struck(name, ghost)[..., 3] == 77).all()


def test_torn_lines_are_moved_and_nothing_else():
    image = picture(96, 64, 3)
    made = struck("tear", image)
    assert np.array_equal(np.sort(made, axis=1), np.sort(image, axis=1))


def test_split_colours_leave_green_in_its_place():
    image = picture(96, 64, 3)
    made = struck("channels", image)
    assert np.array_equal(made[..., 1], image[..., 1])
    assert not np.array_equal(made[..., 0], image[..., 0])


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 300)])
def test_tiny_pictures_survive(size):
    for name in DAMAGES:
        assert struck(name, np.full((*size, 3), 90, np.uint8)).shape == (*size, 3)
