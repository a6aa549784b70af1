"""Make the pictures from which the shipped styles were learned.

The drawn looks (engraving, pointillism, ink) are drawn here, after a photo that gives them light and shade. The
paintings are unpacked from Debian's package gcompris-qt-data, where some of them lie cut into the pieces of a puzzle:

    apt-get download gcompris-qt-data && dpkg-deb -x gcompris-qt-data_*.deb deb
    python style_pictures.py deb/usr/share/gcompris-qt/rcc OUT

OUT/styles gets the style pictures and OUT/photos what the same package has in photographs. Needs scikit-image.
"""

from __future__ import annotations

import re
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from skimage import data

SIDE = 512
RIM = 12
"""Pixels at the border of a puzzle that do not belong to the painting."""
PAPER = np.array([0.97, 0.95, 0.90], np.float32)
PAINTINGS = {
    "auvers": "details/resource/image/Eglise_dAuvers-sur-Oise_background.webp",
    "cafe": "details/resource/image/Gogh4_background.webp",
}
"""Vincent van Gogh, "The Church at Auvers" (1890) and "Café Terrace at Night" (1888)."""
PUZZLES = {"wave": "GreatWave"}
"""Katsushika Hokusai, "The Great Wave off Kanagawa" (about 1831)."""
PHOTOS = ("erase", "explore_farm_animals", "explore_monuments", "explore_world_animals", "details")
NO_PHOTO = re.compile(r"Gogh|dAuvers|Tanguy|_\d\.webp|dragon")


