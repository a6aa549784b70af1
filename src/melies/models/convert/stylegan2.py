"""StyleGAN2's generator, written as ONNX from the weights of a `.pkl` file.

Karras, Laine, Aittala, Hellsten, Lehtinen and Aila, "Analyzing and Improving the Image Quality of StyleGAN" (2020). A
latent vector z goes through a mapping network and becomes w; each layer of the synthesis network scales its input
channels by a linear function of its own row of w, convolves, and brings every output channel back to unit variance.
Layers of two checkpoints in one network: Pinkney and Adler, "Resolution Dependent GAN Interpolation for Controllable
Image Synthesis Between Domains" (2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError, UseError
from melies.models.convert.onnx_graph import Graph
from melies.models.convert.persistence import Network

Noise = Literal["const", "random", "none"]
Shapes = dict[str, tuple[int, ...]]

_SLOPE = 0.2
_EPSILON = 1e-8
_LARGEST = 4096
_BEYOND = 1e9
"""No weight is that large, and its square can still be computed with."""


@dataclass(frozen=True)
class Layout:
    """How large a generator is.

    Attributes:
        resolution: Width and height of its pictures, a power of 2.
        latent: Numbers in z.
        width: Numbers in w.
        base: Channels of a layer times its resolution,
        most: but at most these.
        mapping: Layers of the mapping network.
    """

    resolution: int
    latent: int = 512
    width: int = 512
    base: int = 32768
    most: int = 512
    mapping: int = 8

    @property
    def resolutions(self) -> list[int]:
        """Those of the blocks, from 4 on."""
        return [1 << power for power in range(2, self.resolution.bit_length())]

    @property
    def rows(self) -> int:
        """How many w the synthesis network is told: one for each convolution, and one for the last colours."""
        return 2 * len(self.resolutions)

    def channels(self, resolution: int) -> int:
        """Return the channels of a block."""
        return min(self.base // resolution, self.most)


def keys(layout: Layout) -> Shapes:
    """Return the name and shape of every parameter and buffer of a generator."""
    shapes: Shapes = {}
    for resolution in layout.resolutions:
        block, channels = f"synthesis.b{resolution}", layout.channels(resolution)
        shapes[f"{block}.resample_filter"] = (4, 4)
        if resolution == 4:
            shapes[f"{block}.const"] = (channels, 4, 4)
        else:
            shapes |= _layer(f"{block}.conv0", layout.channels(resolution // 2), channels, resolution, layout.width)
        shapes |= _layer(f"{block}.conv1", channels, channels, resolution, layout.width)
        shapes |= {f"{block}.torgb.weight": (3, channels, 1, 1), f"{block}.torgb.bias": (3,)}
        shapes |= dense_keys(f"{block}.torgb.affine", layout.width, channels)
    return shapes | mapping_keys(layout.latent, layout.width, layout.mapping)


def mapping_keys(latent: int, width: int, layers: int) -> Shapes:
    """Return the names and shapes of a mapping network's weights."""
    shapes: Shapes = {"mapping.w_avg": (width,)}
    for index in range(layers):
        shapes |= dense_keys(f"mapping.fc{index}", width if index else latent, width)
    return shapes


def dense_keys(name: str, inputs: int, outputs: int) -> Shapes:
    """Return the names and shapes of a fully connected layer's weights."""
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _layer(name: str, inputs: int, outputs: int, resolution: int, width: int) -> Shapes:
    return {
        f"{name}.weight": (outputs, inputs, 3, 3),
        f"{name}.bias": (outputs,),
        f"{name}.noise_const": (resolution, resolution),
        f"{name}.noise_strength": (),
        f"{name}.resample_filter": (4, 4),
        **dense_keys(f"{name}.affine", width, inputs),
    }


