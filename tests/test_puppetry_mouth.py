"""The inside of a portrait's mouth, drawn or a performer's."""

from functools import cache

import cv2
import numpy as np
import pytest

from melies.faces import find
from melies.faces.anatomy import LIPS_INNER, LIPS_OUTER
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
