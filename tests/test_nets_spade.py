"""Public SPADE and pix2pix generators: the tables of their weights, ONNX against NumPy and PyTorch, and old layouts."""

import math
import os
import pickle
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from melies.errors import ModelError
from melies.models.convert import from_file, pix2pix, spade
from melies.translating.card import read_card
from needs import needs_torch
from torch_files import zipped

PUBLIC = {"coco": 184, "ade20k": 151, "cityscapes": 36}
TINY = spade.Layout(36, 2, 4)
SMALL = pix2pix.Layout(3, 4, 3)


def published(labels):
    """The rule by which the published key lists are made, written without a look at the converter."""

    def conv(name, into, out, side, bias=True):
        if bias:
            yield f"{name}.bias", (out,)
        yield f"{name}.weight_orig", (out, into, side, side)
        yield f"{name}.weight_u", (out,)
        yield f"{name}.weight_v", (into * side * side,)

    def norm(name, channels):
        yield f"{name}.param_free_norm.running_mean", (channels,)
        yield f"{name}.param_free_norm.running_var", (channels,)
        yield f"{name}.param_free_norm.num_batches_tracked", ()
        for part, out, into in (("shared.0", 128, labels), ("gamma", channels, 128), ("beta", channels, 128)):
            yield f"{name}.mlp_{part}.weight", (out, into, 3, 3)
            yield f"{name}.mlp_{part}.bias", (out,)

    yield "fc.weight", (1024, labels, 3, 3)
    yield "fc.bias", (1024,)
    for name in ("head_0", "G_middle_0", "G_middle_1"):
        yield from conv(f"{name}.conv_0", 1024, 1024, 3)
        yield from conv(f"{name}.conv_1", 1024, 1024, 3)
        yield from norm(f"{name}.norm_0", 1024)
        yield from norm(f"{name}.norm_1", 1024)
    for step, out in enumerate((512, 256, 128, 64)):
        name = f"up_{step}"
        yield from conv(f"{name}.conv_0", 2 * out, out, 3)
        yield from conv(f"{name}.conv_1", out, out, 3)
        yield from conv(f"{name}.conv_s", 2 * out, out, 1, bias=False)
        yield from norm(f"{name}.norm_0", 2 * out)
        yield from norm(f"{name}.norm_1", out)
        yield from norm(f"{name}.norm_s", 2 * out)
    yield "conv_img.weight", (3, 64, 3, 3)
    yield "conv_img.bias", (3,)


@pytest.mark.parametrize(("name", "labels"), PUBLIC.items())
def test_the_weights_of_spade_are_the_published_ones(name, labels):
    wanted = list(published(labels))
    assert len(wanted) == 234
    assert list(spade.Layout(labels).shapes.items()) == wanted
    listed = Path(__file__).resolve().parents[2] / "shared" / "specs" / "keys" / f"spade_{name}.txt"
    if not listed.is_file():
        pytest.skip("the published key list is not here; the rule above stands for it")
    lines = (line.split(" ", 1) for line in listed.read_text().splitlines())
    assert [(key, shape) for key, shape in lines] == [(key, str(shape)) for key, shape in wanted]


def test_the_weights_of_pix2pix_are_the_published_ones():
    shapes = pix2pix.Layout().shapes
    learned = [shape for name, shape in shapes.items() if "running" not in name and "tracked" not in name]
    assert sum(map(math.prod, learned)) == 54_413_955  # what the authors' program prints
    deepest = "model.model.1.model.3.model.3.model.3.model.3.model.3.model.3.model"
    assert shapes[f"{deepest}.1.weight"] == (512, 512, 4, 4)
    assert shapes[f"{deepest}.3.weight"] == (512, 512, 4, 4)
    assert shapes[f"{deepest}.4.running_var"] == (512,)
    assert shapes["model.model.1.model.5.weight"] == (256, 64, 4, 4)
    assert shapes["model.model.3.weight"] == (128, 3, 4, 4)