def layout(network: Network) -> Layout:
    """Return how large a stored generator is.

    Raises:
        ModelError: It is no generator of StyleGAN2 that is known here.
    """
    given = network.arguments
    inner = {**given, **_mapping(given.get("synthesis_kwargs"))}
    found = Layout(
        resolution=size_of(network, given, "img_resolution"),
        latent=size_of(network, given, "z_dim"),
        width=size_of(network, given, "w_dim"),
        base=size_of(network, inner, "channel_base", 32768, most=1 << 20),
        most=size_of(network, inner, "channel_max", 512),
        mapping=size_of(network, _mapping(given.get("mapping_kwargs")), "num_layers", 8, most=64),
    )
    if found.resolution & (found.resolution - 1) or found.resolution < 8:
        raise ModelError(f"{network.path} makes pictures of {found.resolution} pixels, which is no power of 2.")
    for resolution in found.resolutions:
        kind = network.attribute(f"synthesis.b{resolution}.architecture")
        if kind != "skip":
            raise ModelError(f"{network.path} has blocks of the kind {kind!r}; only skip is known.")
    check(network, keys(found))
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def size_of(network: Network, given: Mapping[str, Any], name: str, usual: int = 0, most: int = _LARGEST) -> int:
    """Return one of the numbers with which a generator was made.

    Raises:
        ModelError: It is no whole number from 1 to `most`.
    """
    value = given.get(name, usual)
    if not isinstance(value, int) or not 1 <= value <= most:
        raise ModelError(f"{network.path} is no generator that is known here: {name} is {value!r}.")
    return value


def check(network: Network, shapes: Shapes) -> None:
    """See that a network has the weights that it should have, and no conditions.

    Raises:
        ModelError: It has not.
    """
    if network.arguments.get("c_dim", 0) != 0:
        raise ModelError(f"{network.path} wants to be told a class, and only networks without classes are known.")
    for name, shape in shapes.items():
        weight = network.weights.get(name)
        if weight is None or weight.shape != shape or weight.dtype != np.float32:
            have = "is not there" if weight is None else f"is {weight.dtype} {weight.shape}"
            raise ModelError(f"{network.path} is no generator that is known here: {name} {have}, not {shape}.")
        if not max(-weight.min(), weight.max()) < _BEYOND:
            raise ModelError(f"{network.path} is damaged: {name} has numbers beyond all measure.", "Fetch it again.")


def swapped(network: Network, other: Network, since: int) -> Network:
    """Return a network whose blocks of more than `since` pixels are those of another.

    Args:
        network: Says what is where, and how w comes about.
        other: Says how it looks; trained on from the same network, or what comes out is a mess.
        since: The resolution of the last block that stays, such as 16.

    Raises:
        UseError: The two are of different sizes, or not both StyleGAN2.
        ModelError: One of them is no generator of StyleGAN2 that is known here.
    """
    for one in (network, other):
        if "synthesis.input.freqs" in one.weights:
            raise UseError(f"Layers are swapped between networks of StyleGAN2; {one.path} is one of StyleGAN3.")
    if layout(network) != layout(other):
        raise UseError(f"{network.path} and {other.path} are networks of different sizes.")
    taken = tuple(f"synthesis.b{resolution}." for resolution in layout(network).resolutions if resolution > since)
    return replace(
        network,
        weights={name: (other if name.startswith(taken) else network).weights[name] for name in network.weights},
        attributes={
            name: other.attribute(name) if name.startswith(taken) else value
            for name, value in network.attributes.items()
        },
    )


def mapping(network: Network, layers: int) -> bytes:
    """Write a mapping network as an ONNX file.

    Input: `z`, `1×latent`. Output: `w`, `1×width`.

    Args:
        network: A generator, of StyleGAN2 or StyleGAN3.
        layers: Layers of the mapping network.
    """
    writer = Writer(network)
    graph = writer.graph
    z = graph.input("z", "float32", (1, network.weights["mapping.fc0.weight"].shape[1]))
    power = graph.add("ReduceMean", graph.add("Mul", z, z), axes=(1,), keepdims=1)
    data = graph.add("Mul", z, writer.inverse_root(power, _EPSILON))
    for index in range(layers):
        data = writer.dense(data, f"mapping.fc{index}")
        # Of a number and its fifth, the larger one; and √2 brings the variance back.
        data = graph.add("LeakyRelu", data, alpha=_SLOPE)
        data = graph.add("Mul", data, writer.constant(np.sqrt(2)))
    graph.output("w", data, "float32", (1, network.weights["mapping.w_avg"].shape[0]))
    return graph.to_bytes()


