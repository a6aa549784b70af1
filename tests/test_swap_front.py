"""Things before a face that is swapped: found by what differs from the face as it was."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from skimage import data

from melies import faces
from melies.effects.swap import Swap
from melies.faces import anatomy
from melies.frame import Frame, VideoSpec
from melies.swapping.flat import flat, places
from melies.swapping.front import Front
from melies.swapping.skin import BARE, spots
from melies.testing import run

RATE = 25


@pytest.fixture(scope="module")
def unrolled():
    """The astronaut's face, `128×128×3`."""
    picture = data.astronaut()
    points = faces.find(picture, 1)[0].points
    return flat(BARE).unroll(picture.astype(np.float32) / 255, points)


def bar(texture, left, colour=(0.5, 0.5, 0.5)):
    """The face with a bar before it, and where that is."""
    made, truth = texture.copy(), np.zeros((BARE, BARE), bool)
    truth[:, left : left + 24] = True
    made[truth] = colour
    return made, truth & flat(BARE).inside


def learned(texture, frames=25):
    front, trust = Front(), np.ones((BARE, BARE, 1), np.float32)
    for frame in range(frames):
        assert not front(texture, trust, frame / RATE).any()
    return front, trust


def overlap(found, truth):
    return (found & truth).sum() / (found | truth).sum()


@pytest.mark.parametrize("colour", [(0.5, 0.5, 0.5), (0.95, 0.95, 0.95), (0.05, 0.05, 0.05), (0.1, 0.3, 0.7)])
def test_a_bar_that_passes_is_found_and_gone_again(unrolled, colour):
    front, trust = learned(unrolled)
    for frame, left in enumerate(range(10, 100, 15)):
        passing, truth = bar(unrolled, left, colour)
        assert overlap(front(passing, trust, 1 + frame / RATE) > 0.5, truth) > 0.75
    assert not front(unrolled, trust, 1.5).any()


def test_a_thing_that_stays_is_kept(unrolled):
    front, trust = learned(unrolled)
    passing, truth = bar(unrolled, 50)
    for frame in range(100):
        found = front(passing, trust, 1 + frame / RATE)
    assert overlap(found > 0.5, truth) > 0.75


def test_light_that_changes_shade_and_speaking_are_no_things(unrolled):
    front, trust = learned(unrolled)
    below_hair = slice(BARE // 3, None)
    assert not front(unrolled * np.array([0.7, 0.6, 0.5], np.float32), trust, 1.04)[below_hair].any()
    shade = np.ones((BARE, BARE, 1), np.float32)
    shade[:, :64] = 0.6
    assert not front(unrolled * shade, trust, 1.08)[below_hair].any()
    speaking = unrolled.copy()
    lips = np.rint(places()[anatomy.LIPS_INNER] * BARE).astype(np.int32)
    cv2.fillPoly(speaking, [lips], (0.1, 0.03, 0.03))
    assert not front(speaking, trust, 1.12)[below_hair].any()


def test_skin_that_was_hidden_from_the_beginning_comes_out(unrolled):
    passing, _ = bar(unrolled, 50)
    front, trust = learned(passing)
    assert not front(unrolled, trust, 1.04)[spots(BARE)].any()


def test_a_sheet_before_a_swapped_face_is_left_as_it_is(tmp_path):
    picture = np.ascontiguousarray(data.astronaut()[:320, 60:380])
    source = tmp_path / "him.png"
    cv2.imwrite(str(source), np.rint(picture[:, ::-1, ::-1] * 0.8).astype(np.uint8))
    left, top, right, bottom = map(int, faces.find(picture, 1)[0].box)
    hidden = picture.copy()
    sheet = slice((top + bottom) // 2, bottom), slice(left + 10, right - 10)
    hidden[sheet] = 225
    hidden[sheet][::6] = 40
    images = [picture] * 12 + [hidden]
    frames = [Frame(image, i, Fraction(1, RATE), 1, cut=i == 0) for i, image in enumerate(images)]
    spec = VideoSpec(320, 320, Fraction(RATE), Fraction(1, RATE))
    kept, painted = (
        list(run(Swap(source=[str(source)], occlusion=aware), frames, spec))[-1].image for aware in (True, False)
    )
    inside = tuple(slice(part.start + 8, part.stop - 8) for part in sheet)
    apart = [np.abs(made[inside].astype(int) - hidden[inside]).mean() for made in (kept, painted)]
    assert apart[0] < 3
    assert apart[1] > 20
