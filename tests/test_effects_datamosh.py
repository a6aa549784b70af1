"""Datamosh: the old picture is moved by the new motion, blooms, heals, and is left alone without a cut."""

import cv2
import numpy as np
import pytest

from melies.effects.datamosh import Datamosh
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import write_clip
from melies.metrics import psnr
from melies.motion import Flow, grey
from melies.testing import run

SIZE = 128, 96
SPEC = VideoSpec(*SIZE, 25, 1)
CUT = 16


def texture(seed, low, high):
    noise = np.random.default_rng(seed).random((SIZE[1], SIZE[0], 3), np.float32)
    smooth = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, low, high, cv2.NORM_MINMAX)
    return smooth.astype(np.uint8)


OLD, NEW = texture(1, 0, 140), texture(2, 110, 255)


def film(moving=20, step=3):
    """A shot that stands still, then one that moves to the right for some pictures and stands still again."""
    shifts = [min(index, moving) * step for index in range(24)]
    images = [OLD] * CUT + [np.roll(NEW, shift, axis=1) for shift in shifts]
    return [Frame(image, index, 1 / 25, 1) for index, image in enumerate(images)]


def moshed(frames, **settings):
    return [frame.image for frame in run(Datamosh(**settings), frames, SPEC)]


def likeness(image, shift):
    """How much the middle of a picture is like the old shot, moved to the right."""
    inner = slice(16, -16), slice(70, -8)
    return psnr(image[inner], np.roll(OLD, shift, axis=1)[inner])


@pytest.mark.parametrize("blocks", [0, 8, 30])
def test_new_motion_moves_old_pixels(blocks):
    frames = film()
    made = moshed(frames, blocks=blocks, detail=0)
    assert all(made[index] is frames[index].image for index in range(CUT))
    assert np.array_equal(made[CUT], OLD)
    assert likeness(made[CUT + 6], 18) > 25
    assert likeness(made[CUT + 6], 18) > likeness(made[CUT + 6], 0) + 6


def test_without_a_cut_nothing_happens():
    frames = film()[CUT:]
    assert all(a is b.image for a, b in zip(moshed(frames), frames, strict=True))


def test_a_motion_blooms_after_it_has_ended():
    frames = film(moving=1)
    assert likeness(moshed(frames, detail=0)[CUT + 8], 3) > 25
    assert likeness(moshed(frames, detail=0, bloom=6)[CUT + 8], 18) > 25


def test_motion_blooms_within_a_shot():
    frames = film(step=1)[CUT:]
    made = moshed(frames, bloom=5, every=0.4)
    assert all(a is b.image for a, b in zip(made[:4], frames[:4], strict=True))
    assert not np.array_equal(made[8], frames[8].image)
    with pytest.raises(UseError, match="--bloom"):
        Datamosh(every=1)


def test_damage_heals_until_the_picture_is_whole():
    frames = film(moving=0)
    made = moshed(frames, heal=0.08, detail=0)
    apart = [psnr(a, b.image) for a, b in zip(made[CUT:], frames[CUT:], strict=True)]
    assert apart[0] < apart[4] < apart[8]
    assert np.array_equal(made[-1], frames[-1].image)


def test_details_of_the_new_shot_are_painted_over_the_old():
    frames = film(moving=0)
    frames[CUT + 4 :] = [frame.with_image(cv2.add(frame.image, (0, 0, 40, 0))) for frame in frames[CUT + 4 :]]
    made = moshed(frames, detail=1)[-1].astype(int) - OLD
    assert made[..., 2].mean() > 20
    assert abs(made[..., 0].mean()) < 3


def test_another_film_moves_the_picture(tmp_path):
    path = write_clip(tmp_path / "other.mkv", size=SIZE, frames=20, codec="ffv1", pix_fmt="yuv444p")
    still = [Frame(OLD, index, 1 / 25, 1) for index in range(12)]
    made = moshed(still, motion=path, blocks=0)
    assert np.array_equal(made[0], OLD)
    field = Flow()(grey(OLD), grey(made[6]))
    assert 5 < np.median(field[..., 0]) < 15
    with pytest.raises(UseError, match=r"nowhere\.mp4"):
        Datamosh(motion=tmp_path / "nowhere.mp4").output(SPEC)
    cv2.imwrite(str(tmp_path / "still.png"), OLD)
    lone = write_clip(tmp_path / "lone.mkv", size=SIZE, frames=1)
    for one in (tmp_path / "still.png", lone):
        with pytest.raises(UseError, match=rf"{one.name} is one picture, in which nothing moves"):
            Datamosh(motion=one).output(SPEC)
    Datamosh(motion=write_clip(tmp_path / "two.mkv", size=SIZE, frames=2)).output(SPEC)
