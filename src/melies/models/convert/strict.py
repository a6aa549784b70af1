"""Holding a generator's weights against the published names and shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from melies.errors import ModelError


def must_be_generator(
    weights: Mapping[str, NDArray[Any]],
    wanted: Mapping[str, tuple[int, ...]],
    of: str,
    *,
    stale: Callable[[str], object] = lambda name: False,
    optional: tuple[str, ...] = (),
) -> None:
    """Refuse weights that are not exactly those that a generator has.

    Args:
        weights: What a file holds.
        wanted: Names and shapes, in the published order.
        of: Whose generator it should be, such as `"CycleGAN"`.
        stale: Says of a name that is not wanted whether it may be there all the same: what old files hold and nobody
            uses.
        optional: Endings of the names that need not be there.

    Raises:
        ModelError: A weight is missing, is not known, or has another shape; it says which comes first.
    """
    for name in weights:
        if name not in wanted and not stale(name):
            raise ModelError(f"This is no generator of {of}: it has a weight {name}.")
    for name, shape in wanted.items():
        if name not in weights:
            if name.endswith(optional):
                continue
            raise ModelError(f"This is no generator of {of}: it has no weight {name}.")
        if weights[name].shape != shape:
            found, right = ("×".join(map(str, sides)) for sides in (weights[name].shape, shape))
            raise ModelError(f"This is no generator of {of}: {name} is {found} and should be {right}.")
