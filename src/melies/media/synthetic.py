"""Small moving clips made from nothing, for tests, benchmarks and trying things out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from melies.frame import Colour, Image, VideoSpec
from melies.media.convert import bits_and_alpha, colour_of, set_colour, to_native

SOUND_RATE = 48000
BEEP_SECONDS = Fraction(1, 10)
UNTAGGED = Colour()


def picture(
    width: int,
    height: int,
    index: int,
    *,
    scene: int = 0,
    depth: int = 8,
    alpha: bool = False,
    flash: bool = False,
) -> Image:
    """Draw frame `index` of a moving, textured scene: a drifting texture with a disc that walks over it.

    Args:
        width: Pixels.
        height: Pixels.
        index: Which moment; 0 is the first.
        scene: Which scene; two scenes look different enough to be a cut.
        depth: Significant bits; above 8 the image is uint16.
        alpha: Whether to add a fourth channel: the disc is opaque, the rest fades from left to right.
        flash: Whether to draw an all-white frame instead.

    Returns:
        `height×width×3` (or 4) uint8 or uint16.
    """
    white = np.float32(255 if depth <= 8 else 65535)
    canvas = np.full((height, width, 4), 1, np.float32)
    if not flash:
        canvas[..., :3] = _texture(width, height, index, scene)
        canvas[..., 3] = np.linspace(0, 1, width, dtype=np.float32)
        centre = (int(width * (0.2 + 0.03 * index)) % width, height // 2)
        colour = (0.9, 0.2, 0.1, 1.0) if scene % 2 == 0 else (0.1, 0.3, 0.9, 1.0)
        cv2.circle(canvas, centre, max(2, height // 5), colour, -1, cv2.LINE_AA)
    channels = 4 if alpha else 3
    levels = np.rint(canvas[..., :channels] * white)
    return cast(Image, levels.astype(np.uint8 if depth <= 8 else np.uint16))


def _texture(width: int, height: int, index: int, scene: int) -> NDArray[np.float32]:
    noise = _noise(width, height, scene)
    ramp = np.linspace(0.05, 0.6, height, dtype=np.float32)[:, None, None]
    if scene % 2:
        ramp = 0.95 - ramp
    return cast(NDArray[np.float32], 0.7 * ramp + 0.3 * np.roll(noise, (index, 2 * index), axis=(0, 1)))


@lru_cache(maxsize=1)  # one is enough for a clip, and those of large pictures are large
def _noise(width: int, height: int, scene: int) -> NDArray[np.float32]:
    noise: NDArray[Any] = np.random.default_rng(scene).random((height, width, 3), dtype=np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 2, borderType=cv2.BORDER_REFLECT)
    return cast(NDArray[np.float32], np.clip((noise - 0.5) * 3 + 0.5, 0, 1))


def write_clip(
    path: str | Path,
    *,
    size: tuple[int, int] = (96, 64),
    frames: int = 25,
    rate: Fraction | int = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    rotation: int = 0,
    flip: bool = False,
    pixel_aspect: Fraction = Fraction(1),
    colour: Colour = UNTAGGED,
    cut_at: int | None = None,
    flash_at: Sequence[int] = (),
    sound: bool = False,
    sound_codec: str = "aac",
    sound_delay: Fraction = Fraction(0),
    options: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
) -> Path:
    """Encode a small clip of `picture` frames.

    Args:
        path: Where to write; its suffix chooses the container.
        size: Width and height as coded, before rotation.
        frames: How many; ignored where `pts` is given.
        rate: Frames per second.
        codec: FFmpeg's name of the video encoder.
        pix_fmt: FFmpeg's name of the pixel format; depth and alpha follow from it.
        pts: When each frame appears, in ticks of `time_base`, for a variable rate.
        time_base: Seconds per tick of `pts`; 1 / rate by default.
        rotation: Degrees counter-clockwise that a player must turn the picture by.
        flip: Whether a player must also mirror it left to right.
        pixel_aspect: Width of a pixel divided by its height.
        colour: Tags to write; the pixels are converted accordingly.
        cut_at: Index of the first frame of a second scene.
        flash_at: Indexes of frames that are all white; a beep sounds for 0.1 s from each.
        sound: Whether to add a 48 kHz mono track: a soft hum (440 Hz), or beeps (1 kHz) where
            `flash_at` is given.
        sound_codec: FFmpeg's name of the audio encoder.
        sound_delay: Seconds by which the sound starts after the picture.
        options: Further encoder options.
        metadata: Tags of the container.
        container_options: Options of the container's writer.

    Returns:
        The path.
    """
    path = Path(path)
    width, height = size
    time_base = Fraction(1) / rate if time_base is None else time_base
    moments = list(range(frames)) if pts is None else list(pts)
    depth, alpha = bits_and_alpha(pix_fmt)
    spec = VideoSpec(width, height, Fraction(rate), time_base, depth=depth, alpha=alpha, colour=colour)
    with av.open(path, "w", container_options=dict(container_options or {})) as out:
        out.metadata.update(metadata or {})
        video = cast(VideoStream, out.add_stream(codec, rate=rate, options=dict(options or {})))
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        video.codec_context.time_base = time_base
        video.time_base = time_base
        video.sample_aspect_ratio = pixel_aspect
        video.codec_context.thread_count = 1
        if rotation or flip:
            video.set_display_rotation(rotation, hflip=flip)
        audio = None
        if sound:
            audio = cast(AudioStream, out.add_stream(sound_codec, rate=SOUND_RATE, layout="mono"))
        length = Fraction(moments[-1] + 1) * time_base
        beeps = [moments[index] * time_base for index in flash_at]
        blocks = _sound(length, beeps, sound_delay)
        for index, moment in enumerate(moments):
            scene = int(cut_at is not None and index >= cut_at)
            image = picture(width, height, index, scene=scene, depth=depth, alpha=alpha, flash=index in flash_at)
            native = to_native(image, spec, pix_fmt)
            native.pts, native.time_base = moment, time_base
            if index == 0:
                set_colour(video.codec_context, colour_of(native))
            out.mux(video.encode(native))
            while audio is not None and (block := next(blocks, None)) is not None:
                out.mux(audio.encode(block))
                if (block.pts or 0) >= (moment * time_base + 1) * SOUND_RATE:
                    break
        out.mux(video.encode(None))
        if audio is not None:
            for block in blocks:
                out.mux(audio.encode(block))
            out.mux(audio.encode(None))
    return path


def _sound(length: Fraction, beeps: Sequence[Fraction], delay: Fraction) -> Iterator[av.AudioFrame]:
    first, total = round(delay * SOUND_RATE), round(length * SOUND_RATE)
    for start in range(first, total, 1024):
        time = np.arange(start, min(start + 1024, total)) / SOUND_RATE
        if beeps:
            on = np.zeros(time.shape, bool)
            for beep in beeps:
                on |= (time >= float(beep)) & (time < float(beep + BEEP_SECONDS))
            wave = np.where(on, 0.5 * np.sin(2 * np.pi * 1000 * time), 0)
        else:
            wave = 0.1 * np.sin(2 * np.pi * 440 * time)
        block = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        yield block
