"""How effects and generators are found: built-ins by scanning a folder, plugins by entry point."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from functools import cached_property
from importlib.metadata import entry_points
from types import ModuleType
from typing import Generic, TypeVar

from melies.effect import Step
from melies.errors import MeliesError, UseError
from melies.suggest import did_you_mean

log = logging.getLogger("melies")

S = TypeVar("S", bound=Step)


class Registry(Generic[S]):
    """Classes of one kind, by the name of the file that holds them.

    Args:
        kind: What they are called in messages, such as `"effect"`.
        base: What they subclass.
        package: Whose modules are the built-ins; those whose name begins with `_` are passed over.
        group: Entry point group of plugins; each value names a module that holds one class, or the class in it.
    """

    def __init__(self, kind: str, base: type[S], package: str, group: str) -> None:
        self._kind = kind
        self._base = base
        self._package = package
        self._group = group
        self._found: dict[str, type[S]] = {}

    @cached_property
    def _modules(self) -> dict[str, str]:
        path = importlib.import_module(self._package).__path__
        found = {
            module.name.replace("_", "-"): f"{self._package}.{module.name}"
            for module in pkgutil.iter_modules(path)
            if not module.name.startswith("_")
        }
        for point in entry_points(group=self._group):
            if point.name in found:
                raise MeliesError(
                    f"Two {self._kind}s are called {point.name!r}: {found[point.name]} and {point.value}.",
                    "Uninstall one of the packages.",
                )
            found[point.name] = point.module
        return dict(sorted(found.items()))

    def names(self) -> list[str]:
        """Names of all that are installed; imports none of them."""
        return list(self._modules)

    def find(self, name: str) -> type[S]:
        """Return the class called `name`.

        Raises:
            UseError: Nothing has that name; the nearest ones are suggested.
            MeliesError: The module does not hold exactly one class of the kind.
        """
        if name not in self._modules:
            raise UseError(f"There is no {self._kind} {name!r}.{did_you_mean(name, self._modules)}", self._hint)
        if name not in self._found:
            module = self._modules[name]
            try:
                self._found[name] = self._class(importlib.import_module(module))
            except ImportError as error:
                raise MeliesError(
                    f"The {self._kind} {name!r} cannot be loaded from {module}: {error}.", "Reinstall its package."
                ) from error
        return self._found[name]

    def every(self) -> dict[str, type[S]]:
        """Every class that can be loaded, by name; a plugin that cannot is left out with a warning."""
        found = {}
        for name in self.names():
            try:
                found[name] = self.find(name)
            except MeliesError as error:
                log.warning("%s", error)
        return found

    @property
    def _hint(self) -> str:
        return "List them: melies effects" if self._kind == "effect" else f"There are: {', '.join(self._modules)}."

    def _class(self, module: ModuleType) -> type[S]:
        classes = [
            value
            for name, value in vars(module).items()
            if isinstance(value, type)
            and issubclass(value, self._base)
            and value.__module__ == module.__name__
            and not name.startswith("_")
        ]
        if len(classes) != 1:
            raise MeliesError(f"{module.__name__} must hold exactly one {self._kind} class, not {len(classes)}.")
        return classes[0]
