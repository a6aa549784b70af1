"""Fill holes frame by frame: from other frames along the motion, and out of the picture itself what none shows."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.box import Box
from melies.effects._scratch import Closing
from melies.effects._shelf import Delay
from melies.erasing import exemplar
from melies.erasing.album import Album, Piece, sample
from melies.erasing.membrane import Mask
from melies.erasing.motion import MARGIN, Background, light_change
from melies.erasing.refs import NOBODY, Plate, Refs, look_ahead, look_back
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import Plane, to_depth, white_of
from melies.motion import Field, grey

cv: Any = cv2
log = logging.getLogger("melies")

Places = NDArray[np.float32]
"""`N×2`, x before y."""

_LONGEST = 1024
"""Motion is followed on a grid whose longer side is at most this."""
_BESIDE = 3
"""How many cells beside a place are looked at to find the colour between pixels."""
_SURROUNDINGS = 48
"""Least width, in cells, of what is looked at around holes to find the motion."""
_EMPTY = Box(0, 0, 0, 0)


@dataclass(slots=True)
class _Held:
    """A frame on its way through: its hole, and how strongly each of its pixels is replaced."""

    plate: Plate
    box: Box
    alpha: NDArray[np.float32]
    grid: NDArray[np.uint8] | None = None


class Filler(Closing):
    """Erase what is marked in one shot; use it in a `with` block.

    Args:
        spec: What the frames look like.
        reach: How many frames ahead are looked at; what was once seen is remembered for as long as it stays hidden.
        feather: Pixels over which the fill fades out around each hole.
    """

    def __init__(self, spec: VideoSpec, reach: int, feather: float) -> None:
        self._reach = max(1, reach)
        self._feather = feather
        self._fine = -(-max(spec.width, spec.height) // _LONGEST)
        self._size = spec.width, spec.height
        self._grid_size = -(-spec.width // self._fine), -(-spec.height // self._fine)
        self._open = ExitStack()
        self._frames = self._open.enter_context(Delay())
        self._album = self._open.enter_context(Album())
        self._motion = Background()
        self._held: deque[_Held] = deque()
        self._last: tuple[Frame, _Held] | None = None
        self._landings: Box | None = None
        self._light: dict[int, NDArray[np.float32]] = {}
        self._born: dict[int, int] = {}
        self._canvases = 0
        self._past: tuple[Plate, Refs] | None = None
        self._said = False

    def run(self, marked: Iterator[tuple[Frame, Plane | None]]) -> Iterator[Frame]:
        """Yield the frames of a shot without what is marked in them.

        Args:
            marked: Frames, each with what to erase, `H×W`, zero where the picture stays; None for nothing.
        """
        for number, (frame, mask) in enumerate(marked):
            self._read(number, frame, mask)
            if len(self._held) > self._reach + 1:
                yield self._write()
        self._keep_last(None)
        while self._held:
            yield self._write()

    def close(self) -> None:
        """Let go of everything that was put aside."""
        self._open.close()

    # reading ahead

    def _read(self, number: int, frame: Frame, mask: Plane | None) -> None:
        held = self._marked(number, mask)
        self._frames.push(frame)
        self._held.append(held)
        self._light[number] = np.zeros(3, np.float32)
        if self._last is not None:
            self._light[number] = self._light[number - 1]
            if held.plate.hole.size or self._last[1].plate.hole.size:
                self._connect(*self._last, frame, held)
            self._keep_last(held.plate)
        self._last = frame, held

    def _marked(self, number: int, mask: Plane | None) -> _Held:
        """Find the hole's box, its cells and the opacity of its fill."""
        nothing = _Held(Plate(number, _EMPTY, np.zeros((0, 0), np.bool_)), _EMPTY, np.zeros((0, 0), np.float32))
        if mask is None:
            return nothing
        x, y, across, down = cv.boundingRect((mask > 0).view(np.uint8))
        if not across:
            return nothing
        fine, soft = self._fine, int(np.ceil(self._feather))
        spread = Box(x, y, x + across, y + down).grown(soft, *self._size)
        cells = Box(
            spread.left // fine, spread.top // fine, -(-spread.right // fine), -(-spread.bottom // fine)
        ).grown(MARGIN, *self._grid_size)  # fmt: skip
        box = self._pixels(cells)
        inside = mask[box.slices] > 0
        distance = cv.distanceTransform((~inside).view(np.uint8), cv2.DIST_L2, 5)
        alpha = np.clip(1 - distance / np.float32(self._feather + 1), 0, 1).astype(np.float32)
        touched = _blocks(alpha > 0, fine, cells)
        side = 2 * MARGIN + 1
        hole = cv.dilate(touched.view(np.uint8), np.ones((side, side), np.uint8)) > 0
        return _Held(Plate(number, cells, hole), box, alpha)

    def _pixels(self, cells: Box) -> Box:
        """The pixels that cells cover."""
        fine, (width, height) = self._fine, self._size
        return Box(
            cells.left * fine,
            cells.top * fine,
            min(width, cells.right * fine),
            min(height, cells.bottom * fine),
        )

    def _connect(self, before: Frame, past: _Held, frame: Frame, held: _Held) -> None:
        """Find how the background moves between two frames, and whether it becomes brighter."""
        boxes = [one.plate.box for one in (past, held) if one.plate.hole.size]
        around = boxes[0].joined(boxes[-1])
        margin = max(_SURROUNDINGS, max(around.width, around.height) // 3)
        around = around.grown(margin, *self._grid_size)
        pictures = []
        for one, shown in ((past, before), (held, frame)):
            if one.grid is None:
                one.grid = self._on_grid(shown.image)
            pictures.append(np.ascontiguousarray(one.grid[around.slices]))
        holes = [_placed(one.plate, around) for one in (past, held)]
        forward, backward = self._motion.between(grey(pictures[0]), grey(pictures[1]), holes[0], holes[1])
        past.plate.ahead = _half(past.plate.box.cut(forward, around)) if past.plate.hole.size else None
        held.plate.behind = _half(held.plate.box.cut(backward, around)) if held.plate.hole.size else None
        self._light[held.plate.number] = self._light[past.plate.number] + light_change(
            pictures[0], pictures[1], forward, holes[0], holes[1]
        )
        past.grid = None

    def _on_grid(self, image: Image) -> NDArray[np.uint8]:
        """The colours on the grid, 8 bits."""
        colours = to_depth(np.ascontiguousarray(image[..., :3]), np.dtype(np.uint8))
        if self._fine == 1:
            return colours
        (width, height), (across, down) = self._size, self._grid_size
        missing = down * self._fine - height, across * self._fine - width
        whole = cv.copyMakeBorder(colours, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
        small: NDArray[np.uint8] = cv.resize(whole, (across, down), interpolation=cv2.INTER_AREA)
        return small

    def _keep_last(self, following: Plate | None) -> None:
        """Keep what may be asked of the last frame: where holes before and after it lead."""
        if self._last is None:
            return
        frame, held = self._last
        number = held.plate.number
        landing, self._landings = self._landings, _landing(held.plate, held.plate.ahead)
        after = None if following is None else _landing(following, following.behind)
        landing = landing.joined(after) if landing and after else landing or after
        if landing is None:
            return
        box = self._pixels(landing.grown(_BESIDE, *self._grid_size))
        if box.width > 0 and box.height > 0:
            self._album.put(number, Piece(frame.image[box.slices].copy(), box.left, box.top))
            self._born[number] = number

    # writing

    def _write(self) -> Frame:
        held = self._held.popleft()
        frame = self._frames.pop()
        plate = held.plate
        if not plate.hole.size:
            self._past = plate, Refs.none(0, 0)
            self._forget(plate.number)
            return frame
        plates = [plate, *(one.plate for one in self._held)][: self._reach + 1]
        ahead = look_ahead(plates, *self._grid_size)
        back = look_back(plate, *self._past, *self._grid_size) if self._past else Refs.none(*plate.hole.shape)
        clean = self._fill(frame.image, held, back, ahead)
        if plate.number % max(1, self._reach // 2) == 0:
            self._settle(clean, held, back)
            self._forget(plate.number)
        self._past = plate, back
        return frame.with_image(_blended(frame.image, clean, held))

    def _fill(self, image: Image, held: _Held, back: Refs, ahead: Refs) -> Image:
        """Return the picture with its hole filled; what had to be invented is added to `back`."""
        clean = image.copy()
        x, y, places, cells = self._places(held)
        light = self._light[held.plate.number]
        earlier, later = (self._look(refs, places, cells, light, image) for refs in (back, ahead))
        share = self._share(back, ahead, cells)
        share = np.where(earlier[1], np.where(later[1], share, np.float32(0)), np.float32(1))[:, None]
        colours = earlier[0] * (1 - share) + later[0] * share
        seen = earlier[1] | later[1]
        if not seen.any() and len(seen) == image.shape[0] * image.shape[1]:
            self._say_whole()
            return clean
        region = clean[held.box.slices]
        region[y[seen], x[seen]] = _code(colours[seen], image)
        if not seen.all():
            unseen = np.zeros(held.alpha.shape, np.bool_)
            unseen[y[~seen], x[~seen]] = True
            self._invent(clean, held, unseen)
            self._remember(clean, held, back, (back.number == NOBODY) & (ahead.number == NOBODY) & held.plate.hole)
        return clean

    def _say_whole(self) -> None:
        if not self._said:
            log.warning(
                "erase: in some frames all of the picture is marked and nothing is left to fill it from; they stay as "
                "they are. Is the mask inverted?"
            )
        self._said = True

    def _places(self, held: _Held) -> tuple[NDArray[np.intp], NDArray[np.intp], Places, Places]:
        """The pixels to fill: their columns and rows in the box, where in the picture, and where on the grid there."""
        y, x = np.nonzero(held.alpha > 0)
        places = np.column_stack([x, y]).astype(np.float32) + held.box.corner
        cells = (places + np.float32(0.5)) / np.float32(self._fine) - np.float32(0.5) - held.plate.box.corner
        return x, y, places, cells

    def _look(
        self, refs: Refs, places: NDArray[np.float32], cells: NDArray[np.float32], light: NDArray[np.float32],
        image: Image,
    ) -> tuple[NDArray[np.float32], Mask]:  # fmt: skip
        """Fetch the colours that references lead to, `N×C`, in the light of now, and where there are any."""
        x, y = np.rint(cells).astype(np.int64).T
        number = refs.number[y, x]
        shift = refs.shift[y, x]
        if self._fine > 1:
            even = _even(refs.number)[y, x]
            shift = np.where(even[:, None], sample(refs.shift, cells), shift) * self._fine
        colours = np.zeros((len(places), image.shape[2]), np.float32)
        order = np.argsort(number, kind="stable")
        bounds = np.flatnonzero(np.diff(number[order], prepend=NOBODY - 10**9))
        for start, stop in zip(bounds, [*bounds[1:], len(order)], strict=True):
            which = order[start:stop]
            if number[which[0]] != NOBODY:
                found = self._album[int(number[which[0]])].fetch(places[which] + shift[which])
                _relight(found, light - self._light[self._born[int(number[which[0]])]], image)
                colours[which] = found
        return colours, number != NOBODY

    def _share(self, back: Refs, ahead: Refs, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """How much of later frames to take: the nearer counts more, and what is invented gives way to what is seen."""
        with np.errstate(invalid="ignore"):
            nearer = 1 / (1 + (ahead.age / back.age) ** 3)
        ramp = max(1, self._reach // 4)
        entering = np.clip((self._reach + 1 - ahead.age) / ramp, 0, 1)
        share = np.nan_to_num(np.where(back.invented, entering, nearer)).astype(np.float32)
        return sample(share, cells)[:, 0]

    def _invent(self, clean: Image, held: _Held, unseen: Mask) -> None:
        """Fill what no frame shows from the picture around it."""
        x, y, across, down = cv.boundingRect(unseen.view(np.uint8))
        corner = held.box.left + x, held.box.top + y
        box = Box(*corner, corner[0] + across, corner[1] + down)
        around = box.grown(max(_SURROUNDINGS * self._fine, min(across, down)), *self._size)
        hole = np.zeros((around.height, around.width), np.bool_)
        inner = hole[box.top - around.top :, box.left - around.left :][:down, :across]
        inner[...] = unseen[y : y + down, x : x + across]
        clean[around.slices] = exemplar.complete(np.ascontiguousarray(clean[around.slices]), hole)

    def _remember(self, clean: Image, held: _Held, back: Refs, which: Mask) -> None:
        """Let references lead to a copy of the picture as it is now."""
        if not which.any():
            return
        x, y, across, down = cv.boundingRect(which.view(np.uint8))
        corner = held.plate.box.left + x, held.plate.box.top + y
        cells = Box(*corner, corner[0] + across, corner[1] + down).grown(_BESIDE, *self._grid_size)
        box = self._pixels(cells)
        self._canvases += 1
        number = NOBODY - self._canvases
        self._album.put(number, Piece(clean[box.slices].copy(), box.left, box.top))
        self._born[number] = held.plate.number
        back.invented |= which & (back.number == NOBODY)
        back.age[which] = np.where(back.number[which] == NOBODY, 0, back.age[which])
        back.number[which] = number
        back.shift[which] = 0

    def _settle(self, clean: Image, held: _Held, back: Refs) -> None:
        """Copy what references to old pictures show into a new one, so that those can be forgotten."""
        oldest = held.plate.number - self._reach
        numbers = [number for number in np.unique(back.number).tolist() if number != NOBODY]
        old = [number for number in numbers if self._born[number] < oldest]
        which = np.isin(back.number, old)
        if not which.any():
            return
        only = Refs(np.where(which, back.number, NOBODY), back.shift, back.age, back.invented)
        x, y, places, cells = self._places(held)
        colours, found = self._look(only, places, cells, self._light[held.plate.number], clean)
        copy = clean.copy()
        copy[held.box.slices][y[found], x[found]] = _code(colours[found], clean)
        self._remember(copy, held, back, which)

    def _forget(self, now: int) -> None:
        """Drop the pictures that no reference can lead to any more."""
        kept = set() if self._past is None else set(np.unique(self._past[1].number).tolist())
        for number, born in list(self._born.items()):
            if born < now - self._reach and number not in kept:
                self._album.drop(number)
                del self._born[number]


def _blocks(mask: Mask, fine: int, cells: Box) -> Mask:
    """Which cells hold any true pixel."""
    if fine == 1:
        return mask
    whole = np.zeros((cells.height * fine, cells.width * fine), np.bool_)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    touched: Any = whole.reshape(cells.height, fine, cells.width, fine).any((1, 3))
    return np.asarray(touched, np.bool_)


def _placed(plate: Plate, around: Box) -> Mask:
    """A plate's hole in a larger box."""
    whole = np.zeros((around.height, around.width), np.bool_)
    if plate.hole.size:
        y, x = plate.box.top - around.top, plate.box.left - around.left
        whole[y : y + plate.box.height, x : x + plate.box.width] = plate.hole
    return whole


def _half(field: Field) -> NDArray[np.float16]:
    return field.astype(np.float16)


def _landing(plate: Plate, field: NDArray[np.float16] | None) -> Box | None:
    """Where the motion leads from a hole: the box around it."""
    if field is None:
        return None
    y, x = np.nonzero(plate.hole & ~np.isnan(field[..., 0]))
    if not len(y):
        return None
    there = np.column_stack([x, y]) + plate.box.corner + field[y, x].astype(np.float32)
    (left, top), (right, bottom) = np.floor(there.min(0)).astype(int), np.ceil(there.max(0)).astype(int)
    return Box(int(left), int(top), int(right) + 1, int(bottom) + 1)


def _even(numbers: NDArray[np.int64]) -> Mask:
    """Where all cells around lead to the same picture."""
    plane, kernel = numbers.astype(np.float32), np.ones((3, 3), np.uint8)
    even: Mask = cv.dilate(plane, kernel) == cv.erode(plane, kernel)
    return even


def _relight(colours: NDArray[np.float32], change: NDArray[np.float32], image: Image) -> None:
    """Bring colours (`N×C`, in place) into another light: what was measured of values a little above black."""
    if change.any():
        lift = np.float32(16 / 255 * white_of(image))
        colours[:, :3] = (colours[:, :3] + lift) * np.exp(change) - lift


def _code(colours: NDArray[np.floating[Any]], image: Image) -> Image:
    values: Image = np.clip(np.rint(colours), 0, white_of(image)).astype(image.dtype)
    return values


def _blended(image: Image, clean: Image, held: _Held) -> Image:
    """Lay the fill over the picture, softly where the hole ends."""
    soft = (held.alpha > 0) & (held.alpha < 1)
    region, alpha = clean[held.box.slices], held.alpha[soft][:, None]
    region[soft] = _code(region[soft] * alpha + image[held.box.slices][soft] * (1 - alpha), image)
    return clean
