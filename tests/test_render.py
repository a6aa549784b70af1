"""Rendering to files: formats, times, sound, colour, resume and refusals."""

import multiprocessing
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

import melies
from melies.effect import Effect
from melies.engine import render
from melies.errors import MediaError, UseError
from melies.frame import Colour, Frame, VideoSpec
from melies.media import encode, mux, output, pictures
from melies.media.synthetic import write_clip


def video(path: Path) -> list[Frame]:
    frames = list(melies.open(path).frames())
    for frame in frames:
        _ = frame.image
    return frames


def times(path: Path) -> list[Fraction]:
    return [frame.pts * frame.time_base for frame in melies.open(path).frames()]


def payloads(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as file:
        stream = next(s for s in file.streams if s.type == kind)
        return [bytes(p) for p in file.demux(stream) if p.size]


def difference(a: list[Frame], b: list[Frame]) -> float:
    assert len(a) == len(b)
    return max(float(np.abs(level(x) - level(y)).mean()) for x, y in zip(a, b, strict=True))


def level(frame: Frame) -> Any:
    """Pixels on a scale of 0 to 255, whatever the depth."""
    return frame.image.astype(np.float64) / (1 if frame.image.dtype == np.uint8 else 257)


FORMATS = [
    # name, options, source options, largest mean difference per channel of 255, alpha kept
    ("a.mp4", {}, {}, 3, False),
    ("a.mov", {}, {}, 3, False),
    ("a.mkv", {}, {}, 3, False),
    ("h265.mp4", {"codec": "h265"}, {}, 3, False),
    ("av1.mp4", {"codec": "av1", "preset": "ultrafast"}, {}, 6, False),
    ("ffv1.mkv", {"codec": "ffv1"}, {}, 0, False),
    ("alpha.mkv", {}, {"pix_fmt": "bgra"}, 0, True),
    ("prores.mov", {"codec": "prores"}, {}, 2, False),
    ("alpha.mov", {}, {"pix_fmt": "bgra"}, 2, True),
    ("alpha.webm", {"preset": "ultrafast"}, {"pix_fmt": "bgra"}, 6, True),
    ("plain.webm", {"preset": "ultrafast"}, {}, 5, False),
    ("alpha.gif", {}, {"pix_fmt": "bgra"}, None, True),
    ("plain.gif", {}, {}, 8, False),
    ("alpha.webp", {}, {"pix_fmt": "bgra"}, None, True),
    ("alpha.apng", {}, {"pix_fmt": "bgra"}, 0, True),
]


@pytest.mark.parametrize(("name", "options", "made", "limit", "alpha"), FORMATS, ids=[f[0] for f in FORMATS])
def test_formats(tmp_path: Path, name: str, options: Any, made: Any, limit: float | None, alpha: bool) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=15, codec="ffv1", **{"pix_fmt": "yuv420p", **made})
    out = melies.open(source).save(tmp_path / name, **options)
    before, after = video(source), video(out)
    assert len(after) == 15
    assert melies.open(out).spec.alpha == alpha
    assert [f.pts * f.time_base for f in after] == [f.pts * f.time_base for f in before]
    if limit is not None:
        assert difference(before, after) <= limit
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["in.mkv", name])


@pytest.mark.parametrize(("name", "depth"), [("a.mp4", 10), ("a.mov", 10), ("f.mkv", 10), ("v.webm", 10)])
def test_ten_bits_stay_ten_bits(tmp_path: Path, name: str, depth: int) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=5, codec="ffv1", pix_fmt="yuv420p10le")
    codec = {"a.mov": "prores", "f.mkv": "ffv1"}.get(name)
    out = melies.open(source).save(tmp_path / name, codec=codec, preset="ultrafast", quality=90)
    assert melies.open(out).spec.depth == depth
    assert difference(video(source), video(out)) < 3


