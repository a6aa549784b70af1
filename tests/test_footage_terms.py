"""Searches in the language of film: what is understood, and what is left for search by meaning."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melies.footage.analyse import facets
from melies.footage.label import Label
from melies.footage.record import Record, Word
from melies.footage.search_conditions import (
    Amount,
    Anything,
    Mention,
    Option,
    Phrase,
    Somebody,
    Trait,
    plain,
    singular,
)
from melies.footage.shot import Shot
from melies.footage.terms import Query, parse

INFINITY = float("inf")


def conditions(sentence: str, people: tuple[str, ...] = ()) -> list[object]:
    return list(parse(sentence, people=people).conditions)


def trait(sentence: str, *, negative: bool = False) -> set[tuple[str, str]]:
    """The values that the one condition of a sentence asks for."""
    (one,) = conditions(sentence)
    assert isinstance(one, Trait)
    assert one.negative is negative
    return set(one.options)


def test_a_whole_sentence():
    query = parse(
        "close-up of a smiling woman, slow push in, no cars, 3 to 5 seconds, two people, Anna, says “good night”",
        people=["Anna"],
    )
    found = {one.source: one for one in query.conditions}
    assert list(found["close-up"].options) == [Option("size", "close-up")]
    assert list(found["smiling"].options) == [Option("expression", "smiling")]
    assert ("movement", "push in") in found["push in"].options
    assert found["slow"].options == (Option("pace", "slow"),)
    assert found["cars"].negative
    assert found["cars"].options == (Option("objects", "car"),)
    assert (found["3 to 5 seconds"].least, found["3 to 5 seconds"].most) == (3, 5)
    assert found["3 to 5 seconds"].strict
    assert (found["two people"].least, found["two people"].most) == (2, 2)
    assert found["Anna"] == Somebody("Anna", source="Anna")
    assert found["says “good night”"].words == "good night"
    assert len(found) == 9
    assert query.meaning == "smiling woman"


@pytest.mark.parametrize(
    ("sentence", "option"),
    [
        ("ECU", ("size", "extreme close-up")),
        ("cu", ("size", "close-up")),
        ("medium close-up", ("size", "medium close-up")),
        ("establishing shot", ("size", "extreme long")),
        ("an OTS", ("framing", "over-the-shoulder")),
        ("worm's eye view", ("angle", "low")),
        ("bird’s-eye view", ("angle", "top")),
        ("dolly in", ("movement", "push in")),
        ("zoom out", ("movement", "pull out")),
        ("locked off", ("movement", "static")),
        ("no camera movement", ("movement", "static")),
        ("panning", ("movement", "pan left")),
        ("hand-held", ("movement", "handheld")),
        ("laughs", ("expression", "laughing")),
        ("dogs", ("objects", "dog")),
        ("wine glasses", ("objects", "wine glass")),
        ("contre-jour", ("light", "backlit")),
        ("backlit", ("light", "backlit")),
        ("low-key", ("key", "low key")),
        ("at night", ("daytime", "night")),
        ("golden hour", ("daytime", "dusk")),
        ("int", ("place", "interior")),
        ("bokeh", ("focus", "shallow focus")),
        ("shallow depth of field", ("focus", "shallow focus")),
        ("b&w", ("colouring", "monochrome")),
        ("out of focus", ("faults", "blurred")),
        ("cold light", ("temperature", "cool")),
        ("soft light", ("hardness", "soft light")),
        ("looking at the camera", ("gaze", "into the lens")),
        ("dialogue", ("sound", "speech")),
        ("close-ups", ("size", "close-up")),
        ("CUs", ("size", "close-up")),
        ("medium close-ups", ("size", "medium close-up")),
        ("nothing but close-ups", ("size", "close-up")),
        ("camera doesn't move", ("movement", "static")),
    ],
)
def test_names_of_values(sentence, option):
    assert option in trait(sentence)


def test_every_value_can_be_asked_for():
    for facet in facets().values():
        for value in facet.values:
            sentences = (value, f"{value} {facet.name}")
            options = {
                option for text in sentences for one in conditions(text) for option in getattr(one, "options", ())
            }
            assert (facet.name, value) in options, f"nothing asks for {facet.name} {value}"


def test_vague_words_alone_are_no_terms():
    query = parse("the long way to the top left of the high tower")
    assert not query.conditions
    assert query.meaning == "long way to the top left of the high tower"


@pytest.mark.parametrize(
    ("sentence", "least", "most"),
    [
        ("3-5 s", 3, 5),
        ("between 2 and 4 seconds", 2, 4),
        ("five to three sec", 3, 5),
        ("at least 3 seconds", 3, INFINITY),
        ("longer than 2.5 s", 2.5, INFINITY),
        ("under 2 seconds", 0, 2),
        ("1 minute or longer", 60, INFINITY),
        ("4 seconds or less", 0, 4),
        ("about 10 seconds", 7, 13),
        ("1,5 s", 1.05, 1.95),
        ("less than 1/2 second", 0, 0.5),
        ("half a minute", 21, 39),
        ("two and a half seconds", 1.75, 3.25),
        ("under a minute", 0, 60),
        ("30 s to 1 minute", 30, 60),
        ("0:02 to 0:03", 2, 3),
        ("at most 1:02:03.5", 0, 3723.5),
        ("a 5-second shot", 3.5, 6.5),
        ("2 seconds max", 0, 2),
        ("2 seconds at most", 0, 2),
        ("half a minute at least", 30, INFINITY),
        ("a few seconds", 2, 5),
        ("exactly 4 seconds", 3.95, 4.05),
        ("4.25 seconds exactly", 4.25 - 1 / 48, 4.25 + 1 / 48),
    ],
)
def test_lengths(sentence, least, most):
    (one,) = conditions(sentence)
    assert isinstance(one, Amount)
    assert (one.facet, one.least, one.most, one.strict) == ("seconds", pytest.approx(least), pytest.approx(most), True)


@pytest.mark.parametrize(
    ("sentence", "least", "most"),
    [
        ("two women", 2, 2),
        ("more than two people", 3, INFINITY),
        ("at least 3 persons", 3, INFINITY),
        ("fewer than 2 people", 0, 1),
        ("at most 2 people", 0, 2),
        ("2 or more people", 2, INFINITY),
        ("exactly two people", 2, 2),
        ("two people exactly", 2, 2),
        ("two people at most", 0, 2),
        ("few people", 1, 3),
        ("close-up at least two people", 2, INFINITY),
        ("a man", 1, INFINITY),
    ],
)
def test_counts_of_people(sentence, least, most):
    counts = [one for one in conditions(sentence) if isinstance(one, Amount)]
    assert [(one.facet, one.least, one.most) for one in counts] == [("people", least, most)]


def test_counts_of_things():
    (one,) = conditions("at least three cars")
    assert isinstance(one, Trait)
    assert (one.options, one.count) == ((Option("objects", "car"),), (3, INFINITY))


def test_what_is_denied():
    assert trait("not a close-up", negative=True) == {("size", "close-up")}
    assert trait("-dogs", negative=True) == {("objects", "dog")}
    assert [one.negative for one in conditions("without cars or dogs, bicycle")] == [True, True, False]
    assert [one.negative for one in conditions("no cars and a dog")] == [True, False]
    assert conditions("without a blue umbrella") == [Mention("blue umbrella", source="blue umbrella", negative=True)]
    assert conditions("no Anna", people=("Anna",)) == [Somebody("Anna", source="Anna", negative=True)]
    assert conditions('not "good night"') == [Phrase("good night", source='"good night"', negative=True)]
    assert parse("no umbrellas").meaning == ""


@pytest.mark.parametrize(
    ("sentence", "options"),
    [
        ("no close-ups", {("size", "close-up")}),
        ("anything but close-ups", {("size", "close-up")}),
        ("everything except close-ups", {("size", "close-up")}),
        ("don't show cars", {("objects", "car")}),
        ("I don’t want to see cars", {("objects", "car")}),
        ("avoid cars", {("objects", "car")}),
        ("fewer than one car", {("objects", "car")}),
        ("non-smiling", {("expression", "smiling")}),
        ("nobody smiling", {("expression", "smiling")}),
        ("nobody is smiling", {("expression", "smiling")}),
        ("no people smiling", {("expression", "smiling")}),
        ("no smiling people", {("expression", "smiling")}),
    ],
)
def test_ways_to_deny(sentence, options):
    assert trait(sentence, negative=True) == options


@pytest.mark.parametrize("who", ["woman who isn't smiling", "someone who doesn't smile", "non-smiling man"])
def test_somebody_who_does_not_smile(who):
    found = {type(one): one for one in conditions(who)}
    assert len(found) == 2
    assert (found[Amount].facet, found[Amount].negative) == ("people", False)
    assert found[Trait].options == (Option("expression", "smiling"),)
    assert found[Trait].negative


def test_neither_nor():
    found = conditions("neither a car nor a dog, bicycle")
    assert [(one.options[0].value, one.negative) for one in found] == [("car", True), ("dog", True), ("bicycle", False)]


SHOT = Shot(Path("a.mp4"), 1, Fraction(0), Fraction(3), 0, 90, Fraction(30))


@pytest.mark.parametrize("sentence", ["no people", "nobody", "without people", "no-one", "zero people", "no persons"])
def test_nobody_leaves_out_everybody(sentence):
    (one,) = conditions(sentence)
    assert one.negative
    assert one.match(Record("x", SHOT, (Label("people", 1.0, 0.9, ""),))).score
    assert not one.match(Record("x", SHOT, (Label("people", 0.0, 0.9, ""),))).score
    assert one.sql(facets()) == "people >= 1"


def test_people_who_cannot_be_told_apart_do_not_leave_out_each_other():
    woman, children = conditions("a woman, no children")
    assert (woman.facet, woman.negative) == ("people", False)
    assert children == Mention("children", source="children", negative=True)


def test_lengths_in_frames():
    (one,) = conditions("at least 90 frames")
    assert one.strict
    assert one.match(Record("x", SHOT)).score == 1
    assert one.match(Record("x", replace(SHOT, frames=89))).score == 0
    assert conditions("24 frames per second") == conditions("at 0:05") == []


@pytest.mark.parametrize(
    ("sentence", "fits"),
    [
        ("under 3 seconds", [89]),
        ("less than 3 seconds", [89]),
        ("at most 3 seconds", [89, 90]),
        ("not under 3 seconds", [90, 91]),
        ("over 3 seconds", [91]),
        ("more than 90 frames", [91]),
        ("not over 3 seconds", [89, 90]),
        ("exactly 90 frames", [90]),
        ("exactly 90 or 91 frames", [90, 91]),
        ("under 3 seconds or over 3 seconds", [89, 91]),
    ],
)
def test_limits_of_lengths(sentence, fits):
    (one,) = conditions(sentence)
    shots = [Record("x", replace(SHOT, end=Fraction(frames, 30), frames=frames)) for frames in (89, 90, 91)]
    assert [shot.shot.frames for shot in shots if bool(one.match(shot).score) is not one.negative] == fits


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("3 seconds or 50 seconds", "seconds 2.1 to 3.9 or seconds 35 to 65"),
        ("1 or 3 minutes", "seconds 42 to 78 or seconds 126 to 234"),
        ("two or four people", "people 2 or people 4"),
        ("3 frames or 5 or 7 frames", "frames 2.1 to 3.9 or frames 3.5 to 6.5 or frames 4.9 to 9.1"),
        ("two or three cars", "objects car, 2 of it or objects car, 3 of it"),
        ("a close-up or a full shot", "size close-up or full"),
        ("Anna or Bob", "Anna is seen or Bob is seen"),
        ('says "yes" or "no"', "“yes” is said or “no” is said"),
    ],
)
def test_or_gives_a_choice(sentence, told):
    (one,) = conditions(sentence, ("Anna", "Bob"))
    assert str(one) == told
    assert one.source in sentence


def test_or_joins_only_what_is_alike():
    assert [str(one) for one in conditions("a dog or at night")] == ["objects dog", "daytime night"]
    assert [str(one) for one in conditions("a dog, or a cat")] == ["objects dog", "objects cat"]
    people, children = conditions("two or four people, no children")
    assert str(people) == "people 2 or people 4"
    assert isinstance(children, Mention)
    assert len(conditions("two or four people, women")) == 1
    assert parse("a man or a woman").explain()[0] == "“man” → wanted: people at least 1"


def test_the_choice_counts_as_much_as_what_is_there():
    (one,) = conditions("two cars or three dogs")
    dogs, none = (Record("x", SHOT, labels) for labels in [(Label("objects", "dog", 0.8, "", {"count": 3.0}),), ()])
    assert (one.match(dogs).score, one.match(none).score) == (0.8, None)
    assert str(one.sql(facets())).count("array_has") == 2
    assert not one.exact


@pytest.mark.parametrize(
    "sentence",
    ["nobody in the picture", "no people in frame", "nobody in sight", "pictures without people", "nobody visible"],
)
def test_words_for_the_picture_itself_ask_for_nothing(sentence):
    query = parse(sentence)
    (one,) = query.conditions
    assert str(one) == "people at least 1"
    assert one.negative
    assert query.meaning == ""
    assert parse("a picture frame").meaning == "picture frame"


@pytest.mark.parametrize("sentence", ["no", "without", ",", '"', "the"])
def test_nothing_is_asked(sentence):
    assert not parse(sentence).asks


def test_fewer_things_leave_out_more():
    (one,) = conditions("fewer than 2 cars")
    assert one.negative
    for count in (1.0, 2.0):
        record = Record("x", SHOT, (Label("objects", "car", 0.9, "", {"count": count}),))
        assert bool(one.match(record).score) is (count == 2)


def test_no_faces_and_no_text():
    text, faces = conditions("no text, no faces")
    assert text == Anything("writing", source="text", negative=True)
    assert (faces.facet, faces.least, faces.negative) == ("faces", 1, True)
    assert text.match(Record("x", SHOT, (Label("writing", "EXIT", 0.8, ""),))).score == 0.8
    assert text.match(Record("x", SHOT)).score is None
    without = {name: facet for name, facet in facets().items() if name not in ("writing", "faces")}
    assert all(isinstance(one, Mention) for one in parse("no text, no faces", without).conditions)


@pytest.mark.parametrize(("heard", "asked"), [("9", "nine"), ("nine", "9"), ("Twenty", "20")])
def test_numbers_are_heard_either_way(heard, asked):
    record = Record("x", SHOT, words=(Word(f"{heard},", 1.0, 1.5, 0.9), Word("lives", 1.5, 2.0, 0.9)))
    assert Phrase(f"{asked} lives", source="").match(record).score == 1
    assert not Phrase("eight lives", source="", negative=True).match(record).score
    assert heard.lower() in str(Phrase(asked, source="").sql(facets()))


def test_what_is_said():
    assert conditions("says hello my friend, a dog")[0] == Phrase("hello my friend", source="says hello my friend")
    assert conditions('"to be or not to be"') == [Phrase("to be or not to be", source='"to be or not to be"')]
    assert conditions("says") == []
    assert conditions('""') == []


def test_names_come_before_everything_else():
    (one,) = conditions("person 3", people=("person 3",))
    assert one == Somebody("person 3", source="person 3")


def test_slow_is_a_pace_only_where_something_moves():
    assert ("pace", "slow") in [
        one for it in conditions("slow pan left") if isinstance(it, Trait) for one in it.options
    ]
    assert parse("slow motion").meaning == "slow motion"


def test_unknown_facets_are_left_to_meaning():
    query = parse("close-up, two people, night", facets={})
    assert query.conditions == ()
    assert query.meaning == "close up two people night"


def test_each_line_of_the_explanation_names_the_words_it_is_about():
    query = parse("close-up, no cars, 2 s, humpback whale")
    lines = query.explain()
    assert lines[0] == "“close-up” → wanted: size close-up"
    assert lines[1] == "“cars” → must not be: objects car"
    assert lines[2].startswith("“2 s” → must be: seconds 1.4 to 2.6")
    assert lines[3] == "“humpback whale” → by words and by meaning"
    assert Query("").explain() == []


WORDS = (
    *(
        "no",
        "without",
        "two",
        "3",
        "to",
        "5",
        "s",
        "seconds",
        "close-up",
        "-",
        "cars",
        ",",
        "says",
        "people",
        "or",
        "at",
    ),
    *("least", "more", "than", "Anna", "slow", "pan", "the", "of", "minute", "other", "between", "and", "about", "x"),
    *(
        "blue",
        '"',
        "nobody",
        "smiling",
        "isn't",
        "neither",
        "half",
        "a",
        "1/2",
        "0:02",
        "frames",
        "zero",
        "text",
        "faces",
    ),
    *("fewer", "non", "1,5", "exactly", "few", "max", "in", "frame"),
)


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_nothing_breaks_it(words):
    sentence = " ".join(words)
    query = parse(sentence, people=["Anna"])
    assert all(one.source in sentence for one in query.conditions)
    assert all(one.sql(facets()) != "" for one in query.conditions)
    loud = parse(sentence.upper(), people=["Anna"])
    assert [str(one).lower() for one in query.conditions] == [str(one).lower() for one in loud.conditions]


@given(st.text(max_size=40))
def test_no_text_breaks_it(text):
    parse(text).explain()


def test_no_number_breaks_it():
    parse(f"fewer than {'9' * 400} people, {'9' * 400}/{'7' * 400} s, 1/0 s, 99:99:99, 0/1 of a second").explain()


def test_plain_and_singular():
    assert plain("Close-Up, “worm’s eye”!") == "close up worm's eye"
    pairs = {
        "cars": "car",
        "bodies": "body",
        "glasses": "glass",
        "buses": "buse",
        "boxes": "box",
        "bus": "bus",
        "grass": "grass",
    }
    assert {word: singular(word) for word in pairs} == pairs


def test_quotation_marks_do_not_leave_sql():
    trait = Trait((Option("objects", "it's"),), source="x")
    assert trait.sql({**facets()}) == "array_has(objects, 'it''s')"
    assert Phrase("100% O'Brien's", source="x").sql(facets()) is None
