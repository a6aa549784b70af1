"""Stabilizing: a film shaken by a known hand becomes calm, and only that changes."""

import logging
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

import melies
from melies.effects.stabilize import Stabilize
from melies.frame import Frame, VideoSpec
from melies.stabilizing.camera import Camera, Habits
from melies.stabilizing.path import _bend
from melies.stabilizing.shake import Handheld, Shake, jitter
from melies.stabilizing.track import Ruler, Tracker

SIZE = (256, 144)
COUNT = 45


def scene(height: int = 200, width: int = 340) -> np.ndarray:
    """A picture with corners everywhere, at all scales."""
    rng = np.random.default_rng(3)
    image = np.zeros((height, width, 3), np.float32)
    for cells in (4, 12, 40, 100):
        rough = rng.random((cells, cells, 3), dtype=np.float32)
        image += cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC) * 64
    return np.clip(image, 0, 255).astype(np.uint8)


def steadied(source: Handheld, shake: Shake, **options) -> tuple[float, float]:
    """Jitter of the scene before and after, from the true path and what the camera decided."""
    spec = source.spec
    habits = Stabilize(**options)._habits(30)
    ruler, camera = Ruler(spec), None
    camera = Camera(ruler, habits)
    frames = list(source.frames())
    for frame in frames:
        camera.add(ruler.look(frame))
    unit = max(SIZE) / 2
    scale = np.diag([1 / unit, 1 / unit, 1])
    points = np.array([(x, y, 1) for x in (-90, 0, 90) for y in (-50, 0, 50)]).T
    before, after = [], []
    for index in range(len(frames)):
        x, y, turn = shake.at(np.array([index]))[:, 0]
        true = np.array([[np.cos(turn), -np.sin(turn), x], [np.sin(turn), np.cos(turn), y], [0, 0, 1]])
        look = np.linalg.inv(scale) @ camera.look(index).matrix @ scale
        moved = np.linalg.inv(look) @ true @ points
        before.append((true @ points)[:2])
        after.append(moved[:2] / moved[2])
    return jitter(before), jitter(after)


@pytest.mark.parametrize(
    ("readout", "options", "times"),
    [
        (0.0, {}, 10),
        (0.0, {"motion": "homography"}, 10),
        (0.0, {"mode": "lock", "max_crop": 0.4}, 8),
        (0.7, {}, 6),
        (0.7, {"rolling_shutter": 0.7}, 6),
    ],
    ids=str,
)
def test_shake_is_taken_out(readout, options, times):
    picture, shake = scene(), Shake(COUNT, 3)
    before, after = steadied(Handheld(lambda _: picture, COUNT, SIZE, shake, readout), shake, **options)
    assert before / after > times


def test_a_camera_that_stands_still_is_locked_without_a_word_and_nothing_changes(caplog):
    picture = scene(144, 256)
    spec = VideoSpec(*SIZE, Fraction(25), Fraction(1, 25))
    frames = [Frame(picture, index, Fraction(1, 25), 1) for index in range(COUNT)]
    with caplog.at_level(logging.WARNING, "melies"):
        found = list(Stabilize(mode="lock").apply(iter(frames), spec))
    assert not caplog.text
    assert all(np.array_equal(one.image, picture) for one in found)


def test_the_readout_is_measured_and_straightens_the_picture():
    picture, shake = scene(), Shake(COUNT, 4)
    source = Handheld(lambda _: picture, COUNT, SIZE, shake, 0.7)
    ruler = Ruler(source.spec)
    bent = {}
    for how in (0.0, "auto"):
        out = list(Stabilize(rolling_shutter=how).apply(source.frames(), source.spec))
        steps = [Tracker(ruler).step(ruler.look(a), ruler.look(b)) for a, b in pairwise(out)]
        bent[how] = np.std([_bend(step.linear) for step in steps])
    assert bent["auto"] < 0.5 * bent[0.0]


def unlike(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a[20:-20, 20:-20].astype(float) - b[20:-20, 20:-20]).mean())


def test_somebody_who_walks_through_does_not_pull_the_camera_along():
    picture, shake, person = scene(), Shake(COUNT, 3), scene(120, 70)[::-1]

    def street(index: int) -> np.ndarray:
        shown = picture.copy()
        shown[40:160, 40 + 4 * index : 110 + 4 * index] = person
        return shown

    before, after = steadied(Handheld(street, COUNT, SIZE, shake), shake)
    assert before / after > 8


