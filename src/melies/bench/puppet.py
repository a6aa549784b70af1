"""How well a portrait does what a performer does, whether it stays itself, and how fast."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import melies
from melies.bench import Bench, Result, benchmark
from melies.bench._faces import astronaut, portraits
from melies.effects.puppet import Puppet
from melies.faces import Face, Tracker, distance, embed, find, pose_of
from melies.faces.anatomy import LEFT_BROW, LIPS_OUTER, RIGHT_BROW, Points
from melies.faces.nets import around, look
from melies.frame import Frame, Image, VideoSpec
from melies.metrics import psnr
from melies.puppetry.motion import angles
from melies.puppetry.parts import EYES, gape, opening, width
from melies.puppetry.performer import Cue
from melies.puppetry.retarget import Manner
from melies.puppetry.stage import Cast, Stage
from melies.square import Square

MOST = 240
"""Most frames of a film that are played."""
EVERY = 4
"""Of a self-reenactment, every so many frames are compared."""
SIDE = 256
_SCALES, _TILTS = (0.85, 1.0, 1.2), (-0.15, 0.0, 0.15)
"""How large, and how far tilted (in radians), the squares are in which a face is looked at to measure it."""
SAME = 0.6
"""Distance of two embeddings below which dlib takes two faces for the same person."""
WANTED = {"mouth": 0.8, "eyes": 0.7}

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Played:
    """A performance and what a portrait made of it, where both were looked at again: rows of what `_seen` returns."""

    theirs: Numbers
    ours: Numbers
    likeness: float


MEASURES = ("mouth", "mouth width", "eyes", "brows", "yaw", "pitch")


@benchmark
def puppet(bench: Bench) -> list[Result]:
    """Expression of result against performer, likeness, self-reenactment and speed; MELIES_PORTRAITS names a folder."""
    films = bench.films or (bench.footage("carphone_pristine"),)
    pictures = portraits()
    results = []
    played: list[Played] = []
    for film in films:
        clip = melies.open(film)
        performance = Puppet(portrait="").cues(islice(clip.source.frames(), MOST))
        cues = [cue for _, cue in islice(performance, 0, None, 8 if bench.quick else 4) if cue.presence == 1]
        for portrait in pictures:
            played.append(_play(cues, portrait, clip.spec))
            results.append(_line(f"{film.stem} on {portrait.stem}", played[-1]))
    results += _together(played)
    for film in films:
        results += _reenacted(film)
    return [*results, *_speed(bench)]


def _play(cues: list[Cue], portrait: Path, spec: VideoSpec) -> Played:
    """Play moments of a performance on a portrait, and look at both again."""
    still = next(melies.open(portrait).frames()).image
    whose = find(still, 1)[0]
    looks, place = embed(still, whose), around(whose.points)
    theirs, ours, far = [], [], []
    with Stage(Puppet(portrait=str(portrait)).output(spec)) as stage:
        for cue in cues:
            assert cue.sight is not None
            made = stage.picture(Cast(str(portrait), "largest", None), Fraction(0), cue, Manner(), "driver")
            face = _again(made, place)
            theirs.append(_measured(cue.sight.image, cue.sight.points))
            ours.append(_measured(made, face.points))
            far.append(distance(embed(made, face), looks))
    return Played(np.array(theirs), np.array(ours), float(np.median(far)))


def _again(image: Image, place: Square) -> Face:
    """Find the face of a picture in which it lies about there, in three looks."""
    face = look(image[..., :3], place)
    for _ in range(2):
        face = look(image[..., :3], around(face.points))
    return face


def _measured(image: Image, points: Points) -> Numbers:
    """Measure a face that lies there: the mean of nine looks at it, for one depends on how it is held to the mesh.

    In a three-quarter view, the same mouth in the same picture is seen up to twice as far open when the square is
    tilted by nine degrees; performer and result are measured alike.
    """
    place = around(points)
    looks = [
        replace(place, radius=place.radius * scale, angle=place.angle + tilt) for scale in _SCALES for tilt in _TILTS
    ]
    mean: Numbers = np.mean([_seen(look(image[..., :3], one).points) for one in looks], axis=0)
    return mean


def _seen(points: Points) -> list[float]:
    """Measure what `MEASURES` names: openings and heights at the front, and the head's angles."""
    pose = pose_of(points)
    front = pose.from_picture(points)
    eyes = [opening(front, rim) for rim, _ in EYES]
    brows = front[np.concatenate([RIGHT_BROW, LEFT_BROW]), 1].mean()
    corners = front[[33, 133, 362, 263], 1].mean()
    yaw, pitch, _ = map(float, angles(pose.rotation))
    return [gape(front), width(front, LIPS_OUTER), float(np.mean(eyes)), float(corners - brows), yaw, pitch]


def _correlations(played: Played) -> dict[str, float]:
    """Pearson's r of each measure."""
    pairs = zip(MEASURES, played.theirs.T, played.ours.T, strict=True)
    return {name: float(np.corrcoef(theirs, ours)[0, 1]) for name, theirs, ours in pairs}