def resources(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every file in one of Qt's resource files."""
    content = path.read_bytes()
    version, tree, files, names = struct.unpack(">4I", content[4:20])
    size = 14 if version < 2 else 22

    def walk(index: int, prefix: str) -> Iterator[tuple[str, bytes]]:
        at = tree + index * size
        name, flags = struct.unpack(">IH", content[at : at + 6])
        start = names + name
        (length,) = struct.unpack(">H", content[start : start + 2])
        whole = prefix + content[start + 6 : start + 6 + 2 * length].decode("utf-16-be") if index else ""
        if flags & 2:
            count, first = struct.unpack(">II", content[at + 6 : at + 14])
            for child in range(first, first + count):
                yield from walk(child, whole + "/" if whole else "")
        elif not flags & 4:  # nothing that is needed here is compressed with zstandard
            (offset,) = struct.unpack(">I", content[at + 10 : at + 14])
            (length,) = struct.unpack(">I", content[files + offset : files + offset + 4])
            held = content[files + offset + 4 : files + offset + 4 + length]
            yield whole, zlib.decompress(held[4:]) if flags & 1 else held

    return walk(0, "")


def puzzle(held: dict[str, bytes], name: str) -> np.ndarray:
    """Put a painting together from its pieces, whose places are the middles of their pictures."""
    board = next(text.decode() for file, text in held.items() if file.endswith(".qml") and name.encode() in text)
    width, height = (int(re.search(rf'"{side}": *(\d+)', board)[1]) for side in ("width", "height"))
    whole, cover = np.zeros((height, width, 3), np.float32), np.zeros((height, width, 1), np.float32)
    pieces = re.findall(r'"image/(\S+?\.webp)",\s*"x" : "([\d.]+)",\s*"y" : "([\d.]+)"', board)
    for file, x, y in pieces:
        piece = decoded(next(data for key, data in held.items() if key.endswith("/" + file)), cv2.IMREAD_UNCHANGED)
        top, left = round(float(y) * height - piece.shape[0] / 2), round(float(x) * width - piece.shape[1] / 2)
        alpha = piece[..., 3:] / np.float32(255)
        place = np.s_[top : top + piece.shape[0], left : left + piece.shape[1]]
        whole[place] += piece[..., :3] * alpha
        cover[place] += alpha
    rows, columns = np.nonzero(cover[..., 0] > 0.5)
    picture = (whole / np.maximum(cover, 0.01)).clip(0, 255).astype(np.uint8)
    return picture[rows.min() + RIM : rows.max() - RIM, columns.min() + RIM : columns.max() - RIM]


def decoded(content: bytes, how: int = cv2.IMREAD_COLOR) -> np.ndarray:
    """Decode a picture, in OpenCV's order of colours."""
    return cv2.imdecode(np.frombuffer(content, np.uint8), how)


def photo() -> np.ndarray:
    """Return what the looks are drawn after: half astronaut (NASA), half coffee; RGB, 0…1."""
    halves = [
        cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        for picture in (data.astronaut(), data.coffee()[:, 100:500])
    ]
    return np.hstack(halves).astype(np.float32) / 255


def tone(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Return light and shade, 0…1, with the contrast stretched over all of it."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), None, sigma)
    return np.argsort(np.argsort(grey.ravel())).reshape(grey.shape).astype(np.float32) / grey.size


def engraving(picture: np.ndarray) -> np.ndarray:
    """Hatch: swelling lines, more layers of them the darker it is, on warm paper."""
    light = tone(picture, 1.5)
    high, wide = light.shape
    y, x = np.mgrid[:high, :wide].astype(np.float32)
    bend = 14 * cv2.GaussianBlur(light, None, 16)
    ink = np.zeros_like(light)
    for angle, spacing, from_dark, gain in ((0.35, 6.0, 0.93, 1.0), (-0.9, 6.5, 0.55, 1.0), (1.35, 5.5, 0.28, 0.9)):
        phase = (x * np.sin(angle) + y * np.cos(angle) + bend) / spacing
        ridge = np.abs(phase % 1 - 0.5) * 2  # 1 in the middle of a line
        width = gain * np.clip((from_dark - light) / from_dark, 0, 1) * 0.75
        ink = np.maximum(ink, np.clip((ridge - (1 - width)) * spacing / 2 + 0.2, 0, 1) * (width > 0.02))
    edges = np.abs(cv2.Laplacian(cv2.GaussianBlur(light, None, 2), cv2.CV_32F, ksize=5))
    ink = np.maximum(ink, np.clip(edges / edges.max() * 8 - 1, 0, 1))
    return PAPER - ink[..., None] * (PAPER - np.array([0.10, 0.07, 0.06], np.float32))


def pointillism(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Set dabs of pure colour close together, each near what it stands for or its opposite in the shade."""
    high, wide = picture.shape[:2]
    made = np.broadcast_to(PAPER, picture.shape).copy()
    soft = cv2.GaussianBlur(picture, None, 2)
    light = tone(picture, 4)
    hsv = cv2.cvtColor(soft, cv2.COLOR_RGB2HSV)
    for radius, spacing in ((5, 6.5), (5, 6.5), (4, 7.0)):
        ys, xs = np.mgrid[0:high:spacing, 0:wide:spacing].reshape(2, -1)
        ys, xs = ((v + rng.normal(0, spacing / 2.5, v.shape)).clip(0, most - 1) for v, most in ((ys, high), (xs, wide)))
        for at in rng.permutation(len(ys)):
            row, column = int(ys[at]), int(xs[at])
            hue = hsv[row, column, 0] + rng.normal(0, 14)
            if light[row, column] < 0.45 and rng.random() < 0.35:
                hue = rng.normal(235, 14)  # shade is painted blue and violet
            elif rng.random() < 0.06:
                hue += 180
            value = np.clip(0.35 + 0.7 * light[row, column] + rng.normal(0, 0.07), 0.2, 1)
            colour = np.array([[[hue % 360, np.clip(rng.normal(0.62, 0.15), 0.25, 1), value]]], np.float32)
            rgb = cv2.cvtColor(colour, cv2.COLOR_HSV2RGB)[0, 0]
            axes = (max(2, radius + int(rng.integers(-1, 2))), max(2, radius - 1))
            cv2.ellipse(made, (column, row), axes, float(rng.uniform(0, 180)), 0, 360, rgb.tolist(), -1, cv2.LINE_AA)
    return made


def ink(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lay washes of diluted ink with darker rims on white paper, and brush the outlines over them."""
    light = tone(picture, 3)
    grain = cv2.GaussianBlur(rng.normal(0, 1, light.shape).astype(np.float32), None, 6) * 6
    wet = light + 0.05 * grain
    wash = np.zeros_like(light)
    for level, amount in ((0.78, 0.10), (0.55, 0.18), (0.34, 0.26), (0.16, 0.30)):
        area = cv2.GaussianBlur((wet < level).astype(np.float32), None, 1.2)
        rim = cv2.GaussianBlur(area, None, 3) * (1 - cv2.GaussianBlur(area, None, 3)) * 4 * area
        wash += amount * (area * (0.85 + 0.1 * grain) + 0.45 * rim)
    smooth = cv2.GaussianBlur(light, None, 3)
    edges = cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    brush = cv2.GaussianBlur(np.clip(edges / np.quantile(edges, 0.97) * 1.5 - 0.75, 0, 1), None, 1.0)
    fibre = 1 - 0.03 * np.abs(rng.normal(0, 1, light.shape).astype(np.float32))
    dark = np.clip(np.maximum(wash, brush), 0, 1)
    paper = np.array([0.97, 0.965, 0.94], np.float32)
    return (paper - dark[..., None] * (paper - np.array([0.07, 0.08, 0.11], np.float32))) * fibre[..., None]


def main(resource_files: Path, out: Path) -> None:
    """Write all pictures."""
    styles, photos = out / "styles", out / "photos"
    styles.mkdir(parents=True, exist_ok=True)
    photos.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name, drawn in {
        "engraving": engraving(photo()),
        "pointillism": pointillism(photo(), rng),
        "ink": ink(photo(), rng),
    }.items():
        pixels = (drawn.clip(0, 1) * 255).round().astype(np.uint8)
        cv2.imwrite(str(styles / f"{name}.png"), pixels[..., ::-1])
    held = dict(resources(resource_files / "details.rcc"))
    for name, place in PAINTINGS.items():
        content = next(content for file, content in held.items() if file.endswith(place))
        cv2.imwrite(str(styles / f"{name}.png"), decoded(content))
    held = dict(resources(resource_files / "paintings.rcc"))
    for name, pieces in PUZZLES.items():
        cv2.imwrite(str(styles / f"{name}.png"), puzzle(held, pieces))
    for package in PHOTOS:
        for file, content in resources(resource_files / f"{package}.rcc"):
            if file.endswith(".webp") and not NO_PHOTO.search(file):
                picture = decoded(content)
                if picture is not None and min(picture.shape[:2]) >= 250:
                    cv2.imwrite(str(photos / f"{Path(file).stem}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