@pytest.mark.parametrize("depth", [8, 16])
def test_picture_sequences(tmp_path: Path, depth: int) -> None:
    pix_fmt = "rgb24" if depth == 8 else "gbrp16le"
    codec = {"codec": "ffv1", "pix_fmt": "gbrp16le"} if depth == 16 else {"codec": "png", "pix_fmt": pix_fmt}
    source = write_clip(tmp_path / ("in.mkv" if depth == 16 else "in.mov"), frames=4, **codec)
    melies.open(source).save(tmp_path / "shots" / "f-%03d.png")
    assert sorted(p.name for p in (tmp_path / "shots").iterdir()) == [f"f-00{i}.png" for i in (1, 2, 3, 4)]
    again = list(melies.open(tmp_path / "shots" / "f-%03d.png", rate=25).frames())
    assert difference(video(source), again) == 0
    melies.open(source).save(tmp_path / "folder")
    assert difference(video(source), list(melies.open(tmp_path / "folder", rate=25).frames())) == 0


@pytest.mark.parametrize("name", ["still.png", "still.jpg", "still.webp"])
def test_stills(tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=1, codec="ffv1", pix_fmt="yuv444p")
    out = melies.open(source).save(tmp_path / name, quality=95)
    assert difference(video(source), video(out)) < 6
    film = write_clip(tmp_path / "film.mkv", frames=3, codec="ffv1", pix_fmt="yuv444p")
    with pytest.raises(UseError, match="one picture"):
        melies.open(film).save(tmp_path / f"other-{name}" if name != "still.webp" else tmp_path / "x.png")


def test_variable_rate_stays_variable(tmp_path: Path) -> None:
    pts = [0, 40, 95, 130, 133, 300, 333]
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", pts=pts, time_base=Fraction(1, 1000))
    for name in ("out.mp4", "out.mkv", "out.mov", "out.webm"):
        out = melies.open(source).save(tmp_path / name, preset="ultrafast")
        assert times(out) == [Fraction(p, 1000) for p in pts], name


def test_fps_makes_it_constant(tmp_path: Path) -> None:
    pts = [0, 40, 95, 130, 133, 300, 333]
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", pts=pts, time_base=Fraction(1, 1000))
    out = melies.open(source).save(tmp_path / "out.mp4", fps="30000/1001")
    assert times(out) == [Fraction(1001 * i, 30000) for i in range(11)]
    assert melies.open(out).spec.rate == Fraction(30000, 1001)


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(24000, 1001), Fraction(25), Fraction(60)])
def test_rational_rates(tmp_path: Path, rate: Fraction) -> None:
    source = write_clip(tmp_path / "in.mp4", rate=rate, frames=12)
    out = melies.open(source).save(tmp_path / "out.mp4")
    assert melies.open(out).spec.rate == rate
    assert times(out) == [i / rate for i in range(12)]


COLOURS = [
    Colour("limited", "bt709", "bt709", "bt709"),
    Colour("full", "smpte170m", "smpte170m", "smpte170m"),
    Colour("limited", "bt2020nc", "bt2020", "smpte2084"),
]


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm"])
@pytest.mark.parametrize("colour", COLOURS, ids=lambda c: c.matrix)
def test_colour_tags_and_values(tmp_path: Path, name: str, colour: Colour) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=4, codec="ffv1", pix_fmt="yuv420p10le", colour=colour)
    out = melies.open(source).save(tmp_path / name, quality=90, preset="ultrafast")
    assert melies.open(out).spec.colour == colour
    assert difference(video(source), video(out)) < 3


def test_colour_survives_an_effect(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=4, codec="ffv1", pix_fmt="yuv444p", colour=COLOURS[1])
    out = melies.open(source).apply(Copy()).save(tmp_path / "out.mp4", quality=95)
    assert melies.open(out).spec.colour == COLOURS[1]
    assert difference(video(source), video(out)) < 4


def test_pixel_aspect_and_rotation(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=3, pixel_aspect=Fraction(4, 3))
    out = melies.open(source).save(tmp_path / "out.mp4")
    assert melies.open(out).spec.pixel_aspect == Fraction(4, 3)
    turned = write_clip(tmp_path / "turned.mp4", frames=3, size=(96, 64), rotation=90)
    upright = melies.open(turned).save(tmp_path / "upright.mp4")
    assert (melies.open(upright).spec.width, melies.open(upright).spec.height) == (64, 96)
    assert difference(video(turned), video(upright)) < 6


