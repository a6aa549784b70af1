"""Pictures to learn from: read once, kept small in one file, drawn at random as crops that differ every time."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.files import replacing
from melies.matting.scale import nchw, reduce
from melies.train._samples import Sample, evenly, files_in, glance, samples

log = logging.getLogger("melies")

ALIKE = 5.0
"""Root mean square distance of two pictures of 16×16 pixels, 0…255, below which one of them is enough."""
_VERSION = 1
"""To be counted up when other pictures would be kept of the same files."""

Batch = NDArray[np.float32]
Size = int | tuple[int, int]
"""The side of square crops, or height and width, in pixels."""


class Changes(NamedTuple):
    """How crops differ from the pictures that they are drawn from.

    Attributes:
        scale: Between which numbers the scale lies at which a picture is seen, 1 being as it is kept; where a crop
            would then be larger than the picture, the picture is seen just so large that it covers the crop: with
            (0, 0) crops show as much as they can.
        flip: Whether half of them are mirrored.
        tint: How much brighter or darker each colour becomes at most, as a share.
    """

    scale: tuple[float, float] = (0.5, 1.0)
    flip: bool = True
    tint: float = 0.0


USUAL = Changes()
"""Half the size to the whole one, and mirrored."""
AS_IT_IS = Changes((0, 0), flip=False)
"""As much of the picture as a crop can show, unchanged."""


class Pictures:
    """Pictures from folders and films: a few frames of every shot, nothing twice, some held out.

    They lie in one file that is mapped into memory, at most `most × side² × 3` bytes: memory stays small however long
    the films are, and a run that is resumed finds the same pictures without reading films again. Of too many, those
    that are kept are drawn at random, always the same ones. What is held out is whole shots, or whole runs of
    neighbours of a folder, so that nearly the same picture is not on both sides; where there are too few shots for
    that, it is the end of each.

    Args:
        paths: Pictures, films, or folders of them.
        side: The longest side, in pixels, at which they are kept.
        kept: Where the file is to lie, without its ending; nowhere for longer than the process lives if None.
        option: What the user calls them, for what is said when they cannot be used.
        most: The most pictures.
        per_shot: Frames of each short shot; of a long one, a frame is taken every two seconds, at most 64.
        held_out: The share that is not learned from, 0…0.5.

    Attributes:
        learned: Indices of the pictures to learn from.
        judged: Indices of the pictures that are held out.

    Raises:
        UseError: Something is not there, or there are no two different pictures.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        side: int = 512,
        *,
        kept: Path | None = None,
        option: str = "--photos",
        most: int = 2000,
        per_shot: int = 4,
        held_out: float = 0.1,
    ) -> None:
        files = files_in(paths, option)
        origin = _origin(files, side=side, most=most, per_shot=per_shot)
        self._open(lambda: samples(files, side, per_shot, most), origin, kept, _Room(side, most))
        if len(self) < 2:
            raise UseError(f"There are no two different pictures in {option}.", "Give more, or longer films.")
        self._split(held_out, option)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Return a whole picture as it is kept: `H×W×3` uint8, read-only."""
        place = self._places[index]
        shape = place.height, place.width, 3
        return self._slots[place.slot, : np.prod(shape)].reshape(shape)

    def batch(self, rng: np.random.Generator, count: int, size: Size, changes: Changes = USUAL) -> Batch:
        """Draw crops of pictures to learn from.

        Args:
            rng: Random numbers; each crop takes the same number of them, whatever it shows.
            count: How many.
            size: Of the crops.
            changes: How they differ from the pictures.

        Returns:
            `count×3×H×W` float32, 0…1.
        """
        return tinted(rng, nchw(self._crops(rng, count, size, changes)), changes.tint)

    def shown(self, count: int, size: Size) -> Batch:
        """Return the middle of pictures that are held out, or of others if none are: always the same ones.

        Args:
            count: How many at most; they are spread over all.
            size: Of the crops.

        Returns:
            `N×3×H×W` float32, 0…1, the largest crops that fit in the pictures.
        """
        return nchw(np.stack([_middle(self[index], size) for index in self._held(count)]))

    def middle(self, index: int, size: Size) -> Batch:
        """Return the middle of one picture, `1×3×H×W` float32, 0…1: the largest crop of this shape that fits in it."""
        return nchw(_middle(self[index], size)[None])

    def _held(self, count: int) -> list[int]:
        held = self.judged if len(self.judged) else self.learned
        return [int(index) for index in held[evenly(len(held), count)]]

    def _crops(self, rng: np.random.Generator, count: int, size: Size, changes: Changes) -> NDArray[np.uint8]:
        chosen = self.learned[rng.integers(len(self.learned), size=count)]
        lots = rng.random((count, 4))
        return np.stack([_cut(self[int(index)], size, changes, lot) for index, lot in zip(chosen, lots, strict=True)])

    def _open(self, read: Callable[[], Iterator[Sample]], origin: str, kept: Path | None, room: _Room) -> None:
        if kept is None:
            # The file has no name, and its space is given back when nobody reads it any more.
            with tempfile.TemporaryFile() as file:
                self._places = _collect(read(), file, room)
                self._map(file, room)
            return
        known = _known(kept, origin)
        if known is None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with replacing(kept.with_suffix(".bin")) as part, part.open("wb") as file:
                known = _collect(read(), file, room)
            with replacing(kept.with_suffix(".json")) as part:
                part.write_text(json.dumps({"origin": origin, "places": known}), encoding="utf-8")
        self._places = known
        self._map(kept.with_suffix(".bin"), room)

    def _map(self, file: Any, room: _Room) -> None:
        shape = len(self._places), room.slot
        self._slots = np.memmap(file, np.uint8, "r", shape=shape) if self._places else np.zeros(shape, np.uint8)

    def _split(self, held_out: float, option: str) -> None:
        self.learned, self.judged = split([place.group for place in self._places], held_out)
        shots = len({place.group for place in self._places})
        runs = "1 shot or run" if shots == 1 else f"{shots} shots or runs"
        words = f"{len(self)} pictures from {runs}" if shots < len(self) else f"{len(self)} pictures"
        count = len(self.judged)
        log.info("%s: %s; %d of them %s held out.", option, words, count, "is" if count == 1 else "are")


def tinted(rng: np.random.Generator, batch: Batch, most: float) -> Batch:
    """Make each colour of each picture brighter or darker, by a share of at most `most`."""
    if not most:
        return batch
    gains = 1 + most * rng.uniform(-1, 1, (len(batch), 3, 1, 1)).astype(np.float32)
    return np.clip(batch * gains, 0, 1)


def split(groups: Sequence[str], share: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Divide things into those to learn from and those to judge by.

    Args:
        groups: What each belongs to; equal ones stand together.
        share: How much is to be held out.

    Returns:
        Their indices: of whole groups, evenly chosen, where there are enough; otherwise of the end of each group.
    """
    runs = [len(list(run)) for _, run in groupby(groups)]
    starts = np.cumsum([0, *runs])
    held: list[int] = []
    for number, (start, end) in enumerate(pairwise(starts)):
        if len(runs) * share < 1:
            held += range(end - round(share * (end - start)), end)
        elif int((number + 1) * share) > int(number * share):
            held += range(start, end)
    if share and not held and len(groups) > 1:
        held = [len(groups) - 1]
    judged = np.array(held, np.intp)
    return np.setdiff1d(np.arange(len(groups)), judged), judged


