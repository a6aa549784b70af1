"""SPADE's generators: which weights they have, and from those to ONNX.

Park, Liu, Wang and Zhu, "Semantic Image Synthesis with Spatially-Adaptive Normalization" (CVPR 2019). The public
checkpoints (`latest_net_G.pth` of coco, ade20k and cityscapes, of https://github.com/NVlabs/SPADE, for non-commercial
use) are state dicts: kernels under spectral normalisation with its singular vectors, of which older files lack one, and
running statistics of normalisations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.models.convert.onnx_graph import INT64_MAX, Graph
from melies.models.convert.strict import must_be_generator
from melies.painting.layout import EDGES
from melies.painting.palette import find
from melies.translating.card import LAYOUT, MADE, Card, with_card

Weights = Mapping[str, NDArray[Any]]
Shapes = dict[str, tuple[int, ...]]

EPSILON = 1e-5
"""What batch normalisation adds to variances."""
PUBLIC = {184: ("coco", True), 151: ("ade20k", False), 36: ("cityscapes", True)}
"""By the channels of the layout: the data set, and whether its last channel holds the edges of instances."""
_OPTIONAL = (".weight_v", ".num_batches_tracked")
"""What PyTorch did not always store."""


class Layout(NamedTuple):
    """What the generator is like; the defaults are those of the public model for COCO.

    Attributes:
        labels: Channels of the layout, with that of the edges.
        width: Channels at full size.
        hidden: Channels in which normalisations look at the layout.
    """

    labels: int = 184
    width: int = 64
    hidden: int = 128

    @property
    def more(self) -> bool:
        """Whether there is a sixth doubling, as for pictures of 512×256: the weights are the same."""
        return PUBLIC.get(self.labels, ("", False))[0] == "cityscapes"

    @property
    def multiple(self) -> int:
        """Height and width must be a multiple of it."""
        return 64 if self.more else 32

    @property
    def doubled(self) -> tuple[str, ...]:
        """The blocks before which data are doubled in size."""
        return "G_middle_0", *(("G_middle_1",) if self.more else ()), "up_0", "up_1", "up_2", "up_3"

    @property
    def blocks(self) -> list[tuple[str, int, int]]:
        """Name of each block, and the channels that go in and come out."""
        widest = 16 * self.width
        ups = [(f"up_{step}", widest >> step, widest >> step + 1) for step in range(4)]
        return [*((name, widest, widest) for name in ("head_0", "G_middle_0", "G_middle_1")), *ups]

    @property
    def shapes(self) -> Shapes:
        """The shapes of all weights, by name, in the order of the files."""
        shapes: Shapes = {"fc.weight": (16 * self.width, self.labels, 3, 3), "fc.bias": (16 * self.width,)}
        for name, into, out in self.blocks:
            middle, learned = min(into, out), into != out
            convs = [("0", middle, into, 3), ("1", out, middle, 3), *([("s", out, into, 1)] if learned else [])]
            for part, many, few, side in convs:
                if part != "s":
                    shapes[f"{name}.conv_{part}.bias"] = (many,)
                shapes[f"{name}.conv_{part}.weight_orig"] = (many, few, side, side)
                shapes[f"{name}.conv_{part}.weight_u"] = (many,)
                shapes[f"{name}.conv_{part}.weight_v"] = (few * side * side,)
            for part, channels in [("0", into), ("1", middle), *([("s", into)] if learned else [])]:
                shapes |= self._norm(f"{name}.norm_{part}", channels)
        return shapes | {"conv_img.weight": (3, self.width, 3, 3), "conv_img.bias": (3,)}

    def _norm(self, name: str, channels: int) -> Shapes:
        shapes: Shapes = {f"{name}.param_free_norm.running_{kind}": (channels,) for kind in ("mean", "var")}
        shapes[f"{name}.param_free_norm.num_batches_tracked"] = ()
        shapes[f"{name}.mlp_shared.0.weight"] = (self.hidden, self.labels, 3, 3)
        shapes[f"{name}.mlp_shared.0.bias"] = (self.hidden,)
        for kind in ("gamma", "beta"):
            shapes[f"{name}.mlp_{kind}.weight"] = (channels, self.hidden, 3, 3)
            shapes[f"{name}.mlp_{kind}.bias"] = (channels,)
        return shapes


def layout(weights: Weights) -> Layout:
    """Read off their names and shapes what the generator is like, and check every one of them.

    Raises:
        ModelError: A weight is missing, is not known, or has another shape; it says which comes first.
    """
    found = _guess(weights)
    must_be_generator(weights, found.shapes, "SPADE", optional=_OPTIONAL)
    return found


def _guess(weights: Weights) -> Layout:
    kernels = [weights.get(name) for name in ("fc.weight", "head_0.norm_0.mlp_gamma.weight")]
    if any(kernel is None or kernel.ndim != 4 for kernel in kernels):
        return Layout()
    first, gamma = (kernel.shape for kernel in kernels if kernel is not None)
    return Layout(first[1], first[0] // 16, gamma[1])


def convert(weights: Weights) -> bytes:
    """Turn a generator into ONNX: `layout`, 1×C×H×W one-hot, to `made`, 1×3×H×W RGB of 0…1, both float32.

    Raises:
        ModelError: The weights are not those of such a generator.
    """
    plan = layout(weights)
    net = _Net(weights, plan)
    net.paint()
    return with_card(net.to_bytes(), _card(plan))


def _card(plan: Layout) -> Card:
    name, edges = PUBLIC.get(plan.labels, ("spade", False))
    if plan.labels in PUBLIC:
        classes = find(name).entries
    else:
        classes = tuple((f"class {number}", (number, number, number)) for number in range(min(plan.labels, 256)))
    return Card(
        name=f"spade-{name}",
        task="paint",
        description="A public generator of SPADE.",
        classes=(*classes, (EDGES, (0, 0, 0))) if edges else classes,
        multiple=plan.multiple,
        licence="CC-BY-NC-SA-4.0, if it is one of the authors' own",
    )


class _Net(Graph):
    """The graph under construction."""

    def __init__(self, weights: Weights, plan: Layout) -> None:
        super().__init__()
        self._weights, self._plan = weights, plan
        self._layout = self.input(LAYOUT, "float32", [1, plan.labels, "height", "width"])
        self._smaller: dict[int, str] = {}

    def paint(self) -> None:
        """Build it."""
        step = self._plan.multiple
        data = self._conv("fc", self._seen_at(step))
        for name, into, out in self._plan.blocks:
            if name in self._plan.doubled:
                data, step = self._doubled(data), step // 2
            data = self._block(name, data, step, learned=into != out)
        data = self.add("Tanh", self._conv("conv_img", self._leaky(data)))
        data = self.add("Mul", self.add("Add", data, self._number(1)), self._number(0.5))
        self.output(MADE, data, "float32", [1, 3, "height", "width"])

    def _block(self, name: str, data: str, step: int, *, learned: bool) -> str:
        short = self._conv(f"{name}.conv_s", self._spade(f"{name}.norm_s", data, step)) if learned else data
        for part in "01":
            made = self._leaky(self._spade(f"{name}.norm_{part}", data, step))
            data = self._conv(f"{name}.conv_{part}", made)
        return self.add("Add", short, data)

    def _spade(self, name: str, data: str, step: int) -> str:
        """Normalise, and scale and shift as the layout wants it; one plus the scale is folded into its bias."""
        mean, variance = (self._weights[f"{name}.param_free_norm.running_{kind}"] for kind in ("mean", "var"))
        factor = (1 / np.sqrt(variance.astype(np.float64) + EPSILON)).astype(np.float32)
        rows = (value.reshape(1, -1, 1, 1) for value in (factor, -mean * factor))
        scale, shift = (self.constant(row, "float32") for row in rows)
        normal = self.add("Add", self.add("Mul", data, scale), shift)
        seen = self.add("Relu", self._conv(f"{name}.mlp_shared.0", self._seen_at(step)))
        made = self.add("Mul", normal, self._conv(f"{name}.mlp_gamma", seen, more=1))
        return self.add("Add", made, self._conv(f"{name}.mlp_beta", seen))

    def _seen_at(self, step: int) -> str:
        """The layout made smaller: every so many-th pixel of every so many-th row."""
        if step == 1:
            return self._layout
        if step not in self._smaller:
            bounds = ([0, 0], [INT64_MAX] * 2, [2, 3], [step] * 2)
            self._smaller[step] = self.add("Slice", self._layout, *(self.constant(part, "int64") for part in bounds))
        return self._smaller[step]

    def _conv(self, name: str, data: str, more: float = 0) -> str:
        kernel = self._kernel(name)
        side = kernel.shape[-1]
        bias = self._weights.get(f"{name}.bias")
        extra = [] if bias is None else [self.constant(bias + np.float32(more))]
        return self.add("Conv", data, self.constant(kernel), *extra, kernel_shape=[side, side], pads=[side // 2] * 4)

    def _kernel(self, name: str) -> NDArray[np.float32]:
        """A kernel, divided by its largest singular value where it is normalised so (Miyato et al., ICLR 2018)."""
        if f"{name}.weight_orig" not in self._weights:
            plain: NDArray[np.float32] = self._weights[f"{name}.weight"]
            return plain
        kernel, left = (self._weights[f"{name}.{kind}"].astype(np.float64) for kind in ("weight_orig", "weight_u"))
        flat = kernel.reshape(len(kernel), -1)
        right = self._weights.get(f"{name}.weight_v")
        if right is None:
            right = flat.T @ left
            right = right / np.linalg.norm(right)
        made: NDArray[np.float32] = (kernel / (left @ flat @ right)).astype(np.float32)
        return made

    def _leaky(self, data: str) -> str:
        return self.add("LeakyRelu", data, alpha=0.2)

    def _doubled(self, data: str) -> str:
        how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.add("Resize", data, "", self.constant([1, 1, 2, 2], "float32"), mode="nearest", **how)

    def _number(self, value: float) -> str:
        return self.constant(value, "float32")
