"""Reading: native times, trims, seeks, rotation, depth, alpha, broken files, sequences, sound."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from melies.errors import MediaError, UseError
from melies.frame import Colour, Frame, VideoSpec
from melies.media.convert import to_native
from melies.media.reader import Reader
from melies.media.synthetic import picture, write_clip

H265 = {"x265-params": "log-level=error:keyint=8:min-keyint=8:open-gop=1:bframes=3"}


def facts(frames: Sequence[Frame]) -> list[tuple[int, int, bytes]]:
    return [(frame.pts, frame.duration, frame.image.tobytes()) for frame in frames]


def times(frames: Sequence[Frame]) -> list[tuple[int, int]]:
    return [(frame.pts, frame.duration) for frame in frames]


def close_to(image: np.ndarray, expected: np.ndarray, tolerance: float = 6) -> bool:
    return bool(np.abs(image.astype(float) - expected).mean() * 255 / np.iinfo(image.dtype).max < tolerance)


# Times


def test_constant_rate_is_read_as_it_is(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", rate=Fraction(30000, 1001), frames=10, size=(97, 63), pix_fmt="yuv444p")
    reader = Reader(path)
    frames = list(reader.frames())
    assert reader.spec.rate == Fraction(30000, 1001)
    assert reader.spec.shape == frames[0].image.shape == (63, 97, 3)
    assert reader.spec.frames == len(frames) == 10
    assert not reader.spec.variable
    assert [frame.pts * frame.time_base for frame in frames] == [n * Fraction(1001, 30000) for n in range(10)]
    assert all(close_to(frame.image, picture(97, 63, n)) for n, frame in enumerate(frames))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_rate_stays_variable(tmp_path: Path, suffix: str) -> None:
    pts = [0, 40, 50, 200, 210, 500]
    reader = Reader(write_clip(tmp_path / f"a.{suffix}", pts=pts, time_base=Fraction(1, 1000)))
    frames = list(reader.frames())
    assert [frame.pts * frame.time_base * 1000 for frame in frames] == pts
    assert [frame.duration * frame.time_base * 1000 for frame in frames[:-1]] == [40, 10, 150, 10, 290]
    assert frames[-1].duration > 0
    assert reader.spec.variable


def test_untouched_frames_stay_native(tmp_path: Path) -> None:
    reader = Reader(write_clip(tmp_path / "a.mp4", frames=3))
    frame = next(reader.frames())
    assert frame.native is not None
    assert reader.native_format == frame.native.format.name == "yuv420p"


def test_one_frame(tmp_path: Path) -> None:
    frames = list(Reader(write_clip(tmp_path / "a.mp4", frames=1)).frames())
    assert len(frames) == 1
    assert frames[0].duration * frames[0].time_base == Fraction(1, 25)


def test_a_late_picture_keeps_its_place_beside_the_sound(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", pts=range(10, 20), sound=True, time_base=Fraction(1, 25))
    reader = Reader(path)
    assert reader.origin == 0
    assert next(reader.frames()).time == pytest.approx(0.4)


def test_transport_streams_begin_at_zero(tmp_path: Path) -> None:
    reader = Reader(write_clip(tmp_path / "a.ts", frames=12, sound=True))
    frames = list(reader.frames())
    assert reader.origin > 0
    assert len(frames) == 12
    assert frames[0].time < 0.1
    assert facts(list(reader.frames(Fraction(1, 4)))) == [
        f for f, t in zip(facts(frames), frames, strict=True) if t.time >= 0.25
    ]


# Trims


def test_trim_keeps_whole_frames(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=25)
    full = list(Reader(path).frames())
    reader = Reader(path, start=Fraction("0.21"), end=Fraction("0.6"))
    frames = list(reader.frames())
    assert reader.origin == Fraction("0.24")
    assert reader.length == Fraction("0.36")
    assert [f.image.tobytes() for f in frames] == [f.image.tobytes() for f in full[6:15]]
    assert [float(f.time) for f in frames] == pytest.approx([0.04 * n for n in range(9)])
    assert reader.spec.frames == 9


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("5", None, "between the chosen"),
        ("-1", None, "before the film"),
        ("1", "1", "not after"),
        (None, "0", "not after"),
    ],
)
def test_a_trim_that_leaves_nothing_is_refused(tmp_path: Path, start: str | None, end: str | None, words: str) -> None:
    path = write_clip(tmp_path / "a.mp4")
    with pytest.raises(UseError, match=words):
        Reader(path, start=start and Fraction(start), end=end and Fraction(end))


# Seeks

UNEVEN = {"pts": [0, 30, 35, 100, 300, 310, 350, 351, 500, 640, 700, 710], "time_base": Fraction(1, 1000)}

SEEKERS: list[tuple[str, dict[str, Any]]] = [
    ("a.mp4", {"options": {"g": "7", "bf": "2"}}),
    ("a.mp4", {"options": {"x264-params": "keyint=9:open-gop=1:bframes=3"}}),
    ("a.mp4", {"options": {"x264-params": "keyint=9:intra-refresh=1:bframes=0"}}),
    ("a.mkv", {"codec": "libx265", "options": H265}),
    ("a.mp4", {"codec": "libx265", "options": H265}),
    ("a.webm", {"codec": "libvpx-vp9", "options": {"g": "8", "cpu-used": "8"}}),
    ("a.webm", {"codec": "libvpx-vp9", "pix_fmt": "yuva420p", "options": {"g": "8", "auto-alt-ref": "0"}}),
    ("a.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    ("a.mpg", {"codec": "mpeg2video", "options": {"g": "6", "bf": "2"}}),
    ("a.ts", {"options": {"g": "7", "bf": "2"}}),
    ("a.avi", {"codec": "mpeg4", "options": {"g": "7"}}),
    ("a.gif", {"codec": "gif", "pix_fmt": "rgb8"}),
    ("a.mkv", {**UNEVEN, "options": {"g": "4"}}),
    ("a.mp4", {**UNEVEN, "options": {"g": "4", "bf": "2"}}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), SEEKERS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(SEEKERS)])
def test_every_start_gives_the_frames_of_the_full_pass(tmp_path: Path, name: str, settings: dict[str, Any]) -> None:
    reader = Reader(write_clip(tmp_path / name, **{"frames": 24, **settings}))
    frames = list(reader.frames())
    full = facts(frames)
    assert [pts for pts, *_ in full] == sorted({pts for pts, *_ in full})
    for index in (1, 7, 8, 9, 10, len(full) - 1):
        since = frames[index].pts * frames[index].time_base
        assert facts(list(reader.frames(since))) == full[index:], index
        assert facts(list(reader.frames(since, lead_in=3))) == full[max(0, index - 3) :], index
    assert list(reader.frames(Fraction(100))) == []


def test_seeks_stay_inside_the_trim(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=24, options={"g": "5"})
    reader = Reader(path, start=Fraction("0.2"), end=Fraction("0.8"))
    full = facts(list(reader.frames()))
    assert len(full) == 15
    assert facts(list(reader.frames(Fraction("0.24"), lead_in=20))) == full
    assert facts(list(reader.frames(Fraction("0.24"), lead_in=2))) == full[4:]


def test_closing_early_closes_the_file(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    gc.collect()  # files that other tests left are not closed in between
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    frames = Reader(path).frames()
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert before == (len(list(Path("/proc/self/fd").iterdir())) if before else 0)


# Shape and colour


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pictures_come_upright(tmp_path: Path, rotation: int, flip: bool) -> None:
    path = write_clip(tmp_path / "a.mp4", rotation=rotation, flip=flip, frames=2, pixel_aspect=Fraction(2, 1))
    reader = Reader(path)
    image = next(reader.frames()).image
    expected = np.rot90(picture(96, 64, 0), rotation // 90)
    expected = expected[:, ::-1] if flip else expected
    assert reader.spec.shape == image.shape == expected.shape
    assert close_to(image, expected)
    assert reader.spec.pixel_aspect == (Fraction(1, 2) if rotation % 180 else 2)
    assert (reader.native_format == "") == (rotation != 0 or flip)


def test_ten_bits_and_tags_arrive(tmp_path: Path) -> None:
    colour = Colour("limited", "bt2020nc", "bt2020", "smpte2084")
    path = write_clip(tmp_path / "a.mp4", codec="libx265", pix_fmt="yuv420p10le", frames=3, colour=colour, options=H265)
    reader = Reader(path)
    image = next(reader.frames()).image
    assert reader.spec.colour == colour
    assert reader.spec.depth == 10
    assert image.dtype == np.uint16
    assert close_to(image, picture(96, 64, 0, depth=10))


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "depth"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p", 8),
        ("a.webm", "libvpx", "yuva420p", 8),
        ("a.mov", "prores_ks", "yuva444p10le", 12),
        ("a.mov", "qtrle", "argb", 8),
        ("a.mov", "png", "rgba", 8),
        ("a.apng", "apng", "rgba", 8),
        ("a.mkv", "ffv1", "yuva444p10le", 10),
    ],
)
def test_alpha_arrives(tmp_path: Path, name: str, codec: str, pix_fmt: str, depth: int) -> None:
    options = {"profile": "4444"} if codec == "prores_ks" else {"auto-alt-ref": "0"} if "vpx" in codec else {}
    reader = Reader(write_clip(tmp_path / name, codec=codec, pix_fmt=pix_fmt, frames=3, options=options))
    frames = list(reader.frames())
    assert reader.spec.alpha
    assert reader.spec.depth == depth
    assert len(frames) == 3
    for index, frame in enumerate(frames):
        expected = picture(96, 64, index, depth=depth, alpha=True)
        assert frame.image.shape == (64, 96, 4)
        assert close_to(frame.image[..., 3], expected[..., 3])


def test_a_stream_that_changes_size_is_scaled_to_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.h264"
    parts = [
        write_clip(tmp_path / f"{n}.h264", size=size, frames=5).read_bytes()
        for n, size in enumerate([(96, 64), (64, 48)])
    ]
    path.write_bytes(b"".join(parts))
    with caplog.at_level(logging.WARNING, "melies"):
        frames = list(Reader(path).frames())
    assert len(frames) == 10
    assert {frame.image.shape for frame in frames} == {(64, 96, 3)}
    assert sum("changes size" in record.message for record in caplog.records) == 1


# Animations


def gif_frames() -> list[np.ndarray]:
    """Two overlapping squares on nothing: what is left over tells whether disposal works."""
    images = []
    for at in (4, 12, 20):
        image = np.zeros((32, 40, 4), np.uint8)
        image[at : at + 8, at : at + 8] = (255, 0, 0, 255)
        images.append(image)
    return images


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_animations_keep_delays_and_transparency(tmp_path: Path, suffix: str) -> None:
    images, delays = gif_frames(), [40, 250, 100]
    animation = cv2.Animation()
    animation.frames = [cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA) for image in images]
    animation.durations = delays
    path = tmp_path / f"a.{suffix}"
    assert cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == "webp" else [])
    if suffix == "webp":  # OpenCV forgets to say in the header that there is alpha
        data = bytearray(path.read_bytes())
        data[20] |= 16
        path.write_bytes(data)
    reader = Reader(path)
    frames = list(reader.frames())
    assert [round(f.duration * f.time_base * 1000) for f in frames] == delays
    assert reader.spec.alpha
    for frame, expected in zip(frames, images, strict=True):
        assert np.array_equal(frame.image[..., 3], expected[..., 3])
        assert np.abs(frame.image[expected[..., 3] > 0].astype(int) - (255, 0, 0, 255)).max() < 8
    assert facts(list(reader.frames(Fraction(1, 25)))) == facts(frames)[1:]


def test_an_opaque_gif_has_no_alpha(tmp_path: Path) -> None:
    reader = Reader(write_clip(tmp_path / "a.gif", codec="gif", pix_fmt="rgb8", frames=4))
    assert not reader.spec.alpha
    assert next(reader.frames()).image.shape == (64, 96, 3)


# Pictures


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    folder = tmp_path / "shots"
    folder.mkdir()
    for number in (1, 2, 10):
        cv2.imwrite(str(folder / f"s{number}.png"), picture(33, 21, number)[..., ::-1])
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.mark.parametrize("name", ["", "s%d.png", "s*.png"])
def test_sequences_are_read_in_natural_order(shots: Path, name: str) -> None:
    reader = Reader(shots / name, rate=Fraction(12))
    frames = list(reader.frames())
    assert [np.array_equal(f.image, picture(33, 21, n)) for f, n in zip(frames, (1, 2, 10), strict=True)] == [True] * 3
    assert times(frames) == [(0, 1), (1, 1), (2, 1)]
    assert reader.spec.rate == 1 / frames[0].time_base == 12
    assert reader.spec.frames == 3
    assert facts(list(reader.frames(Fraction(1, 12)))) == facts(frames)[1:]


def test_sequences_of_sixteen_bits(tmp_path: Path) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number:04}.tif"), picture(33, 21, number, depth=16)[..., ::-1])
    frames = list(Reader(tmp_path / "%04d.tif").frames())
    assert np.array_equal(frames[1].image, picture(33, 21, 1, depth=16))
    assert frames[0].time_base == Fraction(1, 25)


def test_mixed_sequences_take_the_shape_of_the_first(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), picture(40, 20, 0)[..., ::-1])
    cv2.imwrite(str(tmp_path / "2.jpg"), picture(80, 40, 0)[..., ::-1])
    cv2.imwrite(str(tmp_path / "3.png"), picture(40, 20, 0, depth=16, alpha=True))
    cv2.imwrite(str(tmp_path / "4.bmp"), picture(40, 20, 0)[..., 0])
    frames = list(Reader(tmp_path).frames())
    assert {(f.image.shape, f.image.dtype.name) for f in frames} == {((20, 40, 3), "uint8")}


def test_a_broken_picture_in_a_sequence_is_skipped(shots: Path) -> None:
    (shots / "s2.png").write_bytes((shots / "s2.png").read_bytes()[:60])
    reader = Reader(shots)
    assert times(list(reader.frames())) == [(0, 2), (2, 1)]
    assert reader.errors == 1
    with pytest.raises(MediaError, match="1 broken"):
        list(Reader(shots, max_errors=0).frames())


@pytest.mark.parametrize(("tag", "turns"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_photographs_are_turned_as_their_exif_says(tmp_path: Path, tag: int, turns: int) -> None:
    path = tmp_path / "a.jpg"
    cv2.imwrite(str(path), picture(33, 21, 0)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes([0, tag, 0, 0, 0, 0, 0, 0])
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    expected = np.rot90(picture(33, 21, 0), turns)
    for given in (path, tmp_path):
        reader = Reader(given)
        image = next(reader.frames()).image
        assert image.shape == reader.spec.shape == expected.shape
        assert close_to(image, expected)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif"])
def test_stills_are_one_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), picture(33, 21, 0)[..., ::-1])
    reader = Reader(path)
    frames = list(reader.frames())
    assert len(frames) == reader.spec.frames == 1
    assert frames[0].image.shape == reader.spec.shape == (21, 33, 3)
    assert close_to(frames[0].image, picture(33, 21, 0))


def test_a_rate_is_only_for_pictures(tmp_path: Path) -> None:
    with pytest.raises(UseError, match="--fps"):
        Reader(write_clip(tmp_path / "a.mp4"), rate=Fraction(10))


def test_empty_folders_and_patterns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UseError, match="no pictures"):
        Reader(tmp_path)
    with pytest.raises(UseError, match="No picture matches"):
        Reader(tmp_path / "%04d.png")


# Broken files


def damage(path: Path, index: int, how: Callable[[int], bytes]) -> Path:
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][index]
        place, size = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[place : place + size] = how(size)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.mp4", {"options": {"g": "12"}}),
        ("a.mp4", {"codec": "mpeg4"}),
        ("a.mov", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
        ("a.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    ],
)
@pytest.mark.parametrize("how", [bytes, lambda size: b"\xff" * size], ids=["zeros", "ones"])
def test_a_broken_frame_is_skipped_and_counted(
    tmp_path: Path, name: str, settings: dict[str, Any], how: Callable[[int], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    path = damage(write_clip(tmp_path / name, frames=20, size=(160, 128), **settings), 6, how)
    reader = Reader(path)
    with caplog.at_level(logging.WARNING, "melies"):
        frames = list(reader.frames())
    assert len(frames) == 19
    assert reader.errors == 1
    assert sum("broken frame" in record.message for record in caplog.records) == 1
    assert [a.pts + a.duration for a in frames[:-1]] == [b.pts for b in frames[1:]]
    assert facts(list(reader.frames())) == facts(frames)
    assert reader.errors == 1
    with pytest.raises(MediaError, match=r"a\.m.* has 1 broken"):
        list(Reader(path, max_errors=0).frames())


def test_frames_missing_from_a_cut_file_count_as_broken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=30, size=(160, 128), container_options={"movflags": "faststart"})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 9 // 10])
    reader = Reader(path, max_errors=25)
    with caplog.at_level(logging.WARNING, "melies"):
        frames = list(reader.frames())
    assert 0 < len(frames) < 30
    assert len(frames) + reader.errors == 30
    assert any("cut short" in record.message for record in caplog.records)
    with pytest.raises(MediaError, match="broken or missing"):
        list(Reader(path, max_errors=0).frames())


def test_repeated_and_absent_times_are_mended(tmp_path: Path) -> None:
    frames = list(Reader(write_clip(tmp_path / "a.h264", frames=12)).frames())
    assert len(frames) == 12
    assert all(a.pts < b.pts for a, b in pairwise(frames))


# Sound

JITTER = [n * 40 + (n % 3) * 9 for n in range(100)]


def beeps(path: Path, **trim: Fraction) -> list[float]:
    """Times at which a beep begins, in clip time."""
    reader = Reader(path, **trim)
    blocks = list(reader.sound())
    for before, after in pairwise(blocks):
        assert after.start == before.start + len(before.samples)
    wave = np.abs(np.concatenate([block.samples for block in blocks])[:, 0])
    loud = cv2.dilate((wave > 0.25).astype(np.uint8)[None], np.ones((1, 961), np.uint8))[0]
    return [float(at + 480) / blocks[0].rate for at in np.flatnonzero(np.diff(loud.astype(int)) == 1)]


def flashes(path: Path, **trim: Fraction) -> list[float]:
    frames = list(Reader(path, **trim).frames())
    return [frame.time for frame in frames if frame.image.mean() > 230]


@pytest.mark.parametrize("trim", [{}, {"start": Fraction("0.5")}, {"start": Fraction("1.21"), "end": Fraction(3)}])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.mp4", {"rate": Fraction(30000, 1001), "frames": 110, "flash_at": [45, 75]}),
        ("a.mkv", {"pts": JITTER, "time_base": Fraction(1, 1000), "flash_at": [40, 70]}),
        ("a.mov", {"frames": 100, "flash_at": [40, 70], "sound_codec": "pcm_s16le"}),
        ("a.ts", {"frames": 100, "flash_at": [40, 70]}),
        ("a.mkv", {"frames": 100, "flash_at": [40, 70], "sound_codec": "libopus"}),
    ],
)  # fmt: skip
def test_flash_and_beep_stay_together(
    tmp_path: Path, name: str, settings: dict[str, Any], trim: dict[str, Fraction]
) -> None:
    path = write_clip(tmp_path / name, sound=True, size=(32, 32), **settings)
    seen, heard = flashes(path, **trim), beeps(path, **trim)
    assert len(seen) == len(heard) == 2
    assert heard == pytest.approx(seen, abs=0.008)


def test_sound_is_trimmed_to_the_sample(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mov", sound=True, sound_codec="pcm_s16le", frames=50)
    full = np.concatenate([block.samples for block in Reader(path).sound()])
    part = np.concatenate([b.samples for b in Reader(path, start=Fraction("0.2"), end=Fraction("1.3")).sound()])
    assert len(full) == 2 * 48000
    assert np.array_equal(part, full[9600:62400])


def test_late_sound_is_preceded_by_silence(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mov", sound=True, sound_codec="pcm_s16le", sound_delay=Fraction(1, 2))
    samples = np.concatenate([block.samples for block in Reader(path).sound()])[:, 0]
    assert len(samples) == 48000
    assert not samples[:24000].any()
    assert samples[24000:].any()


def test_no_sound(tmp_path: Path) -> None:
    reader = Reader(write_clip(tmp_path / "a.mp4", frames=2))
    assert not reader.spec.sound
    assert list(reader.sound()) == []


# Real film


@pytest.mark.parametrize(
    "clip", ["footage/gym_person.mp4", "footage/bikes.mp4", "footage/face_noface.mov", "footage/vtest.avi"]
)
def test_real_footage_seeks_exactly(footage: Path, clip: str) -> None:
    reader = Reader(footage / clip, end=Fraction(4))
    frames = [(f.pts, f.duration, hash(bytes(f.native.planes[0])) if f.native else 0) for f in reader.frames()]
    index = len(frames) * 2 // 3
    since = frames[index][0] * reader.spec.time_base
    again = [
        (f.pts, f.duration, hash(bytes(f.native.planes[0])) if f.native else 0) for f in reader.frames(since, lead_in=5)
    ]
    assert again == frames[index - 5 :]


def test_spec_describes_the_frames(tmp_path: Path) -> None:
    spec = Reader(write_clip(tmp_path / "a.mp4", frames=2, sound=True)).spec
    assert isinstance(spec, VideoSpec)
    assert spec.sound
    assert to_native(picture(96, 64, 0), spec, "yuv420p").width == 96