class TestSound:
    def test_packets_are_copied(self, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mp4", sound=True, frames=30)
        for name in ("out.mp4", "out.mov", "out.mkv"):
            out = melies.open(source).save(tmp_path / name)
            assert payloads(out, "audio") == payloads(source, "audio"), name

    def test_what_cannot_be_copied_is_encoded_with_a_warning(self, tmp_path: Path, caplog: Any) -> None:
        source = write_clip(tmp_path / "in.mp4", sound=True, frames=30)
        out = melies.open(source).save(tmp_path / "out.webm", preset="ultrafast")
        assert "encoded as libopus" in caplog.text
        with av.open(str(out)) as file:
            assert file.streams.audio[0].codec_context.name in ("opus", "libopus")

    def test_left_out_on_request(self, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mp4", sound=True)
        out = melies.open(source).save(tmp_path / "out.mp4", sound=False)
        with av.open(str(out)) as file:
            assert not file.streams.audio

    def test_wav(self, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mp4", sound=True, frames=25)
        out = melies.open(source).save(tmp_path / "out.wav")
        with av.open(str(out)) as file:
            seconds = sum(f.samples for f in file.decode(audio=0)) / 48000
        assert abs(seconds - 1) < 0.05

    @pytest.mark.parametrize("kind", ["variable", "29.97", "29.97 trimmed", "variable to 25", "encoded"])
    def test_flash_and_beep_stay_together(self, tmp_path: Path, kind: str) -> None:
        rate = Fraction(30000, 1001)
        flashes = [3, 4, 70, 71, 140, 141]
        if kind.startswith("variable"):
            pts = [i * 33 + (i * 7) % 23 for i in range(150)]
            source = write_clip(tmp_path / "in.mkv", pts=pts, time_base=Fraction(1, 1000), flash_at=flashes, sound=True)
        else:
            source = write_clip(tmp_path / "in.mp4", rate=rate, frames=150, flash_at=flashes, sound=True)
        start = Fraction(1) if kind.endswith("trimmed") else None
        fps = 25 if kind.endswith("25") else None
        name = "out.webm" if kind == "encoded" else "out.mp4"
        out = melies.open(source, start=start).save(tmp_path / name, fps=fps, preset="ultrafast")
        seen, heard = flash_times(out), beep_times(out)
        assert len(seen) == len(heard) == (2 if start else 3)
        for flash, beep in zip(seen, heard, strict=True):
            assert abs(flash - beep) <= 1 / (fps or rate)


def flash_times(path: Path) -> list[Fraction]:
    found: list[Fraction] = []
    lit = False
    for frame in melies.open(path).frames():
        bright = frame.image.mean() > 240
        if bright and not lit:
            found.append(frame.pts * frame.time_base)
        lit = bright
    return found


def beep_times(path: Path) -> list[Fraction]:
    blocks = list(melies.open(path).sound())
    samples = np.concatenate([b.samples[:, 0] for b in blocks])
    rate = blocks[0].rate
    loud = np.abs(samples) > 0.1
    found, last = [], -rate
    for index in np.flatnonzero(loud):
        if index - last > rate // 4:
            found.append(Fraction(int(index) + blocks[0].start, rate))
        last = int(index)
    return found


class TestTrim:
    def test_whole_frames_exactly(self, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mkv", frames=50, codec="ffv1", pix_fmt="yuv444p")
        part = melies.open(source, start="0.5", end=Fraction(13, 10)).save(tmp_path / "out.mkv", codec="ffv1")
        assert difference(video(source)[13:33], video(part)) == 0
        assert times(part)[0] == 0

    def test_empty_range(self, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mp4", frames=10)
        with pytest.raises(UseError):
            melies.open(source, start=5).save(tmp_path / "out.mp4")
        assert not (tmp_path / "out.mp4").exists()


def subtitled(tmp_path: Path) -> Path:
    """A film with chapters, metadata, a language and subtitles."""
    film = write_clip(tmp_path / "plain.mkv", frames=75, sound=True)
    path = tmp_path / "in.mkv"
    with av.open(str(film)) as source, av.open(str(path), "w") as out:
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in source.streams}
        next(s for s in streams.values() if s.type == "audio").metadata["language"] = "fra"
        text = out.add_stream("srt")
        text.codec_context.subtitle_header = mux._ASS_HEADER
        text.metadata["language"] = "eng"
        out.metadata["title"] = "A Trip to the Moon"
        out.set_chapters(
            [
                {"id": i, "start": i * 1000, "end": i * 1000 + 1000, "time_base": Fraction(1, 1000),
                 "metadata": {"title": name}}
                for i, name in enumerate(["Earth", "Moon", "Home"])
            ]
        )  # fmt: skip
        out.start_encoding()
        lines = [b"Bonjour", b"La lune!", b"Fin"]
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
        for number, line in enumerate(lines):
            packet = av.Packet(line)
            packet.stream = text
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = 200 + number * 1000
            packet.duration = 600
            out.mux(packet)
    return path


@pytest.mark.parametrize(("name", "codec"), [("out.mkv", "subrip"), ("out.mp4", "mov_text"), ("out.webm", "webvtt")])
def test_subtitles_chapters_metadata(tmp_path: Path, name: str, codec: str) -> None:
    out = melies.open(subtitled(tmp_path)).save(tmp_path / name, preset="ultrafast")
    with av.open(str(out)) as file:
        assert file.metadata.get("title") == "A Trip to the Moon"
        assert file.streams.audio[0].language == "fra"
        text = file.streams.subtitles[0]
        assert text.codec_context.name in (codec, "srt")
        assert text.language == "eng"
        assert [c["metadata"].get("title") for c in file.chapters()] == ["Earth", "Moon", "Home"]
        shown = [(float(p.pts * p.time_base), p) for p in file.demux(text) if p.size > 2]
        assert [round(t, 1) for t, _ in shown] == [0.2, 1.2, 2.2]
        assert b"La lune!" in bytes(shown[1][1])


def test_trimmed_subtitles_and_chapters(tmp_path: Path) -> None:
    out = melies.open(subtitled(tmp_path), start=1, end=2).save(tmp_path / "out.mkv")
    with av.open(str(out)) as file:
        assert [c["metadata"].get("title") for c in file.chapters()] == ["Moon"]
        shown = [float(p.pts * p.time_base) for p in file.demux(file.streams.subtitles[0]) if p.size]
        assert shown == pytest.approx([0.2], abs=0.05)


class Copy(Effect):
    """Touch every frame and change none."""

    scope = "frame"

    def apply(self, frames, spec):
        for frame in frames:
            yield frame.with_image(frame.image.copy())


class Trail(Effect):
    """Blend each frame with all before it in the shot."""

    def apply(self, frames, spec):
        past = None
        for frame in frames:
            past = frame.image.astype(np.float32) if past is None else past * 0.8 + frame.image * np.float32(0.2)
            yield frame.with_image(past.astype(frame.image.dtype))


class Mean3(Effect):
    """Blend each frame with the two before it."""

    @property
    def lead_in(self) -> int:
        return 2

    def apply(self, frames, spec):
        past: list[Any] = []
        for frame in frames:
            past = [*past[-2:], frame.image.astype(np.float32)]
            yield frame.with_image(np.mean(past, axis=0).astype(frame.image.dtype))


class Whole(Trail):
    """The same over the whole clip."""

    scope = "video"


RESUME = [
    ("plain.mp4", [], {}),
    ("copy.mp4", [Copy], {}),
    ("trail.mp4", [Trail], {}),
    ("mean.mp4", [Mean3], {}),
    ("both.mp4", [Mean3, Trail], {}),
    ("whole.mp4", [Whole], {}),
    ("fps.mp4", [Trail], {"fps": Fraction(10)}),
    ("mean-fps.mp4", [Mean3], {"fps": Fraction(24)}),
    ("trail.mkv", [Trail], {"codec": "ffv1"}),
    ("trail.gif", [Trail], {}),
    ("trail.webm", [Trail], {"preset": "ultrafast"}),
    ("shots/%04d.png", [Trail], {}),
]


def short_segments() -> None:
    """Make segments of a second, so that a short clip has several."""
    render.SEGMENT, render.SEGMENT_AT_CUT, render.PLAIN = Fraction(1), Fraction(1, 4), 1


def render_and_die(source: Path, effects: list[type[Effect]], out: Path, options: dict[str, Any]) -> None:
    """Render, and be killed at the 30th frame as by a power cut."""
    short_segments()
    count = 0

    def counting(method: Any) -> Any:
        def wrapped(*args: Any) -> Any:
            nonlocal count
            count += 1
            if count == 30:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*args)

        return wrapped

    encode.Encoder.add = counting(encode.Encoder.add)  # type: ignore[method-assign]
    pictures.encode_picture = counting(pictures.encode_picture)
    melies.open(source).apply(*(effect() for effect in effects)).save(out, **options)


@pytest.mark.parametrize("variable", [False, True], ids=["constant", "variable"])
@pytest.mark.parametrize(("name", "effects", "options"), RESUME, ids=[r[0] for r in RESUME])
def test_resume_after_kill(
    tmp_path: Path, monkeypatch: Any, name: str, effects: Any, options: Any, variable: bool
) -> None:
    if variable and name not in ("trail.mp4", "fps.mp4", "mean.mp4"):
        pytest.skip("one of each kind is enough")
    timing = {"pts": [i * 40 + (i * 7) % 23 for i in range(90)], "time_base": Fraction(1, 1000)} if variable else {}
    source = write_clip(
        tmp_path / "in.mkv", frames=90, codec="ffv1", pix_fmt="yuv444p", cut_at=61, sound=True, **timing
    )
    monkeypatch.setattr(render, "SEGMENT", Fraction(1))
    monkeypatch.setattr(render, "SEGMENT_AT_CUT", Fraction(1, 4))
    monkeypatch.setattr(render, "PLAIN", 1)
    clip = melies.open(source).apply(*(effect() for effect in effects))
    whole = clip.save(tmp_path / "whole" / Path(name).name if "%" in name else tmp_path / f"whole-{name}", **options)
    out = tmp_path / name
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "melies.engine.render"])  # imported once, not for each that is killed
    child = context.Process(target=render_and_die, args=(source, effects, out, options))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    part = out.with_name(out.name + ".part")
    assert not out.exists()
    with pytest.raises(UseError, match="--resume"):
        clip.save(out, **options)
    with pytest.raises(UseError, match="something else"):
        clip.save(out, resume=True, **{**options, "quality": 33})
    finished = {p: p.stat().st_mtime_ns for p in part.glob("0*") if p.suffix != ".tmp"}
    assert finished
    made: list[Any] = []
    clip.save(out, resume=True, progress=made.append, **options)
    assert not part.exists()
    same = load(whole), load(out)
    assert [f.pts for f in same[0]] == [f.pts for f in same[1]]
    assert difference(*same) == 0


def load(path: Path) -> list[Frame]:
    return list(melies.open(path, rate=25 if "%" in path.name else None).frames())


class TestRefusals:
    def test_existing_output(self, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mp4", frames=5)
        out = tmp_path / "out.mp4"
        out.write_text("precious")
        with pytest.raises(UseError, match="--overwrite"):
            melies.open(source).save(out)
        assert out.read_text() == "precious"
        melies.open(source).save(out, overwrite=True)
        assert len(video(out)) == 5

    def test_output_is_input(self, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mp4", frames=5)
        (tmp_path / "link.mp4").symlink_to(source)
        for name in ("in.mp4", "link.mp4", "../" + tmp_path.name + "/in.mp4"):
            with pytest.raises(UseError, match="both input and output"):
                melies.open(source).save(tmp_path / name, overwrite=True)

    @pytest.mark.parametrize(
        ("name", "options", "words"),
        [
            ("nowhere/out.mp4", {}, "no folder"),
            ("out.xyz", {}, "cannot be written as .xyz"),
            ("out.mp5", {}, "Did you mean"),
            ("out.mp4", {"codec": "prores"}, "does not go into"),
            ("out.mp4", {"quality": 200}, "quality"),
            ("out.mp4", {"fps": 0}, "fps"),
            ("out.mp4", {"fps": "fast"}, "a rate such as"),
            ("out.mp4", {"qualty": 3}, "Did you mean quality"),
            (".", {}, "exists already"),
        ],
    )
    def test_one_clear_sentence(self, tmp_path: Path, name: str, options: Any, words: str) -> None:
        source = write_clip(tmp_path / "in.mp4", frames=5)
        with pytest.raises(UseError, match=words):
            melies.open(source).save(tmp_path / name, **options)
        assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]

    def test_bad_encoder_option(self, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mp4", frames=5)
        with pytest.raises((UseError, MediaError)):
            melies.open(source).save(tmp_path / "out.mp4", set={"pix_fmt": "nonsense"})
        with pytest.raises((UseError, MediaError)):
            melies.open(source).save(tmp_path / "out.mp4", set={"no_such_option": "1"})
        assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]

    def test_an_effect_that_fails_leaves_nothing(self, tmp_path: Path) -> None:
        class Fails(Copy):
            def apply(self, frames, spec):
                yield next(frames)
                raise MediaError("the effect broke")

        source = write_clip(tmp_path / "in.mp4", frames=5)
        with pytest.raises(MediaError, match="the effect broke"):
            melies.open(source).apply(Fails()).save(tmp_path / "out.mp4")
        assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]

    def test_full_disk(self, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mkv", frames=20, size=(320, 240))
        code = (
            "import resource, signal, sys, melies\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "clip = melies.open(sys.argv[1]); _ = clip.spec\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))\n"
            "try: clip.save(sys.argv[2], codec='ffv1')\n"
            "except melies.MeliesError as error: print(error); sys.exit(error.exit_code)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, source, tmp_path / "out.mkv"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, done.stderr
        assert "disk is full" in done.stdout
        assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]


