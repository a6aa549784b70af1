"""Faces taken out of films: where they are put, what is masked, and which are kept."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from melies.errors import UseError
from melies.faces import find
from melies.faces.anatomy import FOREHEAD, NOSE_TIP, OVAL, canonical
from melies.frame import Frame
from melies.swapping.extract import TEMPLATE, FaceSet, cut, extract, features, five, outline, placement, spread

SIZE = 64


@pytest.fixture(scope="module")
def astronaut():
    return pytest.importorskip("skimage.data").astronaut()


@pytest.fixture(scope="module")
def face(astronaut):
    return find(astronaut)[0]


def moved(image, turn=0.0, scale=1.0, stretch=1.0, shift=(0, 0), size=(512, 512)):
    """Turn, enlarge, stretch upright, and move a picture of 512×512."""
    matrix = cv2.getRotationMatrix2D((255.5, 255.5), turn, scale)
    matrix[1] *= stretch
    matrix[:, 2] += shift
    return cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE), matrix


def film(images, cuts=(0,)):
    for index, image in enumerate(images):
        yield Frame(image, index, Fraction(1, 25), 1, cut=index in cuts)


def test_the_five_points_of_the_mean_face_come_to_lie_on_the_template():
    mean = canonical().points
    matrix = placement(mean, SIZE)
    there = five(mean) @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(there - (TEMPLATE * SIZE - 0.5)).max() < 0.02 * SIZE
    assert matrix[0, 0] == pytest.approx(matrix[1, 1])
    assert matrix[0, 1] == pytest.approx(-matrix[1, 0])


def test_a_crop_does_not_depend_on_where_and_how_large_a_face_is(astronaut, face):
    plain = cut(astronaut, placement(face.points, SIZE), SIZE)
    other, matrix = moved(astronaut, turn=25, scale=1.3, shift=(40, 60))
    points = np.column_stack([face.points[:, :2] @ matrix[:, :2].T + matrix[:, 2], face.points[:, 2]])
    again = cut(other, placement(points, SIZE), SIZE)
    assert np.abs(plain.astype(int) - again).mean() < 4


def test_a_large_face_is_averaged_when_it_is_made_small():
    checks = np.tile(np.indices((600, 600)).sum(0)[..., None] % 2 * 255, 3).astype(np.uint8)
    crop = cut(checks, np.array([[0.1, 0, 0], [0, 0.1, 0]]), SIZE)
    assert crop.shape == (SIZE, SIZE, 3)
    assert np.abs(crop[1:50, 1:50].astype(int) - 127).max() < 10


def test_a_crop_keeps_the_depth_and_leaves_alpha_out(astronaut, face):
    deep = np.dstack([astronaut.astype(np.uint16) * 257, np.full((512, 512), 65535, np.uint16)])
    crop = cut(deep, placement(face.points, SIZE), SIZE)
    assert crop.dtype == np.uint16
    assert crop.shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("yaw", [0, 25, 50, -50])
def test_the_mask_is_what_the_mesh_covers_however_it_is_turned(yaw):
    angle = np.radians(yaw)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    points = (canonical().points @ turn.T)[:, :2] * 6 + 64
    mask = outline(points.astype(np.float32), 128)
    pieces, _, facts, _ = cv2.connectedComponentsWithStats(mask)
    holes, _ = cv2.connectedComponents(255 - mask)
    hull = np.zeros_like(mask)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.rint(points).astype(np.int32)), 255)
    assert set(np.unique(mask)) == {0, 255}
    assert pieces == 2
    assert holes == 2
    assert (mask[hull == 0] > 0).mean() < 0.005
    assert facts[1, cv2.CC_STAT_AREA] > 0.85 * (hull > 0).sum()
    nose = np.rint(points[NOSE_TIP]).astype(int)
    assert mask[nose[1], nose[0]] == 255


def test_the_mask_ends_at_the_hair_line_and_the_chin(face):
    matrix = placement(face.points, SIZE)
    points = (face.points[:, :2] @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    mask = outline(points, SIZE)
    top, chin = points[OVAL, 1].min(), points[OVAL, 1].max()
    assert not mask[: int(top) - 1].any()
    assert not mask[int(chin) + 3 :].any()
    assert mask[round(float(points[FOREHEAD, 1])) + 2, round(float(points[FOREHEAD, 0]))] == 255


def test_eyes_and_mouth_are_drawn_where_they_are(face):
    matrix = placement(face.points, SIZE)
    points = (face.points[:, :2] @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    drawn = features(points, SIZE)
    assert 0.03 < (drawn > 0).mean() < 0.2
    for point, inside in ((159, True), (386, True), (13, True), (NOSE_TIP, False), (FOREHEAD, False)):
        x, y = np.rint(points[point]).astype(int)
        assert (drawn[y, x] == 255) == inside


def test_those_that_differ_most_are_chosen():
    shapes = np.float32([[0], [0.1], [0.2], [5], [5.1], [-5]])
    assert spread(shapes, 3).tolist() in ([0, 4, 5], [1, 4, 5], [2, 4, 5])
    assert spread(shapes, 6).tolist() == [0, 1, 2, 3, 4, 5]


def varied(astronaut, count=10):
    """One face, longer and longer."""
    return [moved(astronaut, stretch=1 + 0.04 * step, size=(512, 700))[0] for step in range(count)]


def test_faces_that_hardly_differ_are_left_out(astronaut):
    pictures = [picture for picture in varied(astronaut) for _ in range(4)]
    faces = extract(film(pictures), SIZE, "her")
    assert 10 <= len(faces) <= 30
    assert faces.name == "her"
    assert faces.images.shape == (len(faces), SIZE, SIZE, 3)
    assert faces.masks.shape == (len(faces), SIZE, SIZE)
    assert np.all(np.diff(faces.times) > 0)
    assert {int(time * 25 / 4 + 0.01) for time in faces.times} == set(range(10))


def test_of_too_many_faces_those_stay_that_differ_most(astronaut):
    faces = extract(film(varied(astronaut, 14)), SIZE, "her", most=4)
    assert len(faces) == 4
    assert faces.times[0] <= 1 / 25
    assert faces.times[-1] >= 12 / 25


def test_blurred_faces_are_left_out(astronaut):
    pictures = varied(astronaut, 12)
    blurred = {3, 7}
    for index in blurred:
        pictures[index] = cv2.GaussianBlur(pictures[index], (0, 0), 4)
    faces = extract(film(pictures), SIZE, "her")
    assert {round(time * 25) for time in faces.times} == set(range(12)) - blurred


def test_of_two_people_the_one_who_is_meant_is_taken(astronaut):
    def pair(picture):
        near = picture[:300, 90:360]
        far = np.zeros_like(near)
        far[:240, :216] = cv2.resize(near // 2, None, fx=0.8, fy=0.8)
        return np.hstack([near, far])

    pictures = [pair(near) for near in varied(astronaut)]
    assert extract(film(pictures), SIZE, "both").images.mean() > 100
    assert extract(film(pictures), SIZE, "both", face="right").images.mean() < 70


def test_every_shot_is_followed_by_itself(astronaut):
    pictures = varied(astronaut, 8)
    mirrored = [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    faces = extract(film([*pictures, *mirrored], cuts=(0, 8)), SIZE, "her")
    assert (faces.times < 8 / 25).sum() == (faces.times >= 8 / 25).sum() == 8


def test_a_film_without_enough_faces_is_refused(astronaut):
    blank = [np.full((64, 64, 3), 90, np.uint8)] * 3
    with pytest.raises(UseError, match=r"Only 0 different faces .* in nobody"):
        extract(film(blank), SIZE, "nobody")
    with pytest.raises(UseError, match=r"Only [12] different faces"):
        extract(film([astronaut] * 4), SIZE, "still")


def test_one_is_told_in_how_many_frames_a_face_was_found(astronaut, caplog):
    blank = [np.full((512, 512, 3), 90, np.uint8)]
    with caplog.at_level("INFO", "melies"):
        faces = extract(film([*varied(astronaut), *blank * 5], cuts=(0, 10)), SIZE, "her")
    assert caplog.messages == [f"her: 10 of 15 frames show the face; {len(faces)} different, sharp ones are kept."]
    caplog.clear()
    extract(film([*varied(astronaut), *blank * 11], cuts=(0, 10)), SIZE, "her")
    assert caplog.messages[-1].startswith("Only 10 of the 21 frames of her show a face")


def some(count=20):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
    masks = np.full((count, SIZE, SIZE), 255, np.uint8)
    return FaceSet(
        images, masks, masks, np.zeros((count, 3), np.float32), np.arange(count) / 25, TEMPLATE, "somebody", "here"
    )


def test_faces_are_kept_in_a_file_that_runs_nothing(tmp_path):
    faces = some()
    faces.save(tmp_path / "run" / "faces.npz")
    found = FaceSet.load(tmp_path / "run" / "faces.npz")
    assert (found.name, found.origin, found.size, len(found)) == ("somebody", "here", SIZE, 20)
    assert np.array_equal(found.images, faces.images)
    assert np.array_equal(found.times, faces.times)
    np.savez(tmp_path / "bad.npz", images=np.array([{}], object))
    for content in (None, b"", b"no faces"):
        if content is not None:
            (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(UseError, match=r"bad\.npz does not hold faces"):
            FaceSet.load(tmp_path / "bad.npz")


@pytest.mark.parametrize("count", [8, 20, 101])
def test_a_part_of_every_stretch_of_a_film_is_held_out(count):
    faces = some(count)
    learned, judged = faces.split(0.15)
    assert len(judged) == pytest.approx(0.15 * count, abs=4)
    assert sorted([*learned.times, *judged.times]) == faces.times.tolist()
    for early in (True, False):
        assert ((judged.times < faces.times[count // 2]) == early).any()
    assert np.array_equal(learned.images[0], faces.images[0])


def test_real_footage_gives_many_faces(footage):
    import melies
    from melies.engine.shots import mark_shots

    clip = melies.open(footage / "faces" / "driving" / "d0.mp4", end=1.5)
    faces = extract(mark_shots(clip.frames()), SIZE, "d0")
    assert len(faces) >= 12
    assert 0.3 < (faces.masks > 0).mean() < 0.7
