"""Files of StyleGAN, as its own program pickles them, made without it and without PyTorch."""

from __future__ import annotations

import io
import math
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.models.convert import stylegan2, stylegan3
from torch_files import LEGACY_MAGIC, STORAGES, Raw, global_name, pickled

SOURCE = "raise SystemExit('the text of a class was executed')"
NAMES = (
    ("torch_utils.persistence", "_reconstruct_persistent_obj"),
    ("torch.storage", "_load_from_bytes"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
)


@dataclass
class Module:
    """A persistent object: its attributes, what it was called with, its tensors and its parts."""

    kind: str
    attributes: dict[str, Any] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, NDArray[Any]] = field(default_factory=dict)
    buffers: dict[str, NDArray[Any]] = field(default_factory=dict)
    modules: dict[str, Module] = field(default_factory=dict)


class EasyDict(dict):
    """The dictionary of StyleGAN's programs."""


def storage(array: NDArray[Any]) -> bytes:
    """Return what torch.save writes of a storage alone."""
    kind = STORAGES[array.dtype.name]
    identity = ["storage", Raw(global_name("torch", kind)), "7", "cpu", array.size, None]
    magic = b"\x80\x02\x8a\x0a" + LEGACY_MAGIC.to_bytes(10, "little") + b"."
    rest = [1001, {"protocol_version": 1001, "little_endian": True}, Raw(pickled(tuple(identity), []) + b"Q"), ["7"]]
    programs = b"".join(b"\x80\x02" + pickled(part, []) + b"." for part in rest)
    return magic + programs + array.size.to_bytes(8, "little") + array.tobytes()


