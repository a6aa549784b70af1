"""What is in a media file: `probe`, and the one door through which untrusted files are opened."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from melies.errors import UseError
from melies.files import exists
from melies.frame import Colour
from melies.media.convert import bits_and_alpha, colour_of

log = logging.getLogger("melies")

# Demuxers that read one local file and nothing else. Left out on purpose: hls, dash, concat, sdp, rtsp, image2,
# lavfi, devices, and every text format (subtitles, playlists, ANSI art), which guess wildly and name other files.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,asf_o,flv,mpeg,mpegts,mpegvideo,m4v,h261,h263,h264,hevc,vvc,av1,"
    "obu,ivf,ogg,nut,mxf,rm,dv,dnxhd,gxf,wtv,swf,vc1,cavsvideo,dirac,yuv4mpegpipe,mjpeg,mjpeg_2000,nuv,nsv,live_flv,"
    "gif,apng,bmp_pipe,dpx_pipe,exr_pipe,hdr_pipe,j2k_pipe,jpeg_pipe,jpegxl_anim,jpegxl_pipe,pam_pipe,pbm_pipe,"
    "pcx_pipe,pfm_pipe,pgm_pipe,png_pipe,ppm_pipe,psd_pipe,qoi_pipe,sgi_pipe,sunrast_pipe,tiff_pipe,webp_pipe,"
    "wav,w64,aiff,au,caf,mp3,aac,ac3,eac3,flac,ape,wv,tta,dts,dtshd,amr,amrnb,amrwb,truehd,mlp,voc,roq,smk,bink,"
    "flic,film_cpk,cine,avs2,avs3,apv,evc"
)
PLAYLISTS = {
    rb"#EXTM3U": "an M3U playlist",
    rb"ffconcat version": "a concat list",
    rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<MPD\b": "a DASH manifest",
    rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<SmoothStreamingMedia\b": "a Smooth Streaming manifest",
    rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(playlist|asx|smil|manifest)\b": "a playlist",
    rb"v=0\r?\n[a-z]=": "a session description (SDP)",
    rb"\[(playlist|reference)\]": "a playlist",
    rb"RTSPtext|rtsptext": "a playlist",
}
PROTOCOL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|[A-Za-z][A-Za-z0-9+.-]*,,?[^/\\]*:")
PNG_FORMATS = {"rgb24", "rgba", "rgb48be", "rgba64be", "gray", "gray16be", "ya8", "ya16be", "monob", "pal8"}
"""Pixel formats of PNG frames: the names of their ICC profiles are freed twice once PyAV 18 has listed side data."""
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}

Seconds = Annotated[Fraction, PlainSerializer(float, return_type=float, when_used="json")]


class Record(BaseModel):
    """A frozen piece of information."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Chapter(Record):
    """A named stretch of time."""

    start: Seconds
    """Seconds, in the container's time."""
    end: Seconds
    title: str = ""


class Stream(Record):
    """What every kind of stream has."""

    index: int
    codec: str
    start: Seconds | None = None
    """Seconds, in the container's time."""
    duration: Seconds | None = None
    language: str = ""
    title: str = ""
    dispositions: tuple[str, ...] = ()
    """Such as `default`, `forced`, `attached_pic`."""
    metadata: dict[str, str] = {}

    @property
    def default(self) -> bool:
        """Whether players choose it by themselves."""
        return "default" in self.dispositions


class VideoInfo(Stream):
    """A stream of pictures."""

    type: Literal["video"] = "video"
    width: int
    """Pixels, as displayed: after rotation, before the pixel aspect is applied."""
    height: int
    """Pixels, as displayed."""
    coded_width: int
    """Pixels, before rotation."""
    coded_height: int
    rate: Fraction
    """Frames per second: nominal, or the average where the rate varies."""
    variable: bool
    """Whether frames seem to last differently long; a cheap guess from rates and index."""
    time_base: Fraction
    """Seconds per tick of the timestamps."""
    pixel_format: str
    depth: int
    """Bits per channel."""
    alpha: bool
    rotation: int = 0
    """Degrees clockwise that a player turns the picture by: 0, 90, 180 or 270."""
    mirrored: bool = False
    """Whether a player also flips it left to right, before turning it."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a displayed pixel divided by its height."""
    colour: Colour = Colour()
    frames: int | None = None
    """How many, where the container says so."""


