"""Dreams: the camera goes where Deforum's does, and gradients are those of the network."""

from __future__ import annotations

import numpy as np
import pytest

from melies.dreaming.camera import Move, coloured_like, moved_flat, moved_in_space, noised


def scene(width: int = 96, height: int = 64) -> np.ndarray:
    """A smooth picture."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin(x / 7 + y / 11), np.cos(x / 9 - y / 5), np.sin(y / 6)]
    return np.stack(waves, -1).astype(np.float32) * 0.4 + 0.5


def centroid(picture: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    weights = picture.sum(-1)
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


def test_a_camera_that_stands_still_changes_nothing() -> None:
    picture = scene()
    assert moved_flat(picture, Move()) is picture
    assert moved_in_space(picture, Move()) is picture
    assert noised(picture, 0, np.random.default_rng()) is picture
    assert coloured_like(picture, picture[::-1], "none") is picture


def test_translations_wrap_and_do_not_depend_on_the_size() -> None:
    picture = scene()
    right = moved_flat(picture, Move(translation=(16, -8, 0)))  # 64 pixels high: an eighth
    np.testing.assert_allclose(right, np.roll(picture, (2, -1), (1, 0)), atol=1e-4)


def test_zoom_and_angle_are_about_the_centre() -> None:
    picture = np.zeros((128, 128, 3), np.float32)
    picture[60:68, 92:100] = 1  # right of the centre by 32
    np.testing.assert_allclose(centroid(moved_flat(picture, Move(zoom=1.5))), [64 + 1.5 * 31.5, 63.25], atol=0.3)
    np.testing.assert_allclose(centroid(moved_flat(picture, Move(angle=90))), [63.5, 64 - 31.5], atol=0.6)
    kept = moved_flat(picture, Move(zoom=1.5, centre=(0.75, 0.5)))
    np.testing.assert_allclose(centroid(kept), [95.25, 63.25], atol=0.3)


@pytest.mark.parametrize(
    ("move", "way"),
    [
        (Move(translation=(10, 0, 0)), (1, 0)),
        (Move(translation=(0, 10, 0)), (0, 1)),
        (Move(rotation=(0, 4, 0)), (1, 0)),
        (Move(rotation=(4, 0, 0)), (0, 1)),
    ],
)
def test_space_has_the_axes_of_deforum(move: Move, way: tuple[int, int]) -> None:
    """Worked out by hand from its formula: (x, y, 1) @ R + T, seen through a lens of 70°."""
    picture = np.zeros((128, 128, 3), np.float32)
    picture[60:68, 60:68] = 1
    rx, ry = np.radians(move.rotation[:2])
    focus = 1 / np.tan(np.radians(35))
    shift = np.array([-move.translation[0] / 200 - np.tan(ry), move.translation[1] / 200 + np.tan(rx)]) * focus * 64
    found = centroid(moved_in_space(picture, move, "replicate")) - 63.5
    np.testing.assert_allclose(found, shift, atol=0.35)
    assert abs(shift @ np.array(way)) > 2


def test_forwards_makes_things_grow() -> None:
    picture = np.zeros((128, 128, 3), np.float32)
    picture[48:80, 48:80] = 1
    share = moved_in_space(picture, Move(translation=(0, 0, 20)), "mirror").mean() / picture.mean()
    focus = 1 / np.tan(np.radians(35))
    # A pixel is fetched from x - offset, where offset = focus × (x / 0.9 - x).
    assert share == pytest.approx((1 - focus * (1 / 0.9 - 1)) ** -2, rel=0.02)


@pytest.mark.parametrize("space", ["lab", "hsv", "rgb"])
def test_colours_become_those_of_the_first_picture(space: str) -> None:
    first = scene()
    drifted = np.clip(first * np.array([1.3, 0.8, 0.5], np.float32) + 0.05, 0, 1)
    kept = coloured_like(drifted, first, space)  # type: ignore[arg-type]
    assert kept.dtype == np.float32
    np.testing.assert_allclose(kept.mean((0, 1)), first.mean((0, 1)), atol=0.06)
    np.testing.assert_allclose(coloured_like(first, first, space), first, atol=0.01)  # type: ignore[arg-type]


def test_noise_is_as_strong_as_said() -> None:
    grey = np.full((64, 64, 3), 0.5, np.float32)
    assert noised(grey, 0.1, np.random.default_rng(1)).std() == pytest.approx(0.05, rel=0.05)
