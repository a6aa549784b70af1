"""The catalogue: what is written comes back, one film at a time, and nothing damages it."""

import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from melies.errors import MeliesError, UseError
from melies.footage import Label, Record, Shot, Word, people
from melies.footage.catalogue import HOME, LOOK, VECTOR, Catalogue, File, describe
from melies.footage.people import Sighting

pytest.importorskip("lancedb")

RATE = Fraction(30000, 1001)


def film(number: int, name: str | None = None) -> File:
    return File(Path(name or f"film{number}.mp4"), f"{number:016x}", 1000 + number, 17)


def shot(file: File, number: int, **fields: object) -> Record:
    first = 30 * (number - 1)
    shot = Shot(file.path, number, first / RATE, (first + 30) / RATE, first, 30, RATE, "dissolve", 4)
    return Record(f"{file.film}-{first:06d}", shot, **fields)  # type: ignore[arg-type]


def energy(value: float) -> Label:
    return Label("energy", value, 0.9, "measured: “a lot”", {"rest": value})


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    look = rng.normal(size=LOOK).astype(np.float32)
    full = shot(
        film(1),
        2,
        labels=(energy(0.25),),
        words=(Word("Où", 0.1, 0.2, 0.9), Word("est-elle?", 0.3, 0.5, 0.8)),
        vector=rng.normal(size=VECTOR).astype(np.float32),
        look=look / np.linalg.norm(look),
    )
    (tmp_path / "film1.mp4").touch()
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.add(film(1), [shot(film(1), 1), full])
    with Catalogue.open(tmp_path) as catalogue:
        bare, same = sorted(catalogue.records(), key=lambda one: one.shot.number)
    assert same.shot == Shot(
        tmp_path / "film1.mp4", 2, 30 / RATE, 60 / RATE, 30, 30, RATE, "dissolve", 4
    )  # exact, although thirtieths of 1001 are not
    assert (same.labels, same.words, same.text) == (full.labels, full.words, "Où est-elle?")
    assert same.vector is not None
    assert same.look is not None
    np.testing.assert_array_equal(same.vector, full.vector)
    np.testing.assert_allclose(same.look, full.look, atol=1e-4)  # half precision
    assert (bare.vector, bare.look, bare.labels) == (None, None, ())


