"""An effect for the examples: it makes a good film old, so that there is something to mend."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from melies.effect import Effect
from melies.frame import Frame, VideoSpec
from melies.restoring import ageing


class Old(Effect):
    """Age a film."""

    how: Literal["flicker", "dust", "everything"] = "everything"

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        for index, frame in enumerate(frames):
            if self.how == "flicker":
                image = ageing.flicker(frame.image, index)
            elif self.how == "dust":
                image = ageing.scratches(ageing.dust(frame.image, index)[0], index)[0]
            else:
                image = ageing.old_film(frame.image, index)
            yield frame.with_image(image)


class Tape(Effect):
    """Interlace a film: every other line of a frame is from the moment of the next one."""

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        past: Frame | None = None
        for frame in frames:
            if past is not None:
                image = np.array(past.image)
                image[1::2] = frame.image[1::2]
                yield past.with_image(image)
            past = frame
        if past is not None:
            yield past
