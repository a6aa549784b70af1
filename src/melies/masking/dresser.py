"""`Dresser`: puts an outfit on faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.faces.face import Face
from melies.imaging import parse_colour
from melies.masking import makeup
from melies.masking.layout import Paint
from melies.masking.looks import Outfit
from melies.masking.makeup import Colour
from melies.masking.paints import paint
from melies.masking.patch import Patch
from melies.masking.things import thing
from melies.masking.wearing import Worn

_Make = Callable[[Patch, Colour, float], None]
_STRENGTH = {"lipstick": 0.85, "eyeliner": 0.9, "eyeshadow": 0.75, "blush": 0.8, "brows": 0.75, "iris": 0.8}
"""How opaque each kind is where its colour is: real make-up lets skin shine through."""
_PAINT = 0.94


class Dresser:
    """Puts on what was asked for; made once, used for every face of every frame.

    Args:
        outfit: Make-up, a painted face and drawn things.
        opacity: How much of all of it is seen, 0…1.
        paints: Further painted faces, over that of the outfit.
        worn: Further things.
    """

    def __init__(
        self, outfit: Outfit, opacity: float = 1.0, paints: Sequence[Paint] = (), worn: Sequence[Worn] = ()
    ) -> None:
        self._outfit = outfit
        self._opacity = opacity
        self._paints = [*([] if outfit.painted is None else [_painted(outfit.painted)]), *paints]
        self._worn = [*(one for name in outfit.wear for one in _things(name)), *worn]

    def put_on(self, image: NDArray[Any], face: Face) -> None:
        """Dress a face of a picture (`H×W×3` or `×4`, uint8 or uint16), which is changed in place."""
        patch = Patch(image, face)
        if patch.empty:
            return
        light = patch.light
        if self._outfit.smooth_skin:
            makeup.smooth_skin(patch, self._outfit.smooth_skin * self._opacity)
        self._make_up(patch, {"blush": makeup.blush, "eyeshadow": makeup.eyeshadow, "brows": makeup.brows})
        for one in self._paints:
            one.put_on(patch, _PAINT * self._opacity)
        finish = self._outfit.finish
        self._make_up(
            patch,
            {
                "lipstick": partial(makeup.lipstick, finish=finish),
                "eyeliner": makeup.eyeliner,
                "iris": makeup.iris,
            },
        )
        patch.paste(image)
        for worn in self._worn:
            worn.put_on(image, face, light, self._opacity)

    def _make_up(self, patch: Patch, kinds: dict[str, _Make]) -> None:
        for kind, make in kinds.items():
            text: str | None = getattr(self._outfit, kind)
            *rgb, alpha = parse_colour(text or "transparent")
            if alpha:
                make(patch, np.array(rgb, np.float32) / np.float32(255), self._opacity * _STRENGTH[kind] * alpha / 255)


@cache
def _painted(name: str) -> Paint:
    return Paint(paint(name))


@cache
def _things(name: str) -> list[Worn]:
    return [Worn(piece) for piece in thing(name)]
