"""First Order Motion Models: which weights they have, and from those to ONNX.

Siarohin, Lathuilière, Tulyakov, Ricci and Sebe, "First Order Motion Model for Image Animation" (NeurIPS 2019). A
detector finds points in a picture, and how the picture is turned and stretched around each. The generator moves the
source's features as the points and these turns say, hides what was not to be seen in the source, and paints that.

The public checkpoints (`vox-cpk.pth.tar`, `vox-adv-cpk.pth.tar` and their kin, made by
https://github.com/AliaksandrSiarohin/first-order-model) and those of `melies train puppet` have the same layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.onnx_graph import Graph

Weights = Mapping[str, NDArray[Any]]
Shapes = dict[str, tuple[int, ...]]

PARTS = ("kp_detector", "generator")
"""The networks in a checkpoint that are needed; their names come before those of their weights."""
TEMPERATURE = 0.1
"""How sharply the detector decides where a point is; of no weight's shape, but the same in all public models."""
VARIANCE = 0.01
"""Of the blobs that show the motion network where the points are."""
EPSILON = 1e-5
"""What batch normalisation adds to variances."""


@dataclass(frozen=True)
class Layout:
    """How wide and deep the networks are; the defaults are those of the public models for 256×256.

    Attributes:
        points: How many points are found.
        scale: By how much pictures are made smaller for the detector and for the motion.
        detector_width: Channels of the detector's hourglass at its ends.
        detector_depth: How often that halves the size.
        detector_most: The most channels that it has.
        motion_width: As `detector_width`, of the hourglass that decides which point moves what.
        motion_depth: As `detector_depth`.
        motion_most: As `detector_most`.
        width: Channels of the generator at full size.
        down: How often it halves the size before features are moved.
        most: The most channels that it has.
        blocks: Residual blocks that repair the moved features.
    """

    points: int = 10
    scale: float = 0.25
    detector_width: int = 32
    detector_depth: int = 5
    detector_most: int = 1024
    motion_width: int = 64
    motion_depth: int = 5
    motion_most: int = 1024
    width: int = 64
    down: int = 2
    most: int = 512
    blocks: int = 6

    @property
    def blur(self) -> int:
        """Side of the kernel that blurs a picture before it is made smaller."""
        return 2 * round(4 * (1 / self.scale - 1) / 2) + 1

    @property
    def features(self) -> list[int]:
        """Channels of the generator after each halving."""
        return [min(self.most, self.width * 2**index) for index in range(self.down + 1)]

    def hourglass(self, into: int, width: int, depth: int, most: int) -> tuple[list[tuple[int, int]], ...]:
        """Return the channels in and out of the convolutions on the way down and on the way up."""
        sizes = [into, *(min(most, width * 2 ** (index + 1)) for index in range(depth))]
        down = list(pairwise(sizes))
        up = []
        for index in reversed(range(depth)):
            joined = 1 if index == depth - 1 else 2
            up.append((joined * min(most, width * 2 ** (index + 1)), min(most, width * 2**index)))
        return down, up

    def keys(self) -> Shapes:
        """Return the name and shape of every entry of a checkpoint's two state dicts, in their order."""
        points, seen = self.points, 4 * (self.points + 1)
        shapes: Shapes = {}

        def conv(name: str, into: int, out: int, side: int) -> None:
            shapes[f"{name}.weight"] = (out, into, side, side)
            shapes[f"{name}.bias"] = (out,)

        def norm(name: str, channels: int) -> None:
            for kind in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"{name}.{kind}"] = (channels,)
            shapes[f"{name}.num_batches_tracked"] = ()

        def block(name: str, into: int, out: int, side: int = 3) -> None:
            conv(f"{name}.conv", into, out, side)
            norm(f"{name}.norm", out)

        def hourglass(name: str, into: int, width: int, depth: int, most: int) -> None:
            down, up = self.hourglass(into, width, depth, most)
            for way, pairs in (("encoder.down_blocks", down), ("decoder.up_blocks", up)):
                for index, pair in enumerate(pairs):
                    block(f"{name}.{way}.{index}", *pair)

        hourglass("kp_detector.predictor", 3, self.detector_width, self.detector_depth, self.detector_most)
        conv("kp_detector.kp", self.detector_width + 3, points, 7)
        conv("kp_detector.jacobian", self.detector_width + 3, 4 * points, 7)
        shapes["kp_detector.down.weight"] = (3, 1, self.blur, self.blur)
        motion = "generator.dense_motion_network"
        hourglass(f"{motion}.hourglass", seen, self.motion_width, self.motion_depth, self.motion_most)
        conv(f"{motion}.mask", self.motion_width + seen, points + 1, 7)
        conv(f"{motion}.occlusion", self.motion_width + seen, 1, 7)
        shapes[f"{motion}.down.weight"] = (3, 1, self.blur, self.blur)
        block("generator.first", 3, self.width, 7)
        steps = list(pairwise(self.features))
        for index, (into, out) in enumerate(steps):
            block(f"generator.down_blocks.{index}", into, out)
        for index, (out, into) in enumerate(reversed(steps)):
            block(f"generator.up_blocks.{index}", into, out)
        for index in range(self.blocks):
            for part in (1, 2):
                conv(f"generator.bottleneck.r{index}.conv{part}", self.features[-1], self.features[-1], 3)
            for part in (1, 2):
                norm(f"generator.bottleneck.r{index}.norm{part}", self.features[-1])
        conv("generator.final", self.width, 3, 7)
        return shapes