class _Pickler(pickle.Pickler):
    """Says of modules and tensors what StyleGAN's program and PyTorch say of theirs."""

    def __init__(self, file: io.BytesIO, functions: Mapping[str, Any], protocol: int) -> None:
        super().__init__(file, protocol)
        self._functions = functions

    def reducer_override(self, item: Any) -> Any:
        functions = self._functions
        if isinstance(item, Module):
            state = {
                "training": False,
                "_parameters": OrderedDict({k: _Parameter(v) for k, v in item.parameters.items()}),
                "_buffers": OrderedDict({k: _Tensor(v) for k, v in item.buffers.items()}),
                "_non_persistent_buffers_set": set(),
                "_backward_hooks": OrderedDict(),
                "_modules": OrderedDict(item.modules),
                **item.attributes,
                "_init_args": (),
                "_init_kwargs": EasyDict(item.arguments),
            }
            meta = {
                "type": "class",
                "version": 6,
                "module_src": SOURCE,
                "class_name": item.kind,
                "state": state,
            }
            return functions["_reconstruct_persistent_obj"], (EasyDict(meta),)
        if isinstance(item, _Parameter):
            return functions["_rebuild_parameter"], (_Tensor(item.array), True, OrderedDict())
        if isinstance(item, _Tensor):
            array = np.ascontiguousarray(item.array)
            stride = tuple(step // array.itemsize for step in array.strides)[: item.array.ndim]
            given = (_Storage(array), 0, item.array.shape, stride, False, OrderedDict())
            return functions["_rebuild_tensor_v2"], given
        if isinstance(item, _Storage):
            return functions["_load_from_bytes"], (storage(item.array),)
        return NotImplemented


@dataclass
class _Tensor:
    array: NDArray[Any]


@dataclass
class _Parameter:
    array: NDArray[Any]


@dataclass
class _Storage:
    array: NDArray[Any]


@contextmanager
def _importable() -> Iterator[dict[str, Any]]:
    """Let the names be found while a pickle is written, as pickle insists, and not any longer."""
    places = {part: types.ModuleType(part) for part in ("torch", "torch_utils", "dnnlib")}
    functions: dict[str, Any] = {}
    for module, name in NAMES:
        functions[name] = types.FunctionType((lambda *given: given).__code__, globals(), name)
        functions[name].__module__, functions[name].__qualname__ = module, name
        setattr(places.setdefault(module, types.ModuleType(module)), name, functions[name])
    EasyDict.__module__ = "dnnlib.util"
    places["dnnlib.util"] = types.ModuleType("dnnlib.util")
    setattr(places["dnnlib.util"], "EasyDict", EasyDict)  # noqa: B010 (no attribute of all modules)
    before = {module: sys.modules[module] for module in places if module in sys.modules}
    sys.modules.update(places)
    try:
        yield functions
    finally:
        for module in places:
            del sys.modules[module]
        sys.modules.update(before)


def written(content: Any, protocol: int = 4) -> bytes:
    """Return the pickle."""
    file = io.BytesIO()
    with _importable() as functions:
        _Pickler(file, functions, protocol).dump(content)
    return file.getvalue()


def snapshot(generator: Module, protocol: int = 4) -> bytes:
    """Return a whole file with this generator in it."""
    content = {
        "G": Module("Generator"),
        "D": Module("Discriminator", buffers={"large": np.zeros(3, np.float32)}),
        "G_ema": generator,
        "training_set_kwargs": EasyDict(class_name="training.dataset.ImageFolderDataset", max_size=7),
        "augment_pipe": None,
    }
    return written(content, protocol)


def _dense(rng: np.random.Generator, inputs: int, outputs: int, kind: str, rate: float, bias: float) -> Module:
    return Module(
        "FullyConnectedLayer",
        {"activation": kind, "weight_gain": np.float64(rate / math.sqrt(inputs)), "bias_gain": rate},
        {},
        {
            "weight": (rng.standard_normal((outputs, inputs)) / rate).astype(np.float32),
            "bias": (bias + 0.1 * rng.standard_normal(outputs) / rate).astype(np.float32),
        },
    )


def _mapping(rng: np.random.Generator, latent: int, width: int, layers: int) -> Module:
    sizes = [latent] + [width] * layers
    parts = {f"fc{i}": _dense(rng, sizes[i], sizes[i + 1], "lrelu", 0.01, 0) for i in range(layers)}
    average = rng.standard_normal(width).astype(np.float32)
    return Module("MappingNetwork", {"num_layers": layers}, {}, {}, {"w_avg": average}, parts)


def stylegan2_module(layout: stylegan2.Layout, seed: int = 0, clamp: float | None = 1.5) -> Module:
    """Return a generator of StyleGAN2-ADA with random weights, all of which matter."""
    rng = np.random.default_rng(seed)
    row = np.array([1, 3, 3, 1], np.float32)
    low = np.outer(row, row) / 64

    def normal(*shape: int) -> NDArray[np.float32]:
        return rng.standard_normal(shape).astype(np.float32)

    def layer(inputs: int, outputs: int, resolution: int) -> Module:
        return Module(
            "SynthesisLayer",
            {"resolution": resolution, "activation": "lrelu", "conv_clamp": clamp, "act_gain": math.sqrt(2)},
            {},
            {
                "weight": normal(outputs, inputs, 3, 3),
                "noise_strength": np.asarray(rng.uniform(0.2, 0.6), np.float32),
                "bias": 0.2 * normal(outputs),
            },
            {"resample_filter": low, "noise_const": normal(resolution, resolution)},
            {"affine": _dense(rng, layout.width, inputs, "linear", 1.0, 1.0)},
        )

    blocks = {}
    for resolution in layout.resolutions:
        channels = layout.channels(resolution)
        parts = {"conv1": layer(channels, channels, resolution)}
        if resolution > 4:
            parts["conv0"] = layer(layout.channels(resolution // 2), channels, resolution)
        parts["torgb"] = Module(
            "ToRGBLayer",
            {"conv_clamp": clamp, "weight_gain": np.float64(1 / math.sqrt(channels))},
            {},
            {"weight": normal(3, channels, 1, 1), "bias": 0.2 * normal(3)},
            {},
            {"affine": _dense(rng, layout.width, channels, "linear", 1.0, 1.0)},
        )
        own = {"const": normal(channels, 4, 4)} if resolution == 4 else {}
        kept = {"resolution": resolution, "architecture": "skip"}
        blocks[f"b{resolution}"] = Module("SynthesisBlock", kept, {}, own, {"resample_filter": low}, parts)
    return _generator(rng, layout, blocks, nested=True)


def stylegan3_module(layout: stylegan3.Layout, seed: int = 0) -> Module:
    """Return a generator of StyleGAN3 with random weights and filters."""
    rng = np.random.default_rng(seed)
    shapes = {name.removeprefix("synthesis."): shape for name, shape in stylegan3.keys(layout).items()}
    parts = {}
    for layer in stylegan3.layers(layout):
        affine = _dense(rng, layout.width, layer.inputs, "linear", 1.0, 1.0)
        own = {
            name: np.asarray(rng.standard_normal(shapes[f"{layer.name}.{name}"]), np.float32)
            for name in ("weight", "bias")
        }
        filters = {
            name: _low(rng, shape)
            for name in ("up_filter", "down_filter")
            if (shape := shapes.get(f"{layer.name}.{name}"))
        }
        kept = {
            "in_size": np.broadcast_to(np.asarray(layer.before), [2]),
            "in_cutoff": np.float64(2),
            "conv_clamp": 2.5,
        }
        strength = np.asarray(rng.uniform(0.01, 0.06), np.float32)
        parts[layer.name] = Module(
            "SynthesisLayer", kept, {}, own, {"magnitude_ema": strength} | filters, {"affine": affine}
        )
    waves = stylegan3.layers(layout)[0].inputs
    turn = np.array([[0.8, -0.6, 0.1], [0.6, 0.8, -0.2], [0, 0, 1]], np.float32)
    first = Module(
        "SynthesisInput",
        {"sampling_rate": np.float64(16), "bandwidth": np.float64(2), "size": np.array([36, 36])},
        {},
        {"weight": rng.standard_normal((waves, waves)).astype(np.float32)},
        {
            "transform": turn,
            "freqs": (rng.uniform(0.1, 2, (waves, 1)) * rng.standard_normal((waves, 2))).astype(np.float32),
            "phases": rng.uniform(-0.5, 0.5, waves).astype(np.float32),
        },
        {"affine": _dense(rng, layout.width, 4, "linear", 1.0, 2.0)},
    )
    return _generator(rng, layout, {"input": first} | parts, nested=False)


def _low(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a filter that keeps what is low, and is not the same from both ends."""
    taps = rng.uniform(0.2, 1, shape) * np.hanning(shape[0] + 2)[1:-1]
    return (taps / taps.sum()).astype(np.float32)


def _generator(
    rng: np.random.Generator, layout: stylegan2.Layout | stylegan3.Layout, parts: dict[str, Module], *, nested: bool
) -> Module:
    arguments = {"z_dim": layout.latent, "c_dim": 0, "w_dim": layout.width, "img_resolution": layout.resolution}
    arguments |= {"img_channels": 3, "mapping_kwargs": EasyDict(num_layers=layout.mapping)}
    inner = {"channel_base": layout.base, "channel_max": layout.most}
    if isinstance(layout, stylegan3.Layout):
        inner |= {"conv_kernel": layout.kernel, "use_radial_filters": layout.radial, "num_layers": layout.layers}
    arguments |= {"synthesis_kwargs": EasyDict(inner)} if nested else inner
    modules = {
        "synthesis": Module("SynthesisNetwork", {"num_ws": layout.rows, "output_scale": 0.25}, {}, {}, {}, parts),
        "mapping": _mapping(rng, layout.latent, layout.width, layout.mapping),
    }
    return Module("Generator", {"num_ws": layout.rows}, arguments, {}, {}, modules)
