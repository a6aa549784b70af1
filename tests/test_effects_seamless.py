"""The best-loop finder: finds what repeats, in time order, and neither stands still nor jumps."""

import logging
from fractions import Fraction

import cv2
import numpy as np
import pytest

from melies.effects.seamless import Seamless
from melies.errors import UseError
from melies.frame import Frame, VideoSpec

RATE = 20
SPEC = VideoSpec(96, 64, Fraction(RATE), Fraction(1, 1000))


def film(angles: list[float], scene: int = 0, channels: int = 3) -> list[Frame]:
    """A disc that stands at an angle on a circle, one frame each."""
    rough = np.random.default_rng(scene).random((8, 12, channels), dtype=np.float32)
    ground = np.clip(cv2.resize(rough, (96, 64)) * 200, 0, 255).astype(np.uint8)
    frames = []
    for index, angle in enumerate(angles):
        image = ground.copy()
        centre = round(48 * 16 + 20 * 16 * np.cos(angle)), round(32 * 16 + 20 * 16 * np.sin(angle))
        cv2.circle(image, centre, 8 * 16, (255, 40, 20, 255)[:channels], -1, cv2.LINE_AA, 4)
        frames.append(Frame(image, 7 + 50 * index, Fraction(1, 1000), 50))
    return frames


def run(frames: list[Frame], **options) -> list[Frame]:
    return list(Seamless(**{"shortest": 0.5, "longest": 3, **options}).apply(iter(frames), SPEC))


def test_a_period_is_found():
    frames = film([2 * np.pi * index / 25.0 for index in range(80)])
    out = run(frames, longest=2)
    assert len(out) == 25
    first = next(i for i, frame in enumerate(frames) if np.array_equal(frame.image, out[0].image))
    assert np.array_equal(frames[first + 25].image, out[0].image)


def test_it_begins_at_zero_and_keeps_time():
    frames = film([2 * np.pi * index / 25.0 for index in range(80)])
    out = run(frames, longest=2)
    assert [frame.pts for frame in out] == [50 * index for index in range(25)]
    assert {frame.duration for frame in out} == {50}


def test_motion_must_go_on_in_the_same_direction():
    """A pendulum passes its middle twice in a period, once in each direction: half a period would be shorter."""
    swing = [np.sin(2 * np.pi * index / 30.0) for index in range(95)]
    out = run(film(swing), shortest=0.5, longest=1.6)
    assert len(out) == 30


def test_where_nothing_moves_there_is_no_loop():
    turning = [2 * np.pi * index / 20.0 for index in range(50)]
    frames = film([*turning, *[turning[-1]] * 40])
    out = run(frames, longest=1.5)
    assert len(out) == 20


def test_no_cut_inside():
    turning = [2 * np.pi * index / 30.0 for index in range(40)]
    frames = film(turning) + film(turning, scene=5)
    frames = [frame.at(50 * index, 50) for index, frame in enumerate(frames)]
    out = run(frames, shortest=1.4, longest=3)
    assert len(out) == 30


def test_a_crossfade_ends_where_it_began():
    drifting = [2 * np.pi * index / 25.0 + 0.002 * index**1.3 for index in range(80)]
    frames = film(drifting)
    out = run(frames, shortest=1, longest=1.5, crossfade=0.25)
    first = next(i for i, frame in enumerate(frames) if np.array_equal(frame.image, out[0].image))
    before = frames[first - 1].image.astype(int)
    plain = frames[first + len(out) - 1].image.astype(int)
    last = out[-1].image.astype(int)
    assert np.abs(last - before).mean() <= np.abs(last - plain).mean() + 0.01
    share = np.abs(last - plain).sum() / max(1, np.abs(before - plain).sum())
    assert share == pytest.approx(5 / 6, abs=0.03)


def test_alpha_and_depth_stay():
    frames = film([2 * np.pi * index / 12.0 for index in range(40)], channels=4)
    deep = [frame.with_image(frame.image.astype(np.uint16) * 257) for frame in frames]
    out = run(deep, crossfade=0.1)
    assert {(frame.image.shape, str(frame.image.dtype)) for frame in out} == {((64, 96, 4), "uint16")}


@pytest.mark.parametrize("count", [0, 1, 2, 8])
def test_what_is_too_short_is_kept_whole(count, caplog):
    with caplog.at_level(logging.WARNING, "melies"):
        assert len(run(film([0.3 * index for index in range(count)]))) == count
    assert "kept whole" in caplog.text


def test_lengths_must_make_sense():
    with pytest.raises(UseError, match="--longest 2 should not be less"):
        Seamless(shortest=3, longest=2)
