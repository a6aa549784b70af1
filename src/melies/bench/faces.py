"""How fast faces are found and read, how surely they are followed and told apart, and how still they are held."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import melies
from melies import faces
from melies.bench import Bench, Result, benchmark
from melies.faces import nets
from melies.faces.anatomy import LIPS_INNER, RIGHT_EYE
from melies.frame import Image
from melies.square import Square

cv: Any = cv2

EVERY = 15
"""Of so many frames one is taken for comparing looks."""
MOST = 240
"""Frames of a film that are looked at."""


@benchmark
def faces_speed(bench: Bench) -> list[Result]:
    """Milliseconds for finding, mesh, expression, identity and for following one face."""
    images = [cv.resize(image, (640, 524)) for image in _images(bench.footage("carphone_pristine"), 60)]
    first = images[0]
    (face,) = faces.find(first)
    place = nets.around(face.points)
    whole = Square(first.shape[1] / 2, first.shape[0] / 2, first.shape[1] / 2)
    tracker, steady = faces.Tracker(), faces.Steady()
    tracker.step(first)
    rest = iter(images * 20)
    moment = iter(range(1, 10000))
    parts: dict[str, Callable[[], object]] = {
        "looking for faces in one square": lambda: nets.detect(first, whole),
        "finding and laying meshes in a picture": lambda: faces.find(first),
        "the mesh of one face": lambda: nets.look(first, place),
        "the expression (52 blendshapes)": lambda: faces.blendshapes(face),
        "the identity (128 numbers)": lambda: faces.embed(first, face),
        "smoothing one mesh": lambda: steady(face.moved(face.points), next(moment) / 25),
        "following one face, a frame": lambda: tracker.step(next(rest)),
    }
    results = []
    for what, work in parts.items():
        milliseconds = _milliseconds(work, 20 if bench.quick else 120)
        wanted = 10.0 if what.startswith("following") else None
        results.append(
            Result(
                "faces-speed", what, milliseconds, "ms", "-" if wanted is None else f"<= {wanted:g}",
                None if wanted is None else milliseconds <= wanted, "640×524, the best of many",
            )
        )  # fmt: skip
    return results


@benchmark
def faces_followed(bench: Bench) -> list[Result]:
    """Frames in which the one face of a talking head is found, and how many people it is taken for."""
    results = []
    for film in bench.films or (bench.footage("carphone_pristine"),):
        seen = _tracked(film)
        share = sum(len(one) == 1 for _, _, one in seen) / len(seen)
        people = {face.person for _, _, one in seen for face in one}
        widest = max((abs(face.pose.yaw) for _, _, one in seen for face in one), default=0.0)
        results.append(
            Result(
                "faces-followed", f"frames with one face ({film.name})", share, "", ">= 0.98", share >= 0.98,
                f"{len(seen)} frames, {len(people)} people, turned by up to {widest:.0f}°",
            )
        )  # fmt: skip
    return results


@benchmark
def faces_identity(bench: Bench) -> list[Result]:
    """Distances between pictures of one person and of two: with --film, several films of one person each."""
    groups = [_looks(_tracked(film)) for film in bench.films or (bench.footage("carphone_pristine"),)]
    if not bench.films:
        groups.append(_looks([(0.0, image, faces.find(image)) for image in _varied(_collins())]))
    genuine = [faces.distance(a, b) for group in groups for a, b in combinations(group, 2)]
    impostor = [faces.distance(a, b) for one, two in combinations(groups, 2) for a in one for b in two]
    detail = f"{len(groups)} people, {sum(map(len, groups))} pictures"
    area = float(np.mean(np.array(genuine)[:, None] < np.array(impostor)[None]))
    return [
        Result("faces-identity", "distance of one person, 95th percentile", float(np.quantile(genuine, 0.95)), "",
               "<= 0.55", float(np.quantile(genuine, 0.95)) <= 0.55, detail),
        Result("faces-identity", "distance of two people, 5th percentile", float(np.quantile(impostor, 0.05)), "",
               ">= 0.55", float(np.quantile(impostor, 0.05)) >= 0.55, detail),
        Result("faces-identity", "area under the ROC curve", area, "", ">= 0.99", area >= 0.99, detail),
    ]  # fmt: skip


@benchmark
def faces_steady(bench: Bench) -> list[Result]:
    """How much of the trembling of a still head is left after smoothing, and how much of the motion gets lost."""
    generator = np.random.default_rng(0)
    tracker, steady = faces.Tracker(1), faces.Steady()
    raw, calm = [], []
    picture = _collins()
    for index in range(60):
        grain = generator.normal(0, 6, picture.shape)
        (face,) = tracker.step(np.clip(picture + grain, 0, 255).astype(np.uint8))
        raw.append(face.points[:, :2])
        calm.append(steady(face, index / 25).points[:, :2])
    left = float(np.std(calm[20:], axis=0).mean() / np.std(raw[20:], axis=0).mean())
    steady, behind, eyes = faces.Steady(), [], []
    for moment, _, seen in _tracked(bench.footage("carphone_pristine")):
        for face in seen[:1]:
            smooth = steady(face, moment)
            behind.append(np.linalg.norm((smooth.points - face.points)[:, :2], axis=1) / face.size)
            eyes.append((_open(face), _open(smooth)))
    quick = np.array(behind)[:, np.r_[RIGHT_EYE, LIPS_INNER]].mean()
    was, now = np.array(eyes).T
    blink = int(np.argmin(was))
    kept = float((np.median(was) - now[max(0, blink - 1) : blink + 2].min()) / (np.median(was) - was[blink]))
    return [
        Result("faces-steady", "trembling of a still, noisy head, after / before", left, "x", "<= 0.6", left <= 0.6,
               "standard deviation of the points; 100 pixels, noise of 6 grey levels"),
        Result("faces-steady", "lids and lips behind the moving face", 100 * float(quick), "% of its size", "<= 1",
               bool(quick <= 0.01), "mean over carphone, a face of 52 pixels in a shaking car"),
        Result("faces-steady", "depth of the deepest blink, after / before", kept, "x", ">= 0.9", kept >= 0.9,
               "carphone"),
    ]  # fmt: skip


def _images(film: Path, most: int) -> list[Image]:
    return [frame.image for frame in islice(melies.open(film).frames(), most)]


def _tracked(film: Path) -> list[tuple[float, Image, list[faces.Face]]]:
    """Time, picture (of every so many frames; the others are let go) and faces of a film's frames."""
    tracker = faces.Tracker()
    nothing = np.empty((0, 0, 3), np.uint8)
    return [
        (frame.time, nothing if index % EVERY else frame.image, tracker.step(frame.image))
        for index, frame in enumerate(islice(melies.open(film).frames(), MOST))
    ]


def _looks(seen: list[tuple[float, Image, list[faces.Face]]]) -> list[Any]:
    return [faces.embed(image, one[0]) for _, image, one in seen if image.size and one]


def _collins() -> Image:
    data: Any = import_module("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:320, 80:400])


def _varied(image: Image) -> list[Image]:
    """The same face smaller, darker, blurred, mirrored and tilted."""
    height, width = image.shape[:2]
    tilt = cv.getRotationMatrix2D((width / 2, height / 2), 20, 1)
    return [
        image,
        cv.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        cv.convertScaleAbs(image, alpha=0.5, beta=20),
        cv.GaussianBlur(image, (0, 0), 1.5),
        np.ascontiguousarray(image[:, ::-1]),
        cv.warpAffine(image, tilt, (width, height)),
    ]


def _open(face: faces.Face) -> float:
    """How far the right eye is open, as a share of its width."""
    points = face.points[:, :2]
    return float(np.linalg.norm(points[159] - points[145]) / np.linalg.norm(points[33] - points[133]))


def _milliseconds(work: Callable[[], object], times: int) -> float:
    work()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return 1000 * min(took)
