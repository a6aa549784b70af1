"""Single pictures: PNG, JPEG and WebP."""

from __future__ import annotations

from typing import Any

import av

from melies.frame import Frame
from melies.media.encode import prepare
from melies.media.output import CODECS, Plan


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
