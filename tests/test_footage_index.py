"""Indexing a folder: what is new is read, once, whatever happens to the files or to the process."""

import json
import os
import pkgutil
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from melies.cli.index import command
from melies.engine import progress
from melies.errors import UseError
from melies.footage import Label, Word
from melies.footage.analyse import energy
from melies.footage.catalogue import HOME, Catalogue
from melies.footage.catalogue.folder import PIECE, Changes, Stamp, compare, fingerprint, walk
from melies.footage.indexer import Outcome, Wish, index, watch
from melies.footage.tagger import Impression
from melies.matting.scale import cv
from melies.media.synthetic import write_clip

pytest.importorskip("lancedb")

QUICK = """
import numpy as np
from melies.footage import indexer, read, tagger
from melies.footage import Label, Word
from melies.footage.analyse import energy
read.ask = lambda material, extras=(): (*energy.answer(material), Label("movement", "static", 0.9, ""))
tagger.impression = lambda image: tagger.Impression(np.eye(1, 1280, dtype=np.float32)[0], np.zeros(1000, np.float32))
indexer.embed = lambda texts: np.eye(len(texts), 384, dtype=np.float32)
"""
"""Reading without networks, for a process of its own: what is tested here does not depend on them."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for this process."""
    look = Impression(np.eye(1, 1280, dtype=np.float32)[0], np.zeros(1000, np.float32))
    word = Label("movement", "static", 0.9, "")
    monkeypatch.setattr("melies.footage.read.ask", lambda material, extras=(): (*energy.answer(material), word))
    monkeypatch.setattr("melies.footage.tagger.impression", lambda image: look)
    monkeypatch.setattr("melies.footage.indexer.embed", lambda texts: np.eye(len(texts), 384, dtype=np.float32))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three films of one or two shots, to be copied."""
    folder = tmp_path_factory.mktemp("films")
    for number in range(3):
        write_clip(folder / f"{number}.mp4", frames=12 + number, rate=10, cut_at=6 if number == 1 else None)
    return folder


@pytest.fixture
def folder(films: Path, tmp_path: Path) -> Path:
    """A folder of footage with these films."""
    place = tmp_path / "footage"
    (place / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.mp4", "b.mp4", "sub/c.mp4")):
        (place / name).write_bytes((films / f"{number}.mp4").read_bytes())
    return place


PLAIN = Wish(people=False)


def update(folder: Path, wish: Wish = PLAIN, **options: object) -> Outcome:
    with Catalogue.open(folder, create=True) as catalogue:
        return index(catalogue, wish, **options)  # type: ignore[arg-type]


def contents(folder: Path) -> list[tuple[Any, ...]]:
    """Everything that is in a catalogue, in order."""
    with Catalogue.open(folder) as catalogue:
        rows = [
            (one.id, one.shot, one.labels, one.people, len(one.pictures), one.vector is not None)
            for one in catalogue.records()
        ]
        assert all(path.read_bytes()[:2] == b"\xff\xd8" for one in catalogue.records() for path in one.pictures)
        return sorted(rows)


def test_every_shot_comes_with_its_place_stills_and_vectors(quick: None, folder: Path) -> None:
    outcome = update(folder)
    assert (outcome.read, outcome.shots, outcome.frames) == (3, 4, 12 + 13 + 14)
    with Catalogue.open(folder) as catalogue:
        first, second = sorted(catalogue.records("begins < 5"), key=lambda one: (one.shot.file, one.shot.first))[1:3]
        stills = sorted(path for path in (folder / HOME / "stills").rglob("*.*"))
        assert stills == sorted(path for one in catalogue.records() for path in one.pictures)
    assert (first.shot.file, second.shot.file) == (folder / "b.mp4",) * 2
    assert (first.shot.first, second.shot.first, second.shot.number) == (0, 6, 2)
    assert first.id == f"{fingerprint(folder / 'b.mp4')}-000000"
    assert first.number("energy") is not None
    assert first.vector is not None
    assert first.look is not None


def test_what_is_known_is_not_read_again(quick: None, folder: Path) -> None:
    update(folder)
    before = contents(folder)
    again = update(folder)
    assert (again.read, again.changes.same) == (0, 3)
    anew = update(folder, Wish(people=False, again=True))
    assert (anew.read, anew.changes.same) == (3, 0)  # each file counts once
    for path in folder.rglob("*.mp4"):
        os.utime(path, (1, 1))  # as after copying a folder with its catalogue
    copied = update(folder)
    assert (copied.read, copied.changes.same) == (0, 3)
    assert contents(folder) == before


def test_files_that_move_keep_their_shots(quick: None, folder: Path) -> None:
    update(folder)
    (folder / "a.mp4").rename(folder / "sub" / "renamed.mov")
    moved = update(folder)
    assert (moved.read, moved.changes.moved, moved.changes.missing) == (0, 1, 0)
    with Catalogue.open(folder) as catalogue:
        assert {one.shot.file.name for one in catalogue.records()} == {"renamed.mov", "b.mp4", "c.mp4"}


def test_files_that_are_missing_come_back(quick: None, folder: Path) -> None:
    update(folder)
    before = contents(folder)
    away = folder.parent / "away.mp4"
    (folder / "b.mp4").rename(away)
    assert update(folder).changes.missing == 1
    assert update(folder).changes.missing == 0  # it is no news any more
    assert len(contents(folder)) == len(before) - 2
    away.rename(folder / "b.mp4")
    assert update(folder).read == 0
    assert contents(folder) == before


def test_files_that_change_are_read_again(quick: None, folder: Path) -> None:
    update(folder)
    old = fingerprint(folder / "b.mp4")
    write_clip(folder / "b.mp4", frames=20, rate=10)
    assert update(folder).read == 1
    with Catalogue.open(folder) as catalogue:
        shots = {one.shot.frames for one in catalogue.records() if one.shot.file.name == "b.mp4"}
        assert not catalogue.stills(old).exists()
        assert catalogue.ledger.asked(old) is None
    assert shots == {20}


def test_two_copies_are_one_film(quick: None, folder: Path) -> None:
    (folder / "copy.mp4").write_bytes((folder / "a.mp4").read_bytes())
    assert update(folder).read == 3
    (folder / "a.mp4").unlink()
    assert update(folder).read == 0
    with Catalogue.open(folder) as catalogue:
        assert catalogue.count() == 4
        assert "copy.mp4" in {one.shot.file.name for one in catalogue.records()}


def test_what_cannot_be_read_is_said_and_left_out(quick: None, folder: Path) -> None:
    whole = (folder / "b.mp4").read_bytes()
    (folder / "empty.mp4").touch()
    (folder / "cut short.mp4").write_bytes(whole[:2000])
    (folder / "noise.mkv").write_bytes(np.random.default_rng(0).bytes(5000))
    (folder / "playlist.mp4").write_text("#EXTM3U\n/etc/passwd\n")
    rotten = bytearray(whole)
    middle = whole.index(b"mdat") + 40
    rotten[middle : middle + 6000] = bytes(len(rotten[middle : middle + 6000]))
    (folder / "rotten.mp4").write_bytes(rotten)
    (folder / "codec of tomorrow.mp4").write_bytes(whole.replace(b"avc1", b"zzzz"))
    (folder / "letter.txt").write_text("Dear Georges")
    (folder / "still.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    outcome = update(folder)
    reasons = {file.path.name: file.reason for file in [*outcome.changes.refused, *outcome.refused]}
    assert reasons.keys() == {
        "empty.mp4",
        "cut short.mp4",
        "noise.mkv",
        "playlist.mp4",
        "rotten.mp4",
        "codec of tomorrow.mp4",
    }
    assert reasons["empty.mp4"] == "empty"
    assert "moov" in reasons["cut short.mp4"]
    assert "playlist" in reasons["playlist.mp4"]
    assert reasons["codec of tomorrow.mp4"] == "has no pictures that can be decoded"
    assert outcome.read == 3
    later = update(folder)
    assert (later.read, later.changes.refused, later.refused) == (0, [], [])
    (folder / "empty.mp4").write_bytes(whole[:-1] + b"\0")  # now it is a film
    assert update(folder).read == 1


def test_a_film_that_is_changed_while_it_is_read_is_read_again(
    quick: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = 0

    def seen() -> None:
        nonlocal frames
        frames += 1
        if frames == 5:
            os.utime(folder / "a.mp4", ns=(1, 1))

    outcome = update(folder, seen=seen)
    assert [file.reason for file in outcome.refused] == ["was changed while it was read"]
    assert outcome.read == 2
    assert update(folder).read == 1


def test_hidden_files_our_own_and_links_that_lead_out_are_left_alone(films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "footage"
    for name in ("b/film.mp4", "a.mp4", ".hidden.mp4", ".Trash/film.mp4", "out.mp4.part/1.mp4", "cut.mkv.part"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    home = folder / "catalogue"
    home.mkdir()
    (home / "film.mp4").write_bytes(b"x")
    (folder / "out").symlink_to(films)
    (folder / "film out.mp4").symlink_to(films / "1.mp4")
    (folder / "film in.mp4").symlink_to(folder / "a.mp4")
    (folder / "round").symlink_to(folder)
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    (folder / "nowhere.mp4").symlink_to(folder / "gone.mp4")
    os.mkfifo(folder / "pipe.mp4")
    assert [str(path) for path, _ in walk(folder, home)] == ["a.mp4", "film in.mp4", "b/film.mp4"]


def test_films_of_one_picture_are_read_and_pictures_are_not(quick: None, tmp_path: Path) -> None:
    for name in ("one.mp4", "one.avi"):
        write_clip(tmp_path / name, frames=1, rate=10)
    cv.imwrite(str(tmp_path / "still.png"), np.zeros((64, 64, 3), np.uint8))
    cv.imwrite(str(tmp_path / "still.jpg"), np.zeros((64, 64, 3), np.uint8))
    outcome = update(tmp_path)
    assert (outcome.read, outcome.shots, outcome.frames) == (2, 2, 2)
    assert outcome.changes.refused + outcome.refused == []


def test_films_whose_stills_are_lost_are_read_again(
    quick: None, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    update(folder)
    before = contents(folder)
    with Catalogue.open(folder) as catalogue:
        next(catalogue.records()).pictures[0].unlink()
    assert update(folder).read == 1
    assert "stills of 1 of the films" in caplog.text
    shutil.rmtree(folder / HOME / "stills")
    assert update(folder).read == 3
    assert contents(folder) == before
    assert update(folder).read == 0


def test_quietly_only_warnings_are_said(quick: None, folder: Path) -> None:
    (folder / "empty.mp4").touch()
    for option in ("-q", "--json"):
        told = CliRunner().invoke(command, [str(folder), "--again", option], catch_exceptions=False)
        assert told.stderr == "warning: empty.mp4 is left out: empty.\n"


def test_without_lancedb_it_is_said_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melies.footage.catalogue.store.find_spec", lambda name: None)
    with pytest.raises(UseError, match=r"pip install 'melies\[footage\]'"):
        update(folder)
    assert not (folder / HOME).exists()


def test_names_that_are_not_text_are_kept(quick: None, films: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 ' \" ; %.mp4")
    (tmp_path / name).write_bytes((films / "0.mp4").read_bytes())
    assert update(tmp_path).read == 1
    with Catalogue.open(tmp_path) as catalogue:
        assert next(catalogue.records()).shot.file == tmp_path / name
    assert update(tmp_path).changes.same == 1


def test_a_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    content = bytearray(np.random.default_rng(0).bytes(10 * PIECE))
    for size in (0, 1, 3 * PIECE, 3 * PIECE + 1, 10 * PIECE):
        one.write_bytes(content[:size])
        other.write_bytes(content[:size])
        assert fingerprint(one) == fingerprint(other)
        assert len(fingerprint(one)) == 16
        for at in {0, size // 2, size - 1} if size else ():
            changed = bytearray(content[:size])
            changed[at] ^= 1
            other.write_bytes(changed)
            assert fingerprint(one) != fingerprint(other)
        other.write_bytes(content[:size] + b"\0")
        assert fingerprint(one) != fingerprint(other)


def test_films_read_before_a_question_was_known_are_counted(quick: None, folder: Path) -> None:
    update(folder)
    with Catalogue.open(folder, create=True) as catalogue:
        changes = compare(catalogue, {"energy", "smell"})
        assert (changes.outdated, changes.to_read) == (3, [])
        assert len(compare(catalogue, {"energy", "+people"}).to_read) == 3


def test_several_at_once_make_the_same_catalogue(quick: None, folder: Path, tmp_path: Path) -> None:
    update(folder)
    alone = contents(folder)
    other = tmp_path / "other"
    with Catalogue.open(folder, create=True, at=other) as catalogue:
        assert index(catalogue, PLAIN, jobs=3).read == 3
        both = {one.id: one.labels for one in catalogue.records()}
    assert both == {row[0]: row[2] for row in alone}


def test_whoever_stops_goes_on(quick: None, folder: Path) -> None:
    def stop(file: object, shots: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        update(folder, done=stop)
    with Catalogue.open(folder) as catalogue:
        assert 0 < catalogue.count() < 4
    assert 0 < update(folder).read < 3
    assert len(contents(folder)) == 4


KILLED = """
import os, signal
from melies.footage.catalogue import Catalogue, store
whole, calls = store.settle, []
def killed(*given):
    whole(*given)
    calls.append(None)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
