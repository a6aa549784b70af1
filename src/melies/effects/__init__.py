"""Effects: one file each; the file's name is the command's name.

Built-ins are found by scanning this folder, plugins by the entry point group `melies.effects` (its value names a
module that holds one effect class). A name taken twice is refused.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points

from melies.effect import Effect, own_module
from melies.errors import MeliesError, UseError
from melies.suggest import did_you_mean

GROUP = "melies.effects"


@cache
def _modules() -> dict[str, str]:
    found = {
        module.name.replace("_", "-"): f"{__name__}.{module.name}"
        for module in pkgutil.iter_modules(__path__)
        if not module.name.startswith("_")
    }
    for point in entry_points(group=GROUP):
        if point.name in found:
            raise MeliesError(
                f"Two effects are called {point.name!r}: {found[point.name]} and {point.value}.",
                "Uninstall one of the packages.",
            )
        found[point.name] = point.value
    return dict(sorted(found.items()))


def names() -> list[str]:
    """Names of every effect that is installed; imports none of them."""
    return list(_modules())


@cache
def find(name: str) -> type[Effect]:
    """Return the effect class called `name`.

    Raises:
        UseError: No effect has that name; the nearest ones are suggested.
    """
    modules = _modules()
    if name not in modules:
        raise UseError(f"There is no effect {name!r}.{did_you_mean(name, modules)}", "List them: melies effects")
    module = importlib.import_module(modules[name])
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Effect)
        and value.__module__ == module.__name__
        and own_module(value)
    ]
    public = [cls for cls in classes if not cls.__name__.startswith("_")]
    if len(public) != 1:
        raise MeliesError(f"{module.__name__} must hold exactly one effect class, not {len(public)}.")
    return public[0]
