"""`deinterlace` against the pictures that the fields were taken from."""

from __future__ import annotations

import cv2
import numpy as np

from melies.bench import Bench, Result, benchmark
from melies.bench.deflicker import applied, shots_of
from melies.frame import Frame, Image


def woven(images: list[Image]) -> list[Image]:
    """Return interlaced frames, top field first, of twice as many pictures."""
    frames = []
    for first, second in zip(images[::2], images[1::2], strict=False):
        frame = first.copy()
        frame[1::2] = second[1::2]
        frames.append(frame)
    return frames


def doubled(image: Image) -> Image:
    """Return a frame's first field with its missing lines drawn between the others."""
    field = np.ascontiguousarray(image[::2])
    return np.asarray(cv2.resize(field, image.shape[1::-1], interpolation=cv2.INTER_LINEAR))


@benchmark
def deinterlace(bench: Bench) -> list[Result]:
    """PSNR of pictures made of fields with a known truth, against interpolating the lines of one field."""
    from melies.effects.deinterlace import Deinterlace
    from melies.metrics import psnr

    results = []
    for film in ("bikes", "bigbuckbunny"):
        frames, truth = shots_of(bench, film, 1.2)
        truth = truth[: len(truth) // 2 * 2]
        halves: list[Frame] = frames[: len(truth) // 2]
        fields = woven(truth)
        smooth = applied(Deinterlace(rate="field"), bench, film, halves, fields)
        ours = float(np.mean([psnr(made, true) for made, true in zip(smooth, truth, strict=True)]))
        plain = float(np.mean([psnr(doubled(frame), true) for frame, true in zip(fields, truth[::2], strict=True)]))
        results.append(
            Result(
                "deinterlace", f"PSNR of every field's picture ({film}) less that of line doubling", ours - plain, "dB",
                ">= 2", ours - plain >= 2, f"{ours:.1f} and {plain:.1f} dB",
            )
        )  # fmt: skip
    return results
