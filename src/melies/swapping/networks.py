"""New faces made by networks: those that `melies train swap` writes, and inswapper where the user has placed it."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.faces import Face, anatomy
from melies.faces.anatomy import Points
from melies.faces.identity import SAME, distance
from melies.frame import Image
from melies.imaging import to_depth
from melies.matting.scale import cv, unit
from melies.models.protobuf import fields, varint
from melies.models.runtime import Session, load_file
from melies.swapping.extract import cut, placement
from melies.swapping.flat import Floats, flat, opponent
from melies.swapping.learned import Learned, read_card
from melies.swapping.rim import rim
from melies.swapping.skin import BARE, CLEAR, skin
from melies.swapping.who import described

log = logging.getLogger("melies")

_SIDE = 256
"""Side of the unrolled face that a network's crop is laid on, in pixels."""
_SURE = 0.1, 0.26
"""How far inside the outline a trained face begins to show, and shows alone, as shares of the unrolled face's width."""
_ARCFACE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)], np.float32
)
"""Where ArcFace wants the eyes, the tip of the nose and the corners of the mouth, in pixels of 112."""


class Network(ABC):
    """A network that is shown a face, upright in a crop, and gives another one with the same expression.

    Attributes:
        whole: Its eyes and its mouth are the new ones, too.
        lit: It comes in the light of the film.
        shape: None: it has its own.
        size: Side of the crop in pixels.
        template: `5×2`, where the five points lie in it, 0…1.
    """

    whole: ClassVar[bool] = True
    lit: bool = False
    shape: Points | None = None
    size: int
    template: Points

    @abstractmethod
    def swapped(self, crop: Floats) -> tuple[Floats, Floats]:
        """Return the new face, `S×S×3`, and what of it may be used, `S×S`, for a crop, `S×S×3`; all 0…1."""

    def texture(self, image: Image, face: Face, side: int) -> Floats:
        """Return the new face for this one, unrolled: Y, Cr, Cb and how much of it may be used, 0…1.

        Args:
            image: `H×W×3`, uint8 or uint16.
            face: The face that is replaced.
            side: Not looked at: a network's crops are small.
        """
        matrix = placement(face.points, self.size, self.template)
        made, share = self.swapped(unit(cut(image, matrix, self.size)))
        picture = np.dstack([opponent(np.ascontiguousarray(made)), share])
        picture = cv.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
        points = face.points[: anatomy.SKIN, :2] @ matrix[:, :2].T + matrix[:, 2]
        larger = (points + 0.5) * (_SIDE / self.size) - 0.5
        return np.clip(flat(_SIDE).unroll(picture, larger.astype(np.float32)), 0, 1)


class Trained(Network):
    """A swap that was trained on two films.

    Args:
        path: What `melies train swap` wrote.
    """

    def __init__(self, path: Path) -> None:
        self._learned = Learned(path)
        card = self._learned.card
        self.size, self.template, self.lit = card.size, card.points, card.matched
        self._path, self._expected = path, card.who

    def texture(self, image: Image, face: Face, side: int) -> Floats:
        """Leave out what a trained face does worst: its rim, and the hair that hangs into it."""
        self._check(image, face)
        made = super().texture(image, face, side)
        small = cv.resize(made, (BARE, BARE), interpolation=cv2.INTER_AREA)
        colours = cv.cvtColor(np.ascontiguousarray(small[..., :3]), cv2.COLOR_YCrCb2RGB)
        bare = skin(np.clip(colours, 0, 1), small[..., 3:], CLEAR)
        made[..., 3] *= cv.resize(bare, (_SIDE, _SIDE)) * rim(_SIDE, *_SURE, tall=3)
        return made

    def swapped(self, crop: Floats) -> tuple[Floats, Floats]:
        """Run it."""
        return self._learned.swap(crop)

    def _check(self, image: Image, face: Face) -> None:
        """Warn, at the first face, if it is somebody else's than the network was trained for."""
        if self._expected is None:
            return
        crop = cut(image, placement(face.points, self.size, self.template), self.size)
        apart = distance(described(to_depth(crop, np.dtype(np.uint8))), np.array(self._expected, np.float32))
        self._expected = None
        if apart > SAME:
            log.warning(
                "%s was trained to replace the face in %s, and this one looks like somebody else's: expect a blur.",
                self._path.name,
                self._learned.card.takes,
            )


class Inswapper(Network):
    """InsightFace's inswapper: any face into that of whom a picture shows, without training.

    Args:
        session: The network: a crop and a description of who is wanted, to a crop.
        path: Its file, in which the matrix lies that descriptions pass through.
        embedder: ArcFace's network, which describes a face.
        pictures: Faces of who is wanted.
    """

    size = 128
    template = (_ARCFACE + np.array([8.5, 0.5], np.float32)) / np.float32(128)

    def __init__(self, session: Session, path: Path, embedder: Session, pictures: list[tuple[Image, Face]]) -> None:
        self._session = session
        self._crop, self._who = _inputs(session)
        described = np.mean([_described(embedder, *one) for one in pictures], axis=0)
        wanted = described / np.linalg.norm(described) @ _matrix(path)
        self._wanted = (wanted / np.linalg.norm(wanted)).astype(np.float32)[None]

    def swapped(self, crop: Floats) -> tuple[Floats, Floats]:
        """Run it."""
        given = {self._crop: np.ascontiguousarray(crop.transpose(2, 0, 1)[None]), self._who: self._wanted}
        ((_, made),) = self._session.run(given).items()
        return np.clip(made[0].transpose(1, 2, 0), 0, 1), np.ones(crop.shape[:2], np.float32)


