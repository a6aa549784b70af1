"""The latent spaces through which `walk` can lead, by name."""

from __future__ import annotations

from pathlib import Path

from melies.errors import UseError
from melies.models.convert.stylegan2 import Noise
from melies.suggest import did_you_mean
from melies.walking.space import Space


def find(model: str, noise: Noise = "const", swap: Path | None = None, swap_from: int = 16) -> Space:
    """Return the latent space of a model, always the same object.

    Args:
        model: `cppn`, or the path of a `.pkl` file of StyleGAN2-ADA or StyleGAN3.
        noise: Of StyleGAN2: what is random in a picture.
        swap: Of StyleGAN2: another file, whose layers of more than `swap_from` pixels are taken.
        swap_from: The resolution of the last layers that stay.

    Raises:
        UseError: There is no such model, or one for which there is nothing to swap.
        ModelError: The file is no such file, is damaged, or wants to run code.
    """
    if Path(model).suffix.lower() == ".pkl":
        from melies.walking import stylegan

        return stylegan.find(Path(model), noise, swap, swap_from)
    if model != "cppn":
        raise UseError(
            f"There is no model {model!r} to walk through.{did_you_mean(model, ['cppn'])}",
            "Give cppn, or a .pkl file of StyleGAN2-ADA or StyleGAN3",
        )
    if swap is not None:
        raise UseError("Layers can be swapped between files of StyleGAN2 only.", "Give one as the model")
    from melies.walking import cppn

    return cppn.find()
