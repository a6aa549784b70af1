"""What users get wrong, through the command that they type: one sentence, the right exit status, nothing lost."""

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import av
import numpy as np
import pytest

from melies import cli
from melies.media.synthetic import write_clip

Melies = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: Any) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "film.mp4", frames=60, sound=True)


@pytest.fixture
def melies(monkeypatch: Any, capfd: Any) -> Melies:
    """Runs a command in a folder, in this process; what libraries write to the terminal themselves counts as said."""

    def run(*words: str | Path, folder: Path) -> CompletedProcess[str]:
        monkeypatch.chdir(folder)
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main([str(word) for word in words])
        out, err = capfd.readouterr()
        return CompletedProcess(words, left.value.code, out, err)

    return run


def in_its_own_process(*words: str | Path, folder: Path) -> CompletedProcess[str]:
    command = [sys.executable, "-m", "melies", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def refused(done: CompletedProcess[str], status: int, words: str, folder: Path, *left: str) -> None:
    """One message, no traceback, nothing new in the folder."""
    assert done.returncode == status, done.stderr + done.stdout
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert sum(line.startswith("melies: ") for line in done.stderr.splitlines()) == 1, done.stderr
    assert sorted(p.name for p in folder.iterdir()) == sorted(left)


def empty(path: Path, clip: Path) -> None:
    path.write_bytes(b"")


def text(path: Path, clip: Path) -> None:
    path.write_text("Once upon a time\n" * 100)


def without_index(path: Path, clip: Path) -> None:
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])


def cut_short(path: Path, clip: Path) -> None:
    whole = write_clip(path.with_name("whole.mp4"), frames=60, container_options={"movflags": "+faststart"})
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole.unlink()


def only_sound(path: Path, clip: Path) -> None:
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.audio[0], opaque=True)
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                out.mux(packet)


def no_frames(path: Path, clip: Path) -> None:
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        out.start_encoding()


def playlist(path: Path, clip: Path) -> None:
    path.write_text(f"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:2,\n{clip}\n#EXT-X-ENDLIST\n")


def concat_list(path: Path, clip: Path) -> None:
    path.write_text(f"ffconcat version 1.0\nfile '{clip}'\n")


