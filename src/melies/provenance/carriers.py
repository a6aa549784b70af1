"""Where each kind of file keeps an XMP packet: embedding it, and finding it again.

XMP Specification Part 3 (Adobe, 2020); for WebP, its container specification.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import av

from melies.provenance import TAG

TAGGED = {".mkv", ".webm", ".mka"}
"""Endings of films that keep tags instead."""

_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_APP1 = b"http://ns.adobe.com/xap/1.0/\0"
_ITXT = b"XML:com.adobe.xmp\0\0\0\0\0"
_GIF = b"\x21\xff\x0bXMP DataXMP"
# After the packet, which is no chain of blocks, readers land in this ramp wherever they are, and slide to its end.
_SLIDE = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
_MOST = 1 << 20


def tagged(path: Path) -> tuple[str, ...]:
    """Read the tag of a Matroska or WebM file."""
    from melies.errors import MeliesError
    from melies.media.probe import open_container

    try:
        container = open_container(path)
    except (MeliesError, av.FFmpegError):
        return ()
    with container:
        return tuple(container.metadata.get(TAG, "").splitlines())


def embed(path: Path, packet: bytes) -> None:
    """Put a packet into a file that has none; a kind of file that can hold none is left as it is."""
    carrier = _CARRIERS.get(path.suffix.lower())
    if carrier is not None:
        carrier[0](path, packet)


def extract(path: Path) -> bytes | None:
    """Return the packet of a file; None where there is none."""
    carrier = _CARRIERS.get(path.suffix.lower())
    if carrier is None:
        return None
    with path.open("rb") as file:
        try:
            return carrier[1](file)
        except (struct.error, IndexError):  # cut off in the middle
            return None


# MP4 and QuickTime: a box of its own, at the end


def _embed_box(path: Path, packet: bytes) -> None:
    with path.open("ab") as file:
        file.write(struct.pack(">I4s16s", 24 + len(packet), b"uuid", _UUID) + packet)


def _extract_box(file: BinaryIO) -> bytes | None:
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        begun = file.tell()
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
        if kind == b"uuid" and file.read(16) == _UUID:
            return file.read(min(size - 24, _MOST))
        if size < 8:
            return None
        file.seek(begun - 8 + size)
    return None


# PNG and APNG: a text chunk before the pictures


def _embed_png(path: Path, packet: bytes) -> None:
    data = path.read_bytes()
    body = b"iTXt" + _ITXT + packet
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(data[:33] + chunk + data[33:])


def _extract_png(file: BinaryIO) -> bytes | None:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if kind == b"iTXt" and size < _MOST:
            body = file.read(size)
            if body.startswith(_ITXT):
                return body[len(_ITXT) :]
            size = 0
        elif kind == b"IDAT":
            return None
        file.seek(size + 4, 1)
    return None


# JPEG: an APP1 segment


def _embed_jpeg(path: Path, packet: bytes) -> None:
    data = path.read_bytes()
    body = _APP1 + packet
    # JFIF's own segment has to stay the first.
    at = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    path.write_bytes(data[:at] + struct.pack(">2sH", b"\xff\xe1", len(body) + 2) + body + data[at:])


def _extract_jpeg(file: BinaryIO) -> bytes | None:
    file.seek(2)
    while len(head := file.read(4)) == 4 and head[0] == 255 and head[1] != 0xDA:
        size = int.from_bytes(head[2:], "big") - 2
        body = file.read(size)
        if head[1] == 0xE1 and body.startswith(_APP1):
            return body[len(_APP1) :]
    return None


# GIF: an application extension, before the end


def _embed_gif(path: Path, packet: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(_GIF + packet + _SLIDE + b"\x3b")


def _extract_gif(file: BinaryIO) -> bytes | None:
    file.seek(max(0, file.seek(0, 2) - _MOST))
    tail = file.read()
    at = tail.rfind(_GIF)
    return None if at < 0 else tail[at + len(_GIF) : -len(_SLIDE) - 1]


# WebP: a chunk, announced in the extended header


def _embed_webp(path: Path, packet: bytes) -> None:
    chunks = list(_chunks(path.read_bytes()))
    if chunks[0][0] != b"VP8X":
        chunks.insert(0, (b"VP8X", _extended(*chunks[0])))
    header = bytearray(chunks[0][1])
    header[0] |= 4
    chunks[0] = b"VP8X", bytes(header)
    chunks.append((b"XMP ", packet))
    body = b"".join(kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2) for kind, part in chunks)
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body)


def _extract_webp(file: BinaryIO) -> bytes | None:
    return next((part for kind, part in _chunks(file.read()) if kind == b"XMP "), None)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _extended(kind: bytes, part: bytes) -> bytes:
    """The extended header of a picture that has none."""
    if kind == b"VP8L":
        bits = int.from_bytes(part[1:5], "little")
        width, height, flags = bits & 0x3FFF, bits >> 14 & 0x3FFF, (bits >> 28 & 1) << 4
    else:
        width, height = (int(side) & 0x3FFF for side in struct.unpack_from("<HH", part, 6))
        width, height, flags = width - 1, height - 1, 0
    return bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")


_Carrier = tuple[Callable[[Path, bytes], None], Callable[[BinaryIO], bytes | None]]
_BOX: _Carrier = _embed_box, _extract_box
_PNG: _Carrier = _embed_png, _extract_png
_JPEG: _Carrier = _embed_jpeg, _extract_jpeg
_CARRIERS: dict[str, _Carrier] = {
    **dict.fromkeys((".mp4", ".m4v", ".mov"), _BOX),
    **dict.fromkeys((".png", ".apng"), _PNG),
    **dict.fromkeys((".jpg", ".jpeg"), _JPEG),
    ".gif": (_embed_gif, _extract_gif),
    ".webp": (_embed_webp, _extract_webp),
}
