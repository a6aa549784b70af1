"""What a dream is led by: what a small network of ImageNet's kinds sees. For CLIP, see `clip`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from melies.dreaming import gradient
from melies.dreaming.ascent import Guide
from melies.dreaming.camera import Picture
from melies.dreaming.prompts import Part
from melies.errors import UseError
from melies.models import runtime
from melies.suggest import did_you_mean

log = logging.getLogger("melies")

Kind = Literal["text", "class", "layer", "clip"]

_TAKEN = 4
"""Kinds that stand for a text."""
_SHARPNESS = 12.0
"""How much more the nearest of them counts."""
_SHIFT = 16
"""Pixels by which the picture is moved at most before a step, so that the network's grid leaves no trace."""


def of_layer(block: int) -> Guide:
    """Lead towards more of what a block of the network sees anyway: DeepDream."""
    return _judgement(gradient.layer(block))


def of_parts(parts: Sequence[Part], kind: Literal["text", "class"]) -> Guide:
    """Lead towards what prompts ask for.

    Args:
        parts: What is wanted, and below 0 what is not.
        kind: `"class"`: they are names of ImageNet's kinds; `"text"`: the nearest kinds in meaning stand for them.

    Raises:
        UseError: There is no such kind.
    """
    read = _class if kind == "class" else _text
    weights = np.zeros(1000, np.float32)
    for part in parts:
        weights += np.float32(part.weight) * read(part.text)
    return _judgement(gradient.kinds(), weights=weights[:, None])


def _judgement(session: runtime.Session, **given: NDArray[np.float32]) -> Guide:
    """The gradient of what a network says of a picture that is moved a little, round its edges."""

    def guide(picture: Picture, random: np.random.Generator) -> Picture:
        down, right = (int(number) for number in random.integers(-_SHIFT, _SHIFT + 1, 2))
        codes = (np.roll(picture, (down, right), (0, 1)) * np.float32(255) - 127) / np.float32(128)
        image = np.ascontiguousarray(codes.transpose(2, 0, 1)[None])
        found = session.run({"image": image, **given}, ["gradient"])["gradient"]
        return np.roll(found[0].transpose(1, 2, 0), (-down, -right), (0, 1))

    return guide


@lru_cache(maxsize=64)
def _class(name: str) -> NDArray[np.float32]:
    from melies.footage.tagger import words

    known = [word.lower() for word in words()]
    if name.lower() not in known:
        raise UseError(
            f"ImageNet has no kind called {name!r}.{did_you_mean(name, words())}", "Try --guide text, which needs none."
        )
    return np.array([word == name.lower() for word in known], np.float32)


@lru_cache(maxsize=64)
def _text(text: str) -> NDArray[np.float32]:
    """The kinds that mean much the same, by MiniLM."""
    from melies.footage.tagger import words
    from melies.footage.text import embed

    near = _meanings() @ embed([text])[0]
    taken = np.argsort(-near, kind="stable")[:_TAKEN]
    shares = np.exp(_SHARPNESS * (near[taken] - near[taken[0]]))
    weights = np.zeros(len(near), np.float32)
    weights[taken] = shares / shares.sum()
    named = ", ".join(f"{words()[index]} {weights[index]:.0%}" for index in taken)
    log.warning("The guide is not CLIP: it takes %r for kinds of ImageNet: %s.", text, named)
    return weights


@lru_cache(maxsize=1)
def _meanings() -> NDArray[np.float32]:
    from melies.footage.tagger import words
    from melies.footage.text import embed

    return embed(words())
