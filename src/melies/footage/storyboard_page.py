"""Pages for printing: what stands on them, and the two kinds of file in which they are written."""

from __future__ import annotations

import tempfile
import unicodedata
import zlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import IO, Any, Protocol

import cv2
import numpy as np

from melies.effects._lettering import Type, letters
from melies.footage.page import END, begin
from melies.frame import Image
from melies.matting.scale import cv

WIDTH, HEIGHT = 595.28, 841.89
"""A4, in points of 1/72 inch."""
_JPEG = 85
_FINE = 4
"""Pixels per point of signs that the font of PDF does not have."""
_HELVETICA = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 "
    "584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 "
    "667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 "
    "278 556 500 722 500 500 500 334 260 334 584"
)
"""Widths of Helvetica's letters from the space to the tilde, in thousandths of its size."""

Colour = tuple[int, int, int]
BLACK: Colour = (0, 0, 0)
GREY: Colour = (110, 110, 110)


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text; `x` and `y` are where its baseline begins, in points from the left and the top."""

    x: float
    y: float
    text: str
    size: float
    bold: bool = False
    colour: Colour = BLACK


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle; `x` and `y` are its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    width: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as JPEG with its size in pixels; `about` is read to those who do not see it."""

    x: float
    y: float
    width: float
    height: float
    jpeg: bytes
    pixels: tuple[int, int]
    about: str = ""


@dataclass
class Page:
    """What stands on a page, from the back to the front."""

    items: list[Text | Box | Line | Picture] = field(default_factory=list)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        bold: bool = False,
        colour: Colour = BLACK,
        right: bool = False,
    ) -> None:
        """Write a line; with `right`, `x` is where it ends."""
        if text:
            self.items.append(Text(x - (measure(text, size, bold) if right else 0), y, text, size, bold, colour))

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self.items.append(Box(x, y, width, height, colour))

    def line(self, points: tuple[tuple[float, float], ...], width: float, colour: Colour) -> None:
        """Draw a line through points."""
        self.items.append(Line(points, width, colour))

    def picture(self, x: float, y: float, width: float, height: float, image: Image, about: str = "") -> None:
        """Show a picture of `H×W×3` uint8."""
        _, jpeg = cv.imencode(".jpg", cv.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG])
        self.items.append(Picture(x, y, width, height, bytes(jpeg), (image.shape[1], image.shape[0]), about))


def measure(text: str, size: float, bold: bool = False) -> float:
    """Return how many points a line is wide."""
    if not _plain(text):
        return _uni().width(text) * size / _uni().size
    return sum(map(_advance, text)) * size / 1000 * (1.06 if bold else 1)


def wrap(text: str, width: float, size: float, most: int, bold: bool = False) -> list[str]:
    """Break text into lines of a width in points; of more than `most`, the last ends in an ellipsis."""
    lines: list[str] = []
    for word in text.split():
        if lines and measure(f"{lines[-1]} {word}", size, bold) <= width:
            lines[-1] += f" {word}"
        else:
            lines += _pieces(word, width, size, bold)
    if len(lines) > most > 0:
        last = lines[most - 1]
        while last and measure(last + "…", size, bold) > width:
            last = last[:-1]
        lines = [*lines[: most - 1], last.rstrip() + "…"]
    return lines


def _pieces(word: str, width: float, size: float, bold: bool) -> Iterator[str]:
    """A word in pieces that fit: scripts without spaces are one long word."""
    piece = ""
    for sign in word:
        if piece and measure(piece + sign, size, bold) > width:
            yield piece
            piece = ""
        piece += sign
    yield piece


def _plain(text: str) -> bool:
    """Whether PDF's own fonts have all signs of a text."""
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return text.isprintable()


@cache
def _advance(sign: str) -> int:
    base = unicodedata.normalize("NFD", sign)[0]
    widths = _HELVETICA.split()
    return int(widths[ord(base) - 32]) if 32 <= ord(base) < 127 else 1000 if sign == "…" else 556


@cache
def _uni() -> Type:
    return Type(cv.FontFace("uni"), 64, 400)


class Writer(Protocol):
    """What pages are written to as they come, so that memory does not grow with them."""

    def add(self, page: Page) -> None:
        """Write a page."""

    def finish(self, first: Page) -> None:
        """Write the page that stands before all others, and end the file."""