def test_facets_are_columns_that_conditions_know(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.add(film(1), [shot(film(1), n, labels=(energy(n / 10),)) for n in range(1, 9)])
        catalogue.add(film(2), [shot(film(2), 1)])
        assert catalogue.count() == 9
        assert [one.value("energy") for one in catalogue.records("energy > 0.75")] == ["0.8"]
        assert catalogue.count("energy IS NULL") == 1
        assert catalogue.count("seconds > 0.9 AND begins < 0.5") == 2


def test_shots_come_in_the_order_asked_for(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        records = [shot(film(1), number) for number in range(1, 6)]
        catalogue.add(film(1), records)
        ids = [records[3].id, "0' OR 1=1 --", records[0].id]
        assert [one.id for one in catalogue.get(ids)] == [ids[0], ids[2]]
        with pytest.raises(UseError, match="no shot"):
            catalogue.record("0' OR 1=1 --")


def test_a_film_read_again_replaces_its_shots_and_no_others(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.add(film(1), [shot(film(1), number) for number in range(1, 6)])
        catalogue.add(film(2), [shot(film(2), 1)])
        vector = np.arange(VECTOR, dtype=np.float32)
        catalogue.add(film(1), [shot(film(1), 1, labels=(energy(0.5),), vector=vector), shot(film(1), 2)])
        assert sorted(one.id for one in catalogue.records()) == sorted(
            [f"{1:016x}-000000", f"{1:016x}-000030", f"{2:016x}-000000"]
        )
        assert catalogue.record(f"{1:016x}-000000").number("energy") == 0.5
        kept = catalogue.record(f"{1:016x}-000000").vector
        assert kept is not None
        np.testing.assert_array_equal(kept, vector)
        assert catalogue.record(f"{1:016x}-000030").vector is None


def test_stills_go_with_the_shots_they_stand_for(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (360, 640, 3), np.uint8)
    with Catalogue.open(tmp_path, create=True) as catalogue:
        records = []
        for number in (1, 2):
            catalogue.begin(f"{1:016x}")
            pictures = catalogue.keep(f"{1:016x}", 30 * (number - 1), [image[::2, ::2], image])
            records.append(shot(film(1), number, pictures=pictures))
        catalogue.add(film(1), records)
        assert [one.pictures for one in catalogue.get([one.id for one in records])] == [one.pictures for one in records]
        catalogue.add(film(1), records[1:])
        assert set(catalogue.stills(f"{1:016x}").iterdir()) == set(records[1].pictures)
        catalogue.drop(f"{1:016x}")
        assert not catalogue.stills(f"{1:016x}").exists()


def test_films_that_lie_nowhere_are_not_shown(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        for number in (1, 2):
            catalogue.add(film(number), [shot(film(number), 1)])
        catalogue.ledger.note([File(film(1).path, film(1).film, 1001, 17, "missing")])
        assert [one.shot.file.name for one in catalogue.records()] == ["film2.mp4"]
        assert catalogue.count() == 1
        assert len(list(catalogue.records(missing=True))) == 2
        catalogue.ledger.note([File(film(2).path, film(2).film, 1002, 17, "missing")])
        assert (catalogue.count(), list(catalogue.records())) == (0, [])
        catalogue.ledger.note([film(1, "elsewhere.mp4"), film(2)])
        assert {one.shot.file.name for one in catalogue.records()} == {"elsewhere.mp4", "film2.mp4"}


def test_films_that_have_gone_since_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    copy = replace(film(2), path=Path("copy.mp4"))
    for name in ("film1.mp4", "film2.mp4", "film3.mp4"):
        (tmp_path / name).touch()
    with Catalogue.open(tmp_path, create=True) as catalogue:
        for one in map(film, (1, 2, 3)):
            catalogue.add(one, [shot(one, 1)])
        catalogue.ledger.note([copy])  # the first of two places, and nothing lies there any more
    (tmp_path / "film1.mp4").unlink()
    with Catalogue.open(tmp_path) as catalogue:
        for _ in range(2):
            assert {one.shot.file.name for one in catalogue.records()} == {"film2.mp4", "film3.mp4"}
    (said,) = caplog.messages
    assert "film1.mp4" in said
    assert "film2.mp4" not in said
    assert "melies index" in said


def test_a_film_that_was_cut_off_is_not_shown_and_goes(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.add(film(1), [shot(film(1), 1)])
        catalogue.add(film(2), [shot(film(2), 1)])
        catalogue.ledger.reopen(f"{2:016x}")  # as it stands when the process dies before the book is signed
        assert catalogue.count() == 1
    with Catalogue.open(tmp_path) as catalogue:
        assert catalogue.count() == 1
        assert catalogue.table.count_rows() == 2
    with Catalogue.open(tmp_path, create=True) as catalogue:
        assert catalogue.table.count_rows() == 1
        assert catalogue.ledger.asked(f"{2:016x}") is None


def test_shots_that_were_lost_are_noticed(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.add(film(1), [shot(film(1), number) for number in (1, 2)])
        catalogue.add(film(2), [])
        catalogue.table.delete(f"id = '{1:016x}-000030'")
    with Catalogue.open(tmp_path, create=True) as catalogue:
        assert catalogue.ledger.asked(f"{1:016x}") is None  # it will be read again
        assert catalogue.ledger.asked(f"{2:016x}") == frozenset()


def test_reading_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "film1.mp4").touch()
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.add(film(1), [shot(film(1), 1)])

    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")}

    before = state()
    with Catalogue.open(tmp_path) as catalogue:
        assert catalogue.count() == len(list(catalogue.records())) == 1
        with pytest.raises(sqlite3.OperationalError):
            catalogue.ledger.set("a", "b")
    assert state() == before
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UseError, match=r"no catalogue.*melies index"):
        Catalogue.open(other)
    assert not list(other.iterdir())


def test_only_one_writes(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True):
        with pytest.raises(MeliesError, match=r"Another melies \(process \d+\)") as caught:
            Catalogue.open(tmp_path, create=True)
        assert caught.value.exit_code == 1
        Catalogue.open(tmp_path).close()
    Catalogue.open(tmp_path, create=True).close()


def test_a_catalogue_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.add(film(1), [shot(film(1), 1)])
    book = tmp_path / HOME / "catalogue.sqlite"
    with sqlite3.connect(book) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = book.read_bytes()
    for create in (False, True):
        with pytest.raises(UseError, match=r"newer melies.*nothing was touched"):
            Catalogue.open(tmp_path, create=create)
    assert book.read_bytes() == before


def test_of_a_catalogue_of_an_older_version_the_people_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import lancedb

    faces = [Sighting(f"{film(1).film}-{n:06d}", np.eye(128, dtype=np.float32)[n], b"\xff\xd8", 1.0) for n in range(3)]
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.add(film(1), [shot(film(1), 1)], faces=faces)
        people.name(catalogue.ledger, 3, "Anna")
    home = tmp_path / HOME
    with sqlite3.connect(home / "catalogue.sqlite") as db:
        db.execute("DROP INDEX people_same_as")
        db.execute("ALTER TABLE people DROP COLUMN same_as")
        db.execute("PRAGMA user_version = 1")
    db.close()
    shutil.rmtree(home / "table")
    lancedb.connect(home / "table").create_table("shots", [{"id": f"{film(1).film}-000000", "shot": "[]"}])
    with pytest.raises(
        UseError, match=r"older melies.*melies index; its films are read again, people keep their names"
    ):
        Catalogue.open(tmp_path)
    for _ in range(2):  # the second time as after being cut off before anything was read
        with Catalogue.open(tmp_path, create=True) as catalogue:
            assert [(one.number, one.called, one.shots) for one in catalogue.people()] == [
                (1, "person 1", 1), (2, "person 2", 1), (3, "Anna", 1)
            ]  # fmt: skip
            assert (catalogue.count(), catalogue.ledger.asked(f"{1:016x}")) == (0, None)  # to be read again
    assert caplog.text.count("older melies: its films are read again") == 1
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.add(film(1), [shot(film(1), 1)], faces=faces[1:])
        assert [(one.called, one.shots) for one in catalogue.people()] == [("person 2", 1), ("Anna", 1)]


def test_what_is_no_catalogue_is_said_to_be_none(tmp_path: Path) -> None:
    home = tmp_path / HOME
    home.mkdir()
    (home / "catalogue.sqlite").write_bytes(b"not a database, but long enough to look like one" * 30)
    with pytest.raises(MeliesError, match="is damaged: file is not a database"):
        Catalogue.open(tmp_path)
    with sqlite3.connect(tmp_path / "other.sqlite") as db:
        db.execute("CREATE TABLE recipes (cake TEXT)")
    db.close()
    (tmp_path / "other.sqlite").replace(home / "catalogue.sqlite")
    with pytest.raises(UseError, match="is no catalogue"):
        Catalogue.open(tmp_path, create=True)
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter.txt").write_text("Dear Georges")
    with pytest.raises(UseError, match="other things"):
        Catalogue.open(tmp_path, create=True, at=full)


def test_damaged_shots_are_said_to_be_damaged_and_names_stay(tmp_path: Path) -> None:
    (tmp_path / "film1.mp4").touch()
    with Catalogue.open(tmp_path, create=True) as catalogue:
        face = Sighting(f"{1:016x}-000000", np.eye(1, 128, dtype=np.float32)[0], b"", 1.0)
        catalogue.add(film(1), [shot(film(1), 1)], faces=[face])
        people.name(catalogue.ledger, 1, "Jehanne")
    table = tmp_path / HOME / "table"
    for path in table.rglob("*.lance"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:100])
    for create in (False, True):
        with (
            pytest.raises(MeliesError, match=r"table are damaged\..* delete that folder"),
            Catalogue.open(tmp_path, create=create) as catalogue,
        ):
            list(catalogue.records())
    shutil.rmtree(table)
    with Catalogue.open(tmp_path, create=True) as catalogue:
        assert [one.called for one in catalogue.people()] == ["Jehanne"]
        assert catalogue.ledger.asked(f"{1:016x}") is None  # it will be read again


def test_a_damaged_book_is_said_to_be_damaged(tmp_path: Path) -> None:
    Catalogue.open(tmp_path, create=True).close()
    book = tmp_path / HOME / "catalogue.sqlite"
    book.write_bytes(book.read_bytes()[:5000])
    for create in (False, True):
        with pytest.raises(MeliesError, match=r"is damaged: .*Delete the folder .*\.melies and index again"):
            Catalogue.open(tmp_path, create=create)


def test_who_writes_is_said_only_while_they_do(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        with pytest.raises(MeliesError, match=rf"\(process {os.getpid()}\)"):
            Catalogue.open(tmp_path, create=True)
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        catalogue.ledger.set("writer", str(process.pid))  # as it stands after a kill
        with pytest.raises(MeliesError, match=r"Another melies is writing"):
            Catalogue.open(tmp_path, create=True)
    with Catalogue.open(tmp_path) as catalogue:
        assert catalogue.ledger.setting("writer") == ""


def test_a_catalogue_elsewhere_knows_its_folder(tmp_path: Path) -> None:
    footage, home = tmp_path / "footage", tmp_path / "catalogue"
    footage.mkdir()
    (footage / "film1.mp4").touch()
    with Catalogue.open(footage, create=True, at=home) as catalogue:
        catalogue.add(film(1), [shot(film(1), 1)])
    with Catalogue.open(home) as catalogue:
        assert next(catalogue.records()).shot.file == footage / "film1.mp4"
    assert not (footage / HOME).exists()
    (tmp_path / "else").mkdir()
    with pytest.raises(UseError, match=r"is of .*footage, not of .*else"):
        Catalogue.open(tmp_path / "else", at=home)


def test_a_folder_that_moves_takes_its_catalogue_along(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "film1.mp4").touch()
    with Catalogue.open(tmp_path / "old", create=True) as catalogue:
        catalogue.add(film(1), [shot(film(1), 1)])
    (tmp_path / "old").rename(tmp_path / "new")
    with Catalogue.open(tmp_path / "new") as catalogue:
        assert next(catalogue.records()).shot.file == tmp_path / "new" / "film1.mp4"


def test_a_column_is_added_for_what_is_asked_since(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.add(film(1), [shot(film(1), 1, labels=(energy(0.5),))], ["energy"])
        catalogue.table.drop_columns(["energy"])  # as a catalogue that was made before
    with Catalogue.open(tmp_path, create=True) as catalogue:
        assert catalogue.count("energy IS NULL") == 1
        catalogue.add(film(2), [shot(film(2), 1, labels=(energy(0.5),))])
        assert catalogue.count("energy = 0.5") == 1


def test_many_films_stay_few_files(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        for number in range(130):
            catalogue.add(film(number), [shot(film(number), 1)])
        assert catalogue.table.stats()["fragment_stats"]["num_fragments"] < 10
        assert catalogue.count() == 130


def test_a_description_begins_with_what_is_sure() -> None:
    labels = [
        Label("size", "close-up", 0.7, ""),
        Label("objects", "dog", 0.9, ""),
        Label("objects", "horse", 0.1, ""),
        Label("energy", 0.4, 1.0, ""),
    ]
    assert describe(labels) == "dog, close-up"
