"""Latent spaces of networks that make a picture of one vector: of one's own footage, and DCGANs.

What lies far from the codes of all real pictures is mist. So a latent vector chooses among them, softly: each has a
direction of its own, and counts the more, the more the vector leads that way (as keys and values do in attention,
Vaswani et al., 2017). What comes out is a code between those of a few real pictures.

A photo is found again in such a space by Levenberg and Marquardt's method (1944, 1963): the decoder is small, so that
how its picture changes with each number can simply be tried out, and a few such steps do what gradients would.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.frame import Image
from melies.imaging import fit, to_depth
from melies.matting.scale import code, unit
from melies.models import runtime
from melies.models.metadata import metadata, must_hold, with_metadata
from melies.translating.card import IMAGE, LATENT, MADE
from melies.walking.space import Latent, Styles

DECODER, ENCODER = "decoder", "encoder"
"""Names of the two files of a run of `melies train latent`; kept under a name, the second has `-encoder` behind it."""

CODES = 128
"""Codes of real pictures that a decoder's file holds at most."""
_KEY = "melies.codes"
"""The entry of the file's metadata that holds them: base64 of `N×L` numbers of 16 bits."""
_LOYAL = 6.0
"""How much nearer to one real picture than to others a latent vector leads: the more, the less is mixed."""
_STEPS = 6
"""By which a photo's place is refined."""
_TRIES = 4
"""How often a step is made shorter."""
_TRIED = 1e-2
"""How far each number is moved to see what changes."""
_ORDINARY = 20.0
"""How much it counts that a vector goes far, against a picture that is off: squared numbers against squared levels."""
_STARTS = 64
"""Vectors at which one may begin where no encoder says where."""


class _State(NamedTuple):
    """A file as it is now."""

    path: Path
    changed: int
    size: int