def test_open_files_are_closed(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=5, sound=True)
    melies.open(source).save(tmp_path / "a.mp4")
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    for number in range(3):
        melies.open(source).save(tmp_path / f"b{number}.mp4")
    after = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    assert after <= before


def test_milliseconds_of_matroska_do_not_make_a_constant_rate_variable(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    source = write_clip(tmp_path / "in.mkv", rate=rate, time_base=Fraction(1, 30000), pts=[i * 1001 for i in range(60)])
    for number, start in enumerate((None, Fraction(1, 2))):
        out = melies.open(source, start=start).save(tmp_path / f"out{number}.mp4")
        spec = melies.open(out).spec
        assert (spec.rate, spec.variable) == (rate, False)
        assert times(out) == [i / rate for i in range(60 if start is None else 45)]


def test_rgb_becomes_ycc_with_a_matrix_that_players_know(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=3, codec="ffv1", pix_fmt="bgr0")
    for name, options in [("a.mp4", {}), ("p.mov", {"codec": "prores"}), ("h.mp4", {"codec": "h265"}), ("w.webm", {})]:
        out = melies.open(source).save(tmp_path / name, quality=95, **options)
        colour = melies.open(out).spec.colour
        assert (colour.range, colour.matrix) == ("limited", "smpte170m"), name
        assert difference(video(source), video(out)) < 5, name


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
@pytest.mark.parametrize("name", ["still.jpg", "still.webp", "still.png"])
def test_stills_mean_the_same_colours_everywhere(tmp_path: Path, name: str, matrix: str) -> None:
    import cv2

    colour = Colour("limited", matrix, "bt709", "bt709")
    source = write_clip(tmp_path / "in.mkv", frames=1, codec="ffv1", pix_fmt="yuv444p", colour=colour)
    out = melies.open(source).save(tmp_path / name, quality=95)
    seen = cv2.imread(str(out))[..., ::-1].astype(float)
    assert np.abs(seen.mean((0, 1)) - video(source)[0].image.mean((0, 1))).max() < 1.5


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        *[(codec, "a.mkv") for codec in ("h264", "h265", "av1", "vp9", "ffv1", "prores")],
        *[
            ("vp9", "a.webm"),
            ("av1", "a.webm"),
            ("h265", "a.mp4"),
            ("av1", "a.mp4"),
            ("vp9", "a.mp4"),
            ("prores", "a.mov"),
        ],
    ],
)
@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(15, 16), Fraction(64, 45)])
def test_pixel_aspect_is_kept(tmp_path: Path, codec: str, name: str, aspect: Fraction) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=3, pixel_aspect=aspect, sound=True)
    preset = {} if codec in ("ffv1", "prores") else {"preset": "ultrafast"}
    out = melies.open(source).save(tmp_path / name, codec=codec, **preset)
    assert melies.open(out).spec.pixel_aspect == aspect
    assert len(video(out)) == 3, "and the file is whole"
    assert list(melies.open(out).sound())