store.settle = killed
with Catalogue.open({folder!r}, create=True) as catalogue:
    indexer.index(catalogue, indexer.Wish(people=False))
"""
"""Dies when the second film's shots are in the table, the book is half written, and the third film is being read."""


def test_killed_it_goes_on_to_the_same_end(quick: None, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    process = subprocess.Popen([sys.executable, "-c", QUICK + KILLED.format(folder=str(copy))])
    update(folder)
    wanted = [(row[0], row[2]) for row in contents(folder)]
    stills = sorted(path.relative_to(folder) for path in folder.rglob("*.jpg*"))
    assert process.wait() == -signal.SIGKILL
    assert [row[1].file.name for row in contents(copy)] == ["a.mp4"]
    assert update(copy).read == 2
    assert [(row[0], row[2]) for row in contents(copy)] == wanted
    assert sorted(path.relative_to(copy) for path in copy.rglob("*.jpg*")) == stills


@pytest.mark.parametrize("place", ["Catalogue.keep", "store.to_table", "Ledger.finish", "store.settle"])
def test_interrupted_anywhere_it_leaves_no_half_film(
    quick: None, folder: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"store": "melies.footage.catalogue.store", "Ledger": "melies.footage.catalogue.Ledger"}
    owner, _, method = place.partition(".")
    calls = 0

    def fails(*given: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return whole(*given)  # type: ignore[no-any-return]

    target = f"{name.get(owner, 'melies.footage.catalogue.Catalogue')}.{method}"
    whole = pkgutil.resolve_name(target)
    with monkeypatch.context() as patch:
        patch.setattr(target, fails)
        with pytest.raises(KeyboardInterrupt):
            update(folder)
    with Catalogue.open(folder) as catalogue:
        whole_films = catalogue.ledger.shots()
        assert catalogue.count() == sum(whole_films.values())
        assert len(whole_films) < 3
    update(folder)
    assert len(contents(folder)) == 4
    with Catalogue.open(folder) as catalogue:
        pictures = {path for one in catalogue.records() for path in one.pictures}
    assert set((folder / HOME / "stills").rglob("*.*")) == pictures


def test_watching_waits_until_files_have_grown(tmp_path: Path) -> None:
    told: list[list[str]] = []

    def story() -> Iterator[None]:
        yield
        (tmp_path / "a.mp4").write_bytes(b"1")
        yield
        (tmp_path / "b.mp4").write_bytes(b"1")  # a has stopped growing, b has just come
        yield
        (tmp_path / "b.mp4").write_bytes(b"12")
        yield
        yield  # nothing happens any more
        yield
        (tmp_path / "a.mp4").unlink()
        yield
        yield  # the first time nobody could see to it

    def work(settled: dict[Path, Stamp]) -> bool:
        told.append(sorted(path.name for path in settled))
        return told.count(["b.mp4"]) != 1

    steps = story()
    with suppress(StopIteration):  # the story has ended
        watch(tmp_path, tmp_path / HOME, 1, work, sleep=lambda seconds: next(steps))
    assert told == [[], ["a.mp4"], ["a.mp4", "b.mp4"], ["b.mp4"], ["b.mp4"]]


def watching(monkeypatch: pytest.MonkeyPatch, folder: Path, story: Iterator[None], *options: str) -> tuple[str, str]:
    """Run the command while a story happens, a step between two looks; return its stdout and stderr."""
    monkeypatch.setattr("melies.footage.indexer.watch.__defaults__", (lambda seconds: next(story),))
    result = CliRunner().invoke(command, [str(folder), "--watch", "--no-people", *options])
    assert isinstance(result.exception, StopIteration)
    return result.stdout, result.stderr


def test_a_film_that_is_being_copied_when_watching_begins_is_waited_for(
    quick: None, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (films / "0.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(content[:2000])

    def story() -> Iterator[None]:
        (tmp_path / "a.mp4").write_bytes(content[:3000])
        yield
        (tmp_path / "a.mp4").write_bytes(content)
        yield
        yield

    out, err = watching(monkeypatch, tmp_path, story())
    assert [line.partition(",")[0] for line in out.splitlines()] == ["nothing new. The catalogue has 0 films", "1 read"]
    assert "left out" not in err


def test_a_film_that_comes_while_somebody_else_writes_is_read_after_that(
    quick: None, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def story() -> Iterator[None]:
        yield
        (tmp_path / "a.mp4").write_bytes((films / "0.mp4").read_bytes())
        yield
        with Catalogue.open(tmp_path, create=True):
            yield
            yield
        yield

    out, err = watching(monkeypatch, tmp_path, story())
    assert "1 read" in out.splitlines()[-1]
    assert err.count("What has changed is read after that") == 1


def test_a_film_renamed_while_watching_is_moved_and_never_missing(
    quick: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []

    def story() -> Iterator[None]:
        yield
        (folder / "a.mp4").rename(folder / "z.mp4")
        for _ in range(3):
            yield
            with Catalogue.open(folder) as catalogue:
                shown.append(catalogue.count())
        (folder / "b.mp4").rename(folder / "gone.mp4")
        yield
        (folder / "gone.mp4").unlink()
        yield
        yield

    out, _ = watching(monkeypatch, folder, story())
    news = [line.partition(". The")[0] for line in out.splitlines()]
    assert news[0].startswith("3 read")
    assert [line.rpartition("same, ")[2] for line in news[1:]] == ["1 moved", "1 missing"]
    assert shown == [4, 4, 4]


def test_growing_files_are_neither_read_nor_missing(quick: None, folder: Path) -> None:
    with Catalogue.open(folder, create=True) as catalogue:
        settled = dict(islice(walk(folder, catalogue.home), 2))
        assert len(compare(catalogue, (), settled=settled).to_read) == 2
        index(catalogue, PLAIN)
        assert compare(catalogue, (), settled={}) == Changes()


def test_the_command_from_end_to_end(films: Path, tmp_path: Path) -> None:
    write_clip(tmp_path / "film.mp4", frames=10, rate=10)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "notes.txt").write_text("buy milk")
    run = CliRunner()
    first = run.invoke(command, [str(tmp_path)], catch_exceptions=False)
    assert "1 read, 1 refused" in first.output
    assert "The catalogue has 1 film, 1 shot." in first.output
    assert "empty.mp4 is left out: empty." in first.output
    told = json.loads(run.invoke(command, [str(tmp_path), "--json"]).stdout)
    assert (told["read"], told["same"], told["shots"]) == (0, 2, 1)
    status = run.invoke(command, [str(tmp_path), "--status"]).output
    assert "refused  empty.mp4: empty" in status
    (tmp_path / "film.mp4").unlink()
    assert "1 missing" in run.invoke(command, [str(tmp_path)]).output
    assert "1 forgotten" in run.invoke(command, [str(tmp_path), "--prune"]).output
    assert json.loads(run.invoke(command, [str(tmp_path), "--status", "--json"]).stdout)["left_out"] == [
        {"file": "empty.mp4", "state": "refused", "reason": "empty"}
    ]


def test_wishes_are_remembered(quick: None, folder: Path) -> None:
    run = CliRunner()
    run.invoke(command, [str(folder), "--no-people", "-q"], catch_exceptions=False)
    with Catalogue.open(folder) as catalogue:
        assert catalogue.ledger.setting("people") == "no"
    assert "3 same" in run.invoke(command, [str(folder)]).output
    assert "3 read" in run.invoke(command, [str(folder), "--people"]).output
    unknown = run.invoke(command, [str(folder), "--ask", "smell"])
    assert isinstance(unknown.exception, UseError)
    assert "no question 'smell'" in str(unknown.exception)


def test_more_broken_frames_are_tolerated_where_that_is_asked(quick: None, tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    write_clip(film, frames=40, rate=10)
    data = bytearray(film.read_bytes())
    middle = slice(len(data) // 4, -len(data) // 4, 40)
    data[middle] = bytes(len(data[middle]))
    film.write_bytes(data)
    run = CliRunner()
    told = run.invoke(command, [str(tmp_path), "--no-people", "--max-errors", "0"], catch_exceptions=False).output
    assert "1 refused" in told
    told = run.invoke(command, [str(tmp_path), "--again", "--max-errors", "40"], catch_exceptions=False).output
    assert "1 read" in told


def test_words_go_to_the_shot_in_which_they_are_said(
    quick: None, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "film.mp4", frames=13, rate=10, cut_at=6, sound=True)
    (tmp_path / "silent.mp4").write_bytes((films / "0.mp4").read_bytes())
    heard = []

    def transcribe(path: Path) -> Iterator[Word]:
        heard.append(path.name)
        yield from (
            Word("one", 0.0, 0.3, 1),
            Word("two", 0.4, 0.7, 1),
            Word("three", 0.5, 0.9, 1),
            Word("four", 2, 3, 1),
        )

    monkeypatch.setattr("melies.footage.transcript.transcribe", transcribe)
    monkeypatch.setattr("melies.footage.transcript.available", lambda: False)
    with pytest.raises(UseError, match="models pull whisper-tiny"):
        update(tmp_path, Wish(people=False, transcript=True))
    monkeypatch.setattr("melies.footage.transcript.available", lambda: True)
    update(tmp_path, PLAIN)
    assert update(tmp_path, Wish(people=False, transcript=True)).read == 2  # once more, for the words
    with Catalogue.open(tmp_path) as catalogue:
        film = [one for one in catalogue.records() if one.shot.file.name == "film.mp4"]
    assert [one.text for one in sorted(film, key=lambda one: one.shot.number)] == ["one two", "three four"]
    assert heard == ["film.mp4"]


def test_the_speed_is_steady_where_frames_come_in_bursts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty frames in a second, then five seconds without any: ten a second, not 50 or none."""
    now, told = 0.0, []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    meter = progress.Meter(told.append, "render", 3000, over=60)
    for frame in range(2000):
        now = frame // 50 * 5 + frame % 50 / 50
        meter.add()
    late = [one.fps for one in told if one.seconds > 15]
    assert 8 < min(late) <= max(late) < 13
    assert told[-1].left == pytest.approx(1000 / 10, rel=0.2)