def synthesis(network: Network, noise: Noise = "const", *, layers: bool = False) -> bytes:
    """Write a synthesis network as an ONNX file.

    Inputs, float32: `ws`, `rows×width`; with random noise for each convolution one such as `noise.b8.conv0`,
    `1×1×8×8`. Output: `image`, `1×3×resolution×resolution`, RGB of nominally -1…1.

    Args:
        network: A generator of StyleGAN2.
        noise: The stored one, one that is given with every picture, or none.
        layers: Give what comes out of each layer, too, under its name: `b4.conv1`, `b4.torgb`….

    Raises:
        ModelError: It is no generator of StyleGAN2 that is known here.
    """
    return _Synthesis(network, layout(network), noise, layers).bytes()


class Writer:
    """A graph and the weights that go into it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.graph = Graph()

    def constant(self, value: object) -> str:
        """Add a float32 constant."""
        return self.graph.constant(value, "float32")

    def inverse_root(self, data: str, more: float) -> str:
        """Add `1/√(data + more)`."""
        return self.graph.add("Reciprocal", self.graph.add("Sqrt", self.graph.add("Add", data, self.constant(more))))

    def dense(self, data: str, name: str) -> str:
        """Add a fully connected layer, whose weights are stored in another scale than they are used in."""
        weight = self.network.weights[f"{name}.weight"] * self.network.number(f"{name}.weight_gain")
        bias = self.network.weights[f"{name}.bias"] * self.network.number(f"{name}.bias_gain")
        return self.graph.add("Add", self.graph.add("MatMul", data, self.constant(weight.T)), self.constant(bias))

    def shaped(self, data: str, *shape: int) -> str:
        """Add a change of shape."""
        return self.graph.add("Reshape", data, self.graph.constant(shape, "int64"))

    def clamped(self, data: str, name: str) -> str:
        """Keep numbers within what a layer's `conv_clamp` says, if it says anything."""
        if self.network.attribute(f"{name}.conv_clamp") is None:
            return data
        limit = self.network.number(f"{name}.conv_clamp")
        return self.graph.add("Clip", data, self.constant(-limit), self.constant(limit))


