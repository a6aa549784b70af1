"""The engine `fomm`: a portrait moved by a First Order Motion Model.

Siarohin, Lathuilière, Tulyakov, Ricci and Sebe, "First Order Motion Model for Image Animation" (NeurIPS 2019).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError, UseError
from melies.faces.anatomy import SKIN, Points
from melies.frame import Image
from melies.matting.scale import cv, unit
from melies.models import runtime, sources, store
from melies.models.convert import checkpoint, fomm
from melies.models.runtime import Session
from melies.puppetry.move import Move
from melies.puppetry.place import inside, place_of
from melies.square import Square

FILES = ("detector", "encoder", "generator")
"""The networks, and the names of their files."""
CONVERSION = 1
"""To be counted up when the converter makes something else of the same checkpoint."""
LEASH = 0.3
"""How far the performer's head may go from the middle of what the model sees of it, in halves of that."""
EASE = 0.1
"""How much of the way to a new rest is gone in a frame."""
FEATHER = 0.12
"""Width of the soft edge of what is pasted into the portrait, in sides of it."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class KeyPoints:
    """What the detector found.

    Attributes:
        value: `K×2`, where points are: -1…1, x before y.
        jacobian: `K×2×2`, how the picture is turned and stretched around them.
    """

    value: Array
    jacobian: Array


@dataclass(frozen=True)
class Networks:
    """The three networks of a model, ready to run."""

    detector: Session
    encoder: Session
    generator: Session

    @property
    def side(self) -> int:
        """Height and width of the pictures that they take and make."""
        return int(self.detector.inputs["picture"].shape[-1])  # type: ignore[arg-type]

    def find(self, picture: Array) -> KeyPoints:
        """Find the points in a picture, `side×side×3`, 0…1."""
        found = self.detector.run({"picture": _planes(picture)})
        return KeyPoints(found["value"][0], found["jacobian"][0])


def load(model: Path) -> Networks:
    """Load a model: a public checkpoint, or the folder that `melies train puppet` made.

    A checkpoint is turned into ONNX once, without PyTorch, and the result is kept in the store.

    Args:
        model: `vox-cpk.pth.tar`, `vox-adv-cpk.pth.tar` or another checkpoint of this layout; or a folder with
            `detector.onnx`, `encoder.onnx` and `generator.onnx`, or one of these files.

    Raises:
        UseError: It is not there, or the folder holds no such model.
        ModelError: The checkpoint is damaged, or its weights are not those of such a model.
    """
    model = model.expanduser()
    if not model.exists():
        raise UseError(f"The model {model} does not exist.", "Give a checkpoint, or a folder of melies train puppet.")
    folder = model.parent if model.suffix == ".onnx" else model if model.is_dir() else _converted(model)
    missing = [name for name in FILES if not (folder / f"{name}.onnx").is_file()]
    if missing:
        raise UseError(
            f"{folder} holds no model for --engine fomm: {missing[0]}.onnx is missing.",
            "A training that has ended, or melies train puppet --export-only, writes it.",
        )
    networks = Networks(*(runtime.load_file(folder / f"{name}.onnx") for name in FILES))
    if any("picture" not in net.inputs for net in (networks.detector, networks.encoder)):
        raise ModelError(f"The files in {folder} are not a First Order Motion Model.")
    return networks


def _converted(model: Path) -> Path:
    """Return the folder in the store with the ONNX files of a checkpoint."""
    folder = store.home() / "converted" / f"{sources.digest(model)}-fomm-{CONVERSION}"
    if not folder.is_dir():
        made = fomm.convert(checkpoint.read(model, fomm.PARTS))
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as workshop:
                whole = Path(workshop) / "whole"
                whole.mkdir()
                for name, content in made.items():
                    (whole / f"{name}.onnx").write_bytes(content)
                if not folder.is_dir():
                    whole.rename(folder)
        except OSError as error:
            raise ModelError(f"{model} could not be kept as ONNX in {folder.parent}: {error.strerror}.") from error
    return folder


class Source:
    """A portrait as a model sees it; it can be kept for as long as the portrait does not change.

    Args:
        image: The portrait, `H×W×3` or `H×W×4`, uint8 or uint16.
        points: `478×3`, the face in it.
        networks: The model.
        scale: How much wider than usual the part of the portrait around the head is that moves.
    """

    def __init__(self, image: Image, points: Points, networks: Networks, scale: float = 1.0) -> None:
        self.image = image
        self.place = _place(image, points, scale)
        picture = self.place.cut(image[..., :3], networks.side)
        self.points = networks.find(picture)
        self.area = _area(self.points.value)
        self.seen = networks.encoder.run({"picture": _planes(picture)})

    def pasted(self, made: Array, strength: float) -> Image:
        """Return the portrait with what was made of its head in it, `side×side×3`, 0…1, to a share of `strength`."""
        image, place = self.image, self.place
        left, top = (max(0, int(middle - place.radius)) for middle in (place.x, place.y))
        right, bottom = (int(np.ceil(middle + place.radius)) for middle in (place.x, place.y))
        right, bottom = min(right, image.shape[1]), min(bottom, image.shape[0])
        matrix = place.matrix(len(made))
        matrix[:, 2] += matrix[:, :2] @ (left, top)
        size = (right - left, bottom - top)
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_CUBIC
        large = cv.warpAffine(made, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        share = strength * cv.warpAffine(_soft(len(made)), matrix, size, flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR)
        here = (slice(top, bottom), slice(left, right), slice(0, 3))
        before = unit(image[here])
        mixed = np.clip(before + share[..., None] * (large - before), 0, 1) * np.iinfo(image.dtype).max
        result = image.copy()
        result[here] = np.rint(mixed).astype(image.dtype)
        return result


class Fomm:
    """A performance as a model sees it, frame by frame: what it shows is compared with how the performer looks at rest.

    Args:
        networks: The model.
        scale: How much wider than usual the part of the frame around the head is that it is shown.
    """

    def __init__(self, networks: Networks, scale: float = 1.0) -> None:
        self._networks = networks
        self._scale = scale
        self._window: Square | None = None
        self._neutral: Image | None = None
        self._target: KeyPoints | None = None
        self._rest: KeyPoints | None = None

    def render(self, source: Source, move: Move, *, absolute: bool = False, gain: float = 1.0) -> Image:
        """Return the whole portrait at one moment of the performance, its head pasted in with a soft edge.

        Args:
            source: The portrait.
            move: The moment; it must hold the performer's frame and face.
            absolute: Take where the points are and how they are turned as they are, and with them the shape of the
                performer's face; otherwise only how they differ from rest, as large as the portrait's face is.
            gain: How strongly it moves; 1 is as it was performed.

        Raises:
            UseError: The move holds no frame.
        """
        if move.strength == 0:
            return source.image
        if move.driver is None or move.driver_points is None:
            raise UseError(
                "The engine fomm needs to see the performer, and here only a motion is known.", "Use --engine mesh."
            )
        self._settle(move)
        driving = self._networks.find(self._look(move.driver, move.driver_points))
        value, turn = self._aims(source, driving, absolute, gain * move.strength)
        made = self._networks.generator.run(
            {**source.seen, "source": source.points.value[None], "driving": value[None], "turn": turn[None]}
        )
        return source.pasted(made["picture"][0].transpose(1, 2, 0), move.strength)

    def _settle(self, move: Move) -> None:
        """Take note of how the performer looks at rest; a new rest is gone over to gently."""
        image, points = move.neutral, move.neutral_points
        if image is None or points is None:
            image, points = move.driver, move.driver_points
        assert image is not None
        assert points is not None
        if self._target is None or (move.neutral is not None and move.neutral is not self._neutral):
            self._neutral = move.neutral
            self._window = _place(image, points, self._scale)
            self._target = self._networks.find(self._window.cut(image[..., :3], self._networks.side))
        self._rest = self._target if self._rest is None else _between(self._rest, self._target, EASE)

    def _look(self, image: Image, points: Points) -> Array:
        """Cut the performer's head out of a frame; the window stands still as long as the head stays in it."""
        assert self._window is not None
        window, head = self._window, _place(image, points, self._scale)
        slack = LEASH * window.radius
        x = float(np.clip(window.x, head.x - slack, head.x + slack))
        y = float(np.clip(window.y, head.y - slack, head.y + slack))
        self._window = inside(replace(window, x=x, y=y), image.shape[1], image.shape[0])
        return self._window.cut(image[..., :3], self._networks.side)

    def _aims(self, source: Source, driving: KeyPoints, absolute: bool, gain: float) -> tuple[Array, Array]:
        """Where the portrait's points shall come to lie, `K×2`, and how to turn back from there, `K×2×2`."""
        assert self._rest is not None
        back = np.linalg.inv(driving.jacobian)
        if absolute:
            away, turn = driving.value - source.points.value, source.points.jacobian @ back
        else:
            scale = np.sqrt(source.area / max(_area(self._rest.value), 1e-6))
            away = scale * (driving.value - self._rest.value)
            # J_source times the inverse of (J_driving times the inverse of J_rest times J_source).
            turn = self._rest.jacobian @ back
        straight = np.eye(2)
        value = source.points.value + gain * away
        return value.astype(np.float32), (straight + gain * (turn - straight)).astype(np.float32)


