"""The camera's moves are named, whatever walks before it."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from melies.bench._moves import Take, film
from melies.footage.analyse import movement
from melies.footage.material import Material, Motion, Still
from melies.footage.shot import Shot
from melies.footage.sway import Sway
from melies.footage.watch import watch
from melies.frame import VideoSpec

SIZE = 256, 144
SPEC = VideoSpec(*SIZE, Fraction(25), Fraction(1, 25))
MOVES = ("pan left", "pan right", "tilt up", "tilt down", "push in", "pull out", "roll left", "roll right")


def scene(name):
    return np.ascontiguousarray(getattr(data, name)())


def material(motion, image=None):
    still = Still(0.0, np.zeros((*SIZE[::-1], 3), np.uint8) if image is None else image, 1.0)
    shot = Shot(Path("film.mp4"), 1, Fraction(0), Fraction(2), 0, 50, Fraction(25))
    made = Material(shot, SPEC, (still,), motion)
    made.__dict__["faces"] = ((),)
    return made


def filmed(take, name="astronaut", other="coffee"):
    sway = Sway(SIZE)
    for index, image in enumerate(film([scene(name)], scene(other), take, SIZE)):
        if index / take.rate - sway.time >= 0.075:
            sway.add(index / take.rate, cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    return material(sway.motion())


def said(labels, facet="movement"):
    return [label.value for label in labels if label.facet == facet]


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize(("speed", "name"), [(0.02, "astronaut"), (0.06, "coffee"), (0.2, "chelsea")])
def test_moves_are_named(move, speed, name):
    seed = MOVES.index(move)
    labels = movement.answer(filmed(Take(move, speed, seconds=2.0, walkers=2, seed=seed), name, "rocket"))
    assert said(labels) == [move]
    assert move in said(labels, "moves")
    (found,) = said(labels, "speed")
    if not move.startswith("roll"):
        assert found == pytest.approx(speed, rel=0.4)


@pytest.mark.parametrize("rate", [12.5, 24, 60])
@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_who_stands_and_who_holds_by_hand(rate, name):
    still = filmed(Take("static", 0, rate=rate, noise=4, walkers=3, seed=1), name, "rocket")
    assert said(movement.answer(still)) == ["static"]
    held = filmed(Take("handheld", 0, rate=rate, trembling=4, walkers=1, seed=2), name, "rocket")
    assert said(movement.answer(held)) == ["handheld"]


def test_a_head_before_a_camera_that_stands():
    """Most of the picture moves, but its rim stands: that is no camera."""
    ground, head, sway = scene("coffee"), scene("astronaut"), Sway(SIZE)
    ground = cv2.resize(ground, SIZE, interpolation=cv2.INTER_AREA)
    for index in range(25):
        image = ground.copy()
        x = 60 + round(12 * np.sin(index / 3))
        image[20:, x : x + 124] = cv2.resize(head, (124, 124), interpolation=cv2.INTER_AREA)
        sway.add(index / 12, cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    labels = movement.answer(material(sway.motion()))
    assert said(labels) == ["static"]
    assert "stands still" in labels[0].why


def test_near_things_pass_before_far_ones():
    far, near, sway = scene("coffee"), scene("astronaut"), Sway(SIZE)
    far = cv2.resize(far, (600, 400), interpolation=cv2.INTER_AREA)
    near = cv2.resize(near, (600, 400), interpolation=cv2.INTER_AREA)
    for index in range(25):
        image = np.ascontiguousarray(far[100:244, 100 + index : 356 + index])
        image[84:] = near[176:236, 60 + 2 * index : 316 + 2 * index]
        sway.add(index / 12, cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    labels = movement.answer(material(sway.motion()))
    assert said(labels) == ["tracking"]
    assert {"pan right", "tracking"} <= set(said(labels, "moves"))


def test_nothing_is_said_of_too_little():
    empty = Sway(SIZE).motion()
    assert isinstance(empty, Motion)
    assert len(empty.time) == 0
    assert movement.answer(material(empty)) == []
    black = Sway(SIZE)
    for index in range(10):
        black.add(index / 10, np.zeros(SIZE[::-1], np.uint8))
    (label,) = movement.answer(material(black.motion()))
    assert (label.value, label.sure) == ("static", 0.5)


REAL = {
    "bikes": ["static", "pan right", "tilt down", "static", "pan right"],
    "carphone_pristine": ["static"],
    "outdoors_people": ["static"],
    "gym_person": ["static"],
    "cityCC0": ["pull out", "roll left"],
    "WolfgangLanger_Pexels": ["static"],
}


@pytest.mark.parametrize("name", list(REAL))
def test_real_footage(footage, name):
    (path,) = footage.glob(f"footage/{name}.*")
    found = [said(movement.answer(shot)) for shot in watch(path)]
    assert [words[0] for words in found if words][: len(REAL[name])] == REAL[name]


def test_little_by_little_is_no_move():
    """What twitches now and then, however long, goes nowhere."""
    count, rng = 12000, np.random.default_rng(0)
    right = rng.normal(0, 0.0006, count)
    right[::100] += 0.01
    nothing, found = np.zeros(count), np.ones(count, bool)
    time = np.arange(1, count + 1) / 12
    long = Motion(time, np.full(count, 1 / 12), right, nothing, nothing, nothing, found, nothing, nothing, nothing)
    assert said(movement.answer(material(long))) == ["static"]