class Html:
    """One file of HTML with every page as a drawing, which prints as it looks."""

    def __init__(self, file: IO[bytes], title: str) -> None:
        self._file = file
        self._title = title
        self._pages = tempfile.TemporaryFile(prefix="melies-")  # noqa: SIM115 (closed by finish)

    def add(self, page: Page) -> None:
        """Write a page."""
        self._pages.write(_svg(page).encode())

    def finish(self, first: Page) -> None:
        """Write the page that stands before all others, and end the file."""
        self._file.write(begin(self._title, _STYLE).encode())
        self._file.write(_svg(first).encode())
        self._pages.seek(0)
        while part := self._pages.read(1 << 20):
            self._file.write(part)
        self._pages.close()
        self._file.write(END.encode())


_STYLE = """\
@page { size: A4; margin: 0 }
body { margin: 0; background: #888 }
svg { display: block; width: 210mm; max-width: 100%; margin: 5mm auto; background: #fff; break-after: page;
  font-family: Helvetica, Arial, "Liberation Sans", sans-serif }
@media print { body { background: none } svg { margin: 0 } }
"""


def _svg(page: Page) -> str:
    shapes = "\n".join(_shape(item) for item in page.items)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" xmlns="http://www.w3.org/2000/svg">\n{shapes}\n</svg>\n'


def _shape(item: Text | Box | Line | Picture) -> str:
    if isinstance(item, Text):
        bold = ' font-weight="bold"' if item.bold else ""
        place = f'x="{item.x:.2f}" y="{item.y:.2f}" font-size="{item.size:g}" fill="{_hex(item.colour)}"'
        return f"<text {place}{bold}>{escape(item.text)}</text>"
    if isinstance(item, Line):
        points = " ".join(f"{x:.2f},{y:.2f}" for x, y in item.points)
        return f'<polyline points="{points}" fill="none" stroke="{_hex(item.colour)}" stroke-width="{item.width:g}"/>'
    place = f'x="{item.x:.2f}" y="{item.y:.2f}" width="{item.width:.2f}" height="{item.height:.2f}"'
    if isinstance(item, Box):
        return f'<rect {place} fill="{_hex(item.colour)}"/>'
    data = b64encode(item.jpeg).decode()
    return f'<image {place} href="data:image/jpeg;base64,{data}"><title>{escape(item.about)}</title></image>'


def _hex(colour: Colour) -> str:
    return "#" + bytes(colour).hex()


