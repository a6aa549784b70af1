"""Single pictures: PNG, JPEG and WebP, alone or one per frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from melies.errors import UseError
from melies.frame import Frame
from melies.media.encode import Stamps, prepare
from melies.media.output import CODECS, Plan


def working_name(folder: Path, plan: Plan, index: int) -> Path:
    """Where picture `index` lies until all are there."""
    return folder / f"{index:08d}{plan.path.suffix or '.png'}"


class PictureEncoder:
    """Write the frames of one segment as pictures into the working folder.

    Args:
        plan: How.
        folder: Where.
        first: Index of the segment's first picture.
    """

    def __init__(self, plan: Plan, folder: Path, first: int) -> None:
        self._plan = plan
        self._folder = folder
        self._first = first
        self.frames = 0

    def add(self, frame: Frame) -> None:
        """Write a picture.

        Raises:
            UseError: It is the second, but only one is wanted.
        """
        plan = self._plan
        index = self._first + self.frames
        if index and not plan.many:
            raise UseError(
                f"{plan.path.name} is one picture, but the clip has more frames.",
                f"Name a sequence such as {plan.path.stem}-%05d{plan.path.suffix}, or take one frame: of a film by "
                "--start and --end, of a generator by --duration and --fps.",
            )
        working_name(self._folder, plan, index).write_bytes(encode_picture(frame, plan))
        self.frames += 1

    def finish(self) -> Stamps:
        """Nothing is left to do; pictures need no stamps."""
        return ()

    def abandon(self) -> None:
        """Unfinished segments are written over when the render goes on."""


def encode_picture(frame: Frame, plan: Plan) -> bytes:
    """Return the frame as the content of a picture file."""
    context: Any = av.CodecContext.create(CODECS[plan.codec].encoder, "w")
    context.width, context.height = plan.size
    context.pix_fmt = plan.pix_fmt
    context.time_base = plan.spec.time_base
    context.options = dict(plan.options)
    context.sample_aspect_ratio = plan.spec.pixel_aspect
    native = prepare(frame, plan)
    native.pts = 0
    packets = [*context.encode(native), *context.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
