"""Things and people in stills, and what whole pictures are like."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from skimage import data

from _shots import around, said, shot_of
from melies.box import Box
from melies.errors import ModelError
from melies.footage import Thing, tagger
from melies.footage.analyse import objects
from melies.footage.things import KINDS, detect, overlap
from melies.models.convert import efficientnet

BLANK = np.full((180, 320, 3), 90, np.uint8)


def test_there_are_eighty_kinds_and_each_has_a_name_of_its_own():
    assert len(KINDS) == len(set(KINDS)) == 80


def test_what_is_in_a_picture_is_found():
    assert detect(data.astronaut())[0].name == "person"
    assert {"cup"} <= {thing.name for thing in detect(data.coffee())}
    assert {"cat"} == {thing.name for thing in detect(data.chelsea())}
    assert detect(BLANK) == []


def test_where_a_thing_is_follows_the_picture():
    picture = data.coffee()
    cup = next(thing for thing in detect(picture) if thing.name == "cup")
    mirrored = next(thing for thing in detect(np.ascontiguousarray(picture[:, ::-1])) if thing.name == "cup")
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    small = next(thing for thing in detect(half) if thing.name == "cup").box
    width = picture.shape[1]
    back = Box(width - mirrored.box.right, mirrored.box.top, width - mirrored.box.left, mirrored.box.bottom)
    assert overlap(cup.box, back) > 0.8
    assert overlap(cup.box, Box(2 * small.left, 2 * small.top, 2 * small.right, 2 * small.bottom)) > 0.8


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (700, 3), (31, 33)])
def test_pictures_of_any_shape_can_be_looked_at(size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert all(0 <= thing.box.left < thing.box.right <= size[1] for thing in detect(picture))
    assert tagger.impression(picture).look.shape == (1280,)


def test_boxes_stay_in_the_picture_and_are_of_different_things():
    found = detect(data.coffee(), least=0.1)
    assert all(0 <= one.box.top < one.box.bottom <= 400 and 0 <= one.box.left < one.box.right <= 600 for one in found)
    assert [one.sure for one in found] == sorted((one.sure for one in found), reverse=True)
    assert all(overlap(one.box, other.box) <= 0.5 for one in found for other in found if one is not other)


def test_objects_are_counted_measured_and_doubted_when_they_do_not_last():
    car, bus = Thing("car", 0.6, Box(0, 0, 32, 18)), Thing("bus", 0.37, Box(0, 0, 9, 9))
    right = Thing("car", 0.5, Box(160, 90, 320, 180))
    labels = objects.answer(shot_of(BLANK, BLANK, things=((car, right), (bus,))))
    assert said(labels, "objects") == ["car"], "a bus of which the finder is unsure is seen once only"
    assert labels[0].measured | {"count": 2, "share": 0.25, "x": 0.75, "y": 0.75} == labels[0].measured
    (steady,) = objects.answer(shot_of(BLANK, BLANK, things=((car,), (car,))))
    assert steady.sure > labels[0].sure
    assert labels[0].measured["at"] == 0
    assert "at" not in steady.measured, "it is seen all the time"
    (alone,) = objects.answer(shot_of(BLANK, things=((bus,),)))
    assert alone.value == "bus"
    assert alone.sure < steady.sure


def test_what_the_tagger_sees_too_need_not_last():
    bicycle = Thing("bicycle", 0.37, Box(0, 0, 90, 90))
    for tag, expected in (("mountain bike", ["bicycle"]), ("espresso", [])):
        chances = np.zeros(1000, np.float32)
        chances[list(tagger.words()).index(tag)] = 0.5
        shot = shot_of(BLANK, BLANK, things=((bicycle,), ()))
        shot.__dict__["impressions"] = (tagger.Impression(np.eye(1, 1280, dtype=np.float32)[0], chances),) * 2
        assert said(objects.answer(shot), "objects") == expected


def test_a_face_where_nobody_is_does_not_count_unless_it_stays(monkeypatch):
    face = SimpleNamespace(box=(60.0, 20.0, 200.0, 160.0))
    seen = {0: [face], 1: []}
    monkeypatch.setattr("melies.faces.find", lambda image, most: seen[int(image[0, 0, 0])])
    first, second = np.zeros_like(BLANK), np.ones_like(BLANK)
    someone = Thing("person", 0.5, Box(60, 20, 200, 160))
    assert shot_of(first, second, things=((), ())).faces == ((), ())
    assert shot_of(first, second, things=((), (someone,))).faces == ((face,), ())
    assert shot_of(first, first, things=((), ())).faces == ((face,), (face,))
    assert shot_of(first, things=((),)).faces == ((face,),)


def test_tags_say_what_is_seen():
    assert tagger.tags(data.coffee())[0][0] == "espresso"
    assert {"Egyptian cat", "tabby", "tiger cat"} & {word for word, _ in tagger.tags(data.chelsea())[:2]}
    made = tagger.impression(data.rocket())
    assert made.chances.sum() == pytest.approx(1, abs=1e-4)
    assert [chance for _, chance in made.tags()] == sorted((chance for _, chance in made.tags()), reverse=True)
    assert len(tagger.words()) == len(set(tagger.words())) == 1000


def test_similar_pictures_look_alike():
    cat, cup = data.chelsea(), data.coffee()
    look = tagger.look(cat)
    assert look.dtype == np.float32
    assert np.linalg.norm(look) == pytest.approx(1, abs=1e-5)
    darker = (cat * 0.8).astype(np.uint8)
    smaller = cv2.resize(cat, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    like = [float(look @ tagger.look(other)) for other in (cat, darker, smaller, np.ascontiguousarray(cat[:, ::-1]))]
    assert like[0] == pytest.approx(1, abs=1e-5)
    assert min(like) > 0.85
    assert float(look @ tagger.look(cup)) < 0.5


def test_a_small_figure_on_a_plain_ground_is_found():
    (thing,) = detect(around(data.astronaut(), 0.4))
    assert thing.name == "person"
    assert 0.3 < thing.box.height / 360 < 0.65


class Weights(dict):
    """Weights of a narrow EfficientNet-Lite0."""

    def __init__(self) -> None:
        super().__init__()
        self.random = np.random.default_rng(0)
        self.conv("_conv_stem", "_bn0", 3, 4, 3)
        before = 4
        for number in range(16):
            name, wide = f"_blocks.{number}", before
            if number:
                wide = 2 * before
                self.conv(f"{name}._expand_conv", f"{name}._bn0", before, wide, 1)
            self.conv(f"{name}._depthwise_conv", f"{name}._bn1", 1, wide, 5 if number % 2 else 3)
            after = before if number % 3 else before + 1
            self.conv(f"{name}._project_conv", f"{name}._bn2", wide, after, 1)
            before = after
        self.conv("_conv_head", "_bn1", before, 1280, 1)
        self["_fc.weight"] = self.random.standard_normal((7, 1280)).astype("f") * np.float32(0.1)
        self["_fc.bias"] = self.random.standard_normal(7).astype("f")

    def conv(self, name: str, norm: str, into: int, out: int, side: int) -> None:
        normal = self.random.standard_normal
        self[f"{name}.weight"] = (normal((out, into, side, side)) / np.sqrt(into * side * side)).astype("f")
        self[f"{norm}.weight"] = (1 + 0.1 * normal(out)).astype("f")
        self[f"{norm}.bias"] = (0.3 + 0.1 * normal(out)).astype("f")
        self[f"{norm}.running_mean"] = (0.1 * normal(out)).astype("f")
        self[f"{norm}.running_var"] = (1 + 0.1 * self.random.random(out)).astype("f")

    def run(self, picture, name, norm, stride=1, relu=True):
        kernel = self[f"{name}.weight"]
        side, sizes = kernel.shape[-1], picture.shape[1:]
        spare = [max(0, (-(-size // stride) - 1) * stride + side - size) for size in sizes]
        padded = np.pad(picture, [(0, 0), *((gap // 2, gap - gap // 2) for gap in spare)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), (1, 2))[:, ::stride, ::stride]
        how = "ohwij,oij->ohw" if kernel.shape[1] == 1 else "chwij,ocij->ohw"
        made = np.einsum(how, windows, kernel[:, 0] if kernel.shape[1] == 1 else kernel)
        mean, var, weight, bias = (
            self[f"{norm}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        made = (made - mean) / np.sqrt(var + 1e-3) * weight + bias
        return np.clip(made, 0, 6) if relu else made


def test_the_tagger_is_converted_as_it_was_trained(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    weights = Weights()
    picture = weights.random.standard_normal((3, 37, 50)).astype("f")
    made = weights.run(picture, "_conv_stem", "_bn0", 2)
    for number in range(16):
        name, inner = f"_blocks.{number}", made
        if number:
            inner = weights.run(inner, f"{name}._expand_conv", f"{name}._bn0")
        stride = 2 if number in (1, 3, 5, 11) else 1
        inner = weights.run(inner, f"{name}._depthwise_conv", f"{name}._bn1", stride)
        inner = weights.run(inner, f"{name}._project_conv", f"{name}._bn2", relu=False)
        made = inner + made if inner.shape == made.shape and stride == 1 else inner
    look = weights.run(made, "_conv_head", "_bn1").mean((1, 2))
    logits = weights["_fc.weight"] @ look + weights["_fc.bias"]
    wanted = np.exp(logits - logits.max())
    session = onnxruntime.InferenceSession(efficientnet.convert(weights))
    got, chances = session.run(["look", "chances"], {"image": picture[None]})
    assert np.allclose(got[0], look, atol=0.02)
    assert np.allclose(chances[0], wanted / wanted.sum(), atol=0.01)
    del weights["_fc.weight"]
    with pytest.raises(ModelError, match="not the weights of EfficientNet-Lite0"):
        efficientnet.convert(weights)
