"""What translate, style and paint share: cards, networks of any size, tiles, mixing, and steadiness over time."""

import cv2
import numpy as np
import pytest

from melies.errors import ModelError, UseError
from melies.metrics import warp_error
from melies.models import own, runtime
from melies.models.convert.onnx_graph import Graph
from melies.models.metadata import metadata, with_metadata
from melies.translating import mix
from melies.translating.card import Card, read_card, with_card
from melies.translating.network import find, locate, must_be_of
from melies.translating.steady import Steady
from melies.translating.tiles import Tiled


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runtime, "_sessions", {})


def network(path, task="translate", multiple=4, styles=()):
    """A network with two normalisations that looks around and, of two styles, makes the first light, the other dark."""
    rng = np.random.default_rng(0)
    graph = Graph()
    data = graph.input("image", "float32", [1, 3, "height", "width"])
    for _ in range(2):
        kernel = graph.half(rng.normal(size=(3, 3, 3, 3)))
        data = graph.add("Conv", data, kernel, kernel_shape=[3, 3], pads=[1] * 4)
        scale, shift = (graph.constant(value, "float32") for value in ([0.3, 0.2, 0.1], [0.5, 0.4, 0.6]))
        data = graph.add("InstanceNormalization", data, scale, shift, epsilon=1e-5)
    if styles:
        light = graph.add(
            "MatMul", graph.input("styles", "float32", [1, 2]), graph.constant([[0.2], [-0.2]], "float32")
        )
        data = graph.add("Add", data, light)
    # To blocks of pixels and back, so that only multiples will do.
    data = graph.add("DepthToSpace", graph.add("SpaceToDepth", data, blocksize=multiple), blocksize=multiple)
    graph.output("made", data, "float32", [1, 3, "height", "width"])
    card = Card(name=path.stem, task=task, multiple=multiple, styles=styles)
    path.write_bytes(with_card(graph.to_bytes(), card))
    return path


def test_a_card_goes_into_a_file_and_comes_out(tmp_path):
    path = network(tmp_path / "net.onnx")
    assert read_card(path).name == "net"
    path.write_bytes(with_metadata(path.read_bytes(), {"other": "kept"}))
    path.write_bytes(with_card(path.read_bytes(), Card(name="Ωmega", task="paint", classes=(("sky", (1, 2, 3)),))))
    assert read_card(path).classes == (("sky", (1, 2, 3)),)
    assert sorted(metadata(path)) == ["melies.card", "other"]
    path.write_bytes(with_metadata(path.read_bytes(), {"melies.card": '{"name": "x", "task": "cook"}'}))
    with pytest.raises(ModelError, match="task"):
        read_card(path)
    with pytest.raises(ModelError, match="no ONNX"):
        with_metadata(b"\xff\xff", {"a": "b"})
    (tmp_path / "text.onnx").write_text("text")
    assert read_card(tmp_path / "text.onnx") is None


def test_networks_take_pictures_of_any_size_and_depth(tmp_path):
    net = find("translate", network(tmp_path / "net.onnx"))
    rng = np.random.default_rng(1)
    for height, width in ((1, 1), (5, 40), (37, 22), (64, 48)):
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        made = net(image)
        assert (made.shape, made.dtype) == (image.shape, image.dtype)
        deep = net(image.astype(np.uint16) * 257)
        assert deep.dtype == np.uint16
        assert np.abs(deep / 257 - made).max() <= 0.51
        assert np.abs(net(image / np.float32(255)) * 255 - made).max() <= 0.51
    assert made.std() > 5


def test_styles_are_weights_of_an_input(tmp_path):
    net = find("style", network(tmp_path / "net.onnx", "style", styles=("light", "dark")))
    picture = np.random.default_rng(1).random((24, 32, 3), np.float32)
    light, dark, both = (net(picture, styles) for styles in ((1, 0), (0, 1), (0.5, 0.5)))
    assert light.mean() > both.mean() + 0.05 > dark.mean() + 0.1