def drawn(shapes, seed):
    """Random weights that neither fade nor blow up."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, shape in shapes.items():
        if name.endswith("tracked"):
            made[name] = np.array(7)
        elif name.endswith("running_var"):
            made[name] = rng.uniform(0.5, 2, shape).astype(np.float32)
        else:
            scale = math.sqrt(1 / math.prod(shape[1:])) if len(shape) > 1 else 0.2
            made[name] = (rng.normal(size=shape) * scale).astype(np.float32)
    for name in [name for name in made if name.endswith("weight_orig")]:
        base = name.removesuffix("weight_orig")
        left, _, right = np.linalg.svd(made[name].reshape(len(made[name]), -1), full_matrices=False)
        made[f"{base}weight_u"], made[f"{base}weight_v"] = left[:, 0].copy(), right[0].copy()
    return made


def conv(data, kernel, bias=None):
    half = kernel.shape[-1] // 2
    padded = np.pad(data, ((0, 0), (half, half), (half, half)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], (1, 2))
    made = np.einsum("chwij,ocij->ohw", windows, kernel, optimize=True)
    return made if bias is None else made + bias[:, None, None]


def spade_of(weights, layout):
    """The published function, in NumPy, written without a look at the converter."""
    plain = lambda name, data: conv(data, weights[f"{name}.weight"], weights[f"{name}.bias"])  # noqa: E731
    leaky = lambda data: np.where(data > 0, data, 0.2 * data)  # noqa: E731

    def normal(name, data):
        mean, var = (weights[f"{name}.param_free_norm.running_{kind}"][:, None, None] for kind in ("mean", "var"))
        seen = np.maximum(plain(f"{name}.mlp_shared.0", layout[:, :: layout.shape[1] // data.shape[1]][
            :, :, :: layout.shape[2] // data.shape[2]
        ]), 0)  # fmt: skip
        scaled = (data - mean) / np.sqrt(var + 1e-5) * (1 + plain(f"{name}.mlp_gamma", seen))
        return scaled + plain(f"{name}.mlp_beta", seen)

    def spectral(name, data):
        kernel = weights[f"{name}.weight_orig"]
        largest = np.linalg.svd(kernel.reshape(len(kernel), -1), compute_uv=False)[0]
        return conv(data, kernel / largest, weights.get(f"{name}.bias"))

    def block(name, data):
        short = data
        if f"{name}.conv_s.weight_orig" in weights:
            short = spectral(f"{name}.conv_s", normal(f"{name}.norm_s", data))
        made = spectral(f"{name}.conv_0", leaky(normal(f"{name}.norm_0", data)))
        return short + spectral(f"{name}.conv_1", leaky(normal(f"{name}.norm_1", made)))

    larger = lambda data: data.repeat(2, 1).repeat(2, 2)  # noqa: E731
    data = block("head_0", plain("fc", layout[:, ::64, ::64]))
    data = block("G_middle_0", larger(data))
    data = block("G_middle_1", larger(data))  # as for cityscapes: six doublings
    for step in range(4):
        data = block(f"up_{step}", larger(data))
    return (np.tanh(plain("conv_img", leaky(data))) + 1) / 2


def unet_of(weights, picture):
    """The published function of three levels, in NumPy; normalised by the picture's own statistics, nothing dropped."""

    def down(name, data):
        padded = np.pad(data, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), (1, 2))[:, ::2, ::2]
        return np.einsum("chwij,ocij->ohw", windows, weights[f"{name}.weight"])

    def up(name, data):
        kernel = weights[f"{name}.weight"]
        spread = np.zeros((len(data), 2 * data.shape[1] - 1, 2 * data.shape[2] - 1))
        spread[:, ::2, ::2] = data
        padded = np.pad(spread, ((0, 0), (2, 2), (2, 2)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), (1, 2))
        return np.einsum("chwij,coij->ohw", windows, kernel[:, :, ::-1, ::-1])

    def norm(name, data):
        mean, var = data.mean((1, 2), keepdims=True), data.var((1, 2), keepdims=True)
        scale, shift = (weights[f"{name}.{kind}"][:, None, None] for kind in ("weight", "bias"))
        return (data - mean) / np.sqrt(var + 1e-5) * scale + shift

    leaky, relu = (lambda data: np.where(data > 0, data, 0.2 * data)), (lambda data: np.maximum(data, 0))
    one, two = "model.model.1.model", "model.model.1.model.3.model"
    first = down("model.model.0", 2 * picture - 1)
    second = norm(f"{one}.2", down(f"{one}.1", leaky(first)))
    third = down(f"{two}.1", leaky(second))
    second = np.concatenate([second, norm(f"{two}.4", up(f"{two}.3", relu(third)))])
    first = np.concatenate([first, norm(f"{one}.6", up(f"{one}.5", relu(second)))])
    return (np.tanh(up("model.model.3", relu(first)) + weights["model.model.3.bias"][:, None, None]) + 1) / 2