class _Synthesis(Writer):
    def __init__(self, network: Network, layout: Layout, noise: Noise, layers: bool) -> None:
        super().__init__(network)
        self._layout = layout
        self._noise = noise
        self._layers = layers
        self._ws = self.graph.input("ws", "float32", (layout.rows, layout.width))

    def bytes(self) -> bytes:
        data = self.constant(self._weight("b4.const")[None])
        image = ""
        row = 0
        for resolution in self._layout.resolutions:
            block = f"b{resolution}"
            if resolution > 4:
                data = self._convolved(data, f"{block}.conv0", row, resolution)
                row += 1
            data = self._convolved(data, f"{block}.conv1", row, resolution)
            row += 1
            # The colours of a block listen to the same row as the first convolution of the next.
            colours = self._coloured(data, f"{block}.torgb", row)
            image = self.graph.add("Add", self._enlarged(image, block), colours) if image else colours
        size = self._layout.resolution
        self.graph.output("image", image, "float32", (1, 3, size, size))
        return self.graph.to_bytes()

    def _weight(self, name: str) -> NDArray[np.float32]:
        return self.network.weights[f"synthesis.{name}"]

    def _filter(self, name: str) -> NDArray[np.float32]:
        """A filter for twice the size: three of four pixels that it sees are empty, hence the 4."""
        return self._weight(f"{name}.resample_filter") * np.float32(4)

    def _style(self, name: str, row: int) -> str:
        told = self.graph.add("Gather", self._ws, self.graph.constant([row], "int64"))
        return self.dense(told, f"synthesis.{name}.affine")

    def _named(self, data: str, name: str) -> str:
        if self._layers:
            self.graph.output(name, data, "float32", None)
        return data

    def _convolved(self, data: str, name: str, row: int, resolution: int) -> str:
        """Modulate, convolve, demodulate, add noise and bias, bend and clamp."""
        graph, weight = self.graph, self._weight(f"{name}.weight")
        if self.network.attribute(f"synthesis.{name}.activation") != "lrelu":
            raise ModelError(f"{self.network.path} has a layer that is not bent as StyleGAN2's are: {name}.")
        style = self._style(name, row)
        # The bend is followed by a gain of √2. It bends √2·x as it bends x: all that is added up has the gain before.
        power = self.constant(0.5 * np.sum(weight * weight, axis=(2, 3)).T)
        scale = self.inverse_root(graph.add("MatMul", graph.add("Mul", style, style), power), 0.5 * _EPSILON)
        data = graph.add("Mul", data, self.shaped(style, 1, -1, 1, 1))
        if name.endswith("conv0"):
            data = self._raised(data, weight, self._filter(name))
        else:
            data = graph.add("Conv", data, self.constant(weight), pads=(1, 1, 1, 1))
        data = graph.add("Mul", data, self.shaped(scale, 1, -1, 1, 1))
        data = self._noisy(data, name, resolution)
        data = graph.add("Add", data, self.constant(np.sqrt(2) * self._weight(f"{name}.bias")[:, None, None]))
        data = graph.add("LeakyRelu", data, alpha=_SLOPE)
        return self._named(self.clamped(data, f"synthesis.{name}"), name)

    def _raised(self, data: str, weight: NDArray[np.float32], low: NDArray[np.float32]) -> str:
        """Convolve between pixels that are twice as many, then smooth: what is put between them is empty."""
        data = self.graph.add("ConvTranspose", data, self.constant(weight.transpose(1, 0, 2, 3)), strides=(2, 2))
        channels = len(weight)
        smooth = np.broadcast_to(low[::-1, ::-1], (channels, 1, 4, 4))
        return self.graph.add("Conv", data, self.constant(smooth), pads=(1, 1, 1, 1), group=channels)

    def _noisy(self, data: str, name: str, resolution: int) -> str:
        strength = np.sqrt(2) * self._weight(f"{name}.noise_strength")
        if self._noise == "none" or strength == 0:
            return data
        if self._noise == "random":
            noise = self.graph.input(f"noise.{name}", "float32", (1, 1, resolution, resolution))
            return self.graph.add("Add", data, self.graph.add("Mul", noise, self.constant(strength)))
        return self.graph.add("Add", data, self.constant(strength * self._weight(f"{name}.noise_const")))

    def _coloured(self, data: str, name: str, row: int) -> str:
        """Make colours. Three rows of weights are sooner scaled than all channels of a picture."""
        gain = self.constant(self.network.number(f"synthesis.{name}.weight_gain"))
        style = self.shaped(self.graph.add("Mul", self._style(name, row), gain), 1, -1, 1, 1)
        weight = self.graph.add("Mul", self.constant(self._weight(f"{name}.weight")), style)
        data = self.graph.add("Conv", data, weight, self.constant(self._weight(f"{name}.bias")))
        return self._named(self.clamped(data, f"synthesis.{name}"), name)

    def _enlarged(self, image: str, block: str) -> str:
        smooth = self.constant(np.broadcast_to(self._filter(block), (3, 1, 4, 4)))
        return self.graph.add("ConvTranspose", image, smooth, strides=(2, 2), pads=(1, 1, 1, 1), group=3)
