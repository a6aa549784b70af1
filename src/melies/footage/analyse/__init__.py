"""Questions asked of a shot: one file each, found by their names.

A question is a module with `FACETS`, the facets that it answers, and `answer(material)`, which returns labels. It says
nothing about a facet rather than guess. One that takes seconds for a shot also says `EXTRA = True`, and is only put
when it is named. Plugins add theirs by the entry point group `melies.questions`, whose value names such a module.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Collection
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
def extras() -> frozenset[str]:
    """Return the names of the questions that are only put when they are named."""
    return frozenset(name for name, question in questions().items() if getattr(question, "EXTRA", False))


@cache
def facets() -> dict[str, Facet]:
    """Return everything that can be asked, by the facet's name."""
    return {facet.name: facet for question in questions().values() for facet in question.FACETS}


def ask(material: Material, wanted: Collection[str] = ()) -> tuple[Label, ...]:
    """Put the questions to a shot.

    Args:
        material: The shot.
        wanted: Which of the `extras` to put as well.
    """
    left_out = extras().difference(wanted)
    return tuple(
        label for name, question in questions().items() if name not in left_out for label in question.answer(material)
    )