def test_opaque_animations_stay_opaque(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", frames=5, codec="ffv1", pix_fmt="yuv444p")
    for name in ("a.webp", "a.apng", "a.gif"):
        assert not melies.open(melies.open(source).save(tmp_path / name)).spec.alpha, name


def test_retiming_says_what_it_leaves_out(tmp_path: Path, caplog: Any) -> None:
    melies.open(subtitled(tmp_path)).apply(melies.Speed(factor=2)).save(tmp_path / "out.mkv")
    assert "Subtitles and chapters are left out" in caplog.text


def test_track_titles_survive_mp4(tmp_path: Path) -> None:
    film = write_clip(tmp_path / "plain.mkv", frames=25, sound=True)
    with av.open(str(film)) as source, av.open(str(tmp_path / "in.mkv"), "w") as out:
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in source.streams}
        next(s for s in streams.values() if s.type == "audio").metadata["title"] = "Director's comments"
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    mp4 = melies.open(tmp_path / "in.mkv").save(tmp_path / "out.mp4")
    mkv = melies.open(mp4).save(tmp_path / "out.mkv")
    with av.open(str(mp4)) as file:
        assert file.streams.audio[0].metadata["handler_name"] == "Director's comments"
    with av.open(str(mkv)) as file:
        assert file.streams.audio[0].metadata["title"] == "Director's comments"