def unlikeness(one: Points, other: Points) -> float:
    """Return how differently two faces are held, whatever their place and size: 0 is alike.

    A performance is taken over best from the frame that is most like the portrait (`find_best_frame` of the authors).

    Args:
        one: `478×3`, as in `Face.points`.
        other: Likewise.
    """

    def shape(points: Points) -> Array:
        flat = points[:SKIN, :2] - points[:SKIN, :2].mean(0)
        made: Array = flat / np.sqrt(max(_area(flat), 1e-6))
        return made

    return float(np.square(shape(one) - shape(other)).sum(1).mean())


def _area(points: Array) -> float:
    """The area of the hull of points, `N×2`."""
    return float(cv.contourArea(cv.convexHull(np.ascontiguousarray(points, np.float32))))


def _between(one: KeyPoints, other: KeyPoints, share: float) -> KeyPoints:
    return KeyPoints(
        one.value + np.float32(share) * (other.value - one.value),
        one.jacobian + np.float32(share) * (other.jacobian - one.jacobian),
    )


def _place(image: Image, points: Points, scale: float) -> Square:
    return place_of(points, image.shape[1], image.shape[0], scale)


def _planes(picture: Array) -> Array:
    return np.ascontiguousarray(picture.transpose(2, 0, 1))[None]


@lru_cache(maxsize=4)
def _soft(side: int) -> Array:
    """A square of ones whose edge is soft, `side×side`."""
    away = np.minimum(np.arange(side), np.arange(side)[::-1]) / (FEATHER * side)
    line = np.clip(away, 0, 1)
    line = line * line * (3 - 2 * line)
    return np.minimum.outer(line, line).astype(np.float32)
