"""Put a person before an unevenly lit green screen, with green light on her hair, and key her off it again.

Shows the screen, the matte and the result side by side. The photograph (Eileen Collins, NASA, public domain) comes with
scikit-image.
"""

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np

import melies

HERE = Path(__file__).parent


def before_a_screen(cutout: np.ndarray) -> np.ndarray:
    """Composite an RGBA cut-out over a screen that is darker at one side, with spill, grain and a soft lens."""
    height, width = cutout.shape[:2]
    fall_off = np.linspace(1.1, 0.7, width)[None, :, None] * np.linspace(1.0, 0.85, height)[:, None, None]
    screen = np.array((46, 172, 74)) * fall_off
    alpha = cutout[..., 3:] / 255
    edge = cv2.GaussianBlur(1 - cutout[..., 3] / 255, (0, 0), 12)[..., None]
    lit = cutout[..., :3] + np.array((0, 26, 4)) * edge
    picture = cv2.GaussianBlur(lit * alpha + screen * (1 - alpha), (0, 0), 0.6)
    grain = np.random.default_rng(0).normal(0, 2, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def main() -> None:
    """Write the picture to `out/greenscreen.jpg`, or where the first argument says."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        sys.exit("The photograph comes with scikit-image: pip install scikit-image")
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out") / "greenscreen.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)

    photograph = melies.open(Path(package.origin).parent / "data" / "astronaut.png")
    cutout = next(photograph.apply(melies.Matte()).frames()).image
    screen = before_a_screen(cutout)
    shot = path.with_name("greenscreen-shot.png")
    cv2.imwrite(str(shot), cv2.cvtColor(screen, cv2.COLOR_RGB2BGR))

    clip = melies.open(shot)
    matte = clip.apply(melies.Key(output="matte"))
    after = clip.apply(melies.Key(background=str(HERE / "recipes" / "backdrop.png")))
    pictures = [next(c.frames()).image[..., :3] for c in (clip, matte, after)]
    cv2.imwrite(str(path), cv2.cvtColor(np.hstack(pictures), cv2.COLOR_RGB2BGR))
    print(path)


if __name__ == "__main__":
    main()