class TestSequencesAndFolders:
    def film(self, tmp_path: Path, frames: int = 5) -> melies.Clip:
        return melies.open(
            write_clip(tmp_path / f"in{frames}.mkv", frames=frames, size=(32, 32), codec="ffv1", pix_fmt="yuv444p")
        )

    def test_any_picture_in_the_way_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "seq").mkdir()
        (tmp_path / "seq" / "00003.png").write_text("precious")
        with pytest.raises(UseError, match="exists already"):
            self.film(tmp_path).save(tmp_path / "seq" / "%05d.png")
        assert (tmp_path / "seq" / "00003.png").read_text() == "precious"

    def test_overwriting_leaves_no_frame_of_the_old_take(self, tmp_path: Path) -> None:
        self.film(tmp_path, 9).save(tmp_path / "folder")
        (tmp_path / "folder" / "notes.txt").write_text("keep")
        self.film(tmp_path, 4).save(tmp_path / "folder", overwrite=True)
        assert sorted(p.name for p in (tmp_path / "folder").iterdir()) == [
            "00001.png", "00002.png", "00003.png", "00004.png", "notes.txt",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("read", "written"),
        [("seq/%05d.png", "seq/%05d.png"), ("seq", "seq/%05d.png"), ("seq/*.png", "seq"), ("seq/00002.png", "seq")],
    )
    def test_a_sequence_is_never_written_over_itself(self, tmp_path: Path, read: str, written: str) -> None:
        self.film(tmp_path).save(tmp_path / "seq")
        before = [p.read_bytes() for p in sorted((tmp_path / "seq").iterdir())]
        with pytest.raises(UseError, match="both input and output"):
            melies.open(tmp_path / read).apply(melies.Resize(width=16)).save(tmp_path / written, overwrite=True)
        assert [p.read_bytes() for p in sorted((tmp_path / "seq").iterdir())] == before

    @pytest.mark.parametrize("name", ["50% grey.png", "take #3.png", "100%.png", "%s.png"])
    def test_names_that_only_look_like_patterns(self, tmp_path: Path, name: str) -> None:
        self.film(tmp_path, 1).save(tmp_path / name)
        assert (tmp_path / name).is_file()