def test_names_files_and_what_they_are_not(tmp_path):
    path = network(tmp_path / "net.onnx")
    own.keep(path, "my-model")
    assert locate("translate", "my-model").file == own.find("my-model")
    assert find("translate", "my-model").card.name == "net"
    with pytest.raises(UseError, match=r"no model 'my-modle' for translate\. Did you mean my-model\?"):
        locate("translate", "my-modle")
    with pytest.raises(UseError, match=r"There is no file nothing\.pth"):
        locate("translate", "nothing.pth")
    for model in (path, "my-model"):
        with pytest.raises(UseError, match="is a network for translate, not for style"):
            find("style", model)
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"junk")
    with pytest.raises(ModelError, match=r"junk\.onnx is no ONNX file, or a damaged one\."):
        find("translate", junk)
    bare = Graph()
    bare.output("made", bare.input("image", "float32", [1, 3, "h", "w"]), "float32", None)
    path.write_bytes(bare.to_bytes())
    with pytest.raises(ModelError, match="not of a network that was trained or converted here"):
        find("translate", path)
    path.write_bytes(with_card(bare.to_bytes(), Card(name="x", task="paint")))
    with pytest.raises(ModelError, match="something else than its card says"):
        find("paint", path)


@pytest.mark.parametrize(
    ("task", "name", "use"),
    [
        ("paint", "streets-layout", "paint --from footage"),
        ("style", "blossom", "melies dream OUT growth --model blossom"),
        ("style", "dcgan-faces", "melies dream OUT walk --model dcgan-faces"),
        ("paint", "day2dusk", "translate day2dusk"),
    ],
)
def test_a_network_for_something_else_is_said_to_be_used_as_it_is(task, name, use):
    with pytest.raises(UseError) as told:
        must_be_of(task, name)
    assert told.value.hint.startswith(f"Use it so: {use}")


def test_the_state_of_a_run_is_no_network_but_there_is_one_beside_it(tmp_path):
    state = tmp_path / "checkpoint.pt"
    state.write_bytes(b"PK")
    (tmp_path / "options.json").write_text("{}")
    with pytest.raises(UseError, match=r"is a checkpoint of melies train.*Write it: melies train TRAINER"):
        locate("translate", state)
    made = network(tmp_path / "a-to-b.onnx")
    with pytest.raises(UseError) as told:
        locate("translate", state)
    assert told.value.hint == f"Use {made}"


def test_tiles_with_shared_statistics_are_the_whole(tmp_path):
    path = network(tmp_path / "net.onnx")
    net, tiled = (Tiled(path, runtime.load_file(path), "image", 4, pixels) for pixels in (300_000, 135_000))
    # Light on one side and dark on the other: tiles that took their own statistics would be as light as each other.
    ramp = np.linspace(0, 1, 640, dtype=np.float32)
    planes = np.random.default_rng(2).random((1, 3, 360, 640), np.float32) * 0.3 + 0.7 * ramp
    whole = net(planes, {})
    shared = tiled.run(planes, {}, tiled.statistics(planes, {}))
    assert np.abs(shared - whole).max() < 1e-4
    thumbnail = tiled(planes, {})
    assert np.corrcoef(thumbnail.ravel(), whole.ravel())[0, 1] > 0.9
    # What differs is the same everywhere: no tile is lighter than its neighbours.
    apart = (thumbnail - whole)[..., 8:-8].mean((0, 1, 2))
    assert np.abs(np.diff(apart)).max() < 0.03 < 0.1 * np.ptp(whole.mean((0, 1, 2)))


def test_mixing_keeps_what_it_should():
    rng = np.random.default_rng(0)
    source = rng.integers(0, 256, (20, 30, 3), np.uint8)
    made = rng.random((20, 30, 3), np.float32)
    assert mix.mixed(source, made.copy(), 0) is source
    np.testing.assert_array_equal(mix.mixed(source, made.copy()), np.rint(made * 255 - 1e-4).astype(np.uint8))
    half = mix.mixed(source, made.copy(), 0.5)
    assert np.abs(half - (source / 2 + made * 127.5)).max() <= 0.51
    grey = np.full((20, 30, 3), 100, np.uint8)
    kept = mix.mixed(grey, np.full((20, 30, 3), (0.9, 0.1, 0.1), np.float32), keep_colours=True)
    assert (np.ptp(kept, axis=2) == 0).all()
    assert abs(int(kept[0, 0, 0]) - round(255 * (0.299 * 0.9 + 0.701 * 0.1))) <= 1
    mask = np.zeros((20, 30), np.float32)
    mask[:, 15:] = 1
    part = mix.mixed(source, made.copy(), mask=mask)
    assert (part[:, :15] == source[:, :15]).all()
    assert np.abs(part[:, 15:] - made[:, 15:] * 255).max() <= 0.51


