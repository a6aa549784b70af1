"""How each network is asked: frames in, one map of opacity per frame out."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.frame import Image
from melies.matting.body import Run
from melies.matting.people import Networks, People
from melies.matting.scale import Map, reduce, unit, within


class Session(Protocol):
    """What `melies.models.load` returns, as far as it is used here."""

    def run(self, inputs: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Map named inputs to named outputs."""


class Net(Protocol):
    """A network with what it remembers of the shot.

    Attributes:
        exact: Whether its maps already follow the picture's edges, so that only those made smaller than the
            frame are fitted to it.
        steady: Whether its maps are already steady from frame to frame.
        checked: Whether the last map holds nothing but people, each looked at closely, and needs no cleaning.
    """

    exact: bool
    steady: bool
    checked: bool

    def __init__(self, *sessions: Session) -> None: ...

    def step(self, image: Image, half: Image) -> Map:
        """Return the map of the next frame, `h×w`, 0…1.

        Args:
            image: `H×W×3`, the frame.
            half: The same, smaller where the frame is large.
        """


class Fast:
    """MediaPipe's selfie segmentation near the camera, its pose networks for people who are small in the frame."""

    exact = False
    steady = False
    checked = False

    def __init__(self, selfie: Session, body: Session, detector: Session) -> None:
        self._people = People(
            Networks(
                _run(selfie, "input_1", "activation_10"),
                _run(body, "input_1", "Identity", "Identity_1", "Identity_2"),
                _run(detector, "input_1", "Identity", "Identity_1"),
            )
        )

    def step(self, image: Image, half: Image) -> Map:
        """See `Net`."""
        result = self._people.step(image, half)
        self.checked = not self._people.near
        return result


def _run(session: Session, given: str, *wanted: str) -> Run:
    def run(picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        made = session.run({given: picture})
        return tuple(made[name] for name in wanted)

    return run


class Rvm:
    """Robust Video Matting (Lin et al., 2021): recurrent, fine enough for hair.

    Frames wider or higher than 1280 are halved for it; its own coarse pass sees 512 pixels of the longer side,
    as its authors advise.
    """

    exact = True
    steady = True
    checked = False

    def __init__(self, session: Session) -> None:
        self._session = session
        self._state = {f"r{n}i": np.zeros((1, 1, 1, 1), np.float32) for n in range(1, 5)}

    def step(self, image: Image, half: Image) -> Map:
        """See `Net`."""
        width, height = within(image.shape[1], image.shape[0], 1280)
        ratio = np.array([min(1.0, 512 / max(width, height))], np.float32)
        # Its layers halve the coarse picture four times, so a few pixels of border keep tiny frames alive.
        picture = _padded(unit(reduce(image, width, height)), 64)
        outputs = self._session.run({"src": picture[None], "downsample_ratio": ratio, **self._state})
        self._state = {f"r{n}i": outputs[f"r{n}o"] for n in range(1, 5)}
        return outputs["pha"][0, :height, :width, 0]


class Isnet:
    """ISNet (Qin et al., 2022): whatever stands out, one still at a time, seconds each."""

    exact = False
    steady = False
    checked = False
    _SIDE = 1024

    def __init__(self, session: Session) -> None:
        self._session = session

    def step(self, image: Image, half: Image) -> Map:
        """See `Net`."""
        picture = unit(reduce(image, self._SIDE, self._SIDE))
        # The network was trained on (code value - 128) / 256.
        picture = (picture * np.float32(255) - 128) / np.float32(256)
        output = self._session.run({"input": np.ascontiguousarray(picture.transpose(2, 0, 1)[None])})["output"]
        salience: Map = np.clip(output[0, 0], 0, 1)
        return salience


def _padded(picture: NDArray[np.float32], least: int) -> NDArray[np.float32]:
    down, right = (max(0, least - size) for size in picture.shape[:2])
    if not down and not right:
        return picture
    return np.asarray(cv2.copyMakeBorder(picture, 0, down, 0, right, cv2.BORDER_REPLICATE), np.float32)