@pytest.mark.parametrize(
    ("make", "status", "words"),
    [
        (empty, 2, "empty"),
        (text, 2, "in.mp4"),
        (without_index, 2, "in.mp4"),
        (cut_short, 1, "in.mp4"),
        (only_sound, 2, "holds sound, but no film"),
        (no_frames, 2, "in.mp4"),
        (playlist, 2, "playlist"),
        (concat_list, 2, "names other files"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_files_that_are_no_film(tmp_path: Path, clip: Path, make: Any, status: int, words: str, melies: Melies) -> None:
    make(tmp_path / "in.mp4", clip)
    before = (tmp_path / "in.mp4").read_bytes()
    refused(melies("apply", "in.mp4", "out.mp4", "fade", folder=tmp_path), status, words, tmp_path, "in.mp4")
    assert (tmp_path / "in.mp4").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.mp4", "out.mp4"], "missing.mp4"),
        (["http://example.org/film.mp4", "out.mp4"], "http"),
        (["concat:in.mp4|in.mp4", "out.mp4"], "concat:"),
        (["in.mp4", "in.mp4"], "both input and output"),
        (["in.mp4", "in.mp4", "--overwrite"], "both input and output"),
        (["in.mp4", "kept.mp4"], "--overwrite"),
        (["in.mp4", "nowhere/out.mp4"], "no folder"),
        (["in.mp4", "out.xyz"], ".xyz"),
        (["in.mp4", "out.mp4", "greyscreen"], "greyscreen"),
        (["in.mp4", "out.mp4", "resiz", "--width", "4"], "resize"),
        (["in.mp4", "out.mp4", "resize", "--widht", "4"], "--width"),
        (["in.mp4", "out.mp4", "resize", "--width", "-4"], "--width"),
        (["in.mp4", "out.mp4", "resize", "--width", "wide"], "--width"),
        (["in.mp4", "out.mp4", "--quality", "300"], "--quality"),
        (["in.mp4", "out.mp4", "--codec", "divx"], "--codec"),
        (["in.mp4", "out.mp4", "--codec", "ffv1"], "does not go into"),
        (["in.mp4", "out.mp4", "--start", "9"], "in.mp4"),
        (["in.mp4", "out.mp4", "--start", "2", "--end", "1"], "after the start"),
        (["in.mp4", "out.mp4", "--start", "soon"], "soon"),
        (["in.mp4", "out.mp4", "--set", "no-such-thing=1"], "no-such-thing"),
        (["in.mp4", "out.mp4", "--set", "crf=abc"], "crf=abc"),
        (["in.mp4", "out.mp4", "matte", "--background", "nocolour"], "nocolour"),
        (["in.mp4", "out.mp4", "--device", "abacus"], "abacus"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_requests_that_cannot_be_met(
    tmp_path: Path, clip: Path, arguments: list[str], words: str, melies: Melies
) -> None:
    (tmp_path / "in.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "kept.mp4").write_text("precious")
    refused(melies("apply", *arguments, folder=tmp_path), 2, words, tmp_path, "in.mp4", "kept.mp4")
    assert (tmp_path / "in.mp4").read_bytes() == clip.read_bytes()
    assert (tmp_path / "kept.mp4").read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is unwritable for root")
def test_unwritable_folder(tmp_path: Path, clip: Path, melies: Melies) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    refused(melies("apply", clip, "locked/out.mp4", folder=tmp_path), 2, "cannot be written", locked)


def test_unwritable_place(tmp_path: Path, clip: Path) -> None:
    done = in_its_own_process("apply", clip, "/proc/out.mp4", folder=tmp_path)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def broken(path: Path, places: range) -> Path:
    """A film with a few frames overwritten with noise."""
    whole = write_clip(path.with_name("whole.mkv"), frames=60, codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(whole.read_bytes())
    with av.open(str(whole)) as file:
        spots = [(p.pos, p.size) for p in file.demux(video=0) if p.size]
    noise = np.random.default_rng(1)
    for index in places:
        at, size = spots[index]
        start = data.find(b"\xff\xd8", at)
        data[start : start + size - 40] = noise.bytes(size - 40)
    path.write_bytes(data)
    whole.unlink()
    return path


def test_a_broken_frame_is_skipped_and_counted(tmp_path: Path, melies: Melies) -> None:
    broken(tmp_path / "in.mkv", range(20, 22))
    done = melies("apply", "in.mkv", "out.mp4", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "broken" in done.stderr
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert file.streams.video[0].frames == 58
        assert file.streams.video[0].average_rate < 25


def test_too_many_broken_frames_stop(tmp_path: Path) -> None:
    broken(tmp_path / "in.mkv", range(20, 40))
    done = in_its_own_process("apply", "in.mkv", "out.mp4", "--max-errors", "5", folder=tmp_path)
    refused(done, 1, "--max-errors", tmp_path, "in.mkv")


def test_a_stream_that_changes_size(tmp_path: Path, melies: Melies) -> None:
    parts = [write_clip(tmp_path / f"{w}.h264", size=(w, 64), frames=10) for w in (96, 128)]
    (tmp_path / "in.h264").write_bytes(b"".join(p.read_bytes() for p in parts))
    done = melies("apply", "in.h264", "out.mp4", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "changes size" in done.stderr
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert {(f.width, f.height) for f in file.decode(video=0)} == {(96, 64)}


def test_odd_dimensions_are_written_with_a_word(tmp_path: Path, melies: Melies) -> None:
    write_clip(tmp_path / "in.mkv", size=(95, 63), frames=5, codec="ffv1", pix_fmt="yuv444p")
    done = melies("apply", "in.mkv", "out.mp4", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "odd" in done.stderr


def test_variable_rate_through_the_command(tmp_path: Path, melies: Melies) -> None:
    write_clip(tmp_path / "in.mkv", pts=[0, 40, 95, 133, 300], time_base=Fraction(1, 1000))
    done = melies("apply", "in.mkv", "out.mkv", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "out.mkv")) as file:
        assert [f.pts for f in file.decode(video=0)] == [0, 40, 95, 133, 300]