def scene(count=14, size=(120, 200)):
    """A texture that moves, a square before it that moves the other way, and what a fickle network makes of it."""
    rng = np.random.default_rng(0)
    from melies.matting.scale import cv

    ground = cv.GaussianBlur(rng.normal(size=(size[0], size[1] + 100, 3)).astype(np.float32), (0, 0), 3)
    ground = np.clip(0.5 + ground, 0, 1)
    sources, made = [], []
    for index in range(count):
        picture = ground[:, 3 * index : 3 * index + size[1]].copy()
        left = 150 - 8 * index
        picture[40:80, left : left + 40] = (0.9, 0.8, 0.1)
        sources.append((picture * 255).astype(np.uint8))
        flicker = cv.resize(rng.normal(size=(12, 20, 3)).astype(np.float32), size[::-1], interpolation=cv.INTER_CUBIC)
        made.append(np.clip(1 - picture + 0.06 * flicker, 0, 1).astype(np.float32))
    return sources, made


def test_steadying_halves_flicker_and_leaves_no_ghosts():
    sources, made = scene()
    steady = Steady(1.0)
    results = [steady(source, picture) for source, picture in zip(sources, made, strict=True)]

    def flicker(pictures):
        return warp_error([np.rint(picture * 255).astype(np.uint8) for picture in pictures[2:]], sources[2:])

    assert flicker(results) < 0.5 * flicker(made)
    # Where the square was a moment ago there is ground again, not a part of it, and it is no less of one itself.
    truth = [1 - source / np.float32(255) for source in sources]
    for index in range(4, len(sources)):
        left = 150 - 8 * index
        uncovered = np.s_[42:78, left + 41 : left + 55]
        apart = np.abs(results[index][uncovered] - truth[index][uncovered]).mean()
        assert apart < np.abs(made[index][uncovered] - truth[index][uncovered]).mean() + 0.02
    off = Steady(0)
    assert off(sources[0], made[0]) is made[0]
    assert off(sources[1], made[1]) is made[1]


def test_nothing_of_another_class_or_far_from_what_is_made_now_is_left():
    plain = np.full((96, 128, 3), 90, np.uint8)
    layout = np.zeros((96, 128), np.uint8)
    dark, light = (np.full((96, 128, 3), value, np.float32) for value in (0.1, 0.9))
    steady = Steady(1.0)
    steady(plain, dark)
    # The source says that all is as it was: the past is kept within what there is now all the same.
    assert np.abs(steady(plain, light) - light).max() < 0.05
    steady = Steady(1.0)
    grey = dark + np.float32(0.05)
    steady(plain, dark, layout)
    moved = layout.copy()
    moved[:, :12] = 1
    result = steady(plain, grey, moved)
    np.testing.assert_allclose(result[:, :12], grey[:, :12], atol=1e-4)
    assert np.abs(result[:, 40:] - grey[:, 40:]).mean() > 0.03
    moved = layout.copy()
    moved[:, 20:60] = 1
    assert np.array_equal(steady(plain, dark, moved), dark)


def test_a_glow_goes_with_what_glows():
    """What is beside a thing stands still and looks as it did, but for what the network made of it."""
    steady = Steady(1.0)
    source = np.full((96, 128, 3), 90, np.uint8)
    y, x = np.mgrid[:96, :128]
    texture = np.random.default_rng(0).normal(0, 0.06, (96, 128)).astype(np.float32)
    made = []
    for step in range(6):
        glow = 0.5 * np.exp(-(np.square(x - 30 - 12 * step) + np.square(y - 48)) / 200)
        made.append(np.repeat((0.3 + texture + glow)[..., None], 3, axis=2).astype(np.float32))
    results = [steady(source, picture) for picture in made]
    left = cv2.blur(results[-1] - made[-1], (9, 9))
    assert np.abs(left).max() < 0.08


def test_steadying_follows_a_change_of_light():
    steady = Steady(1.0)
    source = np.full((64, 64, 3), 100, np.uint8)
    for _ in range(5):
        steady(source, np.full((64, 64, 3), 0.2, np.float32))
    brighter = np.full((64, 64, 3), 180, np.uint8)
    assert steady(brighter, np.full((64, 64, 3), 0.8, np.float32)).mean() == pytest.approx(0.8, abs=0.01)
