"""Faces taken out of whole films, upright and alike in place and size: what a learned swap is taught with."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.effects._faces import Chooser, Faces
from melies.errors import UseError
from melies.faces import Face, Tracker
from melies.faces.anatomy import (
    LEFT_BROW,
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    OVAL,
    RIGHT_BROW,
    RIGHT_EYE,
    SKIN,
    Points,
    canonical,
)
from melies.frame import Frame, Image
from melies.imaging import to_depth
from melies.matting.scale import cv

log = logging.getLogger("melies")

TEMPLATE = np.array([(0.361, 0.347), (0.638, 0.345), (0.500, 0.504), (0.387, 0.666), (0.616, 0.665)], np.float32)
"""Where the eyes, the tip of the nose and the corners of the mouth lie in a crop, 0…1: ArcFace's, with more room."""
SMALLEST = 32
"""Pixels of a face below which there is nothing to learn from it."""
FEWEST = 8
"""Different faces below which nothing is learned."""
SELDOM = 0.5
"""The share of a film's frames with a face below which one wonders whether it is anybody's."""
_ALIKE = 0.0015
"""Root mean square distance of two aligned outlines, in crops, below which one of the faces is enough."""
_SHARP = 0.3
"""The share of a film's median sharpness below which a face counts as blurred."""
_STRETCHES = 5
_OUTLINE = np.concatenate([OVAL, LIPS_INNER, RIGHT_EYE, LEFT_EYE, RIGHT_BROW, LEFT_BROW])

Matrix = NDArray[np.float64]


def five(points: Points) -> Points:
    """Return the middle of the eyes, the tip of the nose and the corners of the mouth of a mesh: `5×2`, pixels.

    The eyes are the middle of their corners: unlike irises, those stay when somebody looks aside.
    """
    places = [points[[33, 133], :2].mean(0), points[[362, 263], :2].mean(0), *points[[1, 61, 291], :2]]
    return np.array(places, np.float32)


def placement(points: Points, size: int, template: Points = TEMPLATE) -> Matrix:
    """Return the similarity (`2×3`) from a picture's pixels to those of an upright crop around a face.

    Args:
        points: The mesh, as in `Face.points`.
        size: Side of the crop in pixels.
        template: `5×2`, where `five` should lie, 0…1 of the crop.
    """
    source = five(points).astype(np.float64) @ (1, 1j)
    target = (template.astype(np.float64) * size - 0.5) @ (1, 1j)
    around, goal = source - source.mean(), target - target.mean()
    turn = np.vdot(around, goal) / np.vdot(around, around)
    shift = target.mean() - turn * source.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def cut(image: Image, matrix: Matrix, size: int) -> Image:
    """Cut a crop out of a picture: `size`×`size`×3, of the picture's depth; its border repeats outside of it.

    Args:
        image: `H×W×3` or `H×W×4`.
        matrix: From `placement`.
        size: Side in pixels.
    """
    # As fine as the picture and then averaged, against aliasing.
    fine = int(np.clip(np.ceil(1 / np.hypot(*matrix[:, 0])), 1, 16))
    larger = fine * matrix + [[0, 0, (fine - 1) / 2]] * 2
    crop = cv.warpAffine(
        np.ascontiguousarray(image[..., :3]), larger, (fine * size, fine * size), borderMode=cv2.BORDER_REPLICATE
    )
    result: Image = crop if fine == 1 else cv.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return result


def outline(points: Points, size: int) -> NDArray[np.uint8]:
    """Draw what a mesh covers, without the background beside a turned face: `size`×`size`, 0 or 255.

    Args:
        points: `478×2` or `478×3`, in pixels of the crop.
        size: Side in pixels.
    """
    corners = points[canonical().triangles, :2]
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    # Triangles on the far side would cut away, by the even-odd rule, what lies before them.
    facing = corners[area * np.sign(np.median(area)) > 0]
    mask = np.zeros((size, size), np.uint8)
    cv.fillPoly(mask, list(np.rint(facing * 16).astype(np.int32)), 255, shift=4)
    around, _ = cv.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv.drawContours(mask, around, -1, 255, cv2.FILLED)
    return mask


