"""Smoothing: still where a face is still, and no later where it moves."""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, pi, sin

import numpy as np
import pytest

from melies.faces import Face, OneEuro, Steady
from melies.faces.anatomy import COUNT, LEFT_EYE, SKIN, Points, canonical


def mesh(size: float = 100, x: float = 200, turn: float = 0, lid: float = 0) -> Points:
    """The mean face, so many pixels wide, turned by so many radians, its left upper lid so many centimetres lower."""
    points = np.zeros((COUNT, 3))
    points[:SKIN] = canonical().points
    points[SKIN:] = points[[33, 133] * 5]
    points[LEFT_EYE[1:8], 1] += lid
    rotation = np.array([[cos(turn), 0, -sin(turn)], [0, 1, 0], [sin(turn), 0, cos(turn)]])
    seen: Points = (points @ rotation.T * (size / 15) + (x, 100, 0)).astype(np.float32)
    return seen


def noisy(size: float, share: float = 0.001, count: int = 60, rate: float = 25) -> Iterator[tuple[Face, float]]:
    """A still face, seen with noise that is a share of its size."""
    generator = np.random.default_rng(3)
    for index in range(count):
        yield Face((mesh(size) + generator.normal(0, share * size, (COUNT, 3))).astype(np.float32), 1.0), index / rate


@pytest.mark.parametrize("size", [40, 400])
def test_noise_of_a_still_face_becomes_less(size: float) -> None:
    steady = Steady()
    pairs = [(face.points, steady(face, time).points) for face, time in noisy(size)][20:]
    seen, smooth = (np.array(one)[:, :, :2].std(0).mean() for one in zip(*pairs, strict=True))
    assert smooth < 0.6 * seen


def test_the_size_of_the_face_makes_no_difference() -> None:
    one, ten = Steady(), Steady()
    for (small, time), (large, _) in zip(noisy(40), noisy(400), strict=True):
        np.testing.assert_allclose(one(small, time).points * 10, ten(large, time).points + _moved(), atol=0.2)


def _moved() -> Points:
    """By how much ten times a face of 40 pixels lies beside one of 400."""
    return mesh(40) * 10 - mesh(400)


@pytest.mark.parametrize("rate", [24, 60])
def test_a_head_that_goes_and_turns_is_followed(rate: float) -> None:
    steady = Steady()
    behind = []
    for index in range(int(2 * rate)):
        time = index / rate
        now = mesh(100, 200 + 60 * sin(pi * time), 0.4 * sin(pi * time))  # nearly two head widths a second
        behind.append(np.abs(steady(Face(now, 1.0), time).points - now).mean())
    assert max(behind) < 1.5


def test_a_blink_comes_at_once_and_all_of_it() -> None:
    steady = Steady()
    closed = {10: 0.5, 11: 1.0, 12: 0.5}
    gaps = []
    for index in range(20):
        points = steady(Face(mesh(lid=closed.get(index, 0)), 1.0), index / 25).points
        gaps.append(float(points[LEFT_EYE[9:16], 1].mean() - points[LEFT_EYE[1:8], 1].mean()))
    assert np.argmin(gaps) == 11
    assert gaps[0] - gaps[11] > 0.9 * 100 / 15


def test_nothing_is_smoothed_with_no_strength_or_after_a_gap() -> None:
    here, there = Face(mesh(x=100), 1.0), Face(mesh(x=300), 1.0)
    assert Steady(0)(here, 0.0) is here
    steady = Steady()
    steady(here, 0.0)
    np.testing.assert_allclose(steady(there, 2.0).points, there.points, atol=0.01)


def test_two_people_do_not_mix() -> None:
    steady = Steady()
    for index in range(10):
        for person, x in enumerate((100, 300)):
            made = steady(Face(mesh(x=x), 1.0, person), index / 25)
            np.testing.assert_allclose(made.points, mesh(x=x), atol=0.01)


def test_one_euro_follows_a_ramp_and_rests() -> None:
    euro = OneEuro(1.0, 1.0)
    for index in range(100):
        value = euro(np.array([0.0, 5.0 * index]), index / 25)
    assert value[0] == 0
    assert abs(value[1] - 495) < 2
