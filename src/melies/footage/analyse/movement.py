"""How the camera moves.

The motion of most of the picture is taken for the camera's as long as the rim of the picture goes along with it: what
moves before a camera that stands still leaves parts of the rim where they are. A move is a speed that lasts; what is
left when the moves are smoothed away is the hand that holds the camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from melies.footage.label import Facet, Label
from melies.footage.material import Material, Motion
from melies.footage.sway import GRID

MOVES = ("pan left", "pan right", "tilt up", "tilt down", "push in", "pull out", "roll left", "roll right", "tracking")
FACETS = (
    Facet(
        "movement",
        "one",
        "what the camera does; push in and pull out may be zooms, tracking is a camera that goes along",
        ("static", "handheld", *MOVES),
    ),
    Facet("moves", "many", "everything the camera does, where it does several things", ("handheld", *MOVES)),
    Facet("pace", "one", "how fast the camera moves", ("slow", "medium", "fast")),
    Facet("speed", "number", "how far the picture moves in a second", unit="picture widths a second"),
)

_NAMES = (("pan left", "pan right"), ("tilt up", "tilt down"), ("roll left", "roll right"), ("push in", "pull out"))
"""What the camera does when the picture goes right or left, down or up, turns clockwise or not, grows or shrinks."""
_SMOOTH = 0.6
"""Seconds over which the hand's trembling is smoothed away."""
_LEAST = np.array([0.02, 0.02, 0.0175, 0.012])
"""Speeds that are seen: right and down in half widths a second, turn in radians, growth as a share, a second."""
_FAR = np.array([0.05, 0.05, 0.035, 0.025])
"""How far a move must go, in the same units."""
_WEIGHT = np.array([1, 1, 0.8, 0.8])
"""How far a turn and a growth move the picture on average, in half widths."""
_BESIDE = 0.4
"""What goes at least so far as the main move, as a share, is a move too."""
_SHAKE = 0.02
"""Trembling (root mean square, half widths a second) from which on a camera is held by hand."""
_RETURN = 0.35
"""Who holds the camera sways to and fro: what comes back by more than this share is no move."""
_STANDS = 0.35
"""Below this share of the motion (`Motion.share`) a part of the picture stands still."""
RIM_STANDS = 0.3
"""With more of the rim standing still, the camera does."""
_FASTER, _APART = 1.08, 1.45
"""A quarter of the picture is at least so fast beside most of it, and beside the slowest quarter, when near things pass
before far ones. Noise makes parts of the picture slower, never faster."""
_SLOW, _FAST = 0.06, 0.25
"""Picture widths a second."""
_RIM = np.ones(GRID, bool)
_RIM[1:-1, 1:-1] = False


Four = NDArray[np.float64]
"""Right, down, turn and growth."""


@dataclass(frozen=True)
class Path:
    """A shot's motion, smoothed and not.

    Attributes:
        lasts: `N`, seconds of each step.
        speed: `N×4`, right, down, turn and growth in a second, smoothed.
        shake: What the smoothing took away, root mean square in half widths a second.
    """

    lasts: NDArray[np.float64]
    speed: NDArray[np.float64]
    shake: float

    def travel(self) -> tuple[Four, Four, Four]:
        """How far each of the four goes at a stretch, fast enough to be seen; for how long; how far it comes back."""
        (ahead, ahead_long), (behind, behind_long) = (self._stretches(sign) for sign in (1, -1))
        first = ahead > behind
        far = np.where(first, ahead, -behind)
        return far, np.where(first, ahead_long, behind_long), np.minimum(ahead, behind)

    def _stretches(self, sign: int) -> tuple[Four, Four]:
        """The longest way in one direction, and its seconds."""
        far, long = np.zeros(4), np.zeros(4)
        for index, speed in enumerate((sign * self.speed).T):
            going = speed > _LEAST[index]
            stretch = np.cumsum(np.diff(going, prepend=False))
            ways = np.bincount(stretch, np.where(going, speed * self.lasts, 0))
            best = int(ways.argmax())
            far[index], long[index] = ways[best], self.lasts[going & (stretch == best)].sum()
        return far, long


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    motion = material.motion
    if len(motion.time) < 4 or motion.found.mean() < 0.5:
        return _unfollowed(motion)
    path = follow(motion)
    far, long, back = path.travel()
    reach = np.abs(far) / _FAR
    if max(reach.max(), path.shake / _SHAKE) < 1:
        return [_static(float(reach.max()), path.shake)]
    stands = standing(material)
    if stands > RIM_STANDS:
        why = f"{stands:.0%} of the picture's rim stands still"
        return [Label("movement", "static", round(min(0.95, 0.4 + stands), 2), why, {"stands": round(stands, 3)})]
    main = int((np.abs(far) * _WEIGHT * (reach >= 1)).argmax())
    sways = path.shake > _SHAKE and back[main] > _RETURN * abs(far[main])
    if reach.max() < 1 or sways or (reach.max() < 2 and path.shake > max(_SHAKE, _rms(path.speed[:, :2]))):
        return [_handheld("movement", path.shake)]
    return _moves(far, long, path.shake, motion.share)