def layout(weights: Weights) -> Layout:
    """Read off their shapes how wide and deep the networks are, and check every one of them.

    Args:
        weights: Both networks', as `checkpoint.read(path, PARTS)` returns them.

    Raises:
        ModelError: A weight is missing, is not known, or has another shape; it says which.
    """
    try:
        found = _guess({name: value.shape for name, value in weights.items()})
    except (KeyError, IndexError, ValueError) as error:
        raise ModelError(f"This is no First Order Motion Model: {error} is missing.") from None
    wanted = found.keys()
    for name, shape in wanted.items():
        if name not in weights:
            raise ModelError(f"This First Order Motion Model lacks the weight {name}.")
        if weights[name].shape != shape:
            raise ModelError(f"{name} has the shape {weights[name].shape} and should have {shape}.")
    for name in weights:
        if name not in wanted:
            raise ModelError(f"This First Order Motion Model has the weight {name}, which is not known.")
    return found


def _guess(shapes: Mapping[str, tuple[int, ...]]) -> Layout:
    def depth(pattern: str) -> int:
        matches = (re.fullmatch(pattern, name) for name in shapes)
        return 1 + max(int(match[1]) for match in matches if match)

    def hourglass(name: str) -> tuple[int, int, int]:
        deep = depth(rf"{re.escape(name)}\.encoder\.down_blocks\.(\d+)\.conv\.weight")
        width = shapes[f"{name}.decoder.up_blocks.{deep - 1}.conv.weight"][0]
        return width, deep, shapes[f"{name}.encoder.down_blocks.{deep - 1}.conv.weight"][0]

    motion = "generator.dense_motion_network"
    down = depth(r"generator\.down_blocks\.(\d+)\.conv\.weight")
    # A blur of side 8 (1 / scale - 1) / 2 + 1, where that is a whole number.
    blur = shapes["kp_detector.down.weight"][-1]
    return Layout(
        shapes["kp_detector.kp.weight"][0],
        1 / ((blur - 1) / 4 + 1),
        *hourglass("kp_detector.predictor"),
        *hourglass(f"{motion}.hourglass"),
        shapes["generator.first.conv.weight"][0],
        down,
        shapes[f"generator.down_blocks.{down - 1}.conv.weight"][0],
        depth(r"generator\.bottleneck\.r(\d+)\.conv1\.weight"),
    )


def convert(weights: Weights, side: int = 256, *, align_corners: bool = True) -> dict[str, bytes]:
    """Turn both networks into ONNX.

    Args:
        weights: As for `layout`.
        side: Height and width of the pictures.
        align_corners: Whether -1 and 1 are the middles of the outermost pixels where pictures are sampled, as in the
            PyTorch of the time of the public models, or their outer edges, as in later ones.

    Returns:
        Three files by name; pictures are float32 1×3×side×side RGB of 0…1, places -1…1, x before y.
        `detector`: `picture` to `value` 1×K×2, where the points are, and `jacobian` 1×K×2×2, the turns around them.
        `encoder`: `picture` to `features` and `small`, all that the generator needs of the source.
        `generator`: these, `source` and `driving`, 1×K×2, and `turn` 1×K×2×2, the source's turn times the inverse of
        the driving one's, to `picture`.

    Raises:
        ModelError: The weights are not those of such a model, or do not fit such pictures.
    """
    plan = layout(weights)
    smallest = side * plan.scale / 2 ** max(plan.detector_depth, plan.motion_depth)
    if smallest != int(smallest) or side % 2**plan.down:
        raise ModelError(f"This First Order Motion Model does not suit pictures of {side}×{side}.")
    detector, encoder, generator = (_Net(weights, plan, side, align_corners) for _ in range(3))
    detector.detect()
    encoder.encode()
    generator.generate()
    return {"detector": detector.to_bytes(), "encoder": encoder.to_bytes(), "generator": generator.to_bytes()}


