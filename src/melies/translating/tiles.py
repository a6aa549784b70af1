"""Running a network on a picture of any size without ever holding all of its features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.models.runtime import Session
from melies.translating.card import MADE


def run(
    path: Path,
    session: Session,
    name: str,
    planes: NDArray[np.float32],
    others: Mapping[str, NDArray[Any]],
    multiple: int,
) -> NDArray[np.float32]:
    """Run a network; see `Network.make`.

    Args:
        path: Its ONNX file.
        session: The same, loaded.
        name: The input that takes the picture.
        planes: The picture, `1×C×H×W`; its sides are multiples of `multiple`.
        others: The other inputs.
        multiple: What the sides of tiles are multiples of.
    """
    made: NDArray[np.float32] = session.run({name: planes, **others}, [MADE])[MADE]
    return made
