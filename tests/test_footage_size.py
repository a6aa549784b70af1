"""How near people are, how many share the picture, and what their faces do."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from skimage import data

from _shots import around, said, shot_of
from melies import faces
from melies.box import Box
from melies.faces import BLENDSHAPES
from melies.footage import Thing
from melies.footage.analyse import people, size
from melies.footage.figures import Figure, Joints

WIDE = np.full((360, 640, 3), 90, np.uint8)
ORDER = list(size.SIZES)


@pytest.fixture(scope="module")
def astronaut():
    return data.astronaut()


@pytest.fixture(scope="module")
def face(astronaut):
    return faces.find(astronaut)[0]


def placed(face, x: float, y: float, tall: float):
    """The same face elsewhere, so many pixels high."""
    left, top, right, bottom = face.box
    scale = tall / (bottom - top)
    middle = np.array([(left + right) / 2, (top + bottom) / 2, 0], np.float32)
    return face.moved(((face.points - middle) * scale + np.array([x, y, 0])).astype(np.float32))


def figure(left: int, top: int, right: int, bottom: int, **more) -> Figure:
    return Figure(Box(left, top, right, bottom), 0.7, **more)


def joints(box: Box, *, ankles: float) -> Joints:
    """A body that stands straight in a box and looks at us; its ankles are seen so well."""
    points = np.zeros((33, 2), np.float32)
    seen = np.ones(33, np.float32)
    for numbers, y in (((11, 12), 0.19), ((23, 24), 0.47), ((25, 26), 0.71), ((27, 28), 0.95)):
        points[list(numbers), 1] = box.top + y * box.height
        points[numbers[0], 0], points[numbers[1], 0] = box.right, box.left
    seen[[27, 28]] = ankles
    return Joints(points, seen)


@pytest.mark.parametrize(
    ("metres", "wanted"),
    [(0.15, 0), (0.35, 1), (0.55, 2), (0.9, 3), (1.4, 4), (2.2, 5), (5.0, 6), (20.0, 7)],
)
def test_sizes_have_their_order_and_are_doubted_at_their_edges(metres, wanted):
    value, sure = size.size_of(metres)
    assert value == ORDER[wanted]
    assert 0.55 <= sure <= 0.951
    assert size.size_of(0.4201)[1] < size.size_of(0.55)[1]


def test_a_portrait_gets_farther_as_it_gets_smaller(astronaut):
    labels = [size.answer(shot_of(around(astronaut, scale, at=(0.5, 0))))[0] for scale in (1.4, 1.0, 0.7, 0.5)]
    metres = [label.measured["metres"] for label in labels]
    assert metres == sorted(metres)
    assert metres[3] / metres[0] == pytest.approx(1.4 / 0.5, rel=0.15)
    steps = [ORDER.index(str(label.value)) for label in labels]
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]


def test_a_face_that_fills_the_picture_is_an_extreme_close_up(face):
    near = figure(0, 0, 640, 360, face=placed(face, 320, 180, 520))
    (label, framing) = size.answer(shot_of(WIDE, figures=((near,),)))
    assert label.value == "extreme close-up"
    assert label.measured["face"] == pytest.approx(520 / 360, rel=0.1)
    assert framing.value == "single"


def test_a_whole_figure_is_full_or_long_by_its_height():
    for top, wanted in ((20, "full"), (200, "long"), (300, "extreme long")):
        box = Box(300, top, 380, 345)
        one = figure(300, top, 380, 345, joints=joints(box, ankles=1))
        assert size.answer(shot_of(WIDE, figures=((one,),)))[0].value == wanted


def test_whoever_is_cut_below_is_nearer_than_a_full_shot():
    box = Box(200, 10, 420, 360)
    cut = figure(200, 10, 420, 360, joints=joints(box, ankles=0))
    assert ORDER.index(str(size.answer(shot_of(WIDE, figures=((cut,),)))[0].value)) <= ORDER.index("medium full")
    assert size.answer(shot_of(WIDE, figures=((figure(200, 10, 420, 360),),)))[0].value == "medium full"


def test_who_shares_the_picture_is_counted(face):
    row = [figure(x, 100, x + 120, 360, face=placed(face, x + 60, 160, 70)) for x in (20, 170, 320, 470)]
    far = figure(500, 100, 520, 150, face=placed(face, 510, 110, 12))
    for count, wanted in ((1, "single"), (2, "two-shot"), (3, "three-shot"), (4, "group")):
        assert said(size.answer(shot_of(WIDE, figures=((*row[:count], far),))), "framing") == [wanted]


def test_somebody_is_seen_over_a_shoulder(face):
    listener = figure(330, 60, 560, 360, face=placed(face, 445, 150, 90))
    back = figure(0, 20, 260, 360)
    labels = size.answer(shot_of(WIDE, figures=((listener, back),)))
    assert said(labels, "framing") == ["over-the-shoulder"]
    assert "left" in labels[1].why
    beside = replace(back, box=Box(100, 20, 360, 360))
    assert said(size.answer(shot_of(WIDE, figures=((listener, beside),))), "framing") != ["over-the-shoulder"]


def test_without_people_things_have_sizes_or_nothing_is_said():
    def of(name: str, box: Box) -> list[str | float]:
        return said(size.answer(shot_of(WIDE, faces=((),), things=((Thing(name, 0.6, box),),))), "size")

    assert of("cup", Box(150, 20, 500, 340)) == ["insert"]
    assert of("cup", Box(150, 120, 250, 240)) == []
    assert of("cat", Box(0, 0, 640, 360)) == ["close-up"]
    assert of("car", Box(100, 100, 260, 180)) == ["long"]
    assert size.answer(shot_of(WIDE, faces=((),), things=((),))) == []


def test_people_are_counted_by_body_and_face_together(astronaut):
    two = np.hstack([cv2.resize(astronaut, (320, 320)), cv2.resize(astronaut[:, ::-1], (320, 320))])
    labels = people.answer(shot_of(two))
    assert said(labels, "people") == [2]
    assert said(labels, "faces") == [2]
    assert said(people.answer(shot_of(WIDE)), "people") == [0]
    assert said(people.answer(shot_of(WIDE)), "facing") == []


def test_a_portrait_smiles_and_faces_us(astronaut):
    labels = people.answer(shot_of(astronaut))
    assert "smiling" in said(labels, "expression")
    labels = people.answer(shot_of(WIDE, astronaut))
    assert next(one for one in labels if one.value == "smiling").measured["at"] == 0.5
    assert said(labels, "facing") == ["camera"]
    assert "eyes closed" not in said(labels, "expression")


def test_left_and_right_are_those_of_the_picture(face):
    turned = faces.turned(yaw=62)
    points = face.pose.from_picture(face.points) @ turned.T * face.pose.scale + face.pose.shift
    aside = face.moved(points.astype(np.float32))
    assert aside.pose.yaw == pytest.approx(62, abs=6)
    one = figure(0, 0, 512, 360, face=aside)
    labels = people.answer(shot_of(WIDE, faces=((aside,),), figures=((one,),)))
    assert said(labels, "facing") == ["right", "profile"]
    assert labels[[label.facet for label in labels].index("facing")].measured["yaw"] > 50


def test_a_back_is_told_from_a_front():
    box = Box(250, 20, 400, 345)
    front = joints(box, ankles=1)
    back = Joints(front.points * [-1, 1] + [650, 0], front.seen)
    for one, wanted in ((front, []), (back, ["away"])):
        labels = people.answer(shot_of(WIDE, faces=((),), figures=((figure(250, 20, 400, 345, joints=one),),)))
        assert said(labels, "facing") == wanted


@pytest.mark.parametrize(
    ("moved", "wanted"),
    [
        ({"mouthSmileLeft": 0.9, "mouthSmileRight": 0.8}, {"smiling"}),
        ({"mouthSmileLeft": 0.9, "mouthSmileRight": 0.8, "jawOpen": 0.5}, {"smiling", "laughing", "mouth open"}),
        ({"eyeBlinkLeft": 0.8, "eyeBlinkRight": 0.8}, {"eyes closed"}),
        ({"eyeBlinkLeft": 0.9}, set()),
        ({"browInnerUp": 0.9, "jawOpen": 0.7}, {"surprised", "mouth open"}),
        ({"browDownLeft": 0.6, "browDownRight": 0.6}, {"frowning"}),
        ({"browDownLeft": 0.4, "browDownRight": 0.4, "mouthSmileLeft": 0.9, "mouthSmileRight": 0.9}, {"smiling"}),
        ({}, set()),
    ],
)
def test_expressions_are_read_from_what_moves(monkeypatch, face, moved, wanted):
    values = np.array([moved.get(name, 0.0) for name in BLENDSHAPES], np.float32)
    monkeypatch.setattr(people, "blendshapes", lambda _: values)
    assert {name for name, clear in people.expression(people.shapes(face)).items() if clear >= 0.5} == wanted


def test_eyes_add_to_the_head(monkeypatch, face):
    right = {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8}
    for moved, wanted in ((right, "looking right"), ({"eyeLookUpLeft": 0.9, "eyeLookUpRight": 0.9}, "looking up")):
        values = np.array([moved.get(name, 0.0) for name in BLENDSHAPES], np.float32)
        monkeypatch.setattr(people, "blendshapes", lambda _, values=values: values)
        one = figure(0, 0, 512, 360, face=face)
        assert said(people.answer(shot_of(WIDE, faces=((face,),), figures=((one,),))), "gaze") == [wanted]
