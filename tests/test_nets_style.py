"""Public style networks: the tables of their weights, ONNX against NumPy and PyTorch, and files in old layouts."""

import math
import pickle
import zipfile

import numpy as np
import onnxruntime
import pytest

from melies.errors import ModelError
from melies.models.convert import adain, fast_style, from_file
from needs import needs_torch

FAST_STYLE = """
conv1 3 32 9, in1 32, conv2 32 64 3, in2 64, conv3 64 128 3, in3 128,
res1.conv1 128 128 3, res1.in1 128, res1.conv2 128 128 3, res1.in2 128,
res2.conv1 128 128 3, res2.in1 128, res2.conv2 128 128 3, res2.in2 128,
res3.conv1 128 128 3, res3.in1 128, res3.conv2 128 128 3, res3.in2 128,
res4.conv1 128 128 3, res4.in1 128, res4.conv2 128 128 3, res4.in2 128,
res5.conv1 128 128 3, res5.in1 128, res5.conv2 128 128 3, res5.in2 128,
deconv1 128 64 3, in4 64, deconv2 64 32 3, in5 32, deconv3 32 3 9
"""
"""PyTorch's examples, fast_neural_style: convolutions with channels in, channels out and side; normalisations."""
VGG = "0 3 3 1, 2 3 64, 5 64 64, 9 64 128, 12 128 128, 16 128 256, 19 256 256, 22 256 256, 25 256 256, 29 256 512, \
32 512 512, 35 512 512, 38 512 512, 42 512 512, 45 512 512, 48 512 512, 51 512 512"
DECODER = "1 512 256, 5 256 256, 8 256 256, 11 256 256, 14 256 128, 18 128 128, 21 128 64, 25 64 64, 28 64 3"
"""AdaIN's two: place in the Sequential, channels in and out, side where it is not 3."""


def test_the_weights_of_fast_style_networks_are_the_published_ones():
    wanted = {}
    for entry in FAST_STYLE.split(","):
        name, *sizes = entry.split()
        if len(sizes) == 1:
            wanted[f"{name}.weight"] = wanted[f"{name}.bias"] = (int(sizes[0]),)
        else:
            into, out, side = map(int, sizes)
            wanted[f"{name}.conv2d.weight"], wanted[f"{name}.conv2d.bias"] = (out, into, side, side), (out,)
    assert list(fast_style.keys().items()) == list(wanted.items())
    assert sum(map(math.prod, wanted.values())) == 1_679_235


@pytest.mark.parametrize(("table", "plan", "into"), [(VGG, adain.ENCODER, 3), (DECODER, adain.DECODER, 512)])
def test_the_weights_of_adain_are_the_published_ones(table, plan, into):
    wanted = {}
    for entry in table.split(","):
        place, before, out, side = [*map(int, entry.split()), 3][:4]
        wanted[f"{place}.weight"], wanted[f"{place}.bias"] = (out, before, side, side), (out,)
    assert list(adain.keys(plan, into).items()) == list(wanted.items())