def follow(motion: Motion) -> Path:
    """Part a shot's motion into what lasts and what trembles."""
    step = np.column_stack([motion.right, motion.down, motion.turn, np.log1p(motion.grow)])
    raw = np.where(motion.found[:, None], step / motion.lasts[:, None], np.nan)
    known = np.flatnonzero(motion.found)
    filled = np.column_stack([np.interp(np.arange(len(raw)), known, column[known]) for column in raw.T])
    wide = max(3, round(_SMOOTH / float(np.median(motion.lasts))) | 1)
    wide = min(wide, len(filled) - (len(filled) + 1) % 2)
    padded = np.pad(filled, ((wide // 2, wide // 2), (0, 0)), "edge")
    smooth = sliding_window_view(padded, wide, 0).mean(-1)
    return Path(motion.lasts, smooth, _rms((filled - smooth)[:, :3]))


def _rms(speed: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.square(speed).sum(1).mean()))


def standing(material: Material) -> float:
    """How much of the picture's rim stands still while the rest moves; people are left out if there is more to see."""
    share = material.motion.share
    seen = _RIM & np.isfinite(share)
    apart = seen & ~_people(material)
    looked = apart if apart.sum() >= 3 else seen
    return float((share[looked] < _STANDS).mean()) if looked.sum() >= 3 else 0.0


def _people(material: Material) -> NDArray[np.bool_]:
    """Parts of the picture in which there are faces, or shoulders under them."""
    rows, columns = GRID
    covered = np.zeros(GRID, bool)
    for still, faces in zip(material.stills, material.faces, strict=True):
        height, width = still.image.shape[:2]
        across = (np.arange(columns) + 0.5) / columns * width
        down = (np.arange(rows) + 0.5) / rows * height
        for left, top, right, bottom in (face.box for face in faces):
            side = right - left
            head = (across > left - 0.3 * side) & (across < right + 0.3 * side)
            body = (across > left - side) & (across < right + side)
            covered |= head & (down > top - 0.3 * side)[:, None] | body & (down > bottom)[:, None]
    return covered


def _unfollowed(motion: Motion) -> list[Label]:
    """Nothing could be followed; but a picture in which nothing changes was not moved."""
    if not len(motion.time) or motion.change.max() > 0.5:
        return []
    why = f"nothing changes by more than {motion.change.max():.1f} of 255"
    return [Label("movement", "static", 0.5, why, {"change": round(float(motion.change.max()), 2)})]


def _static(reach: float, shake: float) -> Label:
    sure = round(0.97 - 0.47 * max(reach, shake / _SHAKE), 2)
    return Label("movement", "static", sure, f"it trembles by {shake / 2:.2%} of the width a second", {"shake": shake})


def _handheld(facet: str, shake: float) -> Label:
    sure = round(_surer(shake / _SHAKE), 2)
    return Label(facet, "handheld", sure, f"it trembles by {shake / 2:.1%} of the width a second", {"shake": shake})


def _surer(times: float) -> float:
    """Confidence of something that is so many times as large as it must be."""
    return float(0.97 - 0.47 / max(1.0, times))


def _moves(far: Four, long: Four, shake: float, share: NDArray[np.float64]) -> list[Label]:
    """The main move, with its speed, and those beside it."""
    reach = np.abs(far) / _FAR
    moved = np.abs(far) * _WEIGHT * (reach >= 1)
    main = int(moved.argmax())
    found = [
        _move("moves", index, far, long, reach)
        for index in np.argsort(-moved)
        if moved[index] and moved[index] >= _BESIDE * moved[main]
    ]
    if shake >= _SHAKE:
        found.append(_handheld("moves", shake))
    first = _move("movement", main, far, long, reach)
    passing = _tracking(main, share)
    if passing:
        found.append(passing)
        first = replace(passing, facet="movement")
    speed = float(moved[main] / long[main] / 2)
    pace = "slow" if speed < _SLOW else "fast" if speed > _FAST else "medium"
    why = f"{speed:.1%} of the picture's width in a second"
    edge = min(abs(np.log2(speed / _SLOW)), abs(np.log2(speed / _FAST)))
    paced = Label("pace", pace, round(min(0.95, 0.5 + 0.45 * float(edge)), 2), why)
    return [first, *found, paced, Label("speed", round(speed, 4), first.sure, why)]


def _move(facet: str, index: int, far: Four, long: Four, reach: Four) -> Label:
    name = _NAMES[index][int(far[index] < 0)]
    much = (
        f"{abs(far[index]) / 2:.1%} of the width",
        f"{abs(far[index]) / 2:.1%} of the width",
        f"{np.degrees(abs(far[index])):.1f}°",
        f"a factor of {np.exp(far[index]):.2f}",
    )[index]
    measured = {"far": round(float(far[index]), 4), "seconds": round(float(long[index]), 2)}
    return Label(facet, name, round(_surer(float(reach[index])), 2), f"by {much} in {long[index]:.1f} s", measured)


def _tracking(main: int, share: NDArray[np.float64]) -> Label | None:
    """Whether a camera goes along rather than turns: near things pass faster than far ones."""
    seen = share[np.isfinite(share)]
    if main > 1 or len(seen) < 8:
        return None
    low, high = np.quantile(seen, [0.25, 0.75])
    if high < _FASTER or low <= 0 or high / low < _APART:
        return None
    sure = min(0.8, 0.5 + 0.3 * float(high / low - _APART))
    why = f"parts of the picture move {low:.1f} to {high:.1f} times as fast as most of it"
    measured = {"slower": round(float(low), 2), "faster": round(float(high), 2)}
    return Label("moves", "tracking", round(sure, 2), why, measured)
