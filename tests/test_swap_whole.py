"""Faces that a network makes whole: nothing of the old one stays inside of them."""

import cv2
import numpy as np
import pytest
from skimage import data

from melies import faces
from melies.faces import anatomy
from melies.swapping.flat import flat, places
from melies.swapping.skin import BARE, BROWS, CLEAR, skin
from melies.swapping.swapper import Settings, Swapper

PICTURE = cv2.resize(np.ascontiguousarray(data.astronaut()[:320, 60:380]), None, fx=2, fy=2)


class Green:
    """A network that makes everybody green."""

    whole, lit, shape = True, True, None

    def texture(self, image, face, side):
        return np.broadcast_to(np.array([0.6, 0.3, 0.3, 1], np.float32), (256, 256, 4)).copy()


@pytest.fixture(scope="module")
def face():
    return faces.find(PICTURE, 1)[0]


def test_no_lines_of_the_old_face_stay(face):
    made = Swapper().step(PICTURE, face, 0.0, Green(), Settings(color_match=0))
    inner = np.zeros(PICTURE.shape[:2], np.uint8)
    cv2.fillPoly(inner, [np.rint(face.points[anatomy.OVAL, :2]).astype(np.int32)], 1)
    reach = 2 * round(0.12 * face.size) + 1
    inner = cv2.erode(inner, np.ones((reach, reach), np.uint8)) > 0
    assert (made[..., 1].astype(int) - made[..., 0])[inner].min() > 15


def test_raised_brows_are_no_hair_but_a_fringe_is(face):
    texture = flat(BARE).unroll(PICTURE.astype(np.float32) / 255, face.points)
    x, y = (places()[anatomy.RIGHT_BROW] * BARE).mean(0)
    top = float((places()[anatomy.RIGHT_BROW, 1] * BARE).min())
    columns = slice(round(float(x)) - 8, round(float(x)) + 8)
    texture[round(top) - 6 : round(float(y)), columns] = 0.05
    trust = np.ones((BARE, BARE, 1), np.float32)
    just_above = slice(round(top) - 5, round(top) - 2), columns
    assert skin(texture, trust, CLEAR)[just_above].min() > 0.7
    assert skin(texture, trust, BROWS)[just_above].mean() < 0.5
    texture[: round(top) - 10, columns] = 0.05
    assert skin(texture, trust, CLEAR)[round(top) - 16, columns].mean() < 0.3
