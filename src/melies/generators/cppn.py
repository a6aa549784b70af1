"""`cppn`: patterns of a random network, of any size, that change into each other."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from melies.frame import Image, VideoSpec
from melies.generators._walking import Walking
from melies.walking.cppn import DIMENSION, Colours, Plan, Symmetry, View, Vocabulary, find
from melies.walking.cppn import Cppn as Patterns
from melies.walking.space import Styles


class Cppn(Walking):
    """Patterns that a random network paints, changing into each other, sharp at any size."""

    vocabulary: Vocabulary = Field("smooth", description="What its units compute, and so what it looks like.")
    layers: int = Field(4, ge=1, le=12, description="Layers of the network: the more, the more intricate.")
    width: int = Field(12, ge=3, le=64, description="Units of each layer: the more, the richer, and the slower.")
    contrast: float = Field(1.0, gt=0, le=10, description="The more, the finer and harder.")
    symmetry: Symmetry = Field("none", description="How the plane is folded; tiles can be laid beside each other.")
    colours: Colours = Field("free", description="The network's own, hues, or a palette.")
    transparent: bool = Field(False, description="Let the network make parts of the picture transparent.")
    bits: Literal["8", "16"] = Field("8", description="Of each channel of the frames.")
    zoom: float = Field(1.0, ge=1e-6, le=1e6, description="How near one looks.")
    angle: float = Field(0.0, ge=-1e9, le=1e9, description="How far the picture is turned, in degrees.")
    x: float = Field(0.0, ge=-1e6, le=1e6, description="How far to the right one looks, in halves of the shorter side.")
    y: float = Field(0.0, ge=-1e6, le=1e6, description="How far down.")
    flow: float = Field(0.0, ge=0, le=100, description="How much the patterns move beside the walk: time as an input.")
    flow_seconds: float = Field(10.0, gt=0, description="After which the flow repeats; in a loop, as long as that.")

    @property
    def space(self) -> Patterns:
        """The network."""
        plan = Plan(
            self.seed,
            self.layers,
            self.width,
            self.vocabulary,
            self.symmetry,
            self.colours,
            self.transparent,
            int(self.bits),
            self.contrast,
        )
        return find(plan)

    def picture(self, index: int, spec: VideoSpec) -> Image:
        """Make one picture."""
        view = View(self.zoom, self.angle, self.x, self.y)
        return self.space.image(self.styles(index, spec), self.size, view)

    def styles(self, index: int, spec: VideoSpec) -> Styles:
        """Return what the network is told: the latent vector, and the time."""
        styles = super().styles(index, spec)
        if not self.flow:
            return styles
        count = self.count if self.loop else None
        turn = 2 * np.pi * (index / count if count else index / float(self.fps) / self.flow_seconds)
        ways = np.random.default_rng([self.seed, 11]).standard_normal((2, self.layers, DIMENSION))
        moved = self.flow * (np.cos(turn) * ways[0] + np.sin(turn) * ways[1])
        return np.asarray(styles + moved, np.float32)
