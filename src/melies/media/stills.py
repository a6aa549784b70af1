"""Pictures that make a film: folders, patterns, and the animations that FFmpeg reads only in part (WebP, GIF)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from melies.errors import UseError
from melies.files import exists
from melies.media.probe import MediaInfo, VideoInfo, head, opened, probe, survey

SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".webp", ".bmp", ".exr", ".dpx", ".ppm", ".pgm", ".pbm", ".pam",
    ".jp2", ".j2k", ".jxl", ".qoi", ".hdr", ".psd",
}  # fmt: skip
RATE = Fraction(25)
HURRY = 10
"""Milliseconds: an animation's delay of no more than this means 100 ms, as in every browser."""


def natural(path: Path) -> list[tuple[int, int | str]]:
    """A sort key by which `shot9` comes before `shot10`."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def find_pictures(path: str | Path) -> list[Path] | None:
    """List the pictures that a folder, a `%04d` pattern or a glob stands for, in natural order.

    Returns:
        None when `path` is a file, or nothing of the kind.

    Raises:
        UseError: The folder or pattern holds no picture.
    """
    given = Path(path)
    if exists(given) and given.is_dir():
        found = [entry for entry in given.iterdir() if entry.suffix.lower() in SUFFIXES and entry.is_file()]
        if not found:
            raise UseError(f"The folder {path} holds no pictures.", "It needs files such as 0001.png or 0001.jpg.")
        return sorted((entry for entry in found if not entry.name.startswith(".")), key=natural)
    if exists(given) or "://" in str(path):
        return None
    if re.search(r"%0?\d*d", given.name):
        pattern = re.compile(re.sub(r"%0?\d*d", lambda _: r"\d+", re.escape(given.name)))
        found = [entry for entry in _entries(given.parent) if pattern.fullmatch(entry.name)]
    elif re.search(r"[*?\[]", given.name):
        found = [entry for entry in _entries(given.parent) if entry.match(given.name)]
    else:
        return None
    if not found:
        raise UseError(f"No picture matches {path}.")
    return sorted(found, key=natural)


def _entries(folder: Path) -> Iterator[Path]:
    return (entry for entry in folder.iterdir() if entry.is_file()) if folder.is_dir() else iter(())


def pictures_info(path: str | Path, files: list[Path], rate: Fraction | None = None) -> MediaInfo:
    """Describe a sequence of pictures by its first one."""
    rate = rate or RATE
    first = probe(files[0])
    if first.video is None:
        raise UseError(f"{files[0]} holds no picture.")
    duration = len(files) / rate
    video = first.video.model_copy(
        update={
            "rate": rate,
            "time_base": 1 / rate,
            "frames": len(files),
            "duration": duration,
            "start": Fraction(0),
            "variable": False,
        }
    )
    return MediaInfo(
        path=str(path),
        container="images",
        size=sum(file.stat().st_size for file in files),
        duration=duration,
        streams=(video,),
    )


@dataclass(frozen=True)
class WebP:
    """The outline of a WebP file: canvas, alpha, and each frame's time in milliseconds; one frame for a still."""

    width: int
    height: int
    alpha: bool
    delays: tuple[int, ...]
    animated: bool


def read_webp(file: Path) -> WebP | None:
    """Read the outline of a WebP file; None for any other file, or a damaged one."""
    start = head(file, 64)
    if start[:4] != b"RIFF" or start[8:12] != b"WEBP":
        return None
    if start[12:16] == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        return WebP((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1), (40,), False)
    if start[12:16] != b"VP8X":
        return WebP(0, 0, False, (40,), False)
    width, height = (int.from_bytes(start[at : at + 3], "little") + 1 for at in (24, 27))
    alpha = bool(start[20] & 16)
    if not start[20] & 2:
        return WebP(width, height, alpha, (40,), False)
    pieces = list(_webp_pieces(file))
    delays = tuple(piece.delay if piece.delay > HURRY else 100 for piece in pieces)
    return WebP(width, height, alpha and not _covers(pieces, (width, height)), delays, True) if delays else None


@dataclass(frozen=True)
class _Piece:
    """A frame of an animated WebP as stored: often only the part of the canvas that changes."""

    size: tuple[int, int]
    delay: int
    clears: bool
    overwrites: bool
    alpha: bool


