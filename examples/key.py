"""Cut a subject out from before a green screen: matte, plate and composite.

Without a film of yours the subject is a rocket drawn before an unevenly lit screen.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from _sample import OUT

import melies
from melies.effects.key import Key

WIDTH, HEIGHT, FINER = 480, 270, 4


def rocket(progress: float) -> np.ndarray:
    """Draw the subject at a moment of 0…1 before its screen, `HEIGHT×WIDTH×3` RGB."""
    across = np.linspace(0, 1, WIDTH)[None, :, None]
    down = np.linspace(0, 1, HEIGHT)[:, None, None]
    screen = np.array((40, 177, 76)) * (1 - 0.35 * across - 0.15 * down**2)
    large = (WIDTH * FINER, HEIGHT * FINER)
    layer = np.zeros((large[1], large[0], 4), np.uint8)
    x, y = large[0] // 2, int(large[1] * (0.62 - 0.12 * progress))
    body = np.array([(-40, 120), (-60, -80), (0, -220), (60, -80), (40, 120)]) + np.array([x, y])
    cv2.fillPoly(layer, [body], (190, 190, 196, 255))
    for side in (-1, 1):
        fin = np.array([(side * 42, 20), (side * 120, 150), (side * 40, 120)]) + np.array([x, y])
        cv2.fillPoly(layer, [fin], (190, 40, 40, 255))
    cv2.circle(layer, (x, y - 60), 26, (60, 70, 110, 255), -1)
    layer = cv2.resize(layer.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    share = layer[..., 3:] / 255
    noise = np.random.default_rng(int(progress * 1000)).normal(0, 2, screen.shape)
    return np.clip(layer[..., :3] + (1 - share) * screen + noise, 0, 255).astype(np.uint8)


def draw(folder: Path) -> Path:
    """Draw a second of film as numbered pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(25):
        picture = cv2.cvtColor(rocket(index / 25), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{index:04d}.png"), picture)
    return folder


def main() -> None:
    """Write everything to `out/`."""
    OUT.mkdir(exist_ok=True)
    film = Path(sys.argv[1]) if len(sys.argv) > 1 else draw(OUT / "rocket")
    clip = melies.open(film)
    for result in ("matte", "plate"):
        clip.apply(Key(output=result)).save(OUT / f"key-{result}.mp4", overwrite=True)
    clip.apply(Key(background="#101828")).save(OUT / "key.mp4", overwrite=True)
    clip.apply(Key()).save(OUT / "key.webm", overwrite=True)


if __name__ == "__main__":
    main()
