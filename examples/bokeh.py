"""Focus on the middle of a film whose ground rises into the distance, with hexagons of light behind and before it."""

import cv2
import numpy as np
from _sample import OUT, film

import melies
from melies.effects.bokeh import Bokeh


def main() -> None:
    """Write the depth map and both films to `out/`."""
    clip = melies.open(film(frames=12))
    depth = np.linspace(0, 65535, clip.spec.height).round().astype(np.uint16)
    cv2.imwrite(str(OUT / "depth.png"), np.repeat(depth[:, None], clip.spec.width, axis=1))
    look = {"depth": OUT / "depth.png", "amount": 12, "blades": 6, "highlights": 0.8}
    clip.apply(Bokeh(focus_at=(0.5, 0.5), **look)).save(OUT / "bokeh-middle.mp4", overwrite=True)
    clip.apply(Bokeh(focus=1, **look)).save(OUT / "bokeh-front.mp4", overwrite=True)


if __name__ == "__main__":
    main()