class _Net(Graph):
    """One of the three graphs under construction."""

    def __init__(self, weights: Weights, plan: Layout, side: int, align_corners: bool) -> None:
        super().__init__()
        self.weights, self.plan, self.side, self.align_corners = weights, plan, side, align_corners
        self.small_side = round(side * plan.scale)

    def detect(self) -> None:
        """Build the detector."""
        count = self.plan.points
        picture = self.input("picture", "float32", [1, 3, self.side, self.side])
        data = self._shrunk("kp_detector", picture)
        data = self._hourglass("kp_detector.predictor", data, self.plan.detector_depth)
        side = self.small_side - 6
        where = self._reshaped(self._conv("kp_detector.kp", data, pad=0), [1, count, side * side])
        where = self.add("Softmax", self.add("Mul", where, self._number(1 / TEMPERATURE)), axis=-1)
        places = self.constant(_grid(side).reshape(1, -1, 2))
        self.output("value", self.add("MatMul", where, places), "float32", [1, count, 2])
        turns = self._reshaped(self._conv("kp_detector.jacobian", data, pad=0), [1, count, 4, side * side])
        weighted = self.add("Mul", turns, self._reshaped(where, [1, count, 1, side * side]))
        jacobian = self._reshaped(self._sum(weighted, -1), [1, count, 2, 2])
        self.output("jacobian", jacobian, "float32", [1, count, 2, 2])

    def encode(self) -> None:
        """Build the half of the generator that depends on the source alone."""
        picture = self.input("picture", "float32", [1, 3, self.side, self.side])
        data = self._block("generator.first", picture)
        for index in range(self.plan.down):
            data = self._halved(self._block(f"generator.down_blocks.{index}", data))
        self.output("features", data, "float32", self._features_shape)
        small = self._shrunk("generator.dense_motion_network", picture)
        self.output("small", small, "float32", [1, 3, self.small_side, self.small_side])

    def generate(self) -> None:
        """Build the other half."""
        count, side = self.plan.points, self.small_side
        features = self.input("features", "float32", self._features_shape)
        small = self.input("small", "float32", [1, 3, side, side])
        source = self.input("source", "float32", [1, count, 2])
        driving = self.input("driving", "float32", [1, count, 2])
        turn = self.input("turn", "float32", [1, count, 2, 2])

        flow, occlusion = self._motion(small, source, driving, turn)
        inner = self._features_shape[-1]
        if inner != side:
            flow = self.add("Transpose", flow, perm=[0, 3, 1, 2])
            flow = self.add("Transpose", self._resized(flow, 2, inner), perm=[0, 2, 3, 1])
            occlusion = self._resized(occlusion, 1, inner)
        data = self.add("Mul", self._sampled(features, flow), occlusion)
        for index in range(self.plan.blocks):
            data = self._residual(f"generator.bottleneck.r{index}", data)
        for index in range(self.plan.down):
            data = self._block(f"generator.up_blocks.{index}", self._doubled(data))
        made = self.add("Sigmoid", self._conv("generator.final", data))
        self.output("picture", made, "float32", [1, 3, self.side, self.side])

    @property
    def _features_shape(self) -> list[int]:
        inner = self.side // 2**self.plan.down
        return [1, self.plan.features[-1], inner, inner]

    def _motion(self, small: str, source: str, driving: str, turn: str) -> tuple[str, str]:
        """Where in the source each place comes from, 1×H×W×2, and how much of it was to be seen there, 1×1×H×W."""
        count, side = self.plan.points, self.small_side
        name = "generator.dense_motion_network"
        grid = _grid(side).reshape(1, 1, side * side, 2)
        places = self.constant(grid)
        here, there = (self._reshaped(points, [1, count, 1, 2]) for points in (driving, source))
        away = self.add("Sub", places, here)
        moved = self.add("Add", self.add("MatMul", away, self.add("Transpose", turn, perm=[0, 1, 3, 2])), there)
        moved = self.add("Concat", places, moved, axis=1)
        blobs = self.add("Sub", self._blob(away), self._blob(self.add("Sub", places, there)))
        blobs = self.add("Concat", self.constant(np.zeros((1, 1, side * side), np.float32)), blobs, axis=1)

        shape = [count + 1, 3, side, side]
        copies = self.add("Expand", small, self.constant(shape, "int64"))
        deformed = self._sampled(copies, self._reshaped(moved, [count + 1, side, side, 2]))
        seen = self.add("Concat", self._reshaped(blobs, [count + 1, 1, side, side]), deformed, axis=1)
        data = self._reshaped(seen, [1, 4 * (count + 1), side, side])
        data = self._hourglass(f"{name}.hourglass", data, self.plan.motion_depth)
        mask = self.add("Softmax", self._conv(f"{name}.mask", data), axis=1)
        mask = self._reshaped(mask, [1, count + 1, side * side, 1])
        flow = self._reshaped(self._sum(self.add("Mul", mask, moved), 1), [1, side, side, 2])
        return flow, self.add("Sigmoid", self._conv(f"{name}.occlusion", data))

    def _blob(self, away: str) -> str:
        squares = self._sum(self.add("Mul", away, away), -1)
        return self.add("Exp", self.add("Mul", squares, self._number(-0.5 / VARIANCE)))

    def _hourglass(self, name: str, data: str, depth: int) -> str:
        outs = [data]
        for index in range(depth):
            outs.append(self._halved(self._block(f"{name}.encoder.down_blocks.{index}", outs[-1])))
        data = outs.pop()
        for index in range(depth):
            data = self._block(f"{name}.decoder.up_blocks.{index}", self._doubled(data))
            data = self.add("Concat", data, outs.pop(), axis=1)
        return data

    def _residual(self, name: str, data: str) -> str:
        made = self.add("Relu", self._norm(f"{name}.norm1", data))
        made = self.add("Relu", self._conv(f"{name}.conv1", made, norm=f"{name}.norm2"))
        return self.add("Add", self._conv(f"{name}.conv2", made), data)

    def _block(self, name: str, data: str) -> str:
        return self.add("Relu", self._conv(f"{name}.conv", data, norm=f"{name}.norm"))

    def _conv(self, name: str, data: str, *, norm: str = "", pad: int | None = None) -> str:
        """Add a convolution, with the normalisation that follows it folded into its weights."""
        kernel, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        if norm:
            factor, shift = self._factors(norm)
            kernel, bias = kernel * factor[:, None, None, None], bias * factor + shift
        side = kernel.shape[-1]
        pads = [side // 2 if pad is None else pad] * 4
        return self.add("Conv", data, self.constant(kernel), self.constant(bias), kernel_shape=[side, side], pads=pads)

    def _norm(self, name: str, data: str) -> str:
        factor, shift = (self.constant(part.reshape(1, -1, 1, 1)) for part in self._factors(name))
        return self.add("Add", self.add("Mul", data, factor), shift)

    def _factors(self, norm: str) -> Iterator[NDArray[np.float32]]:
        scale, bias, mean, variance = (
            self.weights[f"{norm}.{kind}"].astype(np.float64)
            for kind in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + EPSILON)
        return (part.astype(np.float32) for part in (factor, bias - mean * factor))

    def _shrunk(self, name: str, picture: str) -> str:
        kernel = self.weights[f"{name}.down.weight"]
        side, step = kernel.shape[-1], round(1 / self.plan.scale)
        return self.add(
            "Conv", picture, self.constant(kernel), kernel_shape=[side, side], pads=[side // 2] * 4,
            strides=[step, step], group=3,
        )  # fmt: skip

    def _sampled(self, data: str, flow: str) -> str:
        return self.add(
            "GridSample", data, flow, mode="bilinear", padding_mode="zeros", align_corners=int(self.align_corners)
        )

    def _halved(self, data: str) -> str:
        return self.add("AveragePool", data, kernel_shape=[2, 2], strides=[2, 2])

    def _doubled(self, data: str) -> str:
        how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.add("Resize", data, "", self.constant([1, 1, 2, 2], "float32"), mode="nearest", **how)

    def _resized(self, data: str, channels: int, side: int) -> str:
        sizes = self.constant([1, channels, side, side], "int64")
        return self.add("Resize", data, "", "", sizes, mode="linear", coordinate_transformation_mode="half_pixel")

    def _reshaped(self, data: str, shape: list[int]) -> str:
        return self.add("Reshape", data, self.constant(shape, "int64"))

    def _sum(self, data: str, axis: int) -> str:
        return self.add("ReduceSum", data, self.constant([axis], "int64"), keepdims=0)

    def _number(self, value: float) -> str:
        return self.constant(value, "float32")


def _grid(side: int) -> NDArray[np.float32]:
    """The places of `side`×`side` pixels, -1…1, x before y."""
    line = np.linspace(-1, 1, side, dtype=np.float32)
    return np.stack(np.meshgrid(line, line), axis=-1)
