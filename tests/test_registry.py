"""How effects and generators are found."""

import sys
from collections.abc import Iterator
from fractions import Fraction
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import melies
from melies import effects, generators
from melies.effect import Effect
from melies.errors import MeliesError, UseError
from melies.registry import Registry

PLUGIN = """
from melies import FrameEffect

class Negative(FrameEffect):
    def process(self, image):
        return ~image
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: Any) -> Iterator[Any]:
    """Install a module as if a package had an entry point for it."""
    (tmp_path / "negative.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, value: str = "negative") -> Registry[Effect]:
        points = EntryPoints([EntryPoint(name, value, "melies.effects")])
        monkeypatch.setattr("melies.registry.entry_points", lambda group: points.select(group=group))
        return Registry("effect", Effect, "melies.effects", "melies.effects")

    yield install
    sys.modules.pop("negative", None)


def test_every_effect_has_the_name_of_its_file() -> None:
    for name in effects.names():
        assert effects.find(name).name() == name
        assert effects.find(name) is effects.find(name)


@pytest.mark.parametrize("value", ["negative", "negative:Negative"])
def test_a_plugin_comes_in_by_the_same_door(plugin: Any, value: str) -> None:
    found = plugin("negative", value)
    assert "negative" in found.names()
    assert found.find("negative")().process(np.zeros((1, 1, 3), np.uint8)).max() == 255


def test_a_name_taken_twice_is_refused(plugin: Any) -> None:
    with pytest.raises(MeliesError, match="Two effects are called 'fade'"):
        plugin("fade").names()


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UseError, match="Did you mean resize"):
        effects.find("rezise")
    with pytest.raises(UseError, match="Did you mean bars"):
        generators.find("bar")


def test_generators_are_clips_like_any_other(tmp_path: Path) -> None:
    bars = generators.find("bars")(size="160x96", fps="30000/1001", duration=0.5)
    out = melies.Clip(bars).apply(melies.Fade(fade_in=0.1, fade_out=0)).save(tmp_path / "bars.mkv", codec="ffv1")
    frames = list(melies.open(out).frames())
    assert len(frames) == 15
    assert melies.open(out).spec.rate == Fraction(30000, 1001)
    assert np.array_equal(frames[7].image, list(bars.frames())[7].image)


@pytest.mark.parametrize(("since", "lead_in", "first"), [(0, 0, 0), (Fraction(1, 5), 0, 5), (Fraction(1, 5), 2, 3)])
def test_bars_do_not_depend_on_where_they_begin(since: Fraction, lead_in: int, first: int) -> None:
    bars = generators.find("bars")(size="64x48", fps=25, duration=0.4)
    whole = list(bars.frames())
    part = list(bars.frames(Fraction(since), lead_in))
    assert [f.pts for f in part] == [f.pts for f in whole[first:]]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(part, whole[first:], strict=True))


def test_a_broken_plugin_stops_nobody_else(plugin: Any, caplog: Any) -> None:
    found = plugin("broken", "no_such_module:Broken")
    assert len(found.every()) == len(found.names()) - 1
    assert "'broken' cannot be loaded" in caplog.text
    with pytest.raises(MeliesError, match="Reinstall"):
        found.find("broken")
