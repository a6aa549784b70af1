"""Finding things in a still: people, animals, vehicles, furniture, food and so on, 80 kinds in all.

Zhou, Wang and Krähenbühl, "Objects as Points" (2019): the network says for every fourth pixel how likely it is the
middle of each kind of thing (those of Lin et al., "Microsoft COCO", 2014), and how far its four sides are.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from melies import models
from melies.box import Box
from melies.footage.material import Thing
from melies.frame import Image
from melies.matting.scale import cv

MODEL = "centernet"

KINDS = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant"),
    *("bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard"),
    *("sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle"),
    *("wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli"),
    *("carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet"),
    *("tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink"),
    *("refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush"),
)
"""What things are called, in the network's order."""

_LONGEST = 512
"""The longer side of the picture that the network is given; it was trained with such."""
_MULTIPLE = 32
_STEP = 4
"""Pixels from one place that the network judges to the next."""
_LEAST = 0.35
"""Score from which something counts."""
_SAME = 0.5
"""Share of two boxes' union that they have in common when they are of one thing."""


def detect(image: Image, least: float = _LEAST) -> list[Thing]:
    """Find people and other things in a picture.

    Args:
        image: `H×W×3` uint8 RGB.
        least: The score from which something counts, 0…1.

    Returns:
        What is seen, the surest first; of two finds of one thing, the surer.
    """
    height, width = image.shape[:2]
    scale = _LONGEST / max(height, width)
    columns, rows = (max(_MULTIPLE, round(side * scale / _MULTIPLE) * _MULTIPLE) for side in (width, height))
    picture = cv.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    made = models.load(MODEL).run({"tower_0/images": picture[None].astype(np.float32)})
    chance, reach = made["tower_0/keypoints"][0], made["tower_0/wh"][0]
    best = chance.max(-1)
    y, x = np.nonzero((best >= least) & (best == cv.dilate(best, np.ones((3, 3), np.uint8))))
    corners = np.stack([x, y, x, y], 1) * _STEP + reach[y, x] * np.array([-1, -1, 1, 1], np.float32)
    boxes = corners * np.array([width / columns, height / rows] * 2)
    kinds = chance[y, x].argmax(-1)
    found = [
        Thing(KINDS[kinds[index]], float(best[y[index], x[index]]), _inside(boxes[index], width, height))
        for index in np.argsort(-best[y, x], kind="stable")
    ]
    return _apart([thing for thing in found if thing.box.width > 0 and thing.box.height > 0])


def _inside(corners: NDArray[np.float64], width: int, height: int) -> Box:
    left, top, right, bottom = np.clip(np.rint(corners), 0, (width, height, width, height)).astype(int).tolist()
    return Box(left, top, right, bottom)


def _apart(found: list[Thing]) -> list[Thing]:
    """Leave out what is mostly in the place of something surer."""
    kept: list[Thing] = []
    for thing in found:
        if not any(overlap(thing.box, other.box) > _SAME for other in kept):
            kept.append(thing)
    return kept


def overlap(one: Box, other: Box) -> float:
    """What two boxes have in common, as a share of their union."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0, across) * max(0, down)
    return common / (one.width * one.height + other.width * other.height - common)