class AudioInfo(Stream):
    """A stream of sound."""

    type: Literal["audio"] = "audio"
    sample_rate: int
    channels: int
    layout: str
    sample_format: str


class SubtitleInfo(Stream):
    """A stream of subtitles."""

    type: Literal["subtitle"] = "subtitle"


class DataInfo(Stream):
    """A stream of something else: timecode, telemetry, attachments."""

    type: Literal["data"] = "data"


AnyStream = Annotated[VideoInfo | AudioInfo | SubtitleInfo | DataInfo, Field(discriminator="type")]


class MediaInfo(Record):
    """What a media file, or a folder of pictures, holds."""

    path: str
    container: str
    """FFmpeg's name of the format; `images` for a sequence of pictures."""
    size: int
    """Bytes."""
    start: Seconds = Fraction(0)
    """Seconds: the earliest timestamp."""
    duration: Seconds | None = None
    streams: tuple[AnyStream, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    metadata: dict[str, str] = {}

    @property
    def video(self) -> VideoInfo | None:
        """The first stream of pictures that is not a cover image."""
        films = (stream for stream in self.streams if isinstance(stream, VideoInfo))
        return next((film for film in films if "attached_pic" not in film.dispositions), None)

    @property
    def audio(self) -> AudioInfo | None:
        """The first stream of sound."""
        return next((stream for stream in self.streams if isinstance(stream, AudioInfo)), None)


def local_file(path: str | Path) -> Path:
    """Return the path of a readable, non-empty file that is not a playlist.

    Raises:
        UseError: It is an address, missing, a folder, empty, not a regular file, or a playlist.
    """
    file = Path(path)
    if not exists(file):
        if PROTOCOL.match(str(path)) and not re.match(r"[A-Za-z]:[\\/]", str(path)):
            raise UseError(
                f"{path} is an address or a protocol, not a file.", "Download it first: only local files are opened."
            )
        raise UseError(f"There is no file {path}.")
    if file.is_dir():
        raise UseError(f"{path} is a folder, not a media file.")
    if not file.is_file():
        raise UseError(f"{path} is not a regular file.", "Copy its content into a file first.")
    if file.stat().st_size == 0:
        raise UseError(f"{path} is empty.")
    kind = playlist(head(file))
    if kind:
        raise UseError(
            f"{path} is {kind}, which names other files or addresses.", "Give the film itself: only that is opened."
        )
    return file


def head(file: Path, size: int = 4096) -> bytes:
    """Read the first bytes of a file.

    Raises:
        UseError: It may not be read.
    """
    try:
        with file.open("rb") as stream:
            return stream.read(size)
    except OSError as error:
        raise UseError(f"{file} cannot be read: {(error.strerror or 'unknown error').lower()}.") from None


def playlist(start: bytes) -> str:
    """Say which kind of playlist a file is that starts so, whatever its name; empty for none."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, kind in PLAYLISTS.items():
        if re.match(pattern, text, re.DOTALL | re.IGNORECASE):
            return kind
    return ""


def open_container(path: str | Path) -> InputContainer:
    """Open an untrusted media file: as a local file, with demuxers that read nothing else.

    The caller closes it.

    Raises:
        UseError: It is not a file, a playlist, or nothing that can be decoded.
    """
    file = local_file(path)
    start = head(file)
    picture = start.startswith(b"\xff\xd8\xff") and file.suffix.lower() not in (".mjpg", ".mjpeg")
    try:
        return av.open(
            f"file:{file.resolve()}",
            format="jpeg_pipe" if picture else None,
            container_options={"protocol_whitelist": "file", "format_whitelist": CONTAINERS},
            metadata_errors="replace",
        )
    except av.FFmpegError:
        raise UseError(_unreadable(path, start)) from None


def _unreadable(path: str | Path, start: bytes) -> str:
    if start[4:8] == b"ftyp":
        return f"{path} is cut short: the index that players need (moov) is missing from it."
    return f"{path} is not a film, picture or sound that can be read, or it is damaged at its start."


@contextmanager
def opened(path: str | Path) -> Iterator[InputContainer]:
    """Open as `open_container` does, and close at the end."""
    container = open_container(path)
    try:
        yield container
    finally:
        container.close()


def probe(path: str | Path) -> MediaInfo:
    """Say what is in a media file, a folder of pictures, or a pattern of pictures; decodes at most one frame.

    Raises:
        UseError: There is nothing there that can be read.
    """
    from melies.media.stills import find_pictures, pictures_info, webp_info

    files = find_pictures(path)
    if files is not None:
        return pictures_info(path, files)
    webp = webp_info(local_file(path))
    if webp is not None:
        return webp
    with opened(path) as container:
        return describe(path, container)


def describe(path: str | Path, container: Any) -> MediaInfo:
    """Say what is in an open container; decodes the first frame, then stands somewhere after the start."""
    start = Fraction(container.start_time or 0, av.time_base)
    chapters = tuple(
        Chapter(
            start=chapter["start"] * chapter["time_base"],
            end=chapter["end"] * chapter["time_base"],
            title=chapter["metadata"].get("title", ""),
        )
        for chapter in container.chapters()
    )
    return MediaInfo(
        path=str(path),
        container=container.format.name,
        size=Path(path).stat().st_size,
        start=start,
        duration=None if container.duration is None else Fraction(container.duration, av.time_base),
        streams=tuple(_stream(stream, path) for stream in container.streams),
        chapters=chapters,
        metadata=dict(container.metadata),
    )


def _stream(stream: Any, path: str | Path) -> AnyStream:
    base = stream.time_base
    codec = stream.codec_context
    common: dict[str, Any] = {
        "index": stream.index,
        "codec": codec.codec.canonical_name if codec is not None else getattr(stream, "name", None) or "unknown",
        "start": None if stream.start_time is None else stream.start_time * base,
        "duration": _tagged_duration(stream) if stream.duration is None else stream.duration * base,
        "language": stream.metadata.get("language", "").removeprefix("und"),
        "title": stream.metadata.get("title", ""),
        "dispositions": tuple(flag.name for flag in stream.disposition),
        "metadata": dict(stream.metadata),
    }
    if stream.type == "video" and codec is not None:
        return VideoInfo(**common, **_video(stream, path))
    if stream.type == "audio" and codec is not None:
        return AudioInfo(
            **common,
            sample_rate=codec.sample_rate or 0,
            channels=codec.layout.nb_channels,
            layout=codec.layout.name,
            sample_format=codec.format.name if codec.format else "unknown",
        )
    return SubtitleInfo(**common) if stream.type == "subtitle" else DataInfo(**common)


def _tagged_duration(stream: Any) -> Fraction | None:
    """Read how long a stream is from the tag that Matroska keeps it in, `HH:MM:SS.nnnnnnnnn`.

    FFmpeg writes when the stream ends, mkvmerge how long it is.
    """
    parts = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if parts is None:
        return None
    tagged = int(parts[1]) * 3600 + int(parts[2]) * 60 + Fraction(parts[3])
    late = Fraction(0) if "_STATISTICS_TAGS" in stream.metadata else (stream.start_time or 0) * stream.time_base
    return max(Fraction(0), tagged - late)


def _video(stream: Any, path: str | Path) -> dict[str, Any]:
    from melies.media.stills import stays_opaque

    codec = stream.codec_context
    pixel_format = codec.pix_fmt or "yuv420p"
    depth, alpha = bits_and_alpha(pixel_format)
    films = [one for one in stream.container.streams.video if not one.disposition & Disposition.attached_pic]
    # Only one stream can be read from its beginning; covers and second angles go without.
    frame, times = survey(stream) if stream.index == (films or [stream])[0].index else (None, [])
    turn, mirrored = orientation(display_matrix(frame))
    if frame is not None and alpha:
        alpha = not stays_opaque(Path(path), frame)
    width, height = codec.width, codec.height
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if turn % 180:
        width, height, aspect = height, width, 1 / aspect
    return {
        "width": width,
        "height": height,
        "coded_width": codec.width,
        "coded_height": codec.height,
        "rate": nominal_rate(stream),
        "variable": seems_variable(stream, times),
        "time_base": stream.time_base,
        "pixel_format": pixel_format,
        "depth": depth,
        "alpha": alpha or alpha_decoder(stream) is not None,
        "rotation": turn,
        "mirrored": mirrored,
        "pixel_aspect": aspect,
        "colour": stream_colour(codec, pixel_format),
        "frames": 1 if stream.container.format.name.endswith("_pipe") else stream.frames or None,
    }


def stream_colour(codec: Any, pixel_format: str) -> Colour:
    """The colour tags of a stream or frame, where RGB is always full range."""
    colour = colour_of(codec)
    if av.VideoFormat(pixel_format).is_rgb or pixel_format == "pal8":
        return Colour("full", "gbr", colour.primaries, colour.transfer)
    if pixel_format.startswith("yuvj"):
        return Colour("full", colour.matrix, colour.primaries, colour.transfer)
    return colour


def survey(stream: Any) -> tuple[av.VideoFrame | None, list[int]]:
    """Decode the first frame of a stream, and read the pts of its first packets if they all have one."""
    frame: av.VideoFrame | None = None
    times: list[int | None] = []
    try:
        for packet in islice(stream.container.demux(stream), 200):
            if packet.size:
                times.append(packet.pts)
            frame = frame or _decode(packet)
            if frame is not None and len(times) >= 48:
                break
    except av.FFmpegError:
        log.debug("%s is damaged near its start", stream.container.name)
    known = [time for time in times if time is not None]
    return frame, known if len(known) == len(times) else []


def _decode(packet: Any) -> av.VideoFrame | None:
    try:
        frames = packet.decode()
    except av.FFmpegError:
        return None
    return frames[0] if frames else None


def display_matrix(frame: av.VideoFrame | None) -> tuple[int, int, int, int]:
    """The rotation part (a, b, c, d) of a frame's display matrix: x' = ax + cy, y' = bx + dy."""
    if frame is None:
        return 1, 0, 0, 1
    turned = {0: (1, 0, 0, 1), 90: (0, -1, 1, 0), -90: (0, 1, -1, 0)}.get(frame.rotation, (-1, 0, 0, -1))
    if frame.format.name in PNG_FORMATS:
        return turned
    try:
        sides: Any = frame.side_data
        found = next((bytes(side) for side in sides if side.type.name == "DISPLAYMATRIX"), None)
    except ValueError:  # PyAV cannot list kinds of side data that it has no name for, such as EXIF
        return turned
    if found is None:
        return 1, 0, 0, 1
    part = np.frombuffer(found, np.int32)[[0, 1, 3, 4]].astype(np.float64)
    a, b, c, d = (part / (np.abs(part).max() or 1)).round()
    if abs(a * d - b * c) != 1:
        return 1, 0, 0, 1
    return int(a), int(b), int(c), int(d)


def orientation(matrix: tuple[int, int, int, int]) -> tuple[int, bool]:
    """Degrees clockwise that a picture is turned by, and whether it is flipped left to right before that."""
    a, b, c, d = matrix
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[a, b], mirrored


def nominal_rate(stream: Any) -> Fraction:
    """Frames per second as the container states or averages them; 25 when it says nothing."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate:
            return cast(Fraction, rate)
    return Fraction(25)


def seems_variable(stream: Any, times: list[int]) -> bool:
    """Guess from rates, the index and the first packets whether frames last differently long."""
    indexed = [entry.timestamp for entry in stream.index_entries[:1000] if entry.size > 0 and not entry.is_discard]
    steps = np.diff(sorted({*(indexed if len(indexed) > len(times) else times)}))[:-1]
    if len(steps) > 1 and steps.max() > 1.01 * steps.min() + 1:
        return True
    average, base = stream.average_rate, stream.base_rate
    if not average or not base:
        return False
    ratio = float(base / average)
    return ratio > 2.5 or abs(ratio - max(1, round(ratio))) > 0.01


def alpha_decoder(stream: Any) -> VideoCodecContext | None:
    """A decoder that keeps the alpha of VP8 and VP9, which FFmpeg's own ones drop; None where there is none."""
    name = ALPHA_DECODERS.get(stream.codec_context.codec.canonical_name)
    if name is None or stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) != "1":
        return None
    return cast(VideoCodecContext, av.CodecContext.create(name, "r"))
