"""A portrait painted with its face moved: what must hold for every portrait and every move."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest

from melies.faces import find, fit
from melies.faces.anatomy import (
    LEFT_EYE,
    LEFT_IRIS,
    LIPS_INNER,
    LIPS_OUTER,
    OVAL,
    RIGHT_EYE,
    RIGHT_IRIS,
    SKIN,
    canonical,
)
from melies.puppetry.move import Move
from melies.puppetry.render import Puppet
from melies.puppetry.render.around import Around
from melies.puppetry.render.backdrop import take
from melies.puppetry.render.hidden import Hidden
from melies.puppetry.render.mesh import locate, paint
from melies.puppetry.render.unfold import unfolded

UPPER, LOWER = LIPS_INNER[1:10], LIPS_INNER[19:10:-1]


@cache
def astronaut() -> np.ndarray:
    data = pytest.importorskip("skimage.data", reason="scikit-image's astronaut is the portrait")
    image = data.astronaut()
    image.flags.writeable = False
    return image


@cache
def face() -> np.ndarray:
    (one,) = find(astronaut(), 1)
    one.points.flags.writeable = False
    return one.points


@cache
def puppet() -> Puppet:
    return Puppet(astronaut(), face())


def turned(points: np.ndarray, yaw: float = 0, pitch: float = 0) -> np.ndarray:
    centre = points[[234, 454]].mean(0)
    turn = cv2.Rodrigues(np.radians([pitch, -yaw, 0.0]))[0].astype(np.float32)
    return (points - centre) @ turn.T + centre


def opened(points: np.ndarray, pixels: float) -> np.ndarray:
    """Lower the jaw: the lower lip by so much, what is below it less and less."""
    moved = points.copy()
    line = (points[UPPER, 1].mean() + points[LOWER, 1].mean()) / 2
    wide = np.ptp(points[LIPS_OUTER, 0])
    across = np.clip(1 - ((points[:, 0] - points[13, 0]) / (0.9 * wide)) ** 2, 0, 1)
    below = (points[:, 1] > line + 2) & (np.arange(len(points)) < SKIN)
    below[LOWER], below[UPPER] = True, False
    moved[:, 1] += pixels * across * below
    return moved


def blinked(points: np.ndarray) -> np.ndarray:
    """Lower the upper lids onto the lower ones, with the skin above."""
    moved = points.copy()
    for rim in (RIGHT_EYE, LEFT_EYE):
        upper, lower = rim[1:8], rim[15:8:-1]
        gap = points[lower, 1] - points[upper, 1]
        for skin in range(SKIN):
            if skin in rim and skin not in upper:
                continue
            away = np.hypot(*(points[skin, :2] - points[upper, :2]).T)
            nearest = int(away.argmin())
            if points[skin, 1] <= points[upper[nearest], 1]:
                moved[skin, 1] += gap[nearest] * max(0.0, 1 - away[nearest] / 9)
    return moved


def looking(points: np.ndarray, pixels: float) -> np.ndarray:
    moved = points.copy()
    moved[np.concatenate([RIGHT_IRIS, LEFT_IRIS]), 0] += pixels
    return moved


MOVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "open": lambda points: opened(points, 12),
    "blink": blinked,
    "left": lambda points: turned(points, -15),
    "right": lambda points: turned(points, 15),
    "up": lambda points: turned(points, 0, 8),
    "looking": lambda points: looking(points, 3),
    "all": lambda points: turned(opened(looking(points, 2), 8), 10, 5),
}


@pytest.fixture(params=list(MOVES))
def target(request: pytest.FixtureRequest) -> np.ndarray:
    return MOVES[request.param](face())


def test_strength_0_is_the_portrait_itself(target):
    made = puppet().render(Move(points=target, strength=0))
    assert np.array_equal(made, astronaut())


def test_a_face_at_rest_changes_by_a_grey_level_at_most():
    made = puppet().render(Move(points=face()))
    assert np.abs(made.astype(int) - astronaut()).max() <= 1


def test_a_performer_at_rest_changes_nothing():
    performer = {"driver": astronaut(), "driver_points": face(), "neutral": astronaut(), "neutral_points": face()}
    made = puppet().render(Move(points=face(), **performer))
    assert np.abs(made.astype(int) - astronaut()).max() <= 1


def test_the_face_goes_where_it_is_sent(target):
    (seen,) = find(puppet().render(Move(points=target, mouth="procedural")), 1)
    error = np.linalg.norm(seen.points[:SKIN, :2] - target[:SKIN, :2], axis=1).mean()
    assert error < 0.02 * seen.size
    before = np.linalg.norm(face()[:SKIN, :2] - target[:SKIN, :2], axis=1).mean()
    assert error < before or before < 0.01 * seen.size


def test_lids_close_and_lips_part():
    (shut,) = find(puppet().render(Move(points=blinked(face()))), 1)
    gap = lambda points: np.linalg.norm(points[159, :2] - points[145, :2])  # noqa: E731
    assert gap(shut.points) < 0.45 * gap(face())
    (open_,) = find(puppet().render(Move(points=opened(face(), 12), mouth="procedural")), 1)
    assert open_.points[14, 1] - open_.points[13, 1] > face()[14, 1] - face()[13, 1] + 8


def test_the_iris_turns_and_the_lids_stay():
    made = puppet().render(Move(points=looking(face(), 4)))
    (seen,) = find(made, 1)
    for iris, rim in ((RIGHT_IRIS, RIGHT_EYE), (LEFT_IRIS, LEFT_EYE)):
        assert seen.points[iris[0], 0] - face()[iris[0], 0] > 1.5
        assert np.abs(seen.points[rim, :2] - face()[rim, :2]).mean() < 1.5


def test_nothing_beyond_the_head_is_touched(target):
    made = puppet().render(Move(points=target))
    x, y = face()[OVAL, :2].mean(0)
    reach = 1.8 * np.ptp(face()[OVAL, :2], axis=0).max()
    rows, columns = np.mgrid[:512, :512]
    beyond = (np.abs(rows - y) > reach + 1) | (np.abs(columns - x) > reach + 1)
    assert beyond.any()
    assert np.array_equal(made[beyond], astronaut()[beyond])


def test_what_is_behind_the_head_keeps_still():
    made = puppet().render(Move(points=turned(face(), 15)))
    wall = np.s_[90:150, 120:145], np.s_[60:110, 330:350]
    for part in wall:
        assert np.abs(made[part].astype(int) - astronaut()[part]).max() <= 1


@cache
def bright_puppet() -> Puppet:
    return Puppet(np.maximum(astronaut(), 100), face())


def test_no_hole_is_left(target):
    made = bright_puppet().render(Move(points=turned(target, 3), mouth="procedural"))
    inside = np.ones(made.shape[:2], np.uint8)
    for part in (LIPS_OUTER, RIGHT_EYE, LEFT_EYE):
        cv2.fillConvexPoly(inside, cv2.convexHull(turned(target, 3)[part, :2].astype(np.int32)), 0)
    inside = cv2.erode(inside, np.ones((9, 9)))
    assert made[inside > 0].min() >= 60


def test_a_performers_mouth_and_wrinkles_are_taken_over():
    performer = astronaut().copy()
    cv2.fillConvexPoly(performer, np.round(face()[LIPS_INNER, :2]).astype(np.int32), (200, 20, 20))
    grin = {"driver": performer, "driver_points": face(), "neutral": astronaut(), "neutral_points": face()}
    portrait = astronaut().copy()
    lips = face().copy()
    middle = (lips[UPPER] + lips[LOWER]) / 2
    lips[UPPER] = lips[LOWER] = middle  # a portrait that shows no teeth
    made = Puppet(portrait, lips).render(Move(points=face(), **grin))
    x, y = np.round(face()[[13, 14], :2].mean(0)).astype(int)
    red, green, blue = made[y, x].astype(int)
    assert red > green + 80
    assert red > blue + 80

    wrinkled = astronaut().copy()
    x, y = np.round(face()[205, :2]).astype(int)
    wrinkled[y - 2 : y + 3, x - 5 : x + 6] = wrinkled[y - 2 : y + 3, x - 5 : x + 6] * 0.75
    frown = {**grin, "driver": wrinkled}
    changed = puppet().render(Move(points=face(), **frown))[y, x].astype(int) - astronaut()[y, x]
    assert (changed < -5).all()


def test_the_same_move_gives_the_same_picture():
    move = Move(points=MOVES["all"](face()), mouth="procedural")
    assert np.array_equal(puppet().render(move), Puppet(astronaut(), face()).render(move))


@pytest.mark.parametrize("alpha", [False, True])
def test_16_bits_and_alpha(alpha):
    deep = astronaut().astype(np.uint16) * 257
    clear = np.full((512, 512, 1), 65535, np.uint16)
    clear[:, 400:] = 0
    portrait = np.concatenate([deep, clear], 2) if alpha else deep
    target = MOVES["all"](face())
    made = Puppet(portrait, face()).render(Move(points=target, mouth="procedural"))
    assert made.dtype == np.uint16
    assert made.shape == portrait.shape
    eight = puppet().render(Move(points=target, mouth="procedural"))
    difference = np.abs(made[..., :3] / 257 - eight)
    assert difference.mean() < 0.5
    if alpha:
        assert np.abs(made[..., 3].astype(int) - clear[..., 0]).max() <= 1


@pytest.mark.parametrize("window", [np.s_[:200, 200:400], np.s_[100:300, 120:330], np.s_[80:160, 150:260]])
def test_a_face_partly_outside_the_picture(window):
    target = MOVES["all"](face())
    part = np.ascontiguousarray(astronaut()[window])
    shift = np.array([window[1].start or 0, window[0].start or 0, 0], np.float32)
    prepared = Puppet(part, face() - shift)
    made = prepared.render(Move(points=target - shift, mouth="procedural"))
    assert made.shape == part.shape
    still = prepared.render(Move(points=face() - shift))
    assert np.abs(still.astype(int) - part).max() <= 1


@pytest.mark.parametrize("scale", [0.2, 0.55, 2.5])
def test_tiny_and_huge_faces(scale):
    size = round(512 * scale)
    image = cv2.resize(astronaut(), (size, size), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    points = (face() * scale).astype(np.float32)
    target = (MOVES["all"](face()) * scale).astype(np.float32)
    prepared = Puppet(image, points)
    assert np.abs(prepared.render(Move(points=points)).astype(int) - image).max() <= 1
    made = prepared.render(Move(points=target, mouth="procedural"))
    small = cv2.resize(made, (512, 512), interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC)
    usual = puppet().render(Move(points=MOVES["all"](face()), mouth="procedural"))
    assert np.abs(cv2.blur(small, (9, 9)).astype(int) - cv2.blur(usual, (9, 9))).mean() < 4


def test_the_portrait_is_not_written_to(target):
    before = astronaut().copy()
    puppet().render(Move(points=target))
    assert np.array_equal(before, astronaut())


def test_a_painted_mesh_is_exact_and_the_last_triangle_lies_on_top():
    corners = np.array([[1, 1], [17.5, 3], [4, 15], [16, 17]], np.float32)
    triangles = np.array([[0, 1, 2], [1, 3, 2]])
    canvas = np.full((20, 20, 2), np.nan, np.float32)
    paint(canvas, corners, corners, triangles)
    inside = cv2.fillConvexPoly(np.zeros((20, 20), np.uint8), corners[[0, 1, 3, 2]].round().astype(np.int32), 1)
    solid = cv2.erode(inside, np.ones((3, 3))) > 0
    y, x = np.nonzero(solid)
    assert np.allclose(canvas[solid], np.stack([x, y], 1), atol=1e-4)
    pixels, around, weights = locate(corners, triangles, 20, 20)
    assert np.allclose(
        (corners[around] * weights[..., None]).sum(1), np.stack([pixels % 20, pixels // 20], 1), atol=0.1
    )

    same = np.zeros((20, 20, 1), np.float32)
    shades = np.array([1, 1, 1, 2, 2, 2], np.float32)[:, None]
    paint(same, np.tile(corners[:3], (2, 1)), shades, np.array([[0, 1, 2], [3, 4, 5]]))
    assert set(np.unique(same)) == {0, 2}
    paint(same, np.tile(corners[:3], (2, 1)), shades, np.array([[3, 4, 5], [0, 1, 2], [3, 5, 4]]))
    assert set(np.unique(same)) == {0, 1}


def test_a_far_turn_leaves_no_fold():
    target = turned(face(), 25)
    triangles = canonical().triangles[:, ::-1]

    def folded(points: np.ndarray) -> int:
        a, b, c = (points[triangles[:, k], :2] for k in range(3))
        area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
        far = np.abs(canonical().points[triangles, 0]).min(1) > 5
        return int((area < -1)[far].sum())

    assert folded(target) > 5
    assert folded(unfolded(face(), target)) < 0.5 * folded(target)
    moved = unfolded(face(), target)
    assert fit(target[:SKIN], moved[:SKIN]).yaw == pytest.approx(0, abs=4)


def test_lids_and_lips_may_fold():
    target = blinked(opened(face(), 10))
    moved = unfolded(face(), target)
    parts = np.concatenate([LIPS_INNER, LIPS_OUTER, RIGHT_EYE, LEFT_EYE])
    assert np.array_equal(moved[parts], target[parts])
    assert np.abs(moved - target).max() < 3


def test_what_a_portrait_hides_is_skin_and_nothing_from_beside_it():
    skin, wall, lips = (200, 150, 120), (40, 60, 90), (220, 20, 20)
    aside = turned(face(), 45)
    image = np.full_like(astronaut(), wall)
    matte = np.zeros(image.shape[:2], np.uint8)
    for triangle in np.round(aside[canonical().triangles, :2]).astype(np.int32):
        cv2.fillConvexPoly(matte, triangle, 255)
    image[matte > 0] = skin
    for part in (LIPS_OUTER, RIGHT_EYE, LEFT_EYE):
        cv2.fillConvexPoly(image, cv2.convexHull(np.round(aside[part, :2]).astype(np.int32)), lips)
    hidden, place = Hidden(image, aside, matte), np.indices(matte.shape, np.float32)[::-1].transpose(1, 2, 0)
    now = turned(face(), 15)
    made = np.full_like(image, wall)
    hidden.paint(made, now, np.ascontiguousarray(place))
    painted = (made != wall).any(2)
    assert painted.sum() > 300
    assert (made[painted].astype(int)[:, 1] >= wall[1] - 2).all()  # lips have less green than wall and skin
    still = made.copy()
    hidden.paint(still, aside, np.ascontiguousarray(place))
    assert np.array_equal(still, made)


def test_a_head_is_not_mirrored_at_the_border():
    image = np.zeros((8, 8), np.uint8)
    image[1:] = 200
    place = np.indices((8, 8), np.float32)[::-1].transpose(1, 2, 0) - np.array([0, 4], np.float32)
    assert (take(image, np.ascontiguousarray(place))[:5] == 0).all()


def test_hair_over_the_performers_cheek_is_no_wrinkle():
    performer = astronaut().copy()
    x, y = np.round(face()[117, :2]).astype(int)
    performer[y - 30 : y + 40, x - 12 : x - 2] = 25
    hair = {"driver": performer, "driver_points": face(), "neutral": astronaut(), "neutral_points": face()}
    part = np.s_[y - 20 : y + 30, x - 20 : x + 10]
    changed = puppet().render(Move(points=face(), **hair))[part].astype(int) - astronaut()[part]
    assert np.abs(changed).max() <= 4


def test_the_hairs_outline_stays_where_the_face_turns_and_goes_where_the_head_tilts():
    """It is no part of the head that turns, but where the head ends: behind the ears, above the neck."""
    height, width = astronaut().shape[:2]
    around = Around(face(), width, height)
    ears = face()[[127, 356]].mean(0)
    neck = ears + np.array([0, 0, 0.25]) * np.linalg.norm(face()[152, :2] - face()[10, :2])
    beside = int(ears[1]), int(ears[0] + 0.65 * np.ptp(face()[OVAL, 0]))
    for angles, along, where in (((0, -12, 0), 0, 4), ((0, 0, 12), 1, 454)):
        turn = cv2.Rodrigues(np.radians(angles))[0]
        now = ((face() - neck) @ turn.T + neck).astype(np.float32)
        share = around.back(now)[beside][along] / (now - face())[where, along]
        assert abs(share) < 0.2 if along == 0 else share > 1