def needs_source(path: Path) -> bool:
    """Say whether a network must be told whose face it makes; one that was trained here knows.

    Raises:
        UseError: There is no such file.
    """
    return read_card(path) is None


def read(path: Path, embedder: Path | None, pictures: list[tuple[Image, Face]]) -> Network:
    """Load a network from a user's file.

    Args:
        path: An ONNX file.
        embedder: ArcFace's ONNX file, which inswapper needs.
        pictures: Faces of who is wanted, which inswapper needs.

    Raises:
        UseError: It is neither a swap that was trained here nor inswapper, or that lacks something.
        ModelError: It is damaged.
    """
    if not needs_source(path):
        return Trained(path)
    session = load_file(path) if path.suffix.lower() == ".onnx" else None
    if session is None or not _is_inswapper(session):
        raise UseError(
            f"{path} is neither a swap that melies train swap has written nor inswapper_128.onnx.",
            "Other networks for swapping cannot be run.",
        )
    if not pictures:
        raise UseError(f"{path} must be told whose face it makes.", "Add --source FILE.")
    if embedder is None:
        raise UseError(
            f"{path} needs ArcFace's network to describe the face in --source.", "Add --embedder w600k_r50.onnx."
        )
    describes = load_file(embedder)
    if [tensor.shape[1:] for tensor in describes.inputs.values()] != [(3, 112, 112)]:
        raise UseError(
            f"{embedder} does not take one face of 112×112 pixels.", "Give ArcFace's w600k_r50.onnx as --embedder."
        )
    return Inswapper(session, path, describes, pictures)


def _is_inswapper(session: Session) -> bool:
    shapes = sorted((tensor.shape[1:] for tensor in session.inputs.values()), key=len)
    return shapes == [(512,), (3, 128, 128)] and len(session.outputs) == 1


def _inputs(session: Session) -> tuple[str, str]:
    """The names of the inputs for the crop and for who is wanted."""
    who, crop = sorted(session.inputs, key=lambda name: len(session.inputs[name].shape))
    return crop, who


def _described(embedder: Session, image: Image, face: Face) -> NDArray[np.float64]:
    """ArcFace's description of a face, of length 1: `512`."""
    template = (_ARCFACE + np.float32(0.5)) / np.float32(112)
    crop = unit(cut(image, placement(face.points, 112, template), 112)) * 2 - 1
    (name,) = embedder.inputs
    ((_, made),) = embedder.run({name: np.ascontiguousarray(crop.transpose(2, 0, 1)[None])}).items()
    vector: NDArray[np.float64] = made.reshape(-1).astype(np.float64)
    if len(vector) != 512:
        raise UseError(
            "The network given as --embedder does not describe a face by 512 numbers.", "Use w600k_r50.onnx."
        )
    return vector / np.linalg.norm(vector)


def _matrix(path: Path) -> NDArray[np.float32]:
    """The only matrix of 512×512 among the constants of an ONNX file.

    Raises:
        UseError: There is none, or more than one.
    """
    content = np.memmap(path, np.uint8, "r").data
    graphs = (graph for number, graph in _fields(content) if number == 7)
    tensors = (tensor for graph in graphs for number, tensor in _fields(graph) if number == 5)
    try:
        found = [matrix for tensor in tensors if (matrix := _square(tensor)) is not None]
    except ValueError:
        raise UseError(f"{path} is no ONNX file.") from None
    if len(found) != 1:
        raise UseError(f"{path} has {len(found)} matrices of 512×512, not one, and so is no inswapper.")
    return found[0]


def _square(tensor: memoryview) -> NDArray[np.float32] | None:
    """A constant's numbers if they are 512×512 of 32 or 16 bits (fields of ONNX's `TensorProto`: 1, 2, 4 and 9)."""
    fields = list(_fields(tensor))
    kind = next((value for number, value in fields if number == 2), None)
    data = next((value for number, value in fields if number in (4, 9)), None)
    dtype = {1: "<f4", 10: "<f2"}.get(kind) if isinstance(kind, int) else None
    if dtype is None or not isinstance(data, memoryview) or len(data) != 512 * 512 * np.dtype(dtype).itemsize:
        return None
    dims = [size for number, value in fields if number == 1 for size in _numbers(value)]
    return np.frombuffer(data, dtype).reshape(512, 512).astype(np.float32) if dims == [512, 512] else None


def _numbers(value: Any) -> list[int]:
    """One number, or several that are packed."""
    if isinstance(value, int):
        return [value]
    numbers, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        numbers.append(number)
    return numbers


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """The fields of a protocol buffer's message: numbers as they are, all else as views of their bytes."""
    for field in fields(message):
        yield field.number, message[field.start : field.end] if field.value is None else field.value
