"""Finding a photo in the latent space of a model, whatever that is."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np

from melies.colouring.references import Place
from melies.errors import UseError
from melies.imaging import fit, to_depth
from melies.walking import photos, spaces
from melies.walking.space import Space, Styles
from melies.walking.stylegan import StyleGan

STEPS = 1000
"""By which a photo is found in the space of a StyleGAN2."""


class Projection(NamedTuple):
    """What was found.

    Attributes:
        styles: What tells the network to make the picture that is most like the photo.
        off: How far that is from it, in levels of 255, the mean of all pixels.
    """

    styles: Styles
    off: float


def project(
    model: str,
    photo: str,
    *,
    steps: int = STEPS,
    pixels: bool = False,
    device: str = "auto",
    tell: Callable[[], None] = lambda: None,
) -> Projection:
    """Find a photo in the latent space of a model.

    Args:
        model: As for `melies.walking.spaces.find`.
        photo: `FILE` or `FILE@TIME`.
        steps: Of StyleGAN2: how long it is looked for.
        pixels: Of StyleGAN2: compare pixels alone, without VGG16.
        device: Of StyleGAN2: where PyTorch computes: auto, cpu, cuda or mps.
        tell: Called after each of those steps.

    Raises:
        UseError: There is no such model or photo, PyTorch is not installed, or the model has no way back.
        ModelError: A file is damaged, or VGG16 is not on this computer.
    """
    space = spaces.find(model)
    image = Place.parse(photo).image()
    if not isinstance(space, StyleGan):
        return _judged(space, photos.styles(space, photos.photo(photo)), photo)
    if space.waves:
        raise UseError("Photos cannot be found in a StyleGAN3 here, only in a StyleGAN2.", "Name another --model")
    if find_spec("torch") is None:
        raise UseError("This needs PyTorch, which is not installed.", "Install it: pip install 'melies[train]'")
    from melies.train import _project

    styles = _project.project(space.network, image, space.varies, steps=steps, pixels=pixels, device=device, tell=tell)
    return _judged(space, styles, photo)


def _judged(space: Space, styles: Styles, photo: str) -> Projection:
    image = to_depth(Place.parse(photo).image()[..., :3], np.dtype(np.uint8))
    height, width = image.shape[:2]
    scale = min(1.0, 256 / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    made, wanted = space.image(styles, size), fit(image, *size)
    return Projection(styles, float(np.abs(made.astype(np.float32) - wanted).mean()))
