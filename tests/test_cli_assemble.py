"""`melies assemble`, as it is typed."""

from __future__ import annotations

import os
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result

from melies.cli.assemble import command
from melies.errors import UseError


def run(*words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Ten seconds of film with sound in seconds 1 to 3 and 6 to 8."""
    path = tmp_path / "talk.mkv"
    times = np.arange(10 * 16000) / 16000
    heard = ((times >= 1) & (times < 3)) | ((times >= 6) & (times < 8))
    samples = (heard * 0.3 * np.sin(2 * np.pi * 300 * times)).astype(np.float32)
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for index in range(250):
            picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), index, np.uint8), format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        for first in range(0, len(samples), 1600):
            block = (samples[first : first + 1600] * 32767).astype(np.int16)[None]
            sound = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = 16000, first, Fraction(1, 16000)
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    return path


def test_silences_are_cut(talk: Path, tmp_path: Path) -> None:
    from melies.footage.timeline import read

    result = run("--mode", "silence-cut", talk, "--to", tmp_path / "tight.edl")
    assert result.exit_code == 0, result.output
    cuts = read(tmp_path / "tight.edl").cuts
    starts, ends = [float(cut.start) for cut in cuts], [float(cut.end) for cut in cuts]
    assert starts == pytest.approx([0.8, 5.8], abs=0.12)
    assert ends == pytest.approx([3.2, 8.2], abs=0.12)
    assert "2 pieces, " in result.output
    whole = run("--mode", "silence-cut", talk, "--margin", 5, "--to", tmp_path / "whole.edl")
    assert "1 piece, " in whole.output


def test_the_preview_is_as_wide_as_asked(talk: Path, tmp_path: Path) -> None:
    result = run("--mode", "silence-cut", talk, "--width", "49", "--to", tmp_path / "tight.mp4", "-q")
    assert result.exit_code == 0, result.output
    with av.open(str(tmp_path / "tight.mp4")) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (48, 48)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--mode", "supercut", "--from", "."], "the words that are said"),
        (["--from", "."], "Say which: the brief"),
        (["brief.txt"], "Say which footage"),
        (["much", "--mode", "montage", "--from", "."], "is too much"),
        (["--mode", "silence-cut"], "Say which film"),
    ],
)
def test_what_is_missing_is_said(words: list[str], sentence: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert sentence in result.output


def refused(*words: object) -> str:
    result = run(*words)
    assert isinstance(result.exception, UseError), result.output
    return str(result.exception)


def test_the_brief_is_not_overwritten(tmp_path: Path) -> None:
    brief = tmp_path / "brief.md"
    brief.write_text("a door\n")
    assert "would overwrite" in refused(brief, "--from", tmp_path, "--to", brief, "--overwrite")
    assert brief.read_text() == "a door\n"


def test_what_cannot_be_written_is_said_before_anything_is_read(talk: Path, tmp_path: Path) -> None:
    silence = ("--mode", "silence-cut", talk)
    assert "should end in" in refused(*silence, "--to", tmp_path / "cut.txt")
    assert "no folder" in refused(*silence, "--to", tmp_path / "nowhere" / "cut.edl")
    (tmp_path / "cut.edl").write_text("mine")
    assert "exists already" in refused(*silence, "--to", tmp_path / "cut.edl")
    assert (tmp_path / "cut.edl").read_text() == "mine"


def test_a_folder_that_was_not_indexed(tmp_path: Path) -> None:
    brief = tmp_path / "brief.txt"
    brief.write_text("a door\n")
    assert "no catalogue" in refused(brief, "--from", tmp_path, "--to", tmp_path / "cut.edl")


def test_a_supercut_needs_to_know_what_is_said(tmp_path: Path) -> None:
    from melies.footage.catalogue import Catalogue
    from melies.footage.indexer import TRANSCRIPT

    words = ("--mode", "supercut", "hello", "--from", tmp_path, "--to", tmp_path / "cut.otio")
    film = "0" * 16
    for asked, sentence in (((), "was transcribed"), ((TRANSCRIPT,), "Nothing in the catalogue fits")):
        with Catalogue.open(tmp_path, create=True) as catalogue:
            catalogue.begin(film)
            catalogue.ledger.finish(film, 0, asked)
        assert sentence in refused(*words)


def test_a_cut_shows_the_moment_for_which_its_shot_was_chosen(tmp_path: Path) -> None:
    pytest.importorskip("lancedb", reason="the catalogue needs melies[footage]")
    from melies.footage import Label, Record, Shot
    from melies.footage.catalogue import Catalogue, File

    (tmp_path / "talk.mp4").touch()
    shot = Shot(Path("talk.mp4"), 1, Fraction(0), Fraction(20), 0, 500, Fraction(25))
    smiling = Label("expression", "smiling", 0.9, "clearest 15.8 s into the film", {"at": 15.8})
    with Catalogue.open(tmp_path, create=True) as catalogue:
        film = "1" * 16
        catalogue.add(File(Path("talk.mp4"), film, 0, 0), [Record(f"{film}-000000", shot, (smiling,))])
    (tmp_path / "brief.txt").write_text("somebody smiling (2 s)\n")
    words = tmp_path / "brief.txt", "--from", tmp_path, "--to", tmp_path / "cut.md"
    assert "lasts" not in run(*words, "--duration", 2).output
    short = run(*words, "--duration", 2.2, "--overwrite").output
    assert "the cut lasts 2.00 s (50 frames), not 2.2 s: the footage that fits gives no more, and lines" in short
    told = (tmp_path / "cut.md").read_text(encoding="utf-8")
    assert "talk.mp4, 00:00:14:20 to 00:00:16:20" in told
    assert "- used: around 15.8 s (smiling)" in told


def test_no_brief(tmp_path: Path) -> None:
    assert "no brief" in refused(tmp_path / "none.txt", "--from", tmp_path, "--to", tmp_path / "cut.edl")
    (tmp_path / "film.txt").write_bytes(os.urandom(100) + b"\xff\xfe")
    assert "not a text file" in refused(tmp_path / "film.txt", "--from", tmp_path, "--to", tmp_path / "cut.edl")


def test_music_without_a_beat(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "silence.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    words = ("--mode", "montage", "--from", tmp_path, "--music", tmp_path / "silence.wav")
    assert "no beat" in refused(*words, "--to", tmp_path / "cut.edl")
