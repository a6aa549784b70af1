"""StyleGAN3's generator, written as ONNX from the weights of a `.pkl` file.

Karras, Aittala, Laine, Härkönen, Hellsten, Lehtinen and Aila, "Alias-Free Generative Adversarial Networks" (2021). The
signal is treated as continuous: each layer has a band, a sampling rate that suits it and a margin around the picture,
and bends its numbers at twice the rate, between two low-pass filters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.convert.persistence import Network
from melies.models.convert.stylegan2 import Shapes, Writer, check, dense_keys, mapping_keys, size_of

_TAPS = 6
_MARGIN = 10
_CRITICAL = 2
_FIRST_CUTOFF = 2.0
_FIRST_STOPBAND = 2**2.1
_LAST_STOPBAND = 2**0.3
_SLOPE = 0.2
_EPSILON = 1e-8


@dataclass(frozen=True)
class Layout:
    """How large a generator is.

    Attributes:
        resolution: Width and height of its pictures.
        latent: Numbers in z.
        width: Numbers in w.
        base: Channels of a layer times twice the highest frequency that it holds,
        most: but at most these.
        kernel: Size of its convolutions: 3 in StyleGAN3-T, 1 in StyleGAN3-R.
        radial: Whether what comes after the bend is filtered alike in all directions, as in StyleGAN3-R.
        layers: How many there are, without the first waves and the last colours.
        mapping: Layers of the mapping network.
    """

    resolution: int
    latent: int = 512
    width: int = 512
    base: int = 32768
    most: int = 512
    kernel: int = 3
    radial: bool = False
    layers: int = 14
    mapping: int = 2

    @property
    def rows(self) -> int:
        """How many w the synthesis network is told: one for the waves, and one for each layer."""
        return self.layers + 2


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        name: Such as `L3_52_512`: its number, the size of what it makes and the channels of that.
        inputs: Channels that it takes.
        outputs: Channels that it makes.
        before: Width and height of what it takes.
        after: Width and height of what it makes.
        kernel: Size of its convolution.
        up: How many times it multiplies the sampling rate before the bend.
        down: By how much it divides it after the bend.
        radial: Whether the filter after the bend is alike in all directions.
    """

    name: str
    inputs: int
    outputs: int
    before: int
    after: int
    kernel: int
    up: int
    down: int
    radial: bool