def run(model, layout):
    return onnxruntime.InferenceSession(model).run(None, {"layout": layout})[0]


@pytest.fixture(scope="module")
def weights():
    made = drawn(TINY.shapes, 1)
    made["conv_img.weight"] *= 0.3
    return made


@pytest.fixture(scope="module")
def layout():
    labels = np.random.default_rng(2).integers(0, 35, (8, 8)).repeat(8, 0).repeat(16, 1)
    return (labels == np.arange(36)[:, None, None]).astype(np.float32)[None]


def test_spade_in_onnx_is_the_published_function(weights, layout):
    wanted = spade_of({name: value.astype(np.float64) for name, value in weights.items()}, layout[0].astype(np.float64))
    assert wanted.std() > 0.1
    assert ((wanted > 0.02) & (wanted < 0.98)).mean() > 0.5
    assert np.abs(run(spade.convert(weights), layout)[0] - wanted).max() < 1e-4


def test_pix2pix_in_onnx_is_the_published_function():
    weights = drawn(SMALL.shapes, 3)
    picture = np.random.default_rng(4).random((3, 16, 24), np.float32)
    wanted = unet_of(weights, picture.astype(np.float64))
    assert wanted.std() > 0.05
    assert np.abs(run(pix2pix.convert(weights), picture[None])[0] - wanted).max() < 1e-4


def test_files_in_old_layouts_make_the_same_function(weights, layout, tmp_path):
    wanted = run(spade.convert(weights), layout)
    old = {name: value for name, value in weights.items() if not name.endswith(("weight_v", "tracked"))}
    variants = {
        "bare": weights,
        "parallel": {f"module.{name}": value for name, value in weights.items()},
        "old": old,
    }
    for name, kept in variants.items():
        path = tmp_path / f"{name}.pth"
        path.write_bytes(zipped(kept))
        made = tmp_path / f"{name}.onnx"
        made.write_bytes(from_file(path, "paint"))
        assert np.abs(run(made, layout) - wanted).max() < 1e-5, name
        card = read_card(made)
        assert (len(card.classes), card.multiple, card.classes[-1][0]) == (36, 64, "instance edges")


def test_anything_else_is_refused_by_name(weights, tmp_path):
    with pytest.raises(ModelError, match=r"it has no weight up_2\.norm_s\.mlp_beta\.bias"):
        spade.convert({name: value for name, value in weights.items() if name != "up_2.norm_s.mlp_beta.bias"})
    with pytest.raises(ModelError, match="it has a weight surprise"):
        spade.convert({**weights, "surprise": np.zeros(3, np.float32)})
    with pytest.raises(ModelError, match=r"conv_img.bias is 4 and should be 3"):
        spade.convert({**weights, "conv_img.bias": np.zeros(4, np.float32)})
    with pytest.raises(ModelError, match=r"no weight model\.model\.0\.weight"):
        pix2pix.convert({})


def test_a_pickle_that_would_run_a_program_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'owned'}",)

    path = tmp_path / "latest_net_G.pkl"
    path.write_bytes(
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + b"".join(pickle.dumps(x, 2) for x in (1001, {}, Evil(), []))
    )
    with pytest.raises(ModelError):
        from_file(path, "paint")
    assert not (tmp_path / "owned").exists()


@needs_torch
def test_spade_in_onnx_is_pytorchs(weights, layout):
    import torch

    from melies.nets.spade import Generator

    net = Generator(TINY).eval()
    net.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    assert {name: tuple(value.shape) for name, value in net.state_dict().items()} == TINY.shapes
    with torch.no_grad():
        wanted = (net(torch.from_numpy(layout)).numpy() + 1) / 2
    assert np.abs(run(spade.convert(weights), layout) - wanted).max() < 1e-4


@needs_torch
def test_pix2pix_in_onnx_is_pytorchs():
    import torch

    from melies.nets.pix2pix import Generator

    weights = drawn(SMALL.shapes, 5)
    net = Generator(SMALL).train()
    net.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    picture = np.random.default_rng(6).random((1, 3, 32, 16), np.float32)
    with torch.no_grad():
        wanted = (net(torch.from_numpy(2 * picture - 1)).numpy() + 1) / 2
    assert np.abs(run(pix2pix.convert(weights), picture) - wanted).max() < 1e-5