class TestWorkingFolder:
    def test_somebody_elses_folder_is_left_alone(self, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mp4", frames=3)
        (tmp_path / "out.mp4.part").mkdir()
        (tmp_path / "out.mp4.part" / "notes.txt").write_text("precious")
        for options in ({}, {"overwrite": True}, {"resume": True}):
            with pytest.raises(UseError, match="in the way"):
                melies.open(source).save(tmp_path / "out.mp4", **options)
        assert (tmp_path / "out.mp4.part" / "notes.txt").read_text() == "precious"

    def test_two_renders_of_one_name_do_not_meet(self, tmp_path: Path) -> None:
        source = write_clip(tmp_path / "in.mp4", frames=3)
        clip = melies.open(source)
        plan = render.plan_for(clip, tmp_path / "out.mp4", render.SaveOptions())
        with render.Workshop(clip, plan, render.SaveOptions()), pytest.raises(UseError, match="Another render"):
            clip.save(tmp_path / "out.mp4", overwrite=True)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4"]


@pytest.mark.parametrize(
    ("size", "depth", "preset", "given", "held"),
    [
        ((1280, 720), 8, "medium", {}, None),
        ((1920, 1080), 8, "medium", {}, "26"),
        ((1920, 1080), 8, "veryfast", {}, None),
        ((3840, 2160), 8, "slow", {}, "10"),
        ((1920, 1080), 10, "medium", {"rc-lookahead": "40"}, "40"),
    ],
)
def test_large_pictures_are_not_held_back_by_the_dozen(size, depth, preset, given, held) -> None:
    spec = VideoSpec(*size, rate=Fraction(25), time_base=Fraction(1, 25), depth=depth)
    plan = output.make_plan(Path("out.mp4"), spec, output.SaveOptions(preset=preset, set=given))
    assert plan.options.get("rc-lookahead") == held


def test_the_encoder_repeats_itself(tmp_path: Path) -> None:
    """Resuming relies on it; x264's AVX-512 code does not, at this size, once its look-ahead is full."""
    noise = np.random.default_rng(0).integers(0, 256, (540 + 64, 960 + 64, 3), np.uint8)
    spec = VideoSpec(960, 540, rate=Fraction(25), time_base=Fraction(1, 25))
    plan = output.make_plan(tmp_path / "out.mp4", spec, output.SaveOptions(preset="medium"))
    written = set()
    for _ in range(3):
        encoder = encode.Encoder(plan, tmp_path / "carrier.mkv", Fraction(1, 25))
        for index in range(50):
            picture = cv2.GaussianBlur(noise[index : index + 540, index : index + 960], (0, 0), 5)
            encoder.add(Frame(picture, index, Fraction(1, 25), 1))
        encoder.finish()
        with av.open(str(tmp_path / "carrier.mkv")) as file:
            written.add(b"".join(bytes(packet) for packet in file.demux() if packet.size))
    assert len(written) == 1


def test_who_interrupts_an_encoder_while_it_closes_can_still_give_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = VideoSpec(32, 32, rate=Fraction(25), time_base=Fraction(1, 25))
    plan = output.make_plan(tmp_path / "out.mp4", spec, output.SaveOptions())
    encoder = encode.Encoder(plan, tmp_path / "carrier.mkv", Fraction(1, 25))
    encoder.add(Frame(np.zeros((32, 32, 3), np.uint8), 0, Fraction(1, 25), 1))

    def interrupted() -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(encode.gc, "collect", interrupted)
        with pytest.raises(KeyboardInterrupt):
            encoder.finish()
    encoder.abandon()
    assert not (tmp_path / "carrier.mkv").exists()
