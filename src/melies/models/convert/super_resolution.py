"""Networks that enlarge pictures, from their weights to ONNX: Real-ESRGAN's compact SRVGG, ESRGAN's RRDB, and SPAN.

The weights' names say which network it is, and their shapes how deep, how wide and how much it enlarges. Every network
takes `data`, float32 1×3×height×width, RGB of 0…1 and any size, and gives `output`, the same enlarged and not clipped.

- SRVGG: Wang, Xie, Dong, Shan, "Real-ESRGAN" (ICCV Workshops 2021), https://github.com/xinntao/Real-ESRGAN
- RRDB: Wang, Yu, Wu and others, "ESRGAN" (ECCV Workshops 2018), with the names of three generations of its code
- SPAN: Wan, Yu, Ma and others, "Swift Parameter-free Attention Network" (CVPR Workshops 2024)
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import Graph

log = logging.getLogger("melies")

SPAN_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean of DIV2K's pictures, which SPAN takes off; its weights do not hold it."""

RRDB_NAMES = [
    (r"RRDB_trunk\.(\d+)\.RDB(\d)\.conv(\d)", r"body.\1.rdb\2.conv\3"),
    (r"trunk_conv", "conv_body"),
    (r"upconv(\d)", r"conv_up\1"),
    (r"HRconv", "conv_hr"),
    (r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0", r"body.\1.rdb\2.conv\3"),
    (r"model\.1\.sub\.\d+", "conv_body"),
    (r"model\.0", "conv_first"),
]
"""Older names of an RRDB network's layers, and what Real-ESRGAN calls them."""


class _Net(Graph):
    """A graph under construction, and the weights that it has not used yet."""

    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        super().__init__()
        self.left = dict(weights)
        self.picture = self.input("data", "float32", [1, 3, "height", "width"])

    def take(self, name: str) -> NDArray[Any]:
        """Return a weight that is needed."""
        return self.left.pop(name)

    def conv(self, name: str, data: str) -> str:
        """Add the convolution whose weights have this name."""
        return self.convolve(data, self.take(f"{name}.weight"), self.take(f"{name}.bias"))

    def convolve(self, data: str, kernel: NDArray[Any], bias: NDArray[Any]) -> str:
        """Add a convolution that keeps the size."""
        height, width = kernel.shape[2:]
        pads = [height // 2, width // 2] * 2
        return self.add(
            "Conv", data, self.constant(kernel), self.constant(bias), kernel_shape=[height, width], pads=pads
        )

    def number(self, value: float) -> str:
        """Add a constant."""
        return self.constant(value, "float32")

    def nearest(self, data: str, scale: int) -> str:
        """Repeat every pixel."""
        how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.add("Resize", data, "", self.constant([1, 1, scale, scale], "float32"), mode="nearest", **how)

    def shuffle(self, data: str, channels: int) -> tuple[str, int]:
        """Lay the channels out as a larger RGB picture, and return that and how much larger it is."""
        scale = math.isqrt(channels // 3)
        if 3 * scale**2 != channels:
            raise ModelError(f"The network makes {channels} channels, which are no enlarged RGB picture.")
        return self.add("DepthToSpace", data, blocksize=scale, mode="CRD"), scale

    def file(self, made: str) -> bytes:
        """Return the ONNX file that gives out `made`."""
        self.output("output", made, "float32", [1, 3, "height_out", "width_out"])
        return self.to_bytes()


def _channels(kernel: NDArray[Any], allowed: tuple[int, ...] = (3,)) -> int:
    """Return how many channels a first layer takes."""
    channels = int(kernel.shape[1])
    if channels not in allowed:
        raise ModelError(f"The network takes pictures of {channels} channels; only RGB can be enlarged.")
    return channels


def _numbers(names: Iterable[str], word: str = "body") -> set[int]:
    """Return the numbers of the layers that are called by this word and a number."""
    matches = (re.match(rf"{word}\.(\d+)\.", name) for name in names)
    return {int(match[1]) for match in matches if match}


def _srvgg(net: _Net) -> str:
    last = max(_numbers(net.left))
    _channels(net.left["body.0.weight"])
    channels = net.left[f"body.{last}.weight"].shape[0]
    if last > 1 and "body.1.weight" not in net.left:
        log.warning("The network does not say whether its activation is ReLU or leaky ReLU; ReLU is taken.")
    made = net.conv("body.0", net.picture)
    for index in range(1, last, 2):
        if f"body.{index}.weight" in net.left:
            made = net.prelu(made, net.take(f"body.{index}.weight"))
        else:
            made = net.add("Relu", made)
        made = net.conv(f"body.{index + 1}", made)
    made, scale = net.shuffle(made, channels)
    return net.add("Add", made, net.nearest(net.picture, scale) if scale > 1 else net.picture)


def _rrdb(net: _Net) -> str:
    net.left = _as_real_esrgan(net.left)
    folded = math.isqrt(_channels(net.left["conv_first.weight"], (3, 12, 48)) // 3)
    blocks = 1 + max(_numbers(net.left))
    picture, size = (net.picture, None) if folded == 1 else _fold(net, folded)
    first = made = net.conv("conv_first", picture)
    for block in range(blocks):
        start = made
        for dense in (1, 2, 3):
            made = _residual(net, made, _dense(net, f"body.{block}.rdb{dense}", made))
        made = _residual(net, start, made)
    made = net.add("Add", net.conv("conv_body", made), first)
    for up in range(1, 4):
        if f"conv_up{up}.weight" in net.left:
            made = _leaky(net, net.conv(f"conv_up{up}", net.nearest(made, 2)))
            scale = 2**up
    made = net.conv("conv_last", _leaky(net, net.conv("conv_hr", made)))
    if size is None:
        return made
    # The fold needed a picture of whole folds; what was added to it is cut off again.
    size = net.add("Mul", size, net.constant([scale // folded] * 2, "int64"))
    return net.add("Slice", made, net.constant([0, 0], "int64"), size, net.constant([2, 3], "int64"))


def _dense(net: _Net, name: str, data: str) -> str:
    """Add five convolutions, each of which sees all that was made before it."""
    made = [data]
    for index in range(1, 5):
        seen = net.add("Concat", *made, axis=1) if len(made) > 1 else data
        made.append(_leaky(net, net.conv(f"{name}.conv{index}", seen)))
    return net.conv(f"{name}.conv5", net.add("Concat", *made, axis=1))


def _residual(net: _Net, data: str, made: str) -> str:
    return net.add("Add", data, net.add("Mul", made, net.number(0.2)))


def _leaky(net: _Net, data: str) -> str:
    return net.add("LeakyRelu", data, alpha=0.2)


def _fold(net: _Net, factor: int) -> tuple[str, str]:
    """Put squares of pixels into channels, repeating the last pixels to whole squares; also return the old size."""
    size = net.add("Slice", net.add("Shape", net.picture), net.constant([2], "int64"), net.constant([4], "int64"))
    factors, none = net.constant([factor, factor], "int64"), net.constant([0] * 6, "int64")
    missing = net.add("Mod", net.add("Sub", net.constant([0, 0], "int64"), size), factors)
    whole = net.add("Pad", net.picture, net.add("Concat", none, missing, axis=0), mode="edge")
    folded = net.add("SpaceToDepth", whole, blocksize=factor)
    # ONNX puts the pixels' places before the colours, PyTorch the colours before the places.
    order = np.arange(3 * factor**2).reshape(-1, 3).T.ravel()
    return net.add("Gather", folded, net.constant(order), axis=1), size


def _as_real_esrgan(weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Give the layers of an RRDB network the names of Real-ESRGAN."""
    renamed = {}
    for name, value in weights.items():
        layer, _, kind = name.rpartition(".")
        for pattern, new in RRDB_NAMES:
            if match := re.fullmatch(pattern, layer):
                layer = match.expand(new)
                break
        renamed[f"{layer}.{kind}"] = value
    # The first code numbered its last layers on: those that enlarge, and two more.
    numbers = sorted(_numbers(renamed, "model"))
    ends = [f"conv_up{index + 1}" for index in range(len(numbers) - 2)] + ["conv_hr", "conv_last"]
    for number, end in zip(numbers, ends, strict=False):
        for kind in ("weight", "bias"):
            renamed[f"{end}.{kind}"] = renamed.pop(f"model.{number}.{kind}")
    return renamed


def _span(net: _Net) -> str:
    made = net.picture
    if net.left.pop("no_norm", None) is None:
        mean = net.constant(np.array(SPAN_MEAN, np.float32).reshape(1, 3, 1, 1))
        made = net.add("Mul", net.add("Sub", made, mean), net.number(255))
    first = made = _conv3xc(net, "conv_1", made)
    blocks = []
    for block in range(1, 7):
        made, inner = _attention(net, f"block_{block}", made)
        blocks.append(made)
    # The sixth block's first features have passed their activation, which works in place in the authors' code.
    seen = net.add("Concat", first, _conv3xc(net, "conv_2", made), blocks[0], inner, axis=1)
    channels = net.left["upsampler.0.weight"].shape[0]
    return net.shuffle(net.conv("upsampler.0", net.conv("conv_cat", seen)), channels)[0]


def _attention(net: _Net, name: str, data: str) -> tuple[str, str]:
    """Add a block whose features weigh themselves; return its result and its first features."""
    first = made = _swish(net, _conv3xc(net, f"{name}.c1_r", data))
    made = _conv3xc(net, f"{name}.c3_r", _swish(net, _conv3xc(net, f"{name}.c2_r", made)))
    weight = net.add("Sub", net.add("Sigmoid", made), net.number(0.5))
    return net.add("Mul", net.add("Add", made, data), weight), first


def _swish(net: _Net, data: str) -> str:
    return net.add("Mul", data, net.add("Sigmoid", data))


def _conv3xc(net: _Net, name: str, data: str) -> str:
    """Add one convolution that does what the three in a row and the one beside them did in training."""
    stored = [net.left.pop(f"{name}.eval_conv.{kind}", None) for kind in ("weight", "bias")]
    if f"{name}.sk.weight" not in net.left and stored[0] is not None and stored[1] is not None:
        return net.convolve(data, stored[0], stored[1])
    (into, middle, out), (bias_in, bias_middle, bias_out) = (
        [net.take(f"{name}.conv.{index}.{kind}") for index in range(3)] for kind in ("weight", "bias")
    )
    kernel = np.einsum("om,mnij,nc->ocij", out[..., 0, 0], middle, into[..., 0, 0], optimize=True)
    bias = out[..., 0, 0] @ (middle.sum((2, 3)) @ bias_in + bias_middle) + bias_out + net.take(f"{name}.sk.bias")
    kernel[:, :, 1, 1] += net.take(f"{name}.sk.weight")[..., 0, 0]
    return net.convolve(data, kernel, bias)


NETWORKS: list[tuple[str, Callable[[_Net], str]]] = [
    (r"body\.0\.weight", _srvgg),
    (
        r"body\.0\.rdb1\.conv1\.weight|RRDB_trunk\.0\.RDB1\.conv1\.weight|model\.1\.sub\.0\.RDB1\.conv1\.0\.weight",
        _rrdb,
    ),
    (r"block_1\.c1_r\.(sk|eval_conv)\.weight", _span),
]
"""A weight that only this network has, and what builds the network."""


def convert(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Turn the weights of a network that enlarges pictures into an ONNX file.

    Args:
        weights: As `checkpoint.read` returns them.

    Returns:
        The ONNX file; `data` is 1×3×H×W, float32 RGB of 0…1, `output` the same for the enlarged picture.

    Raises:
        ModelError: The network is none of the three, or differs from them.
    """
    for mark, build in NETWORKS:
        if any(re.fullmatch(mark, name) for name in weights):
            net = _Net(weights)
            try:
                made = build(net)
            except KeyError as missing:
                raise ModelError(f"The network lacks the weight {missing.args[0]}.") from None
            except (ValueError, IndexError) as error:
                raise ModelError(f"The network's weights do not fit each other: {error}.") from None
            if net.left:
                raise ModelError(f"The network has the weight {next(iter(net.left))}, which is not known.")
            return net.file(made)
    raise ModelError(f"The network is not known; its first weight is called {next(iter(weights))}.")
