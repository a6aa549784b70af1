"""The shape of a face: what is taken over from the source of a swap, and what stays."""

import numpy as np
import pytest
from skimage import data

from melies import faces
from melies.faces import Face, anatomy
from melies.faces.anatomy import LIPS_INNER, OVAL, RIGHT_EYE, canonical
from melies.faces.pose import Pose, turned
from melies.swapping.shape import Shape, shape

WIDER = np.array([1.08, 1.0, 1.0], np.float32)


def head(skin=None, yaw=0.0):
    """A face of 20 pixels a centimetre with this skin, the mean one's unless told."""
    skin = canonical().points if skin is None else skin
    points = Pose(turned(yaw), 20.0, np.array([300, 240, 0], np.float32)).to_picture(skin)
    return Face(np.concatenate([points, points[[33] * 5 + [263] * 5]]), 1.0)


def speaking(opening):
    """The mean face with its lower lip and its chin let down by centimetres."""
    skin = canonical().points.copy()
    skin[LIPS_INNER[11:], 1] += opening
    return skin


def test_an_open_mouth_changes_no_shape():
    shut, open_ = shape(head()), shape(head(speaking(2.0)))
    assert np.abs(open_ - shut)[LIPS_INNER[11:], 1].max() < 0.4
    assert open_[RIGHT_EYE] == pytest.approx(shut[RIGHT_EYE], abs=1e-3)


@pytest.mark.parametrize("yaw", [0, 25])
def test_nothing_moves_towards_its_own_shape(yaw):
    face = head(yaw=yaw)
    assert Shape()(face, 0.0, shape(face), 1.0) == pytest.approx(face.points, abs=1e-3)


def test_eyes_go_apart_but_stay_as_open_as_they_are_and_the_outline_stays():
    face = head()
    moved = Shape()(face, 0.0, shape(face) * WIDER, 1.0)
    left, right = (moved - face.points)[[263, 33], 0]
    assert left > 2
    assert right < -2
    assert moved[OVAL] == pytest.approx(face.points[OVAL], abs=1e-3)
    upper, lower = RIGHT_EYE[4], RIGHT_EYE[12]
    opening = [points[lower, 1] - points[upper, 1] for points in (face.points, moved)]
    assert opening[1] == pytest.approx(opening[0], rel=0.1)
    half = Shape()(face, 0.0, shape(face) * WIDER, 0.5)
    assert half - face.points == pytest.approx((moved - face.points) / 2, abs=1e-3)


def test_the_shape_is_learned_over_time_and_does_not_follow_the_expression():
    follow = Shape()
    wanted = shape(head())
    for frame in range(90):
        follow(head(), frame / 30, wanted, 1.0)
    grimace = canonical().points.copy()
    grimace[anatomy.RIGHT_BROW, 1] -= 0.8
    face = head(grimace)
    assert np.abs(follow(face, 3.0, wanted, 1.0) - face.points).max() < 1


def test_two_pictures_of_one_face_have_one_shape():
    picture = data.astronaut()
    one, other = (faces.find(image, 1)[0] for image in (picture, np.ascontiguousarray(picture[::2, ::2])))
    apart = np.linalg.norm(shape(one) - shape(other), axis=1)
    assert np.median(apart) < 0.25
