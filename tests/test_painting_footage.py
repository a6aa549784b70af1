"""Layouts of footage: a segmenter of one's own is used by `paint`, as its card and what refuses it elsewhere say."""

import shlex
from fractions import Fraction

import cv2
import numpy as np
import pytest

import melies
from melies import cli
from melies.effects.paint import Paint
from melies.errors import ModelError, UseError
from melies.frame import Frame, VideoSpec
from melies.media.synthetic import write_clip
from melies.models import own, runtime
from melies.models.convert.onnx_graph import Graph
from melies.painting.footage import Segmenter
from melies.testing import run
from melies.translating.card import Card, use_of, with_card
from melies.translating.network import find
from melies.translating.tiles import Tiled

TICK = Fraction(1, 25)
DAY, NIGHT, MOON = ("day", (255, 255, 0)), ("night", (0, 0, 90)), ("moon", (200, 200, 200))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runtime, "_sessions", {})


def pointwise(path, task, classes, given, weights, bias):
    """A network that looks at each pixel by itself."""
    graph = Graph()
    weights = np.asarray(weights, np.float32)
    data = graph.input(given, "float32", [1, weights.shape[1], "h", "w"])
    made = graph.add("Conv", data, graph.constant(weights[..., None, None], "float32"), graph.constant(bias, "float32"))
    graph.output("made", made, "float32", [1, weights.shape[0], "h", "w"])
    path.write_bytes(with_card(graph.to_bytes(), Card(name=path.stem, task=task, classes=classes, multiple=4, side=32)))
    return path


def segmenter(path, classes=(DAY, NIGHT)):
    """What is light is of the first class, what is dark of the second."""
    return pointwise(path, "segment", classes, "image", np.outer([1, -1], [1 / 3] * 3), [0, 1])


def painter(path, classes=(NIGHT, DAY)):
    """The first class becomes blue, the second red."""
    return pointwise(path, "paint", classes, "layout", [[0, 1], [0, 0], [1, 0]], [0, 0, 0])


def test_a_segmenter_of_ones_own_makes_the_layout(tmp_path):
    image = np.full((36, 48, 3), 250, np.uint8)
    image[:, 24:] = 5
    spec = VideoSpec(48, 36, 1 / TICK, TICK)
    own.keep(painter(tmp_path / "painter.onnx"), "n8paint")
    own.keep(segmenter(tmp_path / "net.onnx"), "n8seg")
    for seeing in ("n8seg", tmp_path / "net.onnx"):
        effect = Paint(model="n8paint", origin="footage", segmenter=seeing, steady=0)
        (made,) = run(effect, [Frame(image, 0, TICK, 1)], spec)
        # Classes are matched by their names: they have other numbers in each.
        assert made.image[:, 4:20].reshape(-1, 3).tolist() == [[255, 0, 0]] * (36 * 16)
        assert made.image[:, 28:44].reshape(-1, 3).tolist() == [[0, 0, 255]] * (36 * 16)
    own.keep(segmenter(tmp_path / "other.onnx", (DAY, MOON)), "other")
    with pytest.raises(UseError, match=r"^The model paints no moon, which is a class of the palette other\."):
        list(run(Paint(model="n8paint", origin="footage", segmenter="other"), [Frame(image, 0, TICK, 1)], spec))


def test_the_use_that_cards_and_messages_tell_can_be_typed(tmp_path):
    own.keep(segmenter(tmp_path / "net.onnx", (("sky", (1, 2, 3)), ("road", (4, 5, 6)))), "n8seg")
    with pytest.raises(UseError) as told:
        find("paint", "n8seg")
    assert told.value.hint == f"Use it so: {use_of('segment', 'n8seg')}"
    clip, out = write_clip(tmp_path / "in.mkv", size=(64, 48), frames=1), tmp_path / "out.png"
    with pytest.raises(SystemExit) as ended:
        cli.main(["apply", str(clip), str(out), *shlex.split(use_of("segment", "n8seg"))])
    assert not ended.value.code
    assert cv2.imread(str(out)).shape == (48, 64, 3)


def test_what_is_no_segmenter_is_refused(tmp_path):
    spec = VideoSpec(64, 48, 1 / TICK, TICK)
    wrong = {
        "n8sag": "There is no model 'n8sag' for segment. Did you mean n8seg?",
        "streets": "streets is a network for paint, not for segment. Use it so: paint streets",
    }
    own.keep(segmenter(tmp_path / "net.onnx"), "n8seg")
    for name, said in wrong.items():
        with pytest.raises(UseError) as told:
            Paint(origin="footage", segmenter=name).output(spec)
        assert str(told.value).startswith(said)
    with pytest.raises(UseError, match="--segmenter makes layouts of footage: give --from footage as well"):
        Paint(segmenter="n8seg")
    bare = segmenter(tmp_path / "bare.onnx", ())
    with pytest.raises(ModelError, match="does not say which classes"):
        Segmenter(bare)


def test_what_normalises_nothing_may_be_cut_into_tiles(tmp_path):
    path = segmenter(tmp_path / "net.onnx")
    planes = np.random.default_rng(0).random((1, 3, 64, 300), np.float32)
    whole, tiles = (Tiled(path, runtime.load_file(path), "image", 4, pixels)(planes, {}) for pixels in (10**6, 10**4))
    assert whole.shape == (1, 2, 64, 300)
    np.testing.assert_allclose(tiles, whole, atol=1e-6)


def test_footage_is_looked_at_by_the_one_that_comes_along():
    assert Segmenter().palette.name == "camvid"
    assert melies.effects.find("paint")(**{"from": "footage"}).models() == ("streets", "streets-layout")
    assert Paint(model="my.onnx", origin="footage", segmenter="my-seg.onnx").models() == ()


def test_a_segmenter_is_an_onnx_file(tmp_path):
    (tmp_path / "x.pth").write_bytes(b"weights")
    with pytest.raises(UseError, match=r"A network for segment is an \.onnx file, which x\.pth is not"):
        Segmenter(str(tmp_path / "x.pth"))
