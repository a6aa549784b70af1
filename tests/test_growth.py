"""What grows: chemistry, cellular automata, and that a film can be made from anywhere on."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from melies.errors import ModelError, UseError
from melies.generators.growth import Growth
from melies.growing import chemistry, culture, network
from melies.growing.network import CHANNELS, HIDDEN, KEY, Automaton
from melies.models import runtime
from melies.models.metadata import with_metadata


def pictures(generator, since=0):
    return [frame.image for frame in generator.frames(Fraction(since))]


def weights(scale=0.05):
    rng = np.random.default_rng(3)
    shapes = {"first": (HIDDEN, 4 * CHANNELS), "bias": (HIDDEN,), "second": (CHANNELS, HIDDEN)}
    # As exact in 16 bits as in 64.
    return {name: rng.normal(0, scale, shape).astype(np.float16) for name, shape in shapes.items()}


@pytest.fixture
def automaton(tmp_path):
    path = tmp_path / "any.onnx"
    path.write_bytes(with_metadata(network.written(weights(), "texture"), {KEY: "texture"}))
    return path


def stepped(cells, chosen, kind):
    """A step in numpy, in 64 bits."""
    given = {name: value.astype(np.float64) for name, value in weights().items()}
    padded = np.pad(cells.astype(np.float64), ((0, 0), (1, 1), (1, 1)), "wrap" if kind == "texture" else "constant")
    height, width = cells.shape[1:]
    seen = [
        sum(f[i, j] * plane[i : i + height, j : j + width] for i in range(3) for j in range(3))
        for plane in padded
        for f in network.FILTERS
    ]
    hidden = np.maximum(0, np.tensordot(given["first"], np.stack(seen), 1) + given["bias"][:, None, None])
    made = cells + np.tensordot(given["second"], hidden, 1) * chosen
    if kind == "texture":
        return made

    def around(plane):
        wide = np.pad(plane, 1)
        return np.max([wide[i : i + height, j : j + width] for i in range(3) for j in range(3)], axis=0)

    return made * ((around(cells[3]) > 0.1) & (around(made[3]) > 0.1))


@pytest.mark.parametrize("kind", ["pattern", "texture"])
def test_the_written_network_is_the_published_function(kind):
    automaton = Automaton(runtime.written("test", network.written(weights(), kind)), kind)
    rng = np.random.default_rng(1)
    cells = rng.normal(0, 0.4, (CHANNELS, 9, 13)).astype(np.float32)
    cells[3, 2:7, 3:9] = 0.9
    chosen = rng.random((9, 13)) < 0.5
    made, wanted = automaton.step(cells, chosen), stepped(cells, chosen, kind)
    assert np.abs(made - wanted).max() < 1e-4
    assert (wanted == 0).any() == (kind == "pattern")


def test_chemistry_keeps_what_it_has_and_goes_round_at_the_edges():
    dish = chemistry.Chemistry(12, 16)
    disc = np.zeros((12, 16), bool)
    disc[0, 0] = True
    dish.put(disc, 0.001)  # too little to react noticeably
    before = dish.grown.sum()
    dish.step(chemistry.Mixture(0, 0))
    assert dish.grown.sum() == pytest.approx(before, rel=2e-3)
    spread = dish.grown > 1e-8
    assert {tuple(place) for place in np.argwhere(spread)} == {(r % 12, c % 16) for r in (-1, 0, 1) for c in (-1, 0, 1)}
    assert dish.grown[11, 0] == dish.grown[1, 0] == dish.grown[0, 15]


OPTIONS = {"size": "48x32", "cells": 32, "fps": 10, "duration": 1.2, "pace": 200}


@pytest.mark.parametrize("extra", [{}, {"react": ["kill=0.06+0.01*t", "tear=3*t"]}, {"age": 2, "sow": 4.5}])
def test_frames_do_not_depend_on_where_the_making_began(extra):
    generator = Growth(**OPTIONS, seed=6, **extra)
    frames, later = pictures(generator), pictures(generator, 0.7)
    assert len(frames) == 12
    assert all(np.array_equal(a, b) for a, b in zip(frames[7:], later, strict=True))
    assert not np.array_equal(frames[-1], frames[0])
    (led, *_) = generator.frames(Fraction(1), 2)
    assert led.pts == 8
    assert not np.array_equal(pictures(Growth(**OPTIONS, seed=7, **extra))[-1], frames[-1])


def test_numbers_that_change_do_not_begin_it_anew():
    """Until a number changes, the film is the same; afterwards it goes on from what was there."""
    plain = pictures(Growth(**OPTIONS))
    stopped = pictures(Growth(**OPTIONS, react=["pace=where(t<0.55,200,0)"]))
    assert all(np.array_equal(a, b) for a, b in zip(plain[:6], stopped[:6], strict=True))
    assert all(np.array_equal(stopped[5], image) for image in stopped[6:])


def test_holes_are_torn_and_what_was_grown_is_sown_again():
    grown = Growth(**OPTIONS, age=8, model="maze").make()
    torn = Growth(**OPTIONS, age=8, model="maze", tear=10, radius=0.4).make()
    assert np.array_equal(next(grown).image, next(Growth(**OPTIONS, age=8, model="maze").make()).image)
    assert next(torn).image.mean() < 0.8 * next(grown).image.mean()
    empty = pictures(Growth(**OPTIONS, kill=0.2, feed=0.0))[-1]
    assert np.ptp(empty.reshape(-1, 3), axis=0).max() <= 1
    assert np.ptp(pictures(Growth(**OPTIONS, kill=0.2, feed=0.0, sow=20))[-1]) > 50


def test_any_size_shows_the_same(automaton):
    for model in ("coral", str(automaton)):
        small = Growth(**{**OPTIONS, "size": "48x32"}, model=model).make(Fraction(1))
        large = Growth(**{**OPTIONS, "size": "192x128"}, model=model).make(Fraction(1))
        big = next(large).image.astype(float).reshape(32, 4, 48, 4, 3).mean((1, 3))
        assert np.abs(big - next(small).image).mean() < 6


def test_patterns_stand_before_a_colour_or_nothing(tmp_path):
    path = tmp_path / "pattern.onnx"
    still = {name: value * 0 for name, value in weights().items()}
    path.write_bytes(with_metadata(network.written(still, "pattern"), {KEY: "pattern"}))
    options = {"size": "33x33", "cells": 33, "model": str(path), "duration": 0.1, "fps": 10}
    (image,) = pictures(Growth(**options, background="transparent"))
    assert image.shape == (33, 33, 4)
    assert image[16, 16, 3] == 255
    assert image[3, 3, 3] == 0
    (image,) = pictures(Growth(**options, background="#204060"))
    assert tuple(image[3, 3]) == (0x20, 0x40, 0x60)
    assert tuple(image[16, 16]) == (0, 0, 0)


def test_what_is_no_automaton_is_refused(tmp_path, automaton):
    with pytest.raises(UseError, match="corral"):
        pictures(Growth(model="corral"))
    other = tmp_path / "other.onnx"
    other.write_bytes(network.written(weights(), "texture"))
    with pytest.raises(ModelError, match="no cellular automaton"):
        pictures(Growth(model=str(other)))
    with pytest.raises(UseError, match="no file"):
        pictures(Growth(model=str(tmp_path / "none.onnx")))


@pytest.mark.parametrize("name", culture.rows())
def test_what_comes_along_grows_and_lasts(name):
    options = {"size": "48x48", "cells": 40, "model": name, "duration": 4, "fps": 5}
    frames = pictures(Growth(**options, background="#ffffff"))
    first, young, old = (frames[index].astype(float) for index in (0, 12, -1))
    assert np.abs(young - first).mean() > 10
    assert old.std() > 15
    assert np.abs(young.mean((0, 1)) - old.mean((0, 1))).max() < 30
    assert Growth(**options).models() == (name,)
