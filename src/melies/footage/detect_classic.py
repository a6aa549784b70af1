"""PySceneDetect's detectors as finders of boundaries: https://www.scenedetect.com, in version 0.7."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from melies.footage.detect import Boundary

_CLASSES = {
    "content": "ContentDetector",
    "hash": "HashDetector",
    "histogram": "HistogramDetector",
    "threshold": "ThresholdDetector",
}


class Classic:
    """One of PySceneDetect's detectors.

    Args:
        detector: `"content"`: how much hue, saturation and brightness change; `"hash"`: how much a perceptual hash
            does; `"histogram"`: how much the distribution of brightness does; `"threshold"`: whether the picture is
            darker than so much, which finds fades.
        rate: Frames per second.
        threshold: The detector's own if None.
        min_length: Seconds a shot lasts at least.
    """

    def __init__(
        self,
        detector: Literal["content", "hash", "histogram", "threshold"],
        rate: Fraction,
        threshold: float | None,
        min_length: Fraction,
    ) -> None:
        import scenedetect

        options: dict[str, Any] = {} if threshold is None else {"threshold": threshold}
        self._detector: Any = getattr(scenedetect, _CLASSES[detector])(
            min_scene_len=round(min_length * rate), **options
        )
        self._moment: Any = scenedetect.FrameTimecode(0, rate)
        self._fades = detector == "threshold"

    def step(self, picture: NDArray[np.uint8]) -> list[Boundary]:
        """Look at the next picture, `H×W×3` uint8 BGR, and return boundaries that have become certain."""
        found = self._made(self._detector.process_frame(self._moment, picture))
        self._moment = self._moment + 1
        return found

    def finish(self) -> list[Boundary]:
        """Return the rest when the film has ended."""
        return self._made(self._detector.post_process(self._moment - 1))

    def _made(self, moments: list[Any]) -> list[Boundary]:
        return [Boundary(moment.frame_num, "fade" if self._fades else "cut") for moment in moments]