def layers(layout: Layout) -> list[Layer]:
    """Return the layers of a synthesis network, the colours last."""
    share = np.minimum(np.arange(layout.layers + 1) / (layout.layers - _CRITICAL), 1)
    last = layout.resolution / 2
    cutoffs = _FIRST_CUTOFF * (last / _FIRST_CUTOFF) ** share
    stopbands = _FIRST_STOPBAND * (last * _LAST_STOPBAND / _FIRST_STOPBAND) ** share
    rates = np.exp2(np.ceil(np.log2(np.minimum(2 * stopbands, layout.resolution)))).astype(int)
    sizes = rates + 2 * _MARGIN
    sizes[-2:] = layout.resolution
    channels = np.rint(np.minimum(layout.base / 2 / cutoffs, layout.most)).astype(int)
    channels[-1] = 3
    found = []
    for index in range(layout.layers + 1):
        before, colours = max(index - 1, 0), index == layout.layers
        bent = max(rates[before], rates[index]) * (1 if colours else 2)
        found.append(
            Layer(
                name=f"L{index}_{sizes[index]}_{channels[index]}",
                inputs=int(channels[before]),
                outputs=int(channels[index]),
                before=int(sizes[before]),
                after=int(sizes[index]),
                kernel=1 if colours else layout.kernel,
                up=int(bent // rates[before]),
                down=int(bent // rates[index]),
                radial=layout.radial and index < layout.layers - _CRITICAL,
            )
        )
    return found


def keys(layout: Layout) -> Shapes:
    """Return the name and shape of every parameter and buffer of a generator."""
    every = layers(layout)
    waves, first = every[0].inputs, "synthesis.input"
    shapes: Shapes = {
        f"{first}.weight": (waves, waves),
        f"{first}.transform": (3, 3),
        f"{first}.freqs": (waves, 2),
        f"{first}.phases": (waves,),
        **dense_keys(f"{first}.affine", layout.width, 4),
    }
    for layer in every:
        name = f"synthesis.{layer.name}"
        shapes[f"{name}.weight"] = (layer.outputs, layer.inputs, layer.kernel, layer.kernel)
        shapes[f"{name}.bias"] = (layer.outputs,)
        shapes[f"{name}.magnitude_ema"] = ()
        if layer is not every[-1]:
            taps = _TAPS * layer.down
            shapes[f"{name}.up_filter"] = (_TAPS * layer.up,)
            shapes[f"{name}.down_filter"] = (taps, taps) if layer.radial else (taps,)
        shapes |= dense_keys(f"{name}.affine", layout.width, layer.inputs)
    return shapes | mapping_keys(layout.latent, layout.width, layout.mapping)


def layout(network: Network) -> Layout:
    """Return how large a stored generator is.

    Raises:
        ModelError: It is no generator of StyleGAN3 that is known here.
    """
    given = network.arguments
    inner = given.get("mapping_kwargs")
    told: Mapping[str, Any] = inner if isinstance(inner, Mapping) else {}
    found = Layout(
        resolution=size_of(network, given, "img_resolution"),
        latent=size_of(network, given, "z_dim"),
        width=size_of(network, given, "w_dim"),
        base=size_of(network, given, "channel_base", 32768, most=1 << 20),
        most=size_of(network, given, "channel_max", 512),
        kernel=size_of(network, given, "conv_kernel", 3, most=7),
        radial=given.get("use_radial_filters", False) is True,
        layers=size_of(network, given, "num_layers", 14, most=64),
        mapping=size_of(network, told, "num_layers", 2, most=64),
    )
    if found.layers <= _CRITICAL or found.resolution < 16:
        raise ModelError(f"{network.path} is a generator of {found.layers} layers for {found.resolution} pixels.")
    check(network, keys(found))
    return found


def synthesis(network: Network, *, layers: bool = False) -> bytes:
    """Write a synthesis network as an ONNX file.

    Input, float32: `ws`, `rows×width`. Output: `image`, `1×3×resolution×resolution`, RGB of nominally -1…1.

    Args:
        network: A generator of StyleGAN3.
        layers: Give the waves, as `input`, and what comes out of each layer, too, under its name.

    Raises:
        ModelError: It is no generator of StyleGAN3 that is known here.
    """
    return _Synthesis(network, layout(network), layers).bytes()


class _Synthesis(Writer):
    def __init__(self, network: Network, layout: Layout, inner: bool) -> None:
        super().__init__(network)
        self._layout = layout
        self._inner = inner
        self._ws = self.graph.input("ws", "float32", (layout.rows, layout.width))

    def bytes(self) -> bytes:
        every = layers(self._layout)
        data = self._named(self._waves(every[0]), "input")
        for row, layer in enumerate(every, start=1):
            colours = layer is every[-1]
            data = self._convolved(data, layer, row, colours)
            data = self.clamped(data, f"synthesis.{layer.name}") if colours else self._bent(data, layer)
            self._named(data, layer.name)
        image = self.graph.add("Mul", data, self.constant(self.network.number("synthesis.output_scale")))
        self.graph.output("image", image, "float32", (1, 3, self._layout.resolution, self._layout.resolution))
        return self.graph.to_bytes()

    def _weight(self, name: str) -> NDArray[np.float32]:
        return self.network.weights[f"synthesis.{name}"]

    def _named(self, data: str, name: str) -> str:
        if self._inner:
            self.graph.output(name, data, "float32", None)
        return data

    def _style(self, name: str, row: int) -> str:
        told = self.graph.add("Gather", self._ws, self.graph.constant([row], "int64"))
        return self.dense(told, f"synthesis.{name}.affine")

    def _waves(self, first: Layer) -> str:
        """Waves over the plane, which is turned and moved first, mixed into the first layer's channels."""
        add, size = self.graph.add, first.before
        rate, band = (self.network.number(f"synthesis.input.{name}") for name in ("sampling_rate", "bandwidth"))
        moved = self._moved()
        turn = add("Slice", moved, *(self.graph.constant(ends, "int64") for ends in ([0, 0], [2, 2], [0, 1])))
        shift = add("Slice", moved, *(self.graph.constant(ends, "int64") for ends in ([0, 2], [2, 3], [0, 1])))
        frequencies = self.constant(self._weight("input.freqs"))
        phases = add("Add", add("MatMul", frequencies, shift), self.constant(self._weight("input.phases")[:, None]))
        frequencies = add("MatMul", frequencies, turn)
        # What has been turned out of the band is faded out.
        beyond = add("Sub", add("ReduceL2", frequencies, axes=(1,), keepdims=1), self.constant(band))
        faded = add("Sub", self.constant(1), add("Mul", beyond, self.constant(1 / (rate / 2 - band))))
        faded = add("Clip", faded, self.constant(0), self.constant(1))
        places = (np.arange(size) + 0.5 - size / 2) / rate
        plane = self.constant(np.stack(np.meshgrid(places, places)).reshape(2, -1))
        angles = add("Mul", add("Add", add("MatMul", frequencies, plane), phases), self.constant(2 * np.pi))
        mixing = self._weight("input.weight")
        waves = add("Mul", add("Sin", angles), faded)
        mixed = add("MatMul", self.constant(mixing / np.sqrt(len(mixing))), waves)
        return self.shaped(mixed, 1, len(mixing), size, size)

    def _moved(self) -> str:
        """How the plane is turned and moved, as a 3×3 matrix: as the first w says, after what the file says."""
        add = self.graph.add
        told = self._style("input", 0)
        length = add("ReduceL2", add("Gather", told, self.graph.constant([0, 1], "int64"), axis=1), axes=(1,))
        told = add("Div", told, length)
        one, zero = self.constant([[1]]), self.constant([[0]])
        cos, sin, x, y = (add("Gather", told, self.graph.constant([index], "int64"), axis=1) for index in range(4))

        def matrix(*numbers: str) -> str:
            return self.shaped(add("Concat", *numbers, axis=1), 3, 3)

        turned = matrix(cos, add("Neg", sin), zero, sin, cos, zero, zero, zero, one)
        moved = matrix(one, zero, add("Neg", x), zero, one, add("Neg", y), zero, zero, one)
        return add("MatMul", add("MatMul", turned, moved), self.constant(self._weight("input.transform")))

    def _convolved(self, data: str, layer: Layer, row: int, colours: bool) -> str:
        """Modulate, convolve, demodulate unless it makes colours, and add the bias."""
        add, weight, style = self.graph.add, self._weight(f"{layer.name}.weight"), self._style(layer.name, row)
        gain = 1 / np.sqrt(self._weight(f"{layer.name}.magnitude_ema"))
        scale = ""
        if colours:
            gain = gain / np.sqrt(layer.inputs)
        else:
            weight = weight / np.sqrt(np.mean(weight * weight, axis=(1, 2, 3), keepdims=True))
            power = add("ReduceMean", add("Mul", style, style), axes=(1,), keepdims=1)
            style = add("Mul", style, self.inverse_root(power, 0))
            powers = self.constant(np.sum(weight * weight, axis=(2, 3)).T)
            scale = self.inverse_root(add("MatMul", add("Mul", style, style), powers), _EPSILON)
        style = add("Mul", style, self.constant(gain))
        data = add("Mul", data, self.shaped(style, 1, -1, 1, 1))
        data = add("Conv", data, self.constant(weight), pads=(layer.kernel - 1,) * 4)
        if scale:
            data = add("Mul", data, self.shaped(scale, 1, -1, 1, 1))
        return add("Add", data, self.constant(self._weight(f"{layer.name}.bias")[:, None, None]))

    def _bent(self, data: str, layer: Layer) -> str:
        """Raise the sampling rate, bend, clamp, and lower the rate: what the bend adds beyond the band is lost."""
        up, down = (self._weight(f"{layer.name}.{name}_filter") for name in ("up", "down"))
        within = (layer.after - 1) * layer.down + len(down)
        # So much of what the filter makes of the whole lies outside, shared out as the paper's appendix C.3 says.
        spare = within - (layer.before + layer.kernel - 1) * layer.up + len(up) - 1
        low = (spare + layer.up) // 2
        crop = len(up) - 1 - low, len(up) - layer.up - (spare - low)
        if min(crop) < 0:
            raise ModelError(f"{self.network.path} has a layer whose filters are too short for it: {layer.name}.")
        # With √2 in the filter there is no need for a gain after the bend, which bends √2·x as it bends x.
        gained = up * np.float32(layer.up * 2**0.25)
        for axis in (0, 1):
            pads = (crop[0], 0, crop[1], 0) if axis == 0 else (0, crop[0], 0, crop[1])
            data = self._filtered("ConvTranspose", data, gained, axis, layer.outputs, layer.up, pads)
        data = self.graph.add("LeakyRelu", data, alpha=_SLOPE)
        data = self.clamped(data, f"synthesis.{layer.name}")
        if down.ndim == 2:
            every = self.constant(np.broadcast_to(down[::-1, ::-1], (layer.outputs, 1, *down.shape)))
            return self.graph.add("Conv", data, every, strides=(layer.down,) * 2, group=layer.outputs)
        for axis in (0, 1):
            data = self._filtered("Conv", data, down[::-1], axis, layer.outputs, layer.down, (0, 0, 0, 0))
        return data

    def _filtered(
        self,
        op: str,
        data: str,
        taps: NDArray[np.float32],
        axis: int,
        channels: int,
        step: int,
        pads: tuple[int, int, int, int],
    ) -> str:
        """Filter each channel along one axis."""
        shape = (channels, 1, -1, 1) if axis == 0 else (channels, 1, 1, -1)
        every = np.broadcast_to(taps, (channels, len(taps))).reshape(shape)
        strides = (step, 1) if axis == 0 else (1, step)
        return self.graph.add(op, data, self.constant(every), strides=strides, pads=pads, group=channels)
