"""How much calmer a shaken film becomes, and what that costs in sharpness and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import melies
from melies.bench import Bench, Result, apply, benchmark, measure
from melies.frame import Image
from melies.motion import grey
from melies.stabilizing.shake import Handheld, Shake, jitter

cv: Any = cv2

SIZE = (640, 360)
FRAMES = 90


@benchmark
def stabilize(bench: Bench) -> list[Result]:
    """Real footage shaken by a known hand: how much of the jitter is left after stabilize."""
    scenes = [
        cv.resize(frame.image, (800, 450), interpolation=cv2.INTER_AREA)
        for frame, _ in zip(melies.open(bench.footage("bigbuckbunny")).frames(), range(FRAMES), strict=False)
    ]
    truth = [grey(scene) for scene in scenes]
    results = []
    for readout in (0.0, 0.6):
        shaken, calm, plain = (bench.out(f"{name}-{readout}.mkv") for name in ("shaken", "calm", "plain"))
        source = Handheld(scenes.__getitem__, len(scenes), SIZE, Shake(len(scenes), 6), readout)
        melies.Clip(source).save(shaken, codec="ffv1", overwrite=True)
        seconds, _ = measure(apply(shaken, calm, "--codec", "ffv1", "stabilize"))
        before, after = jitter(_seen(shaken, truth)), jitter(_seen(calm, truth))
        label = "global shutter" if not readout else f"rolling shutter, readout {readout:g}"
        results.append(
            Result(
                "stabilize", f"jitter of the scene before / after stabilize ({label})", before / after, "x", ">= 5",
                before / after >= 5, f"{before:.2f} and {after:.2f} pixels a frame²; {len(scenes) / seconds:.1f} fps",
            )
        )  # fmt: skip
        if not readout:
            measure(apply(shaken, plain, "--codec", "ffv1", "stabilize", "--border", "black"))
            ratio = _sharpness(plain) / _sharpness(shaken)
            results.append(
                Result(
                    "stabilize", "sharpness after / before", ratio, "x", ">= 0.8", ratio >= 0.8,
                    "variance of the Laplacian in the middle of the picture, which is interpolated once",
                )
            )  # fmt: skip
    return results


def _seen(film: Path, truth: list[NDArray[np.uint8]]) -> list[NDArray[np.float64]]:
    """Where nine places of the steady scene are seen in each frame, found by maximising correlation (ECC)."""
    width, height = SIZE
    middle = np.array([(800 - 1) / 2, (450 - 1) / 2])
    around = np.array([(x, y) for x in (-0.35, 0, 0.35) for y in (-0.35, 0, 0.35)]) * (width, height) + middle
    matrix = np.array([[1, 0, middle[0] - (width - 1) / 2], [0, 1, middle[1] - (height - 1) / 2]], np.float32)
    seen = []
    for frame, scene in zip(melies.open(film).frames(), truth, strict=True):
        stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-6)
        _, matrix = cv.findTransformECC(grey(frame.image), scene, matrix, cv2.MOTION_AFFINE, stop, None, 5)
        back = cv.invertAffineTransform(matrix.astype(np.float64))
        seen.append(around @ back[:, :2].T + back[:, 2])
    return seen


def _sharpness(film: Path) -> float:
    def of(image: Image) -> float:
        height, width = image.shape[:2]
        inner = grey(image)[height // 5 : -height // 5, width // 5 : -width // 5]
        return float(cv.Laplacian(inner, cv2.CV_32F).var())

    return float(np.mean([of(frame.image) for frame in melies.open(film).frames()]))
