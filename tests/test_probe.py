"""Probing, and what is refused: addresses, playlists, things that are not media."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from melies.errors import UseError
from melies.frame import Colour
from melies.media import camera
from melies.media.probe import CONTAINERS, MediaInfo, open_container, probe
from melies.media.reader import Reader
from melies.media.synthetic import picture, write_clip


def test_probe_says_what_is_there(tmp_path: Path) -> None:
    colour = Colour("limited", "bt709", "bt709", "bt709")
    path = write_clip(
        tmp_path / "a.mp4",
        rate=Fraction(30000, 1001),
        frames=30,
        rotation=90,
        pixel_aspect=Fraction(4, 3),
        colour=colour,
        sound=True,
        metadata={"title": "The moon"},
    )
    info = probe(path)
    video, audio = info.video, info.audio
    assert video is not None
    assert audio is not None
    assert (video.width, video.height, video.coded_width, video.coded_height) == (64, 96, 96, 64)
    assert (video.rate, video.frames, video.rotation) == (Fraction(30000, 1001), 30, 270)
    assert (video.codec, video.pixel_format, video.depth, video.alpha) == ("h264", "yuv420p", 8, False)
    assert (video.pixel_aspect, video.colour, video.variable, video.default) == (Fraction(3, 4), colour, False, True)
    assert (audio.codec, audio.sample_rate, audio.channels, audio.layout) == ("aac", 48000, 1, "mono")
    assert info.size == path.stat().st_size
    assert info.duration == pytest.approx(Fraction(1001, 1000), abs=0.01)
    assert info.metadata["title"] == "The moon"


def test_probe_goes_through_json(tmp_path: Path) -> None:
    info = probe(write_clip(tmp_path / "a.mkv", frames=3, sound=True))
    data = json.loads(info.model_dump_json())
    assert data["streams"][0]["rate"] == "25"
    assert isinstance(data["duration"], float)
    again = MediaInfo.model_validate_json(info.model_dump_json())
    assert again.video == info.video


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("a.webm", {"codec": "libvpx-vp9", "pix_fmt": "yuva420p"}, {"alpha": True, "codec": "vp9"}),
        ("a.mkv", {"codec": "ffv1", "pix_fmt": "yuv420p10le"}, {"depth": 10, "variable": False}),
        ("a.mkv", {"pts": [0, 10, 90, 100], "time_base": Fraction(1, 1000)}, {"variable": True}),
        ("a.mp4", {"pts": [0, 10, 90, 100], "time_base": Fraction(1, 1000)}, {"variable": True}),
        ("a.mkv", {"rate": Fraction(24000, 1001), "frames": 40}, {"variable": False}),
        ("a.gif", {"codec": "gif", "pix_fmt": "rgb8"}, {"alpha": False, "codec": "gif"}),
        ("a.mp4", {"rotation": 180, "flip": True}, {"rotation": 180, "mirrored": True, "width": 96}),
    ],
)
def test_probe_of_other_kinds(tmp_path: Path, name: str, settings: dict[str, Any], expected: dict[str, Any]) -> None:
    video = probe(write_clip(tmp_path / name, **{"frames": 8, **settings})).video
    assert video is not None
    assert {key: getattr(video, key) for key in expected} == expected


def test_chapters_and_languages(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    source = write_clip(tmp_path / "b.mkv", frames=25)
    with av.open(str(source)) as given, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        stream.metadata["language"] = "fra"
        out.set_chapters(
            [{"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": "Départ"}}]
        )
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    info = probe(path)
    assert [(c.start, c.end, c.title) for c in info.chapters] == [(0, Fraction(1, 2), "Départ")]
    assert info.streams[0].language == "fra"


def test_pictures(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(40, 20, number, depth=16, alpha=True))
    info = probe(tmp_path)
    assert info.container == "images"
    assert info.video is not None
    assert (info.video.frames, info.video.depth, info.video.alpha, info.video.rate) == (3, 16, True, 25)


def test_only_readers_of_one_local_file_are_allowed() -> None:
    allowed = set(CONTAINERS.split(","))
    forbidden = {"hls", "concat", "dash", "sdp", "rtsp", "image2", "lavfi", "tedcaptions", "rtp", "sap", "tty"}
    forbidden |= {"webm_dash_manifest", "imf", "video4linux2", "v4l2", "x11grab", "srt", "webvtt", "ffmetadata"}
    assert not allowed & forbidden
    assert all(name in av.formats_available or "," in name for name in allowed - {"m4a", "mj2", "webm"})


# What is refused

PLAYLISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{0}\n#EXT-X-ENDLIST\n",
    "hls with a mark": "\ufeff\n#EXTM3U\n#EXTINF:1,\nhttp://localhost/a.ts\n",
    "ffconcat": "ffconcat version 1.0\nfile {0}\n",
    "mpd": '<?xml version="1.0"?>\n<!-- x -->\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>\n',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 1234 RTP/AVP 96\n",
    "pls": "[playlist]\nFile1={0}\n",
    "asx": "<asx version='3.0'></asx>",
}


@pytest.mark.parametrize("opening", [probe, Reader, open_container])
@pytest.mark.parametrize("suffix", ["mp4", "m3u8", "png"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_playlists_are_refused_whatever_their_name(tmp_path: Path, kind: str, suffix: str, opening: Any) -> None:
    film = write_clip(tmp_path / "film.mp4", frames=2)
    path = tmp_path / f"list.{suffix}"
    path.write_text(PLAYLISTS[kind].format(film))
    with pytest.raises(UseError, match="which names other files") as caught:
        opening(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost/a.mp4",
        "https://localhost/%04d.png",
        "concat:a.mp4|b.mp4",
        "rtsp://localhost/x",
        "subfile,,start,0,end,9,,:a.mp4",
        "data:video/mp4;base64,AAAA",
        "pipe:0",
        "lavfi:testsrc",
        "crypto:a.mp4",
    ],
)
def test_addresses_are_refused(address: str) -> None:
    with pytest.raises(UseError, match="not a file"):
        Reader(address)


def test_a_file_may_be_called_like_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "a.mp4", frames=2).rename(tmp_path / "concat:a.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(list(Reader("concat:a.mp4").frames())) == 2


def test_a_film_cannot_make_another_file_be_read(tmp_path: Path) -> None:
    """A QuickTime reference movie names its data by path: it must not be followed."""
    path = write_clip(tmp_path / "a.mov", frames=2)
    data = path.read_bytes()
    at = data.index(b"url ", data.index(b"dref")) - 4
    assert data[at + 11] == 1  # "the media is in this file"
    path.write_bytes(data[: at + 11] + b"\0" + data[at + 12 :])
    frames = list(Reader(path).frames())
    assert len(frames) == 2  # read from the film itself, as if nothing had been said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"Once upon a time there was a film. " * 400, "not a film"),
        (os.urandom(5000), "not a film"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "decoded|not a film"),
        (b"GIF89a" + bytes(20), "decoded|not a film"),
        (b"\xff\xd8\xff" + bytes(100), "decoded|not a film"),
        (b"RIFF\x20\0\0\0WEBPVP8X\n\0\0\0\x02\0\0\0\0\0\0\0\0\0", "decoded|not a film"),
    ],
    ids=["empty", "text", "noise", "png", "gif", "jpeg", "webp"],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.png", "a.txt"])
def test_what_is_not_media_is_refused_in_one_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UseError, match=words) as caught:
        Reader(path)
    assert str(path) in caught.value.message
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(UseError, match="There is no file"):
        probe(tmp_path / "none.mp4")
    with pytest.raises(UseError, match="no pictures"):
        probe(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(UseError, match="not a regular file"):
        Reader(tmp_path / "pipe.mp4")


def test_a_film_without_its_index(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", frames=30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UseError, match=r"cut short: the index .* \(moov\) is missing"):
        probe(path)


def test_sound_alone_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=48000, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), "s16", "mono")
        block.sample_rate = 48000
        out.mux(stream.encode(block))
        out.mux(stream.encode(None))
    assert probe(path).audio is not None
    with pytest.raises(UseError, match="holds sound, but no film or picture"):
        Reader(path)


def test_a_film_without_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        out.start_encoding()
    with pytest.raises(UseError, match=r"no frame that can be decoded|not a film|no film"):
        Reader(path)


def test_cameras_are_listed() -> None:
    assert all(isinstance(name, str) for name in camera.cameras())
