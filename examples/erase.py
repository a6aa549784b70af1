"""Take something that crosses the picture out again: once from a film of masks, once by following a box."""

import math
from collections.abc import Iterator

import numpy as np
from _sample import OUT, film

import melies
from melies.effects.erase import Erase
from melies.frame import Frame, VideoSpec


class Ball(melies.Effect):
    """Let a ball roll across the picture, or show only where it is, white on black."""

    alone: bool = False
    """Whether to show nothing but where it is."""

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Draw it."""
        rows, columns = np.ogrid[: spec.height, : spec.width]
        for frame in frames:
            x, y, radius = place(frame.time, spec)
            inside = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
            image = np.zeros_like(frame.image) if self.alone else frame.image.copy()
            image[inside] = 255 if self.alone else (240, 220, 60)
            yield frame.with_image(image)


def place(time: float, spec: VideoSpec) -> tuple[int, int, int]:
    """Where the ball is, and how large."""
    radius = spec.height // 12
    return round(radius * 2 + time * spec.width / 3), round(spec.height * (0.15 + 0.04 * math.sin(3 * time))), radius


def main() -> None:
    """Write the film with the ball, where the ball is, and both results to `out/`."""
    clip = melies.open(film(frames=13))
    clip.apply(Ball()).save(OUT / "ball.mp4", overwrite=True)
    clip.apply(Ball(alone=True)).save(OUT / "ball-mask.mp4", overwrite=True)

    rolling = melies.open(OUT / "ball.mp4")
    rolling.apply(Erase(mask=OUT / "ball-mask.mp4")).save(OUT / "erase-mask.mp4", overwrite=True)

    x, y, radius = place(0, clip.spec)
    box = f"{x - radius},{y - radius},{2 * radius},{2 * radius}"
    rolling.apply(Erase(box=[box], grow=6)).save(OUT / "erase-box.mp4", overwrite=True)


if __name__ == "__main__":
    main()