def drawn(shapes, seed):
    """Random weights that neither fade nor blow up."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, shape in shapes.items():
        fan = math.prod(shape[1:])
        made[name] = (
            rng.normal(size=shape) * math.sqrt(2 / fan) if len(shape) > 1 else rng.uniform(0, 1, shape)
        ).astype(np.float32)
    return made


def conv(data, weights, name, stride=1):
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    half = weight.shape[-1] // 2
    padded = np.pad(data, ((0, 0), (half, half), (half, half)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], (1, 2))[:, ::stride, ::stride]
    return np.einsum("chwij,ocij->ohw", windows, weight, optimize=True) + bias[:, None, None]


def larger(data):
    return data.repeat(2, 1).repeat(2, 2)


def fast_style_of(weights, image):
    """The published function, in NumPy, written without a look at the converter."""

    def norm(data, name):
        mean, variance = data.mean((1, 2), keepdims=True), data.var((1, 2), keepdims=True)
        normal = (data - mean) / np.sqrt(variance + 1e-5)
        return normal * weights[f"{name}.weight"][:, None, None] + weights[f"{name}.bias"][:, None, None]

    relu = lambda data: np.maximum(data, 0)  # noqa: E731
    data = 255 * image
    for index, stride in ((1, 1), (2, 2), (3, 2)):
        data = relu(norm(conv(data, weights, f"conv{index}.conv2d", stride), f"in{index}"))
    for block in range(1, 6):
        inner = relu(norm(conv(data, weights, f"res{block}.conv1.conv2d"), f"res{block}.in1"))
        data = data + norm(conv(inner, weights, f"res{block}.conv2.conv2d"), f"res{block}.in2")
    for index in (1, 2):
        data = relu(norm(conv(larger(data), weights, f"deconv{index}.conv2d"), f"in{index + 3}"))
    return np.clip(conv(data, weights, "deconv3.conv2d") / 255, 0, 1)


def run(model, **inputs):
    return onnxruntime.InferenceSession(model).run(None, inputs)


@pytest.fixture(scope="module")
def fast():
    made = drawn(fast_style.keys(), 1)
    made["deconv3.conv2d.weight"] *= 60  # pictures of 0…255 come out
    made["deconv3.conv2d.bias"] += 120
    return made


def test_fast_style_in_onnx_is_the_published_function(fast):
    image = np.random.default_rng(2).random((3, 16, 24), np.float32)
    (made,) = run(fast_style.convert(fast), image=image[None])
    wanted = fast_style_of(fast, image.astype(np.float64))
    assert ((wanted > 0) & (wanted < 1)).mean() > 0.2
    assert np.abs(made[0] - wanted).max() < 2e-3


def saved(path, weights):
    """Write a state dict as torch.save does since 1.6, without PyTorch."""

    class Storage:
        def __init__(self, key, size):
            self.pid = ("storage", type("FloatStorage", (), {"__module__": "torch"}), key, "cpu", size)

    class Pickler(pickle._Pickler):
        def persistent_id(self, item):
            return item.pid if isinstance(item, Storage) else None

        def save(self, item, save_persistent_id=True):
            if isinstance(item, type):
                return self.write(b"c" + item.__module__.encode() + b"\n" + item.__name__.encode() + b"\n")
            return super().save(item, save_persistent_id)

    class Tensor:
        def __init__(self, key, value):
            self.args = (Storage(key, value.size), 0, value.shape, tuple(s // value.itemsize for s in value.strides))

        def __reduce__(self):
            return type("_rebuild_tensor_v2", (), {"__module__": "torch._utils"}), (*self.args, False, {})

    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("net/data.pkl", "w") as file:
            Pickler(file, 2).dump({name: Tensor(str(i), value) for i, (name, value) in enumerate(weights.items())})
        for i, value in enumerate(weights.values()):
            archive.writestr(f"net/data/{i}", np.ascontiguousarray(value).tobytes())


def test_old_layouts_of_the_file_are_the_same_network(fast, tmp_path):
    """Statistics that nothing uses, as PyTorch 0.3 kept them, and the prefix of parallel training."""
    old = {f"module.{name}": value for name, value in fast.items()}
    for name, value in fast.items():
        if ".in" in f".{name}" and name.endswith("weight") and value.ndim == 1:
            for kind in ("running_mean", "running_var"):
                old["module." + name.replace("weight", kind)] = np.ones_like(value)
    assert len(old) == len(fast) + 30
    saved(tmp_path / "mosaic.pth", old)
    assert from_file(tmp_path / "mosaic.pth", "style") == fast_style.convert(fast)


def test_other_weights_are_refused_by_name(fast):
    with pytest.raises(ModelError, match=r"lacks the weight deconv3\.conv2d\.bias"):
        fast_style.convert({name: value for name, value in fast.items() if name != "deconv3.conv2d.bias"})
    with pytest.raises(ModelError, match=r"conv1\.conv2d\.weight has the shape \(32, 3, 3, 3\)"):
        fast_style.convert({**fast, "conv1.conv2d.weight": np.zeros((32, 3, 3, 3), np.float32)})
    with pytest.raises(ModelError, match=r"has the weight res6\.in1\.weight, which is not known"):
        fast_style.convert({**fast, "res6.in1.weight": np.zeros(128, np.float32)})
    with pytest.raises(ModelError, match=r"decoder\.pth, it lacks the weight 1\.weight"):
        adain.painter(blank(adain.ENCODER, 3), {})


def blank(plan, into):
    return {name: np.zeros(shape, np.float32) for name, shape in adain.keys(plan, into).items()}


def evil(path):
    """A checkpoint that writes a file when it is unpickled."""

    class Exploit:
        def __reduce__(self):
            import os

            return os.system, (f"echo owned > {path.with_suffix('.owned')}",)

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps({"conv1.conv2d.weight": Exploit()}))


def test_a_file_that_wants_to_run_code_is_refused(tmp_path):
    evil(tmp_path / "evil.pth")
    with pytest.raises(ModelError, match=r"refused: it wants to use (posix|nt)\.system"):
        from_file(tmp_path / "evil.pth", "style")
    assert [file.name for file in tmp_path.iterdir()] == ["evil.pth"]


def adain_of(weights, decoder, image, style):
    """The published function, in NumPy."""

    def through(data, steps, weights):
        for step in steps.split():
            if step == "pool":
                data = data.reshape(data.shape[0], data.shape[1] // 2, 2, data.shape[2] // 2, 2).max((2, 4))
            elif step == "up":
                data = larger(data)
            else:
                data = conv(data, weights, step.rstrip("r"))
                data = np.maximum(data, 0) if step.endswith("r") else data
        return data

    def statistics(data):
        return data.mean((1, 2), keepdims=True), np.sqrt(data.var((1, 2), keepdims=True, ddof=1) + 1e-5)

    seen, target = (through(p, "0 2r 5r pool 9r 12r pool 16r 19r 22r 25r pool 29r", weights) for p in (image, style))
    (mean, deviation), (wanted_mean, wanted) = statistics(seen), statistics(target)
    mixed = (seen - mean) / deviation * wanted + wanted_mean
    return through(mixed, "1r up 5r 8r 11r 14r up 18r 21r up 25r 28", decoder)


def test_adain_in_onnx_is_the_published_function():
    weights, decoder = drawn(adain.keys(adain.ENCODER, 3), 3), drawn(adain.keys(adain.DECODER, 512), 4)
    decoder["28.weight"] *= 0.02
    rng = np.random.default_rng(5)
    image, style = rng.random((3, 16, 32), np.float32), rng.random((3, 24, 16), np.float32)
    mean, deviation = run(adain.encoder(weights), image=style[None])
    (made,) = run(adain.painter(weights, decoder), image=image[None], mean=mean, deviation=deviation)
    wanted = adain_of(weights, decoder, image.astype(np.float64), style.astype(np.float64))
    assert ((wanted > 0) & (wanted < 1)).mean() > 0.2
    assert np.abs(made[0] - np.clip(wanted, 0, 1)).max() < 2e-3


@needs_torch
def test_fast_style_in_onnx_is_the_network_in_pytorch(fast):
    import torch

    from melies.nets.fast_style import TransformerNet

    net = TransformerNet().eval()
    assert {name: tuple(value.shape) for name, value in net.state_dict().items()} == fast_style.keys()
    net.load_state_dict({name: torch.from_numpy(value) for name, value in fast.items()})
    image = np.random.default_rng(6).random((1, 3, 32, 48), np.float32)
    with torch.no_grad():
        wanted = (net(torch.from_numpy(image) * 255) / 255).clamp(0, 1).numpy()
    (made,) = run(fast_style.convert(fast), image=image)
    assert np.abs(made - wanted).max() < 1e-3


@needs_torch
def test_adain_in_onnx_is_the_network_in_pytorch():
    import torch

    from melies.nets.adain import Adain

    weights, decoder = drawn(adain.keys(adain.ENCODER, 3), 7), drawn(adain.keys(adain.DECODER, 512), 8)
    decoder["28.weight"] *= 0.02
    net = Adain().eval()
    net.encoder.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    net.decoder.load_state_dict({name: torch.from_numpy(value) for name, value in decoder.items()})
    rng = np.random.default_rng(9)
    image, style = rng.random((1, 3, 32, 48), np.float32), rng.random((1, 3, 40, 40), np.float32)
    with torch.no_grad():
        wanted = net(torch.from_numpy(image), torch.from_numpy(style)).clamp(0, 1).numpy()
    mean, deviation = run(adain.encoder(weights), image=style)
    (made,) = run(adain.painter(weights, decoder), image=image, mean=mean, deviation=deviation)
    assert np.abs(made - wanted).max() < 1e-3
