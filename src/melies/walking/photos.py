"""Photos that a way leads through: where they lie in a latent space, computed on the spot or read from a file."""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.colouring.references import Place
from melies.errors import UseError
from melies.files import replacing
from melies.walking.latent import Decoded
from melies.walking.space import Space, Styles
from melies.walking.stylegan import StyleGan

KEY = "w"
"""Under which a file of styles holds them, `1×rows×width`: as in those that StyleGAN2-ADA's own projector writes."""
SUFFIX = ".npz"
_LARGEST = 1 << 24
"""Bytes of styles at most: those of the largest networks have 37 thousand."""


class Photo(NamedTuple):
    """A photo as it was named, and its file as it is now.

    Attributes:
        name: `FILE` or `FILE@TIME`.
        changed: When, in nanoseconds.
        size: In bytes.
    """

    name: str
    changed: int
    size: int


def photo(name: str) -> Photo:
    """Return what is known of a photo before it is opened.

    Raises:
        UseError: There is no such file.
    """
    path = Place.parse(name).path
    if not path.is_file():
        raise UseError(f"There is no file {path}.")
    now = path.stat()
    return Photo(name, now.st_mtime_ns, now.st_size)


@lru_cache(maxsize=64)
def styles(space: Space, photo: Photo) -> Styles:
    """Return what tells a network to make a picture like a photo.

    Args:
        space: Whose.
        photo: A picture, a frame of a film, or a file that `melies project` has written.

    Raises:
        UseError: It cannot be opened, is of another network, or there is no way from pictures to vectors here.
    """
    place = Place.parse(photo.name)
    if place.path.suffix.lower() == SUFFIX:
        return _read(place.path, space)
    if isinstance(space, Decoded):
        return space.project(place.image())
    if isinstance(space, StyleGan):
        raise UseError(
            f"Where {place.path} lies in the space of a StyleGAN has to be found out first, which takes minutes.",
            f"Do so: melies project {place.path} --model FILE.pkl --out photo.npz. Then give photo.npz",
        )
    raise UseError("Patterns of random networks cannot look like a photo.", "Name another --model.")


def write(styles: Styles, path: Path) -> None:
    """Write styles as a file."""
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, w=styles[None])


def _read(path: Path, space: Space) -> Styles:
    wanted = space.average.shape
    try:
        found = _stored(path)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        raise UseError(
            f"{path} holds no styles.", "Write such a file with: melies project PHOTO --model MODEL"
        ) from None
    # A single row is meant for every layer.
    if found.ndim != 3 or len(found) != 1 or found.shape[1] not in (1, wanted[0]) or found.shape[2] != wanted[1]:
        sizes = "×".join(map(str, found.shape))
        raise UseError(f"{path} holds styles of another network: {sizes} and not 1×{wanted[0]}×{wanted[1]}.")
    return np.asarray(np.broadcast_to(found[0], wanted), np.float32)


def _stored(path: Path) -> NDArray[np.float32]:
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(f"{KEY}.npy").file_size > _LARGEST:
            raise ValueError("too large")
    with np.load(path, allow_pickle=False) as arrays:
        found = np.asarray(arrays[KEY], np.float32)
    if not np.isfinite(found).all():
        raise ValueError("no finite numbers")
    return found
