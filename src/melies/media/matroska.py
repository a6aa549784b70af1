"""The shape of pixels in Matroska and WebM: FFmpeg's muxer takes it from a field that PyAV does not offer.

RFC 9559 (Matroska) and RFC 8794 (EBML). The muxer leaves room behind the file's table of contents; what is noted goes
there, so that nothing after the tracks moves.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from fractions import Fraction
from math import gcd
from pathlib import Path

from melies.errors import MediaError

_SEGMENT, _SEEK_HEAD, _VOID, _CRC = b"\x18\x53\x80\x67", b"\x11\x4d\x9b\x74", b"\xec", b"\xbf"
_TRACKS, _TRACK, _VIDEO = b"\x16\x54\xae\x6b", b"\xae", b"\xe0"
_SEEK, _SEEK_ID, _SEEK_POSITION = b"\x4d\xbb", b"\x53\xab", b"\x53\xac"
_WIDTH, _HEIGHT, _UNIT = b"\x54\xb0", b"\x54\xba", b"\x54\xb2"
_RATIO = b"\x03"
"""The unit in which only the display's proportions are given."""
_HEAD = 1 << 20

Element = tuple[bytes, bytes]
"""An identifier and what is in it."""


def note_shape(path: Path, size: tuple[int, int], aspect: Fraction) -> None:
    """Note how wide pixels are in the first picture track of a finished file.

    Args:
        path: As FFmpeg's muxer wrote it.
        size: Width and height in pixels.
        aspect: Width of a pixel divided by its height.

    Raises:
        MediaError: The file does not look as the muxer leaves it.
    """
    with path.open("r+b") as file:
        head = file.read(_HEAD)
        begin = next(end - len(body) for key, body, end in _elements(head, 0) if key == _SEGMENT)
        first = list(_elements(head, begin))
        count = next((index for index, (key, _, _) in enumerate(first, 1) if key == _TRACKS), 0)
        if not count:
            raise MediaError(f"{path.name}: its tracks cannot be found, and so the shape of its pixels not noted.")
        before = [(key, body) for key, body, _ in first[:count]]
        file.seek(begin)
        file.write(_with_shape(before, first[count - 1][2] - begin, _display(size, aspect)))


def _with_shape(before: list[Element], length: int, display: list[Element]) -> bytes:
    """Lay out the elements up to the tracks anew, just as long as they were."""
    parts = [(key, _tracks(body, display) if key == _TRACKS else body) for key, body in before]
    spare = length - sum(len(_element(*part)) for part in parts if part[0] != _VOID)
    parts = [(key, bytes(spare - 9) if key == _VOID else body) for key, body in parts]
    places, at = {}, 0
    for key, body in parts:
        places[key] = at
        at += len(_element(key, body, 8 if key == _VOID else 0))
    laid = [(key, _contents(body, places) if key == _SEEK_HEAD else body) for key, body in parts]
    return b"".join(_element(key, body, 8 if key == _VOID else 0) for key, body in laid)


def _display(size: tuple[int, int], aspect: Fraction) -> list[Element]:
    """The size at which pictures are shown; only its proportions where it is no whole number of pixels."""
    width, height = size[0] * aspect, size[1]
    if width.denominator == 1:
        return [(_WIDTH, _number(int(width))), (_HEIGHT, _number(height))]
    across, down = size[0] * aspect.numerator, height * aspect.denominator
    common = gcd(across, down)
    return [(_WIDTH, _number(across // common)), (_HEIGHT, _number(down // common)), (_UNIT, _RATIO)]


def _tracks(body: bytes, display: list[Element]) -> bytes:
    tracks = [(key, part) for key, part, _ in _elements(body, 0)]
    for index, (key, part) in enumerate(tracks):
        inside = [(name, content) for name, content, _ in _elements(part, 0)] if key == _TRACK else []
        if any(name == _VIDEO for name, _ in inside):
            shaped = [(name, _shaped(content, display) if name == _VIDEO else content) for name, content in inside]
            tracks[index] = key, b"".join(_element(*one) for one in shaped)
            break
    return _checked(tracks)


def _shaped(video: bytes, display: list[Element]) -> bytes:
    kept = [(key, part) for key, part, _ in _elements(video, 0) if key not in (_WIDTH, _HEIGHT, _UNIT)]
    return b"".join(_element(*one) for one in [*kept, *display])


def _contents(body: bytes, places: dict[bytes, int]) -> bytes:
    """The table of contents with the new places of what moved; numbers stay as long as they were."""
    entries = []
    for key, part, _ in _elements(body, 0):
        inside = {name: content for name, content, _ in _elements(part, 0)} if key == _SEEK else {}
        target = inside.get(_SEEK_ID)
        if target in places:
            inside[_SEEK_POSITION] = places[target].to_bytes(len(inside[_SEEK_POSITION]), "big")
        entries.append((key, b"".join(_element(*one) for one in inside.items()) if inside else part))
    return _checked(entries)


def _checked(elements: list[Element]) -> bytes:
    """Join elements, the first of which is the checksum of the others if there is one."""
    # Tracks have sizes of eight bytes: nothing gets shorter, so nothing moves to where its place takes more digits.
    rest = b"".join(_element(*one, 8 if one[0] == _TRACK else 0) for one in elements if one[0] != _CRC)
    if elements[0][0] != _CRC:
        return rest
    return _element(_CRC, zlib.crc32(rest).to_bytes(4, "little")) + rest


def _element(key: bytes, body: bytes, length: int = 0) -> bytes:
    """Write an element, its size in `length` bytes or in as few as it takes."""
    length = length or max(1, -(-(len(body) + 1).bit_length() // 7))
    return key + (len(body) | 1 << 7 * length).to_bytes(length, "big") + body


def _elements(data: bytes, at: int) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield elements one after the other: identifier, content and where it ends; the last may be cut off."""
    while at < len(data):
        wide = 9 - data[at].bit_length()
        key = data[at : at + wide]
        at += wide
        wide = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + wide], "big") & ((1 << 7 * wide) - 1)
        at += wide
        yield key, data[at : at + size], min(at + size, len(data))
        at += size


def _number(value: int) -> bytes:
    return value.to_bytes(max(1, -(-value.bit_length() // 8)), "big")
