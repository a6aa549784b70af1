"""`upscale`: a larger picture with the detail that a plain filter cannot give."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from melies.effect import Effect
from melies.effects._fields import Source
from melies.errors import UseError
from melies.files import is_file
from melies.frame import Frame, VideoSpec
from melies.suggest import did_you_mean

_NAMES = ("span", "animevideov3", "x4plus", "x4plus-anime", "fast")
_FILES = (".pth", ".pt", ".safetensors", ".onnx")
_MOST = 8


def _known(value: Any) -> Any:
    if isinstance(value, str) and value not in _NAMES and Path(value).suffix.lower() not in _FILES:
        raise ValueError(
            f"there is no such model.{did_you_mean(value, _NAMES)} There are {', '.join(_NAMES)}, "
            f"and files that end in {', '.join(_FILES)}"
        )
    return value


class Upscale(Effect):
    """Enlarge with a network that was taught what the detail in a larger picture looks like.

    With a width or a height the result has square pixels; `scale` keeps the shape of the pixels.
    """

    model: Annotated[Source, BeforeValidator(_known)] = Field(
        "span",
        description="What enlarges: span (natural, for everything), animevideov3 (animation, clean lines), x4plus "
        "(photographs, sharpest, invents texture, very slow), x4plus-anime (drawings, slow), fast (no network), or a "
        "file with ESRGAN, Real-ESRGAN or SPAN weights: .pth, .pt, .safetensors or .onnx.",
    )
    scale: float | None = Field(
        None, ge=1, le=_MOST, description="How many times larger; 2 if no width or height is given."
    )
    width: int | None = Field(None, ge=1, le=32768, description="Enlarge to this width; the height follows.")
    height: int | None = Field(
        None, ge=1, le=32768, description="Enlarge to this height; with a width as well, to fit into both."
    )
    denoise: float = Field(
        0.0, ge=0, le=1, description="Take noise away before enlarging it; 0.3 is for slight noise, 1 for strong."
    )
    sharpness: float = Field(0.0, ge=0, le=1, description="Sharpen after enlarging, without halos.")
    steady: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Average what the network made along the motion over five frames, against flicker: how much the "
        "other four count.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.scale is not None and (self.width is not None or self.height is not None):
            raise ValueError("give either --scale, or --width and --height, not both")
        return self

    @property
    def lead_in(self) -> int:
        """As many frames as are averaged before each."""
        from melies.upscaling.steady import RADIUS

        return RADIUS if self.steady else 0

    def models(self) -> tuple[str, ...]:
        """The registry rows behind `model`; a file has none, and `fast` needs none."""
        from melies.upscaling import nets

        if self.scale == 1 or self.model not in nets.ROWS:
            return ()
        sized = self.width is not None or self.height is not None
        return nets.rows(self.model, None if sized else self._factor)

    def output(self, spec: VideoSpec) -> VideoSpec:
        """The new size; square pixels unless only scaled.

        Raises:
            UseError: The picture is as large already, or would become more than 8 times larger; the model's file is
                not there.
        """
        if self._file is not None and not is_file(self._file):
            raise UseError(f"The model {self._file} does not exist.", f"Give a file, or one of {', '.join(_NAMES)}.")
        width, height = self._size(spec)
        sized = self.width is not None or self.height is not None
        return spec.replace(width=width, height=height, pixel_aspect=Fraction(1) if sized else spec.pixel_aspect)

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Enlarge every frame, several at a time, and steady the result within the shot."""
        before, after = (spec.width, spec.height), self._size(spec)
        if before == after and not (self.denoise or self.sharpness or self.steady):
            yield from frames
            return
        from melies.engine.pipeline import ordered_map
        from melies.upscaling.enlarger import Enlarger
        from melies.upscaling.steady import seen, steadied

        enlarger = Enlarger(
            self._file or self.model,
            before,
            after,
            denoise=self.denoise,
            sharpness=self.sharpness,
            many=spec.frames != 1,
        )
        if self.steady:
            ready = ordered_map(lambda frame: seen(frame, enlarger(frame.image)), frames, enlarger.workers)
            yield from steadied(ready, self.steady)
        else:
            yield from ordered_map(lambda f: f.with_image(enlarger(f.image)), frames, enlarger.workers)

    @property
    def _file(self) -> Path | None:
        return None if self.model in _NAMES else Path(self.model)

    @property
    def _factor(self) -> float:
        return 2.0 if self.scale is None else self.scale

    def _size(self, spec: VideoSpec) -> tuple[int, int]:
        """The size that comes out."""
        if self.width is None and self.height is None:
            return round(spec.width * self._factor), round(spec.height * self._factor)
        across = Fraction(spec.width) * spec.pixel_aspect
        factor = min(
            Fraction(wanted) / side
            for wanted, side in ((self.width, across), (self.height, Fraction(spec.height)))
            if wanted is not None
        )
        size = max(1, round(across * factor)), max(1, round(spec.height * factor))
        if size[0] < spec.width or size[1] < spec.height:
            raise UseError(
                f"upscale cannot make a picture of {spec.width}×{spec.height} smaller, to {size[0]}×{size[1]}.",
                "Use resize to make it smaller.",
            )
        if size[0] > _MOST * spec.width or size[1] > _MOST * spec.height:
            raise UseError(
                f"upscale cannot enlarge {spec.width}×{spec.height} to {size[0]}×{size[1]}: {_MOST} times is the most.",
                "Use upscale twice, or resize.",
            )
        return size
