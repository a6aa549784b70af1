"""StyleGAN3's generator: what its `.pkl` files hold.

Karras, Aittala, Laine, Härkönen, Hellsten, Lehtinen and Aila, "Alias-Free Generative Adversarial Networks" (2021). The
signal is treated as continuous: each layer has a band, a sampling rate that suits it and a margin around the picture,
and bends its numbers at twice the rate, between two low-pass filters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from melies.errors import ModelError
from melies.models.convert.persistence import Network
from melies.models.convert.stylegan2 import Shapes, check, dense_keys, mapping_keys, size_of

_TAPS = 6
_MARGIN = 10
_CRITICAL = 2
_FIRST_CUTOFF = 2.0
_FIRST_STOPBAND = 2**2.1
_LAST_STOPBAND = 2**0.3


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
        kernel: Size of its convolution.
        up: How many times it multiplies the sampling rate before the bend.
        down: By how much it divides it after the bend.
        radial: Whether the filter after the bend is alike in all directions.
    """

    name: str
    inputs: int
    outputs: int
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
