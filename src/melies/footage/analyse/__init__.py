"""Questions asked of a shot: one file each, found by their names.

A question is a module with `FACETS`, the facets that it answers, and `answer(material)`, which returns labels. It says
nothing about a facet rather than guess. Plugins add theirs by the entry point group `melies.questions`, whose value
names such a module.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Protocol, cast

from melies.footage.label import Facet, Label
from melies.footage.material import Material


class Question(Protocol):
    """What a module of this package holds."""

    FACETS: tuple[Facet, ...]

    def answer(self, material: Material) -> list[Label]:
        """Return what is seen; at most one label for a facet of kind `one` or `number`."""


@cache
def questions() -> dict[str, Question]:
    """Return all questions by name."""
    modules = {
        module.name: f"{__name__}.{module.name}"
        for module in pkgutil.iter_modules(__path__)
        if not module.name.startswith("_")
    }
    modules |= {point.name: point.module for point in entry_points(group="melies.questions")}
    return {name: cast(Question, import_module(module)) for name, module in sorted(modules.items())}


@cache
def facets() -> dict[str, Facet]:
    """Return everything that can be asked, by the facet's name."""
    return {facet.name: facet for question in questions().values() for facet in question.FACETS}


def ask(material: Material) -> tuple[Label, ...]:
    """Put every question to a shot."""
    return tuple(label for question in questions().values() for label in question.answer(material))