class _Place(NamedTuple):
    """Where a picture lies in the file, its size in pixels, and what it belongs to."""

    slot: int
    height: int
    width: int
    group: str


class _Room(NamedTuple):
    """How long pictures may be, and how many."""

    side: int
    most: int

    @property
    def slot(self) -> int:
        """Bytes of a picture at most; the file has holes where one is smaller."""
        return self.side * self.side * 3


def _collect(read: Iterator[Sample], file: IO[bytes], room: _Room) -> list[_Place]:
    """Write different pictures into slots of a file; when all are taken, each later one takes one by lot or none."""
    lots = np.random.default_rng(0)
    places: dict[int, _Place] = {}  # by when the picture came, which is their order
    taken: list[int] = []  # by slot: when the picture in it came
    known = np.empty((room.most, glance(np.zeros((1, 1, 3), np.uint8)).size), np.float32)
    different = alike = 0
    for time, sample in enumerate(read):
        look = glance(sample.image)
        if taken and float(np.square(known[: len(taken)] - look).mean(1).min()) < ALIKE**2:
            alike += 1
            continue
        different += 1
        slot = len(taken) if len(taken) < room.most else int(lots.integers(different))
        if slot >= room.most:
            continue
        if slot < len(taken):
            del places[taken[slot]]
            taken[slot] = time
        else:
            taken.append(time)
        known[slot] = look
        height, width = sample.image.shape[:2]
        places[time] = _Place(slot, height, width, sample.group)
        file.seek(slot * room.slot)
        file.write(sample.image.tobytes())
    file.truncate(len(taken) * room.slot)
    file.flush()
    if alike:
        log.info("%d pictures are left out because they hardly differ from another.", alike)
    return list(places.values())


def _known(kept: Path, origin: str) -> list[_Place] | None:
    """Return the places of what an earlier sitting has collected from the same material; None if there is nothing."""
    described = kept.with_suffix(".json")
    if not described.is_file() or not kept.with_suffix(".bin").is_file():
        return None
    try:
        content = json.loads(described.read_text(encoding="utf-8"))
        return [_Place(*place) for place in content["places"]] if content["origin"] == origin else None
    except (ValueError, TypeError, KeyError):
        raise UseError(f"{described} is damaged.", "Delete it; it is made again.") from None


def _origin(files: Sequence[Path], **how: int) -> str:
    """Return a sum over all that the pictures depend on."""
    stamps = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(json.dumps([_VERSION, how, stamps]).encode()).hexdigest()


def _cut(picture: NDArray[np.uint8], size: Size, changes: Changes, lots: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Cut a crop out of a picture: the lots say, 0…1, at which scale, how far down, how far across, and which way."""
    height, width = (size, size) if isinstance(size, int) else size
    rows, columns = picture.shape[:2]
    least, largest = changes.scale
    scale = max(height / rows, width / columns, least + (largest - least) * lots[0])
    high, wide = min(rows, round(height / scale)), min(columns, round(width / scale))
    top, left = int(lots[1] * (rows - high + 1)), int(lots[2] * (columns - wide + 1))
    crop = picture[top : top + high, left : left + wide]
    if changes.flip and lots[3] < 0.5:
        crop = crop[:, ::-1]
    return reduce(np.ascontiguousarray(crop), width, height)


def _middle(picture: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    return _cut(picture, size, AS_IT_IS, np.array([0, 0.5, 0.5, 1]))
