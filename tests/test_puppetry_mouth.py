"""The inside of a portrait's mouth, drawn or a performer's."""

from functools import cache

import cv2
import numpy as np
import pytest

from melies.faces import find
from melies.faces.anatomy import LIPS_INNER, LIPS_OUTER
from melies.puppetry.covered import Covered
from melies.puppetry.move import Move
from melies.puppetry.render import Puppet

UPPER, LOWER = LIPS_INNER[1:10], LIPS_INNER[19:10:-1]


@cache
def astronaut() -> np.ndarray:
    image = pytest.importorskip("skimage.data", reason="scikit-image's astronaut is the portrait").astronaut()
    image.flags.writeable = False
    return image


@cache
def face() -> np.ndarray:
    (one,) = find(astronaut(), 1)
    return one.points


@cache
def closed() -> np.ndarray:
    """The face as if its lips met: a portrait that shows no teeth."""
    points = face().copy()
    points[UPPER] = points[LOWER] = (points[UPPER] + points[LOWER]) / 2
    return points


def agape(pixels: float = 6) -> np.ndarray:
    points = closed().copy()
    profile = np.sin(np.linspace(0, np.pi, 11)[1:-1])
    points[UPPER, 1] -= pixels * profile
    points[LOWER, 1] += pixels * profile
    return points


def inside(points: np.ndarray) -> np.ndarray:
    mask = np.zeros(astronaut().shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points[LIPS_INNER, :2]).astype(np.int32)], 1)
    return mask > 0


def performing() -> np.ndarray:
    """A pursed mouth: red lips that reach far into the mesh's line, and a dark hole."""
    frame, points = astronaut().copy(), agape()
    cv2.fillPoly(frame, [np.round(points[LIPS_OUTER, :2]).astype(np.int32)], (205, 90, 95))
    x, y = points[[13, 14], :2].mean(0)
    cv2.circle(frame, (round(float(x)), round(float(y))), 4, (30, 12, 12), -1)
    return frame


@pytest.mark.parametrize("mouth", ["driver", "procedural"])
def test_a_grey_portrait_has_a_grey_mouth(mouth):
    grey = np.repeat(cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    for rest in (closed(), face()):
        made = Puppet(grey, rest).render(Move(points=agape(9), mouth=mouth, driver=performing(), driver_points=agape()))
        assert np.ptp(made, axis=2).max() <= 2


def test_a_performers_lips_are_not_seen_between_the_portraits():
    made = Puppet(astronaut(), closed()).render(Move(points=agape(), driver=performing(), driver_points=agape()))
    mouth = cv2.erode(inside(agape()).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert performing()[mouth].mean() > 90
    assert made[mouth].mean() < 60


def test_a_line_between_lips_that_is_squeezed_into_a_pixel_is_soft():
    ajar, across = agape(1), np.zeros(astronaut().shape[:2], np.float32)
    cv2.fillPoly(across, [np.round(ajar[LIPS_INNER, :2]).astype(np.int32)], 1)
    portrait = (astronaut() * (1 - cv2.GaussianBlur(across, (0, 0), 1)[..., None])).astype(np.uint8)
    x, y = np.round(closed()[UPPER[2:7], 0]).astype(int), round(float(closed()[13, 1]))

    def steep(image):
        return np.abs(np.diff(image[y - 4 : y + 5, x[0] : x[-1]].mean(-1), axis=0)).max(0).mean()

    moving = Puppet(portrait, ajar)
    assert steep(moving.render(Move(points=closed(), mouth="procedural"))) < 0.6 * steep(portrait)
    assert np.array_equal(moving.render(Move(points=ajar, mouth="procedural")), portrait)


def test_of_a_covered_mouth_nothing_is_borrowed():
    """It is drawn, as if only the motion were known; half way, half of it."""
    portrait = Puppet(astronaut(), closed())
    theirs = {"points": agape(9), "driver": performing(), "driver_points": agape()}
    free, half, covered = (portrait.render(Move(**theirs, covered=share)).astype(int) for share in (0.0, 0.5, 1.0))
    drawn = portrait.render(Move(points=agape(9)))
    assert np.array_equal(covered, drawn)
    assert np.abs(free - covered).max() > 20
    assert np.abs(2 * half - free - covered).max() <= 3


def hand_at(place: np.ndarray, size: float) -> np.ndarray:
    """The joints of an open hand of this size, held up, with its middle there."""
    fingers = [[(finger - 2, -joint) for joint in range(1, 5)] for finger in range(5)]
    joints = np.array([(0, 2), *(joint for finger in fingers for joint in finger)], np.float32)
    return np.asarray(place + (joints + np.array([0, 1.5])) * size / 5, np.float32)


def test_a_hand_before_the_mouth_covers_it_within_a_moment(monkeypatch):
    (person,) = find(astronaut(), 1)
    person = person.moved(agape(8))
    mouth = person.points[LIPS_INNER, :2].mean(0)
    hands: list[np.ndarray] = []
    monkeypatch.setattr("melies.swapping.hands.Hands.step", lambda *_: hands)
    covered = Covered()

    def seen(times: int = 1) -> list[float]:
        return [covered.step(astronaut(), person, 0.0, 0.04) for _ in range(times)]

    assert seen() == [0.0]
    hands = [hand_at(mouth, 60)]
    assert seen(3) == [pytest.approx(2 / 3), 1.0, 1.0]
    hands = [hand_at(mouth + 150, 60)]
    going = seen(9)
    assert np.allclose(np.diff([1.0, *going])[:7], -0.04 / 0.3)
    assert going[-1] == 0
    assert Covered().step(astronaut(), person.moved(closed()), 0.0, 0.04) == 0


def test_the_first_frame_with_a_hand_is_covered_at_once(monkeypatch):
    (person,) = find(astronaut(), 1)
    person = person.moved(agape(8))
    monkeypatch.setattr(
        "melies.swapping.hands.Hands.step", lambda *_: [hand_at(person.points[LIPS_INNER, :2].mean(0), 60)]
    )
    assert Covered().step(astronaut(), person, 0.0, float("inf")) == 1