def test_a_steady_pan_goes_on():
    picture = scene(200, 600)
    frames = [
        Frame(np.ascontiguousarray(picture[20:164, 4 * i : 4 * i + 256]), i, Fraction(1, 30), 1) for i in range(COUNT)
    ]
    spec = VideoSpec(*SIZE, Fraction(30), Fraction(1, 30), frames=COUNT)
    out = list(Stabilize().apply(iter(frames), spec))
    assert max(unlike(a.image, b.image) for a, b in zip(frames, out, strict=True)) < 1.5


@pytest.mark.parametrize("border", ["crop", "fill"])
def test_no_border_shows(border):
    picture, shake = scene(), Shake(COUNT, 4)
    source = Handheld(lambda _: np.maximum(picture, 60), COUNT, SIZE, shake)
    black = list(Stabilize(border="black").apply(source.frames(), source.spec))
    out = list(Stabilize(border=border).apply(source.frames(), source.spec))
    assert min(frame.image.min() for frame in black) == 0
    assert min(frame.image.min() for frame in out) > 20
    if border == "fill":
        truth = picture[28:172, 42:298]
        worst = max(
            np.abs(frame.image.astype(float) - black[i].image)[black[i].image > 55].mean()
            for i, frame in enumerate(out)
        )
        assert worst < 2, "the middle is left alone"
        assert truth.shape == out[0].image.shape


def test_at_most_so_much_is_cut():
    picture, shake = scene(), Shake(COUNT, 12)
    source = Handheld(lambda _: picture, COUNT, SIZE, shake)
    ruler, camera = Ruler(source.spec), Camera(Ruler(source.spec), Habits("similarity", False, 20, 0.0, 1 / 0.95, True))
    for frame in source.frames():
        camera.add(ruler.look(frame))
    corners = np.array([(x, y) for x in (-1, 1) for y in (-1, 1)]) * ruler.half
    for index in range(COUNT):
        look = camera.look(index)
        grow = 1 / np.sqrt(abs(np.linalg.det(look.matrix[:2, :2])))
        assert grow <= 1 / 0.95 * 1.06
        assert (np.abs(look.places(corners, ruler)) <= ruler.half * 1.002).all()
    assert camera.limited


def test_transparent_borders_bring_alpha():
    picture, shake = scene(), Shake(12, 4)
    source = Handheld(lambda _: picture, 12, SIZE, shake)
    effect = Stabilize(border="transparent")
    out = list(effect.apply(source.frames(), source.spec))
    assert effect.output(source.spec).alpha
    assert {frame.image.shape[2] for frame in out} == {4}
    assert min(frame.image[..., 3].min() for frame in out) == 0


def test_a_shot_that_shows_nothing_is_left_as_it_is(caplog):
    flat = np.full((*SIZE[::-1], 3), 90, np.uint8)
    frames = [Frame(flat.copy(), i, Fraction(1, 30), 1) for i in range(10)]
    with caplog.at_level(logging.WARNING, "melies"):
        out = list(Stabilize().apply(iter(frames), VideoSpec(*SIZE, Fraction(30), Fraction(1, 30), frames=10)))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, out, strict=True))
    assert "nothing in it could be followed" in caplog.text


def test_a_render_that_goes_on_in_the_middle_of_a_shot_is_the_same(monkeypatch):
    """What frames before the lead-in were does not matter."""
    picture, count = scene(), 60
    effect = Stabilize(smoothness=0.1)
    lead = effect.lead_in
    assert lead is not None
    source = Handheld(lambda _: picture, count, SIZE, Shake(count, 3), 0.5)
    frames = list(source.frames())
    whole = list(effect.apply(iter(frames), source.spec))
    ahead = effect._habits(30).ahead + 8
    late = list(effect.apply(iter(frames[10:]), source.spec))
    assert ahead <= lead
    for a, b in zip(whole[10 + ahead :], late[ahead:], strict=True):
        assert np.array_equal(a.image, b.image)


def test_from_the_command_line(tmp_path):
    picture = scene()
    source = Handheld(lambda _: picture, 20, SIZE, Shake(20, 3))
    film = melies.Clip(source).save(tmp_path / "in.mkv", codec="ffv1")
    out = melies.open(film).apply(Stabilize(smoothness=0.3)).save(tmp_path / "out.mkv")
    assert sum(1 for _ in melies.open(out).frames()) == 20
