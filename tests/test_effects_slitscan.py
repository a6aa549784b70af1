"""Slit-scan: every pixel is seen at its moment, from memory or disk, and motion between pictures shows no steps."""

import cv2
import numpy as np
import pytest

from melies.effects import slitscan
from melies.effects.slitscan import Slitscan
from melies.errors import UseError
from melies.frame import Frame, VideoSpec
from melies.testing import run

COUNT = 24


def scanned(images, begin=0, **settings):
    height, width, channels = images[0].shape
    spec = VideoSpec(width, height, 25, 1, alpha=channels == 4, depth=8 if images[0].dtype == np.uint8 else 16)
    frames = [Frame(image, index + begin, 1, 1, cut=not index) for index, image in enumerate(images)]
    return [frame.image for frame in run(Slitscan(**settings), frames, spec)]


def brightening(channels=3, dtype=np.uint8, step=8):
    """Pictures of one grey each, so that what is seen tells its moment."""
    return [np.full((20, 30, channels), (20 + step * index) * (257 if dtype == np.uint16 else 1), dtype)
            for index in range(COUNT)]  # fmt: skip


AGES = {
    "down": lambda x, y: y / 19,
    "up": lambda x, y: 1 - y / 19,
    "right": lambda x, y: x / 29,
    "left": lambda x, y: 1 - x / 29,
}


@pytest.mark.parametrize(
    ("direction", "reach", "first", "dtype"),
    [
        ("down", "past", 0, np.uint8),
        ("up", "future", 1, np.uint8),
        ("right", "both", 0.5, np.uint16),
        ("left", "past", 0, np.uint8),
    ],
)
def test_every_line_shows_its_moment(direction, reach, first, dtype):
    made = scanned(brightening(dtype=dtype), span=0.24, direction=direction, reach=reach)
    assert len(made) == COUNT
    y, x = np.mgrid[:20, :30]
    for number in (0, 4, 12, COUNT - 1):
        moment = np.clip(number + (first - AGES[direction](x, y)) * 6, 0, COUNT - 1)
        found = made[number][..., 1] / (257 if dtype == np.uint16 else 1)
        assert np.abs(found - (20 + 8 * moment)).max() <= 1


@pytest.mark.parametrize("direction", ["out", "in", "clock"])
def test_round_ways(direction):
    seen = scanned(brightening(), span=0.24, direction=direction)[12][..., 0].astype(int)
    middle, corner, top, left = seen[10, 15], seen[0, 0], seen[1, 16], seen[1, 14]
    assert (corner < middle) == (direction == "out") or direction == "clock"
    assert (top > left + 30) == (direction == "clock")


def test_a_map_says_what_is_early(tmp_path):
    chart = np.zeros((20, 30), np.uint8)
    chart[:, 15:] = 255
    cv2.imwrite(str(tmp_path / "map.png"), chart)
    made = scanned(brightening(), span=0.2, map=tmp_path / "map.png")
    assert (made[10][:, :15, 0].mean(), made[10][:, 15:, 0].mean()) == (60, 100)
    (tmp_path / "text.txt").write_text("grey")
    wrong = {"nowhere.png": "does not exist", "text.txt": "is not an image that can be read", "": "is a folder"}
    for name, said in wrong.items():
        with pytest.raises(UseError, match=rf"^The --map .*{name} {said}"):
            Slitscan(map=tmp_path / name).output(VideoSpec(30, 20, 25, 1))


def test_pictures_on_disk_are_the_same(monkeypatch):
    images = [np.random.default_rng(index).integers(0, 256, (20, 30, 4), np.uint8) for index in range(COUNT)]
    settings = {"span": 0.3, "direction": "clock", "reach": "both"}
    want = scanned(images, **settings)
    monkeypatch.setattr(slitscan, "_MEMORY", 5 * images[0].nbytes)
    assert all(np.array_equal(a, b) for a, b in zip(scanned(images, **settings), want, strict=True))


def test_a_start_in_the_middle_of_a_shot():
    images = [np.random.default_rng(index).integers(0, 256, (20, 30, 3), np.uint8) for index in range(COUNT)]
    settings = {"span": 0.24, "direction": "right", "between": "mix"}
    whole, late = scanned(images, **settings), scanned(images[8:], 8, **settings)
    assert Slitscan(**settings).lead_in >= 7
    assert all(np.array_equal(a, b) for a, b in zip(whole[15:], late[7:], strict=True))


def test_what_moves_evenly_leans_without_steps():
    def pole(index):
        image = np.full((96, 160, 3), 30, np.uint8)
        cv2.rectangle(image, (20 + 6 * index, 0), (50 + 6 * index, 95), (220, 220, 220), -1)
        return cv2.GaussianBlur(image, (0, 0), 1)

    def bends(between):
        image = scanned([pole(index) for index in range(14)], span=0.4, between=between)[12][..., 0].astype(float)
        edge = (image[:, :160] > 125).argmax(axis=1)
        want = 92 - 60 * np.arange(96) / 95
        return np.abs(edge - want)[3:-3].max()

    assert bends("flow") < 2.5
    assert bends("steps") > 2.5
