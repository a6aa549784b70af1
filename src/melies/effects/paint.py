"""`paint`: layouts, in which every colour stands for a kind of thing, become photographs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from melies.effect import Effect
from melies.effects._fields import File, Source
from melies.errors import UseError
from melies.frame import Frame, Image, VideoSpec
from melies.imaging import join_alpha, split_alpha
from melies.matting.scale import cv
from melies.painting.layout import Values
from melies.translating.mix import Picture, mixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from melies.painting.painter import Painter


class Paint(Effect):
    """Paint street scenes, or whatever a network learned, from a layout drawn in the colours of its classes."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)
    first: ClassVar[str | None] = "model"

    model: Source = Field(
        "streets",
        description="Who paints: streets, a model of your own that `melies train paint` made, or the file of a public "
        "SPADE or pix2pix generator, such as latest_net_G.pth.",
    )
    origin: Literal["layout", "footage"] = Field(
        "layout",
        alias="from",
        description="What goes in: a layout, or footage, of which a layout is made first.",
    )
    segmenter: Source | None = Field(
        None,
        description="Who makes the layout of footage: a model of your own that `melies train segment` made, by name or "
        "file; streets-layout, which knows streets only, if not given.",
    )
    palette: Source | None = Field(
        None,
        description="In what the layout is drawn: camvid, cityscapes, cityscapes-train (its trainIds), coco, ade20k, "
        "or a text file with lines such as `road #804080`. The model's own classes if not given.",
    )
    values: Values = Field(
        "auto", description="What the layout's values are: colours, or numbers of classes as grey values."
    )
    instances: File | None = Field(
        None,
        description="A picture or film in which every single thing has a grey value of its own, beside the layout: for "
        "SPADE's coco and cityscapes, which draw lines between things of a kind.",
    )
    steady: float = Field(
        1.0, ge=0, le=1, description="How much what is painted stays on what it belongs to, against flicker."
    )
    strength: float = Field(
        1.0, ge=0, le=1, description="How much of the painting is mixed into what goes in; 0 changes nothing."
    )
    side: int | None = Field(
        None,
        ge=32,
        le=4320,
        description="Paint at this short side, in pixels, and enlarge that; the one the model learned at if not given.",
    )

    @model_validator(mode="after")
    def _one_layout(self) -> Self:
        told = self.palette is not None or self.values != "auto" or self.instances is not None
        if self.origin == "footage" and told:
            raise ValueError("--palette, --values and --instances are of layouts, and --from footage makes its own")
        if self.origin == "layout" and self.segmenter is not None:
            raise ValueError("--segmenter makes layouts of footage: give --from footage as well")
        return self

    @property
    def lead_in(self) -> int | None:
        """Everything before, where it is steadied."""
        return None if self.strength and self.steady else 0

    def models(self) -> tuple[str, ...]:
        """The registry rows behind `model` and `segmenter`."""
        from melies.models import registry
        from melies.painting.footage import MODEL

        rows = {row.name for row in registry.rows()}
        used = (self.model, *([self.segmenter or MODEL] if self.origin == "footage" else []))
        return tuple(name for name in used if name in rows)

    def output(self, spec: VideoSpec) -> VideoSpec:
        """Nothing changes.

        Raises:
            UseError: There is no such model, segmenter, palette or picture of instances.
        """
        from melies.painting import palette
        from melies.translating.network import locate

        locate("paint", self.model)
        if self.segmenter is not None:
            locate("segment", self.segmenter)
        if self.palette is not None:
            palette.find(self.palette)
        return spec

    def apply(self, frames: Iterator[Frame], spec: VideoSpec) -> Iterator[Frame]:
        """Paint every frame of a shot."""
        if not self.strength:
            yield from frames
            return
        from melies.engine.pipeline import ordered_map
        from melies.translating.steady import Steady

        steady = Steady(self.steady, glows=False)
        with ExitStack() as stack:
            painter, read = self._reader(spec)
            if self.instances is not None:
                painter.must_tell_instances()
            beside = self._beside(stack)
            jobs = ((frame, beside(frame)) for frame in frames)

            def painted(job: tuple[Frame, NDArray[np.uint8] | None]) -> tuple[Frame, Picture, NDArray[np.uint8] | None]:
                frame, instances = job
                layout = read(frame)
                # A layout made of footage flickers itself; one of a network without classes is a picture.
                sure = self.origin == "layout" and layout.ndim == 2
                return frame, painter.paint(layout, instances), layout if sure else None

            for frame, made, layout in ordered_map(painted, jobs, painter.workers):
                colours, alpha = split_alpha(frame.image)
                large = _enlarged(steady(colours, made, layout), colours)
                yield frame.with_image(join_alpha(mixed(colours, large, self.strength), alpha))

    def _reader(self, spec: VideoSpec) -> tuple[Painter, Callable[[Frame], NDArray[np.uint8]]]:
        """Return who paints, and what makes of a frame that which is painted."""
        from melies.painting.footage import MODEL, Segmenter, drawn_in
        from melies.painting.painter import Painter

        if self.origin == "layout":
            painter = Painter(self.model, spec, self.palette, self.side)

            def read(frame: Frame) -> NDArray[np.uint8]:
                _must_have_its_size(frame, "layouts")
                try:
                    return painter.read(frame.image, self.values)
                except UseError as error:
                    raise _timed(error, frame) from None

            return painter, read
        seeing = self.segmenter or MODEL
        seer = Painter(self.model, spec, drawn_in(seeing), self.side)
        segmenter = Segmenter(seeing, seer.workers)
        return seer, lambda frame: segmenter(split_alpha(frame.image)[0], seer.width, seer.height)

    def _beside(self, stack: ExitStack) -> Callable[[Frame], NDArray[np.uint8] | None]:
        """Return what tells the instances in a frame."""
        path = self.instances
        if path is None:
            return lambda frame: None
        from melies.effects._background import Layer

        layer = stack.enter_context(Layer(path, "hold"))

        def instances(frame: Frame) -> NDArray[np.uint8]:
            shown = layer.at(frame.pts * frame.time_base)
            _must_have_its_size(shown, f"pictures of {path}")
            found = shown.image[..., 0]
            if found.shape != frame.image.shape[:2]:
                sizes = ("×".join(map(str, shape[1::-1])) for shape in (found.shape, frame.image.shape))
                raise UseError("{} has {} pixels, and the layout {}: they must be equal.".format(path, *sizes))
            return np.ascontiguousarray(found)

        return instances


def _must_have_its_size(frame: Frame, what: str) -> None:
    """Refuse what was scaled to the size of the first: between two numbers, or colours, lie those of other classes."""
    if frame.scaled is not None:
        raise UseError(
            f"At {frame.time:.3f} s the {what} change size, to {'×'.join(map(str, frame.scaled))} pixels, and scaling "
            "would make other classes of their borders.",
            "Give all of them one size, or paint those of each size apart.",
        )


def _timed(error: UseError, frame: Frame) -> UseError:
    """Say of which frame of a film something is said; where those before it could be read, nothing else is wrong."""
    time = float(frame.pts * frame.time_base)
    if time == 0:
        return error
    return UseError(f"At {time:.3f} s: {error.message}", "The frames before it are layouts as they should be.")


def _enlarged(made: Picture, like: Image) -> Picture:
    height, width = like.shape[:2]
    if made.shape[:2] == (height, width):
        return made
    large: Picture = cv.resize(made, (width, height), interpolation=cv.INTER_CUBIC)
    return large
