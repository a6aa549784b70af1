"""The latent spaces through which `walk` can lead, by name."""

from __future__ import annotations

from pathlib import Path

from melies.errors import UseError
from melies.models import registry, sources, store
from melies.models.convert.stylegan2 import Noise
from melies.translating.card import Task, read_card
from melies.translating.network import locate
from melies.walking.space import Space

TASK: Task = "walk"
PATTERNS = "cppn"
"""The model that needs no weights."""


def find(model: str, noise: Noise = "const", swap: Path | None = None, swap_from: int = 16) -> Space:
    """Return the latent space of a model, always the same object.

    Args:
        model: `cppn`; a row of the registry; a model of the user's own; or a file: `.pkl` of StyleGAN2-ADA or
            StyleGAN3, `.onnx` of `melies train latent`, or the weights of a DCGAN.
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
    if swap is not None:
        raise UseError("Layers can be swapped between files of StyleGAN2 only.", "Give one as the --model.")
    if model == PATTERNS:
        from melies.walking import cppn

        return cppn.find()
    from melies.walking import latent

    return latent.find(_file(model))


def rows() -> tuple[str, ...]:
    """Names of the networks in the registry."""
    return tuple(row.name for row in registry.rows() if row.task == TASK)


def _file(model: str) -> Path:
    """The ONNX file of a model."""
    row, file = locate(TASK, model, also=(PATTERNS,))
    if row is not None:
        return store.path(row)
    assert file is not None
    if file.suffix.lower() != ".onnx":
        return store.converted(file, sources.digest(file), TASK)
    _must_make_pictures(model, file)
    return file


def _must_make_pictures(model: str, file: Path) -> None:
    """Refuse the encoder that lies beside a decoder."""
    card = read_card(file)
    if card is None or card.task != "encode":
        return
    from melies.walking.latent import DECODER, ENCODER

    given = Path(model)
    name = DECODER if file.stem == ENCODER else file.stem.removesuffix(f"-{ENCODER}")
    raise UseError(
        f"{model} finds photos in a space, and makes no pictures.",
        f"Name the decoder beside it: --model {given.with_name(name + given.suffix)}",
    )
