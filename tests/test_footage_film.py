"""Films whose pictures begin later than the file: clip time counts from their first frame everywhere."""

from __future__ import annotations

import csv
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import melies
from melies.footage.conform import conform
from melies.footage.detect import detect
from melies.footage.film import open_film
from melies.footage.shot import Shot
from melies.footage.shot_list import ShotList, split, write
from melies.footage.timecode import Timecode
from melies.footage.timeline import about, export, from_shots, read
from melies.footage.watch import watch
from melies.media.synthetic import SOUND_RATE

FRAMES, CUT, BEEP = 100, 50, 60
KINDS = {
    "aac.mkv": ("libx264", "pcm_s16le", Fraction(25), Fraction(1024, 48000)),
    "film.mkv": ("libx264", "pcm_s16le", Fraction(24000, 1001), Fraction(1024, 48000)),
    "opus.webm": ("libvpx", "libopus", Fraction(25), Fraction(47, 1000)),
    "late.mov": ("libx264", "pcm_s16le", Fraction(25), Fraction(1)),
}


@pytest.fixture(scope="module", params=KINDS)
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 frames that all differ, the sound a little before them; a key frame at the cut, a beep after it."""
    codec, sound_codec, rate, late = KINDS[request.param]
    options = {"keyint_min": "25", "g": "25", "crf": "8", "b": "4M"}
    if codec == "libx264":
        options = {"x264-params": "keyint=25:min-keyint=25:scenecut=0", "preset": "ultrafast", "bf": "2"}
    path = tmp_path_factory.mktemp("late") / request.param
    milliseconds = Fraction(1, 1000)
    with av.open(path, "w") as out:
        video = out.add_stream(codec, rate=rate, options=options)
        video.width, video.height, video.pix_fmt = 128, 64, "yuv420p"
        video.codec_context.time_base = video.time_base = milliseconds
        sound = out.add_stream(sound_codec, rate=SOUND_RATE, layout="mono")
        time = np.arange(round((late + FRAMES / rate) * SOUND_RATE)) / SOUND_RATE
        heard = (time >= late + BEEP / rate) & (time < late + (BEEP + 5) / rate)
        wave = np.where(heard, 0.5 * np.sin(2 * np.pi * 1000 * time), 0).astype(np.float32)
        for begin in range(0, len(wave), 960):
            block = av.AudioFrame.from_ndarray(wave[None, begin : begin + 960], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = SOUND_RATE, begin, Fraction(1, SOUND_RATE)
            out.mux(sound.encode(block))
        out.mux(sound.encode(None))
        for index in range(FRAMES):
            image = np.full((64, 128, 3), (40, 90, 160) if index < CUT else (200, 120, 60), np.uint8)
            image[16:48, index : index + 24] = 240
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round((late + index / rate) / milliseconds), milliseconds
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


@pytest.fixture(scope="module")
def shots(film: Path) -> tuple[Shot, ...]:
    """The two shots of the film, looked for once."""
    return tuple(detect(film))


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.array_equal(one, other))


def beep(samples: np.ndarray, rate: int) -> float:
    """When a beep begins, in seconds."""
    return float(np.flatnonzero(np.abs(samples) > 0.2)[0]) / rate


def test_clip_time_is_exact_from_the_first_frame(film: Path) -> None:
    clip = open_film(film)
    assert clip.source.late > 0  # type: ignore[attr-defined]
    frames = list(clip.frames())
    rate = clip.spec.rate
    assert rate == KINDS[film.name][2]
    assert [frame.pts * frame.time_base for frame in frames] == [index / rate for index in range(FRAMES)]
    assert clip.spec.frames == melies.open(film).spec.frames == FRAMES
    assert about(film).length == FRAMES / rate
    some = list(open_film(film, 10 / rate, 20 / rate).frames())
    assert len(some) == 10
    assert same(some[0].image, frames[10].image)
    (later, *_) = clip.source.frames(37 / rate)
    assert same(later.image, frames[37].image)


def test_shots_are_at_the_frame(film: Path, shots: tuple[Shot, ...]) -> None:
    rate = KINDS[film.name][2]
    assert [(shot.first, shot.frames, shot.start, shot.end) for shot in shots] == [
        (0, CUT, 0, CUT / rate),
        (CUT, FRAMES - CUT, CUT / rate, FRAMES / rate),
    ]
    seen = list(watch(film))
    assert tuple(one.shot for one in seen) == shots
    assert seen[1].sound is not None
    assert beep(seen[1].sound, 16000) == pytest.approx(float((BEEP - CUT) / rate), abs=2e-3)
    (part,) = detect(film, start=CUT / rate)
    assert (part.first, part.start, part.frames) == (CUT, CUT / rate, FRAMES - CUT)


def test_lists_name_the_frame(film: Path, shots: tuple[Shot, ...], tmp_path: Path) -> None:
    found = ShotList(shots, Timecode(0, about(film).rate))
    with write(found, tmp_path / "a.csv").open() as table:
        assert [row["first"] for row in csv.DictReader(table)] == ["0", str(CUT)]
    assert write(found, tmp_path / "a.qp").read_text() == f"0 I -1\n{CUT} I -1\n"
    edl = write(found, tmp_path / "a.edl").read_text()
    assert " ".join(str(found.begin + frame) for frame in (CUT, FRAMES)) in edl


def test_a_shot_with_a_key_frame_is_copied(film: Path, shots: tuple[Shot, ...], tmp_path: Path) -> None:
    whole = [frame.image for frame in melies.open(film).frames()]
    pieces = split(shots, tmp_path)
    assert [piece.copied for piece in pieces] == [True, True]
    parts = [frame.image for piece in pieces for frame in melies.open(piece.path).frames()]
    assert len(parts) == FRAMES
    assert all(map(same, parts, whole))


def test_a_shot_that_is_encoded_is_whole(film: Path, shots: tuple[Shot, ...], tmp_path: Path) -> None:
    (_, shot) = shots
    late = replace(shot, start=shot.start + 3 / shot.rate, first=shot.first + 3, frames=shot.frames - 3)
    (piece,) = split([late], tmp_path)
    assert not piece.copied
    whole = [frame.image.astype(int) for frame in melies.open(film).frames()]
    for index, frame in enumerate(melies.open(piece.path).frames()):
        assert min(range(FRAMES), key=lambda at: float(np.abs(whole[at] - frame.image).mean())) == late.first + index
    assert index == late.frames - 1


@pytest.mark.parametrize("ending", [".otio", ".fcpxml", ".edl", ".xml"])
def test_a_timeline_of_all_shots_is_the_film(film: Path, shots: tuple[Shot, ...], tmp_path: Path, ending: str) -> None:
    made = read(export(from_shots(shots), tmp_path / f"cut{ending}"), media=[film.parent])
    clip = conform(made)
    whole = [frame.image for frame in melies.open(film).frames()]
    frames = [frame.image for frame in clip.frames()]
    assert len(frames) == FRAMES
    assert all(map(same, frames, whole))
    blocks = list(clip.sound())
    samples = np.concatenate([block.samples[:, 0] for block in blocks])
    assert beep(samples, blocks[0].rate) == pytest.approx(float(BEEP / clip.spec.rate), abs=2e-3)