def _webp_pieces(file: Path) -> Iterator[_Piece]:
    with file.open("rb") as stream:
        stream.seek(12)
        while len(header := stream.read(8)) == 8:
            size = int.from_bytes(header[4:], "little")
            here = stream.tell()
            if header[:4] == b"ANMF":
                data = stream.read(32)
                width, height, delay = (int.from_bytes(data[at : at + 3], "little") for at in (6, 9, 12))
                lossless_alpha = data[16:20] == b"VP8L" and bool(int.from_bytes(data[25:29], "little") >> 28 & 1)
                alpha = data[16:20] == b"ALPH" or lossless_alpha
                flags = data[15] if len(data) > 15 else 0
                yield _Piece((width + 1, height + 1), delay, bool(flags & 1), bool(flags & 2), alpha)
            stream.seek(here + size + size % 2)


def _covers(pieces: Sequence[_Piece], canvas: tuple[int, int]) -> bool:
    """Whether the whole canvas is opaque from first to last: encoders flag alpha for pixels that merely stay."""
    if not pieces or pieces[0].size != canvas or pieces[0].alpha:
        return False
    return not any(piece.clears or (piece.overwrites and piece.alpha) for piece in pieces)


def webp_info(file: Path) -> MediaInfo | None:
    """Describe an animated WebP file; None for any other file."""
    outline = read_webp(file)
    if outline is None or not outline.animated:
        return None
    total = Fraction(sum(outline.delays), 1000)
    video = VideoInfo(
        index=0,
        codec="webp",
        start=Fraction(0),
        duration=total,
        width=outline.width,
        height=outline.height,
        coded_width=outline.width,
        coded_height=outline.height,
        rate=len(outline.delays) / total,
        variable=len(set(outline.delays)) > 1,
        time_base=Fraction(1, 1000),
        pixel_format="rgba" if outline.alpha else "rgb24",
        depth=8,
        alpha=outline.alpha,
        frames=len(outline.delays),
    )
    return MediaInfo(path=str(file), container="webp", size=file.stat().st_size, duration=total, streams=(video,))


def webp_frames(file: Path, outline: WebP, first: int = 0) -> Iterator[av.VideoFrame]:
    """Decode an animated WebP from frame `first` on, a few frames at a time, as composed by libwebp."""
    step = max(1, (64 << 20) // (outline.width * outline.height * 4))
    for start in range(first, len(outline.delays), step):
        good, animation = cv2.imreadanimation(str(file), start=start, count=step)
        if not good or not animation.frames:
            return
        image: Any
        for image in animation.frames:
            order = ("bgra" if image.shape[2] == 4 else "bgr24") if image.ndim == 3 else "gray"
            yield av.VideoFrame.from_ndarray(np.ascontiguousarray(image), order)


def stays_opaque(file: Path, native: av.VideoFrame) -> bool:
    """Whether a picture format with alpha never uses it in this file, as far as its headers tell."""
    name = native.format.name
    if name == "pal8":
        return bool((np.frombuffer(bytes(native.planes[1]), np.uint32) >> 24 == 255).all())
    start = head(file, 16)
    if start[:4] == b"GIF8":
        return _gif_opaque(file)
    if start[8:12] == b"WEBP":
        outline = read_webp(file)
        return outline is not None and not outline.alpha
    return False


def _gif_opaque(file: Path) -> bool:
    """Whether the first frame of a GIF covers the canvas and nothing is ever cleared to transparent."""
    data = memoryview(file.read_bytes())
    canvas = bytes(data[6:10])
    at = 13 + _palette(data[10])
    transparent, covered = False, False
    while at < len(data) and data[at] != 0x3B:
        if data[at] == 0x21:
            if data[at + 1] == 0xF9:
                flags = data[at + 3]
                transparent = bool(flags & 1)
                if flags >> 2 & 7 == 2:
                    return False
            at = _skip_blocks(data, at + 2)
        elif data[at] == 0x2C and at + 10 < len(data):
            if not covered:
                whole = bytes(data[at + 1 : at + 5]) == bytes(4) and bytes(data[at + 5 : at + 9]) == canvas
                if transparent or not whole:
                    return False
                covered = True
            at = _skip_blocks(data, at + 11 + _palette(data[at + 9]))
        else:
            break
    return covered


def _palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(data: memoryview, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def still(file: Path) -> av.VideoFrame | None:
    """Decode one picture file; None when it is damaged.

    Raises:
        UseError: It cannot be opened as a picture at all.
    """
    with opened(file) as container:
        streams = container.streams.video
        return survey(streams[0])[0] if streams else None