def features(points: Points, size: int) -> NDArray[np.uint8]:
    """Draw where eyes and mouth are, with a little around them: `size`×`size`, 0 or 255.

    Args:
        points: `478×2` or `478×3`, in pixels of the crop.
        size: Side in pixels.
    """
    drawn = np.zeros((size, size), np.uint8)
    for part in (RIGHT_EYE, LEFT_EYE, LIPS_OUTER):
        cv.fillPoly(drawn, [np.rint(points[part, :2] * 16).astype(np.int32)], 255, shift=4)
    larger: NDArray[np.uint8] = cv.dilate(drawn, np.ones((size // 16 | 1, size // 16 | 1), np.uint8))
    return larger


@dataclass(frozen=True)
class Crop:
    """One face of a film.

    Attributes:
        image: `S×S×3` uint8.
        mask: `S×S` uint8, 255 on the face.
        features: `S×S` uint8, 255 on eyes and mouth.
        shape: `N×2` float32, its outlines in the crop, 0…1.
        pose: Yaw, pitch and roll in degrees.
        time: Seconds from the start of the film.
        sharpness: Variance of the Laplacian of the face's luma.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    features: NDArray[np.uint8]
    shape: Points
    pose: tuple[float, float, float]
    time: float
    sharpness: float


@dataclass(frozen=True)
class FaceSet:
    """The faces of one person, in order of time.

    Attributes:
        images: `N×S×S×3` uint8, RGB.
        masks: `N×S×S` uint8, 255 on the face.
        features: `N×S×S` uint8, 255 on eyes and mouth.
        poses: `N×3` float32, yaw, pitch and roll in degrees.
        times: `N` float64, seconds.
        template: `5×2` float32, where the five points lie in every crop, 0…1.
        name: Who it is: the file's name without its ending.
        origin: What they were taken from and how, so that they need not be taken again.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    features: NDArray[np.uint8]
    poses: NDArray[np.float32]
    times: NDArray[np.float64]
    template: Points
    name: str
    origin: str = ""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return int(self.images.shape[1])

    def split(self, share: float = 0.15) -> tuple[FaceSet, FaceSet]:
        """Return the faces to learn from and those to judge by: the last `share` of each fifth of the film.

        Not the end of the film alone: an expression that is only seen there could not be learned.
        """
        fifths = np.array_split(np.arange(len(self)), min(_STRETCHES, len(self) // 2))
        judged = np.concatenate([fifth[-max(1, round(share * len(fifth))) :] for fifth in fifths])
        learned = np.setdiff1d(np.arange(len(self)), judged)
        return self.part(learned), self.part(judged)

    def part(self, which: NDArray[np.intp]) -> FaceSet:
        """Return some of the faces."""
        return replace(
            self,
            images=self.images[which],
            masks=self.masks[which],
            features=self.features[which],
            poses=self.poses[which],
            times=self.times[which],
        )

    def save(self, path: Path) -> None:
        """Write an `.npz` that holds arrays and nothing that could run."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            np.savez_compressed(file, **{one.name: np.asarray(getattr(self, one.name)) for one in fields(self)})  # type: ignore[arg-type]
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> FaceSet:
        """Read what `save` wrote.

        Raises:
            UseError: It is no such file.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays: dict[str, Any] = {one.name: file[one.name] for one in fields(cls)}
        except (KeyError, ValueError, EOFError) as error:
            raise UseError(f"{path} does not hold faces: {error}.", "Delete it; it is made again.") from None
        return cls(**{**arrays, "name": str(arrays["name"]), "origin": str(arrays["origin"])})


def extract(
    frames: Iterable[Frame], size: int, name: str, *, most: int = 1500, face: Faces = "largest", origin: str = ""
) -> FaceSet:
    """Collect the faces of one person.

    Of every shot that person is taken who is meant in most of its frames. Blurred faces and those that hardly differ
    from another are left out; of too many, those stay that differ most. How many were found is logged; that few frames
    show a face, as where a pattern or an animal was taken for one, is warned of.

    Args:
        frames: A film, in order; `Frame.cut` begins a shot.
        size: Side of the crops in pixels.
        name: Who it is.
        most: The most faces that are kept.
        face: Whose face is meant, where there are several.
        origin: Kept beside them, to know them by.

    Raises:
        UseError: There are not enough faces to learn from, or the picture of who is meant shows nobody.
    """
    room = 2 * max(most, FEWEST)
    kept = _Collection(room)
    seen = total = 0
    for found, times, length in _people(frames, size, face, room):
        seen, total = seen + times, total + length
        for crop in found.crops:
            kept.add(crop)
    crops = kept.crops
    if len(crops) < FEWEST:
        raise UseError(
            f"Only {len(crops)} different faces of at least {SMALLEST} pixels were found in {name}.",
            "Give a film in which the face is larger, sharper or longer to be seen.",
        )
    sharp = np.array([crop.sharpness for crop in crops])
    crops = [crop for crop, clear in zip(crops, sharp >= _SHARP * np.median(sharp), strict=True) if clear]
    crops = [crops[index] for index in spread(_shapes(crops), most)]
    log.info("%s: %d of %d frames show the face; %d different, sharp ones are kept.", name, seen, total, len(crops))
    if seen < SELDOM * total:
        log.warning(
            "Only %d of the %d frames of %s show a face: if it is nobody's, stop and name another film.",
            seen,
            total,
            name,
        )
    return FaceSet(
        images=np.stack([crop.image for crop in crops]),
        masks=np.stack([crop.mask for crop in crops]),
        features=np.stack([crop.features for crop in crops]),
        poses=np.array([crop.pose for crop in crops], np.float32),
        times=np.array([crop.time for crop in crops]),
        template=TEMPLATE,
        name=name,
        origin=origin,
    )


def spread(shapes: Points, most: int) -> NDArray[np.intp]:
    """Choose those that differ most from each other, in their order: always the one farthest from all chosen before.

    Args:
        shapes: `N×D`.
        most: How many; all where there are no more.
    """
    if len(shapes) <= most:
        return np.arange(len(shapes))
    chosen = [int(np.square(shapes - shapes.mean(0)).sum(1).argmin())]
    distance = np.full(len(shapes), np.inf, np.float32)
    while len(chosen) < most:
        distance = np.minimum(distance, np.square(shapes - shapes[chosen[-1]]).sum(1))
        chosen.append(int(distance.argmax()))
    return np.sort(chosen)


class _Collection:
    """Different faces, as many as fit."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.crops: list[Crop] = []
        self._known = np.zeros((room, 2 * len(_OUTLINE)), np.float32)

    def add(self, crop: Crop) -> None:
        """Keep a face unless it hardly differs from one that is kept; where there is no room, every other one goes."""
        shape = crop.shape.reshape(-1)
        known = self._known[: len(self.crops)]
        if len(known) and float(np.square(known - shape).mean(1).min()) < _ALIKE**2:
            return
        if len(self.crops) == self._room:
            stay = spread(known, self._room // 2)
            self.crops = [self.crops[index] for index in stay]
            self._known[: len(stay)] = known[stay]
        self._known[len(self.crops)] = shape
        self.crops.append(crop)


def _shapes(crops: list[Crop]) -> Points:
    return np.stack([crop.shape.reshape(-1) for crop in crops])


def _people(frames: Iterable[Frame], size: int, which: Faces, room: int) -> Iterator[tuple[_Collection, int, int]]:
    """Yield, shot by shot, the faces of the person who is meant in most of its frames, in how many, and of how many."""
    tracker, chooser = Tracker(), Chooser(which)
    found: dict[int, _Collection] = {}
    votes: Counter[int] = Counter()
    length = 0
    for frame in frames:
        if frame.cut and length:
            yield *_usual(found, votes), length
        if frame.cut:
            tracker, chooser, found, votes, length = Tracker(), Chooser(which), {}, Counter(), 0
        length += 1
        faces = [face for face in tracker.step(frame.image) if face.size >= SMALLEST]
        for face in chooser.choose(frame.image, faces)[:1]:
            votes[face.person] += 1
            found.setdefault(face.person, _Collection(room)).add(crop_of(frame, face, size))
    yield *_usual(found, votes), length


def _usual(found: dict[int, _Collection], votes: Counter[int]) -> tuple[_Collection, int]:
    """Return the faces of the person who was meant most often, and how often; nobody's where nobody was."""
    if not votes:
        return _Collection(0), 0
    ((person, times),) = votes.most_common(1)
    return found[person], times


def crop_of(frame: Frame, face: Face, size: int) -> Crop:
    """Cut out one face and its mask, and say how it is turned and how sharp it is."""
    matrix = placement(face.points, size)
    image = to_depth(cut(frame.image, matrix, size), np.dtype(np.uint8))
    points = (face.points[:SKIN, :2] @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    mask = outline(points, size)
    details = cv.Laplacian(cv.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    pose = face.pose
    return Crop(
        image=image,
        mask=mask,
        features=features(points, size),
        shape=(points[_OUTLINE] + 0.5) / size,
        pose=(pose.yaw, pose.pitch, pose.roll),
        time=frame.time,
        sharpness=float(details[mask > 0].var()),
    )
