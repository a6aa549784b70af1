"""Shots made of pictures, for the questions that are asked of them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.footage import Label, Material, Motion, Shot, Still
from melies.frame import VideoSpec

Picture = NDArray[np.uint8]


def shot_of(*pictures: Picture, **found: Any) -> Material:
    """A shot whose stills are these pictures; `faces`, `things` and `figures` replace what would be found in them."""
    height, width = pictures[0].shape[:2]
    stills = tuple(Still(0.5 * number, picture, 1.0) for number, picture in enumerate(pictures))
    shot = Shot(Path("film.mp4"), 1, Fraction(0), Fraction(2), 0, 50, Fraction(25))
    material = Material(
        shot, VideoSpec(width, height, Fraction(25), Fraction(1, 25)), stills, Motion(*[np.zeros(0)] * 10)
    )
    vars(material).update(found)
    return material


def said(labels: list[Label], facet: str) -> list[str | float]:
    """What is answered for a facet."""
    return [label.value for label in labels if label.facet == facet]


def around(
    picture: Picture, scale: float, size: tuple[int, int] = (640, 360), at: tuple[float, float] = (0.5, 1)
) -> Picture:
    """Put a picture, made smaller or larger, on a plain ground: its point `at` on the same point of the whole."""
    small = cv2.resize(
        picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    x, y = (share * (whole - part) for share, whole, part in zip(at, size, small.shape[1::-1], strict=True))
    ground = (96, 88, 80)
    return cv2.warpAffine(
        small, np.float32([[1, 0, x], [0, 1, y]]), size, borderMode=cv2.BORDER_CONSTANT, borderValue=ground
    )
