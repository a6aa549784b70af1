"""The camera's picture before the effects: how a mirror and a lens would change it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import cv2
import numpy as np
from pydantic import Field

from melies.effect import Effect, Scope
from melies.errors import UseError
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import fit, to_depth

cv: Any = cv2

CLOSEST = 8.0


class Camera(Effect):
    """Mirror and enlarge the camera's picture; what leaves is always of one size, in 8 bits and opaque."""

    scope: ClassVar[Scope] = "frame"

    mirror: bool = Field(False, description="swap left and right, as in a mirror")
    zoom: float = Field(1.0, ge=1, le=CLOSEST, description="enlarge the middle of the picture")

    def __init__(self, **options: Any) -> None:
        """Check the options.

        Raises:
            UseError: A value is not allowed.
        """
        try:
            super().__init__(**options)
        except UseError as error:
            # It is no effect that could be looked up.
            raise UseError(error.message, "See: melies live --help") from None

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Eight bits, opaque."""
        return spec.replace(depth=8, alpha=False)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Change every picture."""
        for frame in frames:
            image = self.seen(frame.image, spec)
            yield frame if image is frame.image else frame.with_image(image)

    def seen(self, image: Image, spec: VideoSpec) -> Image:
        """Return one picture as the effects get it: mirrored, enlarged, of the size in `spec`."""
        image = to_depth(image[..., :3], np.dtype(np.uint8)) if self._unlike(image) else image
        if image.shape[:2] != (spec.height, spec.width):
            # A camera that came back may have another shape.
            image = fit(image, spec.width, spec.height, "contain")
        if self.zoom > 1:
            image = self._enlarged(image)
        return np.ascontiguousarray(image[:, ::-1]) if self.mirror else image

    def _unlike(self, image: Image) -> bool:
        return image.dtype != np.uint8 or image.shape[2] != 3

    def _enlarged(self, image: Image) -> Image:
        height, width = image.shape[:2]
        lines, columns = max(1, round(height / self.zoom)), max(1, round(width / self.zoom))
        top, left = (height - lines) // 2, (width - columns) // 2
        part = image[top : top + lines, left : left + columns]
        return np.asarray(cv.resize(part, (width, height), interpolation=cv2.INTER_LINEAR))
