"""StyleGAN's generators as latent spaces."""

from __future__ import annotations

import zlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.frame import Image
from melies.imaging import fit
from melies.models import runtime
from melies.models.convert import persistence, stylegan2, stylegan3
from melies.models.convert.persistence import Network
from melies.models.convert.stylegan2 import Noise
from melies.walking.space import Latent, Styles

_ASKED = 500
"""Latent vectors by which it is found out how much w varies."""


class _State(NamedTuple):
    """A file as it is now."""

    path: Path
    changed: int
    size: int


class StyleGan:
    """The latent space of a generator: z becomes w, and a row of w tells each layer what to do.

    Attributes:
        network: The generator.

    Args:
        network: The same.
        noise: Where what is random in a picture, such as single hairs, comes from: stored with the network, drawn anew
            for all other styles, or none. StyleGAN3 has no noise.

    Raises:
        ModelError: It is no generator that is known here.
    """

    alpha = False
    depth = 8

    def __init__(self, network: Network, noise: Noise = "const") -> None:
        self.network = network
        self._noise = noise
        # Only StyleGAN3 begins with waves.
        self.waves = "synthesis.input.freqs" in network.weights
        self._layout = stylegan3.layout(network) if self.waves else stylegan2.layout(network)
        self._sessions = lru_cache(maxsize=4)(self._made)

    @property
    def dimension(self) -> int:
        """Numbers in z."""
        return self._layout.latent

    @property
    def average(self) -> Styles:
        """The w that is the average of all, for every layer."""
        return self._rows(self.network.weights["mapping.w_avg"])

    def styles(self, latent: Latent) -> Styles:
        """Tell every layer the same w."""
        mapping, _ = self._sessions(runtime.current())
        return self._rows(mapping.run({"z": latent[None]})["w"][0])

    @property
    def varies(self) -> float:
        """How far w are from their average: the root of the mean of their squared distances."""
        latents = np.random.RandomState(0).standard_normal((_ASKED, self.dimension)).astype(np.float32)
        apart = [self.styles(latent)[0] - self.average[0] for latent in latents]
        return float(np.sqrt(np.square(apart).sum(1).mean()))

    def image(self, styles: Styles, size: tuple[int, int]) -> Image:
        """Make the square picture that the network knows, and fill the frame with it."""
        _, synthesis = self._sessions(runtime.current())
        # The same styles, the same noise: a frame does not depend on those before it.
        rng = np.random.default_rng(zlib.crc32(styles.tobytes()))
        given: dict[str, NDArray[np.float32]] = {"ws": styles}
        for name, (shape, _) in synthesis.inputs.items():
            if name not in given:
                given[name] = rng.standard_normal([int(length or 0) for length in shape], np.float32)
        made = synthesis.run(given)["image"][0].transpose(1, 2, 0)
        # As StyleGAN's own programs do it: 0 is 128, and what lies between two numbers is cut off.
        picture = np.clip(made * np.float32(127.5) + np.float32(128), 0, 255).astype(np.uint8)
        return fit(picture, *size)

    def _rows(self, w: NDArray[np.float32]) -> Styles:
        return np.tile(w, (self._layout.rows, 1))

    def _made(self, options: runtime.Options) -> tuple[runtime.Session, runtime.Session]:
        """The two networks, to be run with the options, which are those in force."""
        name = self.network.path.name
        return (
            runtime.written(name, stylegan2.mapping(self.network, self._layout.mapping)),
            runtime.written(name, self._synthesis()),
        )

    def _synthesis(self) -> bytes:
        if self.waves:
            return stylegan3.synthesis(self.network)
        return stylegan2.synthesis(self.network, self._noise)


def find(path: Path, noise: Noise = "const", swap: Path | None = None, since: int = 16) -> StyleGan:
    """Return the space of a file, the same object as long as the file stays as it is.

    Args:
        path: A `.pkl` file of StyleGAN2-ADA or StyleGAN3.
        noise: What is random in a picture.
        swap: Another such file, both of StyleGAN2, whose layers of more than `since` pixels are taken.
        since: The resolution of the last block that stays.

    Raises:
        UseError: There is no such file, or the two do not fit.
        ModelError: It is no such file, is damaged, or wants to run code.
    """
    # Resolutions are powers of 2: between two of them nothing changes.
    last = 1 << (since.bit_length() - 1)
    return _space(_state(path), noise, None if swap is None else _state(swap), last)


def _state(path: Path) -> _State:
    path = path.expanduser().resolve()
    if not path.is_file():
        raise UseError(f"There is no file {path}.")
    now = path.stat()
    return _State(path, now.st_mtime_ns, now.st_size)


@lru_cache(maxsize=2)
def _space(state: _State, noise: Noise, swap: _State | None, since: int) -> StyleGan:
    network = _read(state)
    if swap is not None:
        network = stylegan2.swapped(network, _read(swap), since)
    return StyleGan(network, noise)


@lru_cache(maxsize=2)
def _read(state: _State) -> Network:
    return persistence.read(state.path)