class Pdf:
    """A PDF file of version 1.4, written from front to back."""

    _CATALOGUE, _TREE, _FONT, _BOLD, _INFO = 1, 2, 3, 4, 5

    def __init__(self, file: IO[bytes], title: str) -> None:
        self._file = file
        self._title = title
        self._at = 0
        self._offsets: dict[int, int] = {}
        self._count = self._INFO
        self._pages: list[int] = []
        self._write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")

    def add(self, page: Page) -> None:
        """Write a page."""
        self._pages.append(self._page(page))

    def finish(self, first: Page) -> None:
        """Write the page that stands before all others, and end the file."""
        self._pages.insert(0, self._page(first))
        for number, name in ((self._FONT, "Helvetica"), (self._BOLD, "Helvetica-Bold")):
            font = f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>"
            self._object(number, font.encode())
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        self._object(self._TREE, f"<< /Type /Pages /Kids [{kids}] /Count {len(self._pages)} >>".encode())
        self._object(self._CATALOGUE, f"<< /Type /Catalog /Pages {self._TREE} 0 R >>".encode())
        title = (b"\xfe\xff" + self._title.encode("utf-16-be")).hex().encode()
        self._object(self._INFO, b"<< /Title <" + title + b"> /Creator (melies) >>")
        start = self._at
        rows = [f"{self._offsets[number]:010d} 00000 n \n" for number in range(1, self._count + 1)]
        self._write(f"xref\n0 {self._count + 1}\n0000000000 65535 f \n{''.join(rows)}".encode())
        root = f"/Size {self._count + 1} /Root {self._CATALOGUE} 0 R /Info {self._INFO} 0 R"
        self._write(f"trailer\n<< {root} >>\nstartxref\n{start}\n%%EOF\n".encode())

    def _page(self, page: Page) -> int:
        images: list[int] = []
        content = b"\n".join(self._drawn(item, images) for item in page.items)
        stream = self._stream(zlib.compress(content), "/Filter /FlateDecode")
        shown = " ".join(f"/I{number} {number} 0 R" for number in images)
        fonts = f"/F1 {self._FONT} 0 R /F2 {self._BOLD} 0 R"
        return self._new(
            f"<< /Type /Page /Parent {self._TREE} 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {stream} 0 R "
            f"/Resources << /Font << {fonts} >> /XObject << {shown} >> >> >>".encode()
        )

    def _drawn(self, item: Text | Box | Line | Picture, images: list[int]) -> bytes:
        """The operators that draw an item; in PDF, up is up."""
        if isinstance(item, Text):
            return self._text(item, images)
        if isinstance(item, Line):
            path = " ".join(
                f"{x:.2f} {HEIGHT - y:.2f} {'l' if index else 'm'}" for index, (x, y) in enumerate(item.points)
            )
            return f"{_share(item.colour)} RG {item.width:g} w {path} S".encode()
        low = HEIGHT - item.y - item.height
        if isinstance(item, Box):
            return f"{_share(item.colour)} rg {item.x:.2f} {low:.2f} {item.width:.2f} {item.height:.2f} re f".encode()
        size = f"/Width {item.pixels[0]} /Height {item.pixels[1]}"
        kind = f"/Type /XObject /Subtype /Image {size} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode"
        images.append(self._stream(item.jpeg, kind))
        return _placed(images[-1], item.x, low, item.width, item.height)

    def _text(self, item: Text, images: list[int]) -> bytes:
        low = HEIGHT - item.y
        if not _plain(item.text):
            return self._signs(item, images)
        text = item.text.encode("cp1252").replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")
        font = f"{_share(item.colour)} rg BT /F{1 + item.bold} {item.size:g} Tf {item.x:.2f} {low:.2f} Td ("
        return font.encode() + text + b") Tj ET"

    def _signs(self, item: Text, images: list[int]) -> bytes:
        """Text in signs that PDF's own fonts do not have, as a mask through which its colour is seen."""
        type_ = Type(_uni().face, round(item.size * _FINE), 700 if item.bold else 400)
        wide, high = max(1, type_.width(item.text)), 2 * type_.size
        plane = letters([item.text], type_, (wide, high), (wide / 2, high / 2))
        mask = self._image(zlib.compress(plane.tobytes()), wide, high, "/ColorSpace /DeviceGray")
        fill = np.full((1, 1, 3), item.colour, np.uint8)
        images.append(self._image(zlib.compress(fill.tobytes()), 1, 1, f"/ColorSpace /DeviceRGB /SMask {mask} 0 R"))
        # Letters stand 0.36 of their size below the plane's middle.
        low = HEIGHT - item.y - (high / 2 - 0.36 * type_.size) / _FINE
        return _placed(images[-1], item.x, low, wide / _FINE, high / _FINE)

    def _image(self, data: bytes, width: int, height: int, kind: str) -> int:
        size = f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /BitsPerComponent 8"
        return self._stream(data, f"{size} {kind} /Filter /FlateDecode")

    def _stream(self, data: bytes, kind: str) -> int:
        return self._new(f"<< {kind} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream")

    def _new(self, content: bytes) -> int:
        self._count += 1
        self._object(self._count, content)
        return self._count

    def _object(self, number: int, content: bytes) -> None:
        self._offsets[number] = self._at
        self._write(f"{number} 0 obj\n".encode() + content + b"\nendobj\n")

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._at += len(data)


def _placed(number: int, x: float, low: float, width: float, height: float) -> bytes:
    return f"q {width:.2f} 0 0 {height:.2f} {x:.2f} {low:.2f} cm /I{number} Do Q".encode()


def _share(colour: Sequence[int]) -> str:
    return " ".join(f"{value / 255:.3g}" for value in colour)


KINDS: dict[str, Any] = {".pdf": Pdf, ".html": Html, ".htm": Html}


def writer(path: Path, file: IO[bytes], title: str) -> Writer:
    """Return what writes the kind of file that a name's ending says."""
    made: Writer = KINDS[path.suffix.lower()](file, title)
    return made
