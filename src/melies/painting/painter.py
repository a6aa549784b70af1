"""A network that paints layouts, at the size that suits it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.frame import Image, VideoSpec
from melies.imaging import to_depth
from melies.matting.scale import cv, unit
from melies.painting.layout import EDGES, Values, edges_of, labels_of, one_hot, shrunk
from melies.painting.palette import Labels, Palette, find, of, translated
from melies.translating import network
from melies.translating.mix import Picture


class Painter:
    """Paints layouts of one clip; several threads may use it at once.

    Args:
        model: A model for `paint`, by name or file.
        spec: Of the clip.
        palette: In what the layouts are drawn, itself, by name or file; in the colours of the model if None.
        side: The short side, in pixels, at which the network paints; the one that it learned at if None.

    Attributes:
        height: At which it paints, in pixels.
        width: The same.
        workers: How many layouts should be painted at the same time.

    Raises:
        UseError: There is no such model or palette, or the palette has classes that the model cannot paint.
        ModelError: The model is not on this computer yet, is damaged, or is for something else.
    """

    def __init__(
        self, model: str, spec: VideoSpec, palette: str | Palette | None = None, side: int | None = None
    ) -> None:
        self._net = network.find("paint", model, spec, side)
        self.workers = self._net.workers
        names = [name for name, _ in self._net.card.classes]
        self._edges = EDGES in names
        self._channels = len(names) - self._edges
        classes = self._net.card.classes[: self._channels]
        if not classes and palette is not None:
            raise UseError(f"{model} paints the colours of layouts as they are.", "Leave out --palette and --from.")
        drawn = find(palette) if isinstance(palette, str) else palette
        self.palette: Palette = drawn or of(self._net.card.name, classes)
        self._meaning = translated(self.palette, names[: self._channels]) if classes else None
        self.height, self.width = self._size(spec, side or self._net.card.side)
        self._name = model

    def must_tell_instances(self) -> None:
        """Refuse a picture of instances where nothing would come of it.

        Raises:
            UseError: The network draws no lines between things of a kind.
        """
        if not self._edges:
            raise UseError(f"{self._name} draws no lines between things of a kind.", "Leave out --instances.")

    def _size(self, spec: VideoSpec, side: int | None) -> tuple[int, int]:
        """The size of the clip, scaled and rounded to multiples that the network can take."""
        multiple = self._net.card.multiple
        factor = min(1.0, side / min(spec.height, spec.width)) if side else 1.0
        height, width = (max(1, round(length * factor / multiple)) * multiple for length in (spec.height, spec.width))
        return height, width

    def read(self, image: Image, values: Values) -> NDArray[np.uint8]:
        """Return what is painted of a layout: the number of the class of every pixel, at the size of the painting.

        A network without classes paints colours: it is these, then.

        Args:
            image: `H×W×3` or `H×W×4`, uint8 or uint16.
            values: Whether they are colours.

        Raises:
            UseError: The picture is no layout of the palette, or has numbers for a network that paints colours.
        """
        if self._meaning is None:
            if values == "numbers":
                raise UseError(f"{self._name} paints the colours of layouts as they are.", "Leave out --values.")
            colours = np.ascontiguousarray(to_depth(image[..., :3], np.dtype(np.uint8)))
            small: NDArray[np.uint8] = cv.resize(colours, (self.width, self.height), interpolation=cv.INTER_NEAREST)
            return small
        return shrunk(labels_of(image, self.palette, values), self.width, self.height)

    def paint(self, layout: NDArray[np.uint8], instances: Labels | None = None) -> Picture:
        """Paint.

        Args:
            layout: What `read` returned, or `H×W` numbers of the palette's classes, of this height and width.
            instances: `H×W`, another number for each thing, for networks that draw a line between two of a kind; what
                the classes are if None.

        Returns:
            `height×width×3`, 0…1.
        """
        if self._meaning is None:
            return self._net.make(np.ascontiguousarray(unit(layout).transpose(2, 0, 1)[None]))
        planes = one_hot(cv.LUT(layout, self._meaning), self._channels)
        if self._edges:
            borders = edges_of(layout if instances is None else shrunk(instances, self.width, self.height))
            planes = np.concatenate([planes, borders[None, None].astype(np.float32)], axis=1)
        return self._net.make(planes)
