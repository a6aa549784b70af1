"""Networks that enlarge, built from small weights made by hand, against numpy."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from melies.errors import ModelError, UseError
from melies.models import runtime
from melies.models.convert import from_file, super_resolution
from melies.models.convert.onnx_graph import Graph
from torch_files import zipped

Array = NDArray[np.float32]
Weights = dict[str, Array]

PICTURE = np.random.default_rng(1).random((3, 7, 9)).astype(np.float32)


class Maker:
    """Random weights by name."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.weights: Weights = {}

    def conv(self, name: str, into: int, out: int, size: int = 3) -> None:
        scale = 0.8 / np.sqrt(into * size * size)
        self.weights[f"{name}.weight"] = (self.random.standard_normal((out, into, size, size)) * scale).astype("f")
        self.weights[f"{name}.bias"] = (self.random.standard_normal(out) * 0.1).astype("f")


def conv(weights: Weights, name: str, picture: Array) -> Array:
    kernel = weights[f"{name}.weight"]
    size = kernel.shape[-1]
    padded = np.pad(picture, [(0, 0), *[(size // 2, size // 2)] * 2])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    made: Array = (
        np.einsum("chwij,ocij->ohw", windows, kernel, dtype=np.float32) + weights[f"{name}.bias"][:, None, None]
    )
    return made


def shuffle(picture: Array, scale: int) -> Array:
    channels, height, width = picture.shape
    parts = picture.reshape(channels // scale**2, scale, scale, height, width)
    return parts.transpose(0, 3, 1, 4, 2).reshape(-1, height * scale, width * scale)


def unshuffle(picture: Array, scale: int) -> Array:
    channels, height, width = picture.shape
    parts = picture.reshape(channels, height // scale, scale, width // scale, scale)
    return parts.transpose(0, 2, 4, 1, 3).reshape(-1, height // scale, width // scale)


def nearest(picture: Array, scale: int) -> Array:
    return picture.repeat(scale, 1).repeat(scale, 2)


def leaky(picture: Array, slope: Any = 0.2) -> Array:
    return np.where(picture > 0, picture, picture * slope).astype(np.float32)


def run(model: bytes, picture: Array) -> Array:
    import onnxruntime

    onnx = pytest.importorskip("onnx", reason="the onnx package checks the files")
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    made: Array = onnxruntime.InferenceSession(model).run(["output"], {"data": picture[None]})[0][0]
    return made


def srvgg(scale: int, depth: int, prelu: bool) -> Weights:
    net = Maker()
    net.conv("body.0", 3, 6)
    for index in range(1, 2 * depth + 2, 2):
        if prelu:
            net.weights[f"body.{index}.weight"] = net.random.uniform(-1.5, 1.5, 6).astype("f")
        net.conv(f"body.{index + 1}", 6, 6 if index < 2 * depth + 1 else 3 * scale**2)
    return net.weights


@pytest.mark.parametrize(("scale", "depth", "prelu"), [(4, 2, True), (2, 0, True), (3, 1, False), (1, 1, True)])
def test_srvgg(scale: int, depth: int, prelu: bool, caplog: pytest.LogCaptureFixture) -> None:
    weights = srvgg(scale, depth, prelu)
    expected = conv(weights, "body.0", PICTURE)
    for index in range(1, 2 * depth + 2, 2):
        slopes = weights[f"body.{index}.weight"][:, None, None] if prelu else 0
        expected = conv(weights, f"body.{index + 1}", leaky(expected, slopes))
    expected = shuffle(expected, scale) + nearest(PICTURE, scale)
    np.testing.assert_allclose(run(super_resolution.convert(weights), PICTURE), expected, atol=1e-5)
    assert ("ReLU is taken" in caplog.text) == (not prelu)


def rrdb(ups: int, fold: int = 1, blocks: int = 2) -> Weights:
    net = Maker()
    net.conv("conv_first", 3 * fold**2, 8)
    for block in range(blocks):
        for dense in (1, 2, 3):
            for index in range(1, 6):
                net.conv(f"body.{block}.rdb{dense}.conv{index}", 8 + 4 * (index - 1), 4 if index < 5 else 8)
    for name in ("conv_body", *(f"conv_up{index + 1}" for index in range(ups)), "conv_hr"):
        net.conv(name, 8, 8)
    net.conv("conv_last", 8, 3)
    return net.weights


def rrdb_in_numpy(weights: Weights, ups: int, picture: Array, blocks: int = 2) -> Array:
    first = made = conv(weights, "conv_first", picture)
    for block in range(blocks):
        start = made
        for dense in (1, 2, 3):
            seen = [made]
            for index in range(1, 6):
                seen.append(conv(weights, f"body.{block}.rdb{dense}.conv{index}", np.concatenate(seen)))
                seen[-1] = leaky(seen[-1]) if index < 5 else seen[-1]
            made = made + 0.2 * seen[-1]
        made = start + 0.2 * made
    made = conv(weights, "conv_body", made) + first
    for index in range(ups):
        made = leaky(conv(weights, f"conv_up{index + 1}", nearest(made, 2)))
    return conv(weights, "conv_last", leaky(conv(weights, "conv_hr", made)))


@pytest.mark.parametrize("ups", [0, 1, 2, 3])
def test_rrdb(ups: int) -> None:
    weights = rrdb(ups)
    made = run(super_resolution.convert(weights), PICTURE)
    assert made.shape == (3, 7 * 2**ups, 9 * 2**ups)
    np.testing.assert_allclose(made, rrdb_in_numpy(weights, ups, PICTURE), atol=1e-5)


@pytest.mark.parametrize("fold", [2, 4])
def test_rrdb_that_folds_its_picture_takes_any_size(fold: int) -> None:
    weights = rrdb(2, fold)
    missing = [(0, 0), (0, -7 % fold), (0, -9 % fold)]
    expected = rrdb_in_numpy(weights, 2, unshuffle(np.pad(PICTURE, missing, mode="edge"), fold))
    scale = 4 // fold
    made = run(super_resolution.convert(weights), PICTURE)
    np.testing.assert_allclose(made, expected[:, : 7 * scale, : 9 * scale], atol=1e-5)


OLDER = {
    "BSRGAN": [
        (r"body\.(\d+)\.rdb(\d)\.conv(\d)", r"RRDB_trunk.\1.RDB\2.conv\3"),
        ("conv_body", "trunk_conv"),
        (r"conv_up(\d)", r"upconv\1"),
        ("conv_hr", "HRconv"),
    ],
    "ESRGAN": [
        (r"body\.(\d+)\.rdb(\d)\.conv(\d)", r"model.1.sub.\1.RDB\2.conv\3.0"),
        ("conv_body", "model.1.sub.2"),
        ("conv_first", "model.0"),
        ("conv_up1", "model.3"),
        ("conv_up2", "model.6"),
        ("conv_hr", "model.8"),
        ("conv_last", "model.10"),
    ],
}


@pytest.mark.parametrize("names", OLDER.values(), ids=OLDER)
def test_rrdb_by_the_names_of_older_code_is_the_same_file(names: list[tuple[str, str]]) -> None:
    weights, renamed = rrdb(2), {}
    for name, value in weights.items():
        for pattern, new in names:
            name = re.sub(pattern, new, name)
        renamed[name] = value
    assert not set(renamed) & set(weights) - {
        f"{n}.{k}" for n in ("conv_first", "conv_last") for k in ("weight", "bias")
    }
    assert super_resolution.convert(renamed) == super_resolution.convert(weights)


def branches(net: Maker, name: str, into: int, out: int) -> None:
    """The convolutions that SPAN trains in place of one."""
    net.conv(f"{name}.sk", into, out, 1)
    for index, (a, b, size) in enumerate([(into, 2 * into, 1), (2 * into, 2 * out, 3), (2 * out, out, 1)]):
        net.conv(f"{name}.conv.{index}", a, b, size)


def span(scale: int, add: Callable[[Maker, str, int, int], None] = branches) -> Weights:
    net = Maker()
    add(net, "conv_1", 3, 5)
    for block in range(1, 7):
        for index in (1, 2, 3):
            add(net, f"block_{block}.c{index}_r", 5, 5)
    add(net, "conv_2", 5, 5)
    net.conv("conv_cat", 20, 5, 1)
    net.conv("upsampler.0", 5, 3 * scale**2)
    return net.weights


def in_training(weights: Weights, name: str, picture: Array) -> Array:
    """What the branches do to the inside of a picture, one after the other."""
    row = picture
    for index in range(3):
        row = conv(weights, f"{name}.conv.{index}", row)
    return row + conv(weights, f"{name}.sk", picture)


def span_in_numpy(weights: Weights, scale: int, picture: Array, one: Callable[[Weights, str, Array], Array]) -> Array:
    def swish(value: Array) -> Array:
        return value * sigmoid(value)

    def sigmoid(value: Array) -> Array:
        return (0.5 + 0.5 * np.tanh(0.5 * value)).astype(np.float32)

    first = made = one(weights, "conv_1", picture)
    for block in range(1, 7):
        inner = swish(one(weights, f"block_{block}.c1_r", made))
        out = one(weights, f"block_{block}.c3_r", swish(one(weights, f"block_{block}.c2_r", inner)))
        made = (out + made) * (sigmoid(out) - 0.5)
        if block == 1:
            early = made
    seen = np.concatenate([first, one(weights, "conv_2", made), early, inner])
    return shuffle(conv(weights, "upsampler.0", conv(weights, "conv_cat", seen)), scale)


@pytest.mark.parametrize("norm", [True, False])
def test_span_of_single_convolutions(norm: bool) -> None:
    weights = span(2, lambda net, name, into, out: net.conv(f"{name}.eval_conv", into, out))
    mean = np.array([0.4488, 0.4371, 0.4040], np.float32)[:, None, None]
    picture = (PICTURE - mean) * 255 if norm else PICTURE
    expected = span_in_numpy(weights, 2, picture, lambda w, name, x: conv(w, f"{name}.eval_conv", x))
    if not norm:
        weights["no_norm"] = np.zeros(1, np.float32)
    np.testing.assert_allclose(run(super_resolution.convert(weights), PICTURE), expected, rtol=1e-4, atol=1e-4)


def test_span_with_the_branches_of_training_prefers_them_to_what_they_once_made() -> None:
    weights = span(4)
    weights["no_norm"] = np.zeros(1, np.float32)
    # Kept in checkpoints beside the branches, and older than they are.
    stale = {
        f"{name}.eval_conv.{kind}": np.ones(1, np.float32)
        for name in ("conv_1", "block_3.c2_r")
        for kind in ("weight", "bias")
    }
    # The borders differ: the branches pad inside.
    picture = np.pad(PICTURE, [(0, 0), (24, 24), (24, 24)])
    expected = span_in_numpy(weights, 4, picture, in_training)
    made = run(super_resolution.convert(weights | stale), picture)
    inside = np.s_[:, 96:124, 96:132]
    np.testing.assert_allclose(made[inside], expected[inside], atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {"unknown.weight": w["body.0.weight"]}, r"not known; its first weight is called unknown\.weight"),
        (lambda w: {**w, "extra": w["body.0.weight"]}, "has the weight extra, which is not known"),
        (lambda w: {**w, "body.2.weight": w["body.2.weight"][0]}, "do not fit each other"),
        (lambda w: {k: v for k, v in w.items() if k != "body.2.bias"}, r"lacks the weight body\.2\.bias"),
        (lambda w: {**w, "body.0.weight": w["body.0.weight"][:, :1]}, "1 channels; only RGB"),
        (lambda w: {**w, "body.4.weight": w["body.4.weight"][:-1]}, "makes 11 channels"),
        (lambda w: {**w, "body.0.other": w["body.0.weight"]}, r"has the weight body\.0\.other, which is not known"),
    ],
)
def test_a_network_that_differs_is_refused(change: Callable[[Weights], Weights], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        super_resolution.convert(change(srvgg(2, 1, True)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MELIES_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runtime, "_sessions", {})
    return tmp_path


def test_a_file_of_the_users_is_converted_once_and_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, weights = home / "mine.pth", rrdb(1)
    path.write_bytes(zipped({"params_ema": weights}))
    session = runtime.load_file(path)
    assert runtime.scale(session) == 2
    made = session.run({"data": PICTURE[None]})["output"][0]
    np.testing.assert_allclose(made, rrdb_in_numpy(weights, 1, PICTURE), atol=1e-5)
    assert pickle.loads(pickle.dumps(session)) is session

    monkeypatch.setattr(runtime, "_sessions", {})
    monkeypatch.setattr("melies.models.store.from_file", lambda path: pytest.fail("it was converted again"))
    np.testing.assert_array_equal(runtime.load_file(path).run({"data": PICTURE[None]})["output"][0], made)


def test_an_onnx_file_of_the_users_is_run_as_it_is(home: Path) -> None:
    path = home / "mine.onnx"
    path.write_bytes(super_resolution.convert(srvgg(3, 1, True)))
    assert runtime.scale(runtime.load_file(path)) == 3
    assert not (home / "home").exists()


def picture_graph(shape: list[int | str], dtype: str = "float32", pooled: bool = False) -> bytes:
    graph = Graph()
    made = graph.input("x", dtype, shape)
    graph.output("y", graph.add("GlobalAveragePool", made) if pooled else made, dtype, None)
    return graph.to_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello", "ONNX Runtime cannot load .*mine.onnx"),
        (picture_graph([1, 3, 64, 64]), "takes float32 1×3×64×64, and only"),
        (picture_graph([1, 1, "h", "w"]), "takes float32 1×1×h×w, and only"),
        (picture_graph([1, 3, "h", "w"], "uint8"), "takes uint8"),
        (picture_graph([1, 3, "h", "w"], pooled=True), "makes 1×3×1×1 of a picture of 16×16"),
    ],
)
def test_what_does_not_enlarge_pictures_is_refused(home: Path, content: bytes, message: str) -> None:
    path = home / "mine.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        runtime.scale(runtime.load_file(path))


def test_weights_of_a_kind_that_cannot_be_run_are_refused(home: Path) -> None:
    weights = {name: value.astype(np.int64) for name, value in srvgg(2, 1, True).items()}
    path = home / "mine.pth"
    path.write_bytes(zipped(weights))
    with pytest.raises(ModelError, match="ONNX Runtime cannot load"):
        runtime.load_file(path)


def test_a_file_that_is_not_there(home: Path) -> None:
    with pytest.raises(UseError, match="no file"):
        runtime.load_file(home / "nothing.pth")


def test_other_networks_say_what_they_need(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    path = home / "mine.pth"
    path.write_bytes(zipped({"layers.0.weight": PICTURE}))
    with pytest.raises(
        ModelError, match=r"mine\.pth cannot be used: .*layers\.0\.weight.*pip install 'melies\[train\]'"
    ):
        from_file(path)


def test_other_networks_go_through_spandrel(home: Path) -> None:
    torch = pytest.importorskip("torch", reason="other networks need PyTorch")
    pytest.importorskip("spandrel", reason="other networks need spandrel", exc_type=ImportError)
    from spandrel.architectures.PLKSR import PLKSR

    net = PLKSR(upscaling_factor=2, dim=16, n_blocks=2).eval()
    path = home / "mine.pth"
    torch.save(net.state_dict(), path)
    session = runtime.load_file(path)
    assert runtime.scale(session) == 2
    with torch.inference_mode():
        expected = net(torch.from_numpy(PICTURE[None])).numpy()
    np.testing.assert_allclose(session.run({"data": PICTURE[None]})["output"], expected, atol=1e-4)
