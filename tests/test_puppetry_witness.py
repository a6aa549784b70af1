"""What the picture confirms of a head's motion."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from melies.puppetry.motion import Motion, Rest
from melies.puppetry.neutral import Sight
from melies.puppetry.witness import Witness
from test_puppetry_render import astronaut, face


def moved(matrix):
    """The astronaut and her face, carried by an affine matrix, `2×3`."""
    height, width = astronaut().shape[:2]
    image = cv2.warpAffine(astronaut(), matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    points = face().copy()
    points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return Sight(image, points.astype(np.float32))


def said(sight) -> Motion:
    return Rest.of(face()).motion(sight.points)


TILTED = cv2.getRotationMatrix2D((220.0, 130.0), -3.0, 1.0)
ASIDE = np.array([[1, 0, 4.0], [0, 1, 2.0]])


@pytest.mark.parametrize("matrix", [TILTED, ASIDE])
def test_what_the_picture_shows_is_as_it_was_said(matrix):
    sight = moved(matrix)
    motion = Witness(Sight(astronaut(), face())).confirmed(said(sight), sight, np.inf)
    assert motion.turn == pytest.approx(said(sight).turn, abs=0.3)
    assert motion.shift == pytest.approx(said(sight).shift, rel=0.1, abs=0.05)


def test_a_head_that_stands_still_in_the_picture_does_not_move():
    sight = replace(moved(TILTED), image=astronaut())
    motion = said(sight)
    calm = Witness(Sight(astronaut(), face())).confirmed(motion, sight, np.inf)
    assert abs(motion.turn[2]) > 2.5
    assert np.abs(calm.turn).max() < 0.1
    assert np.abs(calm.shift).max() < 0.05
    assert calm.growth == pytest.approx(1, abs=1e-3)
    assert calm.looks == pytest.approx(motion.looks - motion.turn, abs=0.1)
    assert calm.expression is motion.expression


def test_a_change_of_light_is_no_sign_of_stillness():
    sight = moved(TILTED)
    dark = replace(sight, image=np.rint(0.6 * sight.image).astype(np.uint8))
    motion = Witness(Sight(astronaut(), face())).confirmed(said(sight), dark, np.inf)
    assert motion.turn[2] == pytest.approx(said(sight).turn[2], rel=0.3)


def test_far_moves_are_left_to_the_mesh():
    sight = moved(cv2.getRotationMatrix2D((220.0, 130.0), -15.0, 1.0))
    still = replace(sight, image=astronaut())
    motion = Witness(Sight(astronaut(), face())).confirmed(said(still), still, np.inf)
    assert motion.turn == pytest.approx(said(still).turn)


def test_what_is_seen_comes_to_count_within_a_moment():
    rest, gone = Sight(astronaut(), face()), moved(TILTED)
    witness, still = Witness(rest), replace(gone, image=astronaut())
    tilts = [abs(witness.confirmed(said(gone), gone, np.inf).turn[2])]
    tilts += [abs(witness.confirmed(said(gone), still, 0.04).turn[2]) for _ in range(12)]
    assert (np.diff(tilts) < 0).all()
    assert tilts[1] > 0.5 * tilts[0]
    assert tilts[-1] < 0.02 * tilts[0]


def test_a_picture_without_edges_says_nothing():
    sight = moved(TILTED)
    grey = np.full_like(astronaut(), 90)
    motion = Witness(Sight(grey, face())).confirmed(said(sight), replace(sight, image=grey), np.inf)
    assert motion.turn == pytest.approx(said(sight).turn)