class Decoded:
    """The latent space of a decoder.

    Args:
        decoder: An ONNX file with the input `latent`, `1×L`, and the output `made`, `1×3×H×W`, RGB, 0…1; and perhaps
            with codes of real pictures.
        encoder: One with the input `image`, `1×3×H×W`, and the output `made`, `1×L`; None if there is none.

    Raises:
        ModelError: It holds something else.
    """

    alpha = False
    depth = 8

    def __init__(self, decoder: Path, encoder: Path | None = None) -> None:
        self._decoder, self._encoder = decoder, encoder
        session = runtime.load_file(decoder)
        shapes = [
            part[name].shape for part, name in ((session.inputs, LATENT), (session.outputs, MADE)) if name in part
        ]
        sizes = [size for shape in shapes for size in shape]
        whole = [size for size in sizes if isinstance(size, int)]
        if len(session.inputs) != 1 or [len(shape) for shape in shapes] != [2, 4] or len(whole) < len(sizes):
            raise ModelError(
                f"{decoder} is no network to walk through.",
                "Make one: melies train latent. Of what that writes, name decoder.onnx.",
            )
        self.dimension = whole[1]
        self._height, self._width = whole[4:]
        self._codes = _codes_in(decoder, self.dimension)
        none = np.zeros((1, self.dimension), np.float32)
        self.average = none if self._codes is None else self._codes.mean(0, keepdims=True)
        keys = np.random.default_rng(0).standard_normal(
            (0 if self._codes is None else len(self._codes), self.dimension)
        )
        self._keys = (keys / np.linalg.norm(keys, axis=1, keepdims=True)).astype(np.float32)

    def styles(self, latent: Latent) -> Styles:
        """Return the code to which a latent vector leads, as the only row; of a DCGAN that is the vector itself."""
        if self._codes is None:
            return latent[None]
        nearness = _LOYAL * (self._keys @ latent)
        shares = np.exp(nearness - nearness.max())
        return np.asarray((shares / shares.sum())[None] @ self._codes, np.float32)

    def image(self, styles: Styles, size: tuple[int, int]) -> Image:
        """Make the small picture, and enlarge it smoothly so that it fills the frame."""
        made = np.clip(self._made(styles[0]).transpose(1, 2, 0), 0, 1)
        # In 16 bits, so that soft colours stay without steps when they are spread over a large frame.
        return to_depth(fit(code(made, np.dtype(np.uint16)), *size), np.dtype(np.uint8))

    def project(self, photo: Image) -> Styles:
        """Return the styles whose picture is as near to a photo as can be.

        Args:
            photo: `H×W×C` uint8 or uint16 of any size; its middle is taken if its shape is another one.
        """
        wanted = np.ascontiguousarray(unit(fit(photo[..., :3], self._width, self._height)).transpose(2, 0, 1))
        return self._refined(*self._first(wanted), wanted)[None].astype(np.float32)

    def _made(self, latent: NDArray[np.floating]) -> NDArray[np.float32]:
        session = runtime.load_file(self._decoder)
        made: NDArray[np.float32] = session.run({LATENT: latent[None].astype(np.float32)})[MADE][0]
        return made

    def _first(self, wanted: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where to begin, and near what to stay: at what the encoder sees; without one, at the most alike of some."""
        if self._encoder is not None:
            found = runtime.load_file(self._encoder).run({IMAGE: wanted[None]})[MADE][0]
            return found.astype(np.float64), found.astype(np.float64)
        starts = np.random.default_rng(0).standard_normal((_STARTS, self.dimension))
        apart = [float(np.square(self._made(start) - wanted).mean()) for start in starts]
        return np.asarray(starts[int(np.argmin(apart))]), np.zeros(self.dimension)

    def _refined(
        self, latent: NDArray[np.float64], home: NDArray[np.float64], wanted: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Come nearer to a picture, step by step; a step that leads away is taken back and made shorter."""

        def cost(latent: NDArray[np.float64], made: NDArray[np.float32]) -> float:
            off = np.square((made - wanted) * 255).mean() * self.dimension
            return float(off + _ORDINARY * np.square(latent - home).sum())

        made, damping = self._made(latent), 1.0
        for _ in range(_STEPS):
            changes = np.stack([self._made(latent + move) - made for move in _TRIED * np.eye(self.dimension)])
            slopes = changes.reshape(self.dimension, -1).astype(np.float64) * (255 / _TRIED)
            off = (wanted - made).ravel().astype(np.float64) * 255
            share = self.dimension / off.size
            curved = share * slopes @ slopes.T + _ORDINARY * np.eye(self.dimension)
            down = share * slopes @ off + _ORDINARY * (home - latent)
            for _ in range(_TRIES):
                step = np.linalg.solve(curved + damping * np.diag(np.diag(curved)), down)
                tried = self._made(latent + step)
                if cost(latent + step, tried) < cost(latent, made):
                    latent, made, damping = latent + step, tried, damping / 4
                    break
                damping *= 4
        return latent


def with_codes(model: bytes, codes: NDArray[np.float32]) -> bytes:
    """Return a decoder's ONNX file with the codes of real pictures, `N×L`, in it."""
    return with_metadata(model, {_KEY: b64encode(codes.astype("<f2").tobytes()).decode()})


def _codes_in(decoder: Path, dimension: int) -> NDArray[np.float32] | None:
    """The codes of real pictures in a decoder's file; None if it has none.

    Raises:
        ModelError: They are damaged.
    """
    text = metadata(decoder).get(_KEY)
    if text is None:
        return None
    try:
        codes = np.frombuffer(b64decode(text, validate=True), "<f2").reshape(-1, dimension).astype(np.float32)
    except ValueError:
        raise ModelError(f"{decoder} is damaged: its codes cannot be read.", "Export it again.") from None
    if not len(codes) or not np.isfinite(codes).all():
        raise ModelError(f"{decoder} is damaged: its codes are no numbers.", "Export it again.")
    return codes


def find(decoder: Path) -> Decoded:
    """Return the space of a decoder's file, the same object as long as the file stays as it is.

    Its encoder is looked for beside it: `encoder.onnx` of `decoder.onnx`, `my-film-encoder.onnx` of `my-film.onnx`.

    Raises:
        UseError: There is no such file.
        ModelError: It holds something else.
    """
    decoder = decoder.expanduser().resolve()
    name = ENCODER if decoder.stem == DECODER else f"{decoder.stem}-{ENCODER}"
    encoder = decoder.with_name(f"{name}.onnx")
    return _space(_state(decoder), _state(encoder) if encoder.is_file() else None)


def _state(path: Path) -> _State:
    must_hold(path)
    now = path.stat()
    return _State(path, now.st_mtime_ns, now.st_size)


@lru_cache(maxsize=4)
def _space(decoder: _State, encoder: _State | None) -> Decoded:
    return Decoded(decoder.path, None if encoder is None else encoder.path)