def _line(what: str, played: Played) -> Result:
    r = _correlations(played)
    detail = ", ".join(f"{name} {value:.2f}" for name, value in r.items())
    met = all(r[name] >= least for name, least in WANTED.items())
    return Result(
        "puppet", f"correlation of the mouth ({what})", r["mouth"], "", ">= 0.8, eyes >= 0.7", met,
        f"{detail}; likeness {played.likeness:.2f}",
    )  # fmt: skip


def _together(played: list[Played]) -> list[Result]:
    """Means over all pairs, and how far the results are from their portraits."""
    r = [_correlations(one) for one in played]
    lines = []
    for name in MEASURES:
        values = np.array([one[name] for one in r])
        least = WANTED.get(name)
        target = "-" if least is None else f">= {least}"
        enough = None if least is None else bool(values.mean() >= least)
        reached = "" if least is None else f", {int((values >= least).sum())} of {len(values)} reach it"
        detail = f"mean of {len(values)}, least {values.min():.2f}{reached}"
        lines.append(Result("puppet", f"correlation: {name}", float(values.mean()), "", target, enough, detail))
    far = np.array([one.likeness for one in played])
    detail = f"distance of embeddings, largest {far.max():.2f}; below {SAME} is the same person"
    mean, alike = float(far.mean()), bool(far.max() < SAME)
    return [*lines, Result("puppet", "likeness to the portrait", mean, "", f"< {SAME}", alike, detail)]


def _reenacted(film: Path) -> list[Result]:
    """Play a film on its own first frame, and compare with leaving that as it is."""
    clip = melies.open(film)
    frames = list(islice(clip.source.frames(), MOST))
    effect = Puppet(portrait=f"{film}@0", neutral="first", lookahead=0)
    first = frames[0].image
    place = around(find(first, 1)[0].points)
    tracker = Tracker(1)
    ours, copied = [], []
    for number, (frame, made) in enumerate(zip(frames, effect.apply(iter(frames), clip.spec), strict=True)):
        faces = tracker.step(frame.image)
        if number % EVERY == EVERY - 1 and faces:  # not the first: that is the portrait
            ours.append(_compared(made.image, frame.image, faces[0], place))
            copied.append(_compared(first, frame.image, faces[0], place))
    mine, copies = np.mean(ours, axis=0), np.mean(copied, axis=0)
    lines = []
    for name, unit, value, copy in zip(("L1", "PSNR", "AKD"), ("", "dB", "px"), mine, copies, strict=True):
        higher = name == "PSNR"
        what = f"self-reenactment of {film.stem}: {name} of the face"
        met = bool(value > copy if higher else value < copy)
        detail = f"{copy:.4g} if the first frame stays; {SIDE}×{SIDE} around the head"
        lines.append(Result("puppet", what, float(value), unit, f"{'>' if higher else '<'} {copy:.4g}", met, detail))
    return lines


def _compared(made: Image, wanted: Image, face: Face, place: Square) -> Numbers:
    """L1 of 0…1, PSNR, and how far landmarks are off on average (AKD), in the head's square."""
    pictures = [place.cut(image[..., :3], SIDE) for image in (made, wanted)]
    codes = [np.rint(picture * 255).astype(np.uint8) for picture in pictures]
    away = np.linalg.norm((_again(made, place).points - face.points)[:, :2], axis=1).mean()
    return np.array([np.abs(pictures[0] - pictures[1]).mean(), psnr(*codes), away * SIDE / (2 * place.radius)])


def _speed(bench: Bench) -> list[Result]:
    """Frames a second, and the delay of each from when it is taken, at 512×512, as on a camera."""
    clip = melies.open(bench.footage("carphone_pristine")).apply(melies.Resize(width=512, height=512, fit="cover"))
    frames = list(islice(clip.frames(), 24 if bench.quick else 100))
    near = bench.out("near.png")
    her = melies.open(astronaut()).apply(
        melies.Crop(x=104, y=0, width=240, height=240), melies.Resize(width=512, height=512)
    )
    her.save(near, overwrite=True)
    effect = Puppet(portrait=str(near)).live()
    asked: list[float] = []

    def arriving() -> Iterator[Frame]:
        for frame in frames:
            asked.append(time.perf_counter())
            yield frame

    done = []
    for _ in effect.apply(arriving(), clip.spec):
        done.append(time.perf_counter())
    fps = 1 / float(np.median(np.diff(done[8:])))
    delay = 1000 * float(np.percentile(np.subtract(done, asked)[8:], 95))
    detail = "tracking and painting; Avatarify publishes < 1 fps on a CPU, 33 fps on a GTX 1080 Ti"
    return [
        Result("puppet", "frames a second at 512×512", fps, "fps", ">= 25", fps >= 25, detail),
        Result("puppet", "delay of a frame at 512×512", delay, "ms", "<= 100", delay <= 100, "95th percentile"),
    ]
