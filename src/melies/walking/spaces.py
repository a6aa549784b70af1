"""The latent spaces through which `walk` can lead, by name."""

from __future__ import annotations

from melies.errors import UseError
from melies.suggest import did_you_mean
from melies.walking.space import Space


def find(model: str) -> Space:
    """Return the latent space of a model.

    Args:
        model: `cppn`.

    Raises:
        UseError: There is no such model.
    """
    if model == "cppn":
        from melies.walking import cppn

        return cppn.find()
    raise UseError(f"There is no model {model!r} to walk through.{did_you_mean(model, ['cppn'])}")
