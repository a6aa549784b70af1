"""From where the camera looks, on house fronts drawn as a camera of known pitch and roll sees them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from _shots import said, shot_of
from melies import faces
from melies.box import Box
from melies.faces import turned
from melies.footage.analyse import angle
from melies.footage.figures import Figure
from melies.footage.upright import hold

WIDE = np.full((360, 640, 3), 90, np.uint8)


def street(pitch: float = 0.0, roll: float = 0.0):
    """Two rows of windows along a street and one across its end, 2 m before the camera and farther."""
    focal, size = 640.0, (640, 360)
    p, r = np.radians((pitch, roll))
    up = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    aside = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    picture = np.full((*size[::-1], 3), 110, np.uint8)

    def seen(points):
        x, y, z = aside @ up @ np.array(points, float).T
        return np.stack([size[0] / 2 + focal * x / z, size[1] / 2 + focal * y / z], 1) if z.min() > 0.5 else None

    walls = [
        lambda along, y: (-5, y, 6 + along),
        lambda along, y: (5, y, 6 + along),
        lambda along, y: (along - 5, y, 26),
    ]
    for number, wall in enumerate(walls):
        for along in np.arange(0, 18 if number < 2 else 9, 2.0):
            for y in np.arange(-14, 8, 3.0):
                corners = [wall(along + a, y + b) for a, b in ((0, 0), (1.2, 0), (1.2, 2), (0, 2))]
                if (flat := seen(corners)) is not None:
                    shade = (30, 40 + 20 * number, 60)
                    cv2.fillPoly(picture, [np.rint(flat * 8).astype(np.int32)], shade, cv2.LINE_AA, shift=3)
    return picture


@pytest.mark.parametrize("roll", [0, 12, -12])
@pytest.mark.parametrize("pitch", [0, 15, 30])
def test_pitch_and_roll_are_measured(pitch, roll):
    held = hold(street(pitch, roll))
    assert held.known
    assert held.pitch == pytest.approx(pitch, abs=5)
    assert held.roll == pytest.approx(roll, abs=3)


@pytest.mark.parametrize(
    ("pitch", "roll", "wanted"),
    [(0, 0, "eye level"), (4, -3, "eye level"), (28, 0, "low"), (0, 14, "dutch"), (-25, 0, "high")],
)
def test_angles_have_their_names(pitch, roll, wanted):
    (label,) = angle.answer(shot_of(street(pitch, roll), faces=((),), things=((),)))
    assert label.value == wanted
    assert label.sure < 0.9
    assert label.measured["roll"] == pytest.approx(roll, abs=3)


def test_nothing_is_said_without_reasons():
    noise = np.random.default_rng(0).integers(0, 256, (360, 640, 3), np.uint8)
    for picture in (WIDE, noise, cv2.GaussianBlur(noise, (0, 0), 6)):
        assert angle.answer(shot_of(picture, faces=((),), things=((),))) == []
    assert not hold(WIDE).known


def test_the_cameras_height_is_told_by_people_on_the_ground():
    def crowd(height: float) -> list[str | float]:
        """People of 1.7 m on flat ground, seen from so high by a level camera."""
        figures = []
        for number, far in enumerate((5.0, 7.0, 10.0, 15.0, 22.0)):
            feet, head = (180 + 500 * (height - y) / far for y in (0.0, 1.7))
            figures.append(Figure(Box(100 * number, round(head), 100 * number + 30, round(feet)), 0.7))
        flat = np.pad(WIDE, ((0, 640), (0, 0), (0, 0)))
        return said(angle.answer(shot_of(flat, figures=(tuple(figures),), faces=((),), things=((),))), "angle")

    assert crowd(6.0) == ["high"]
    assert crowd(1.6) == []
    assert crowd(0.4) == ["low"]


@pytest.mark.parametrize(("pitch", "wanted"), [(30, "low"), (0, "eye level"), (-30, "high")])
def test_faces_are_seen_from_below_and_above(pitch, wanted):
    face = faces.find(data.astronaut())[0]
    points = face.pose.from_picture(face.points) @ turned(pitch=pitch).T * face.pose.scale + face.pose.shift
    seen = face.moved(points.astype(np.float32))
    figure = Figure(Box(0, 0, 300, 360), 0.9, face=seen)
    (label,) = angle.answer(shot_of(WIDE, faces=((seen,),), figures=((figure,),)))
    assert label.value == wanted
    assert label.sure <= 0.65, "heads are not always held straight"
