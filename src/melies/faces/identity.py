"""Who somebody is: 128 numbers of a face, how far two of them are apart, and which faces belong together.

King, "Dlib-ml: A Machine Learning Toolkit" (JMLR 2009). The network was trained on three million pictures from the web,
most of them of white adults, and is surer of these than of others and of children.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import atan2, hypot

import numpy as np
from numpy.typing import NDArray

from melies import models
from melies.faces.face import Face
from melies.frame import Image
from melies.square import Square

MODEL = "face-identity"
SAME = 0.55
"""Distance below which two pictures are taken to be of one person; dlib's own 0.6 also joined strangers of one type."""
TOGETHER = 0.5
"""Mean distance below which two groups of pictures are."""

Embedding = NDArray[np.float32]
"""`128`, as `embed` returns it."""

_SIDE = 150
_PADDING = 0.25
_PLACES = (33, 133, 362, 263, 2)
"""Corners of the right eye and of the left one, and the foot of the nose."""
_TEMPLATE = np.array(
    [(0.120576, 0.213727), (0.334085, 0.229064), (0.646060, 0.228967), (0.859567, 0.213498), (0.490112, 0.627798)]
)
"""Where dlib puts these five in a square around the face that is as large as it."""


def embed(image: Image, face: Face) -> Embedding:
    """Describe who somebody is, whatever the expression and the light.

    Args:
        image: `H×W×3` or `H×W×4`, uint8 or uint16: the picture that the face was found in.
        face: A face of 40 pixels and more; of smaller ones little can be told.

    Returns:
        `128` numbers, to be compared by `distance`: the mean of the face's and of its mirror image's.
    """
    return embedding(Likeness.of(image, face))


@dataclass(frozen=True)
class Likeness:
    """What of a face is looked at to say whose it is.

    Attributes:
        picture: `150×150×3` uint8, the face upright in the middle.
        aside: By how many degrees it looks away from us.
    """

    picture: NDArray[np.uint8]
    aside: float

    @classmethod
    def of(cls, image: Image, face: Face) -> Likeness:
        """Cut it out of the picture that the face was found in."""
        cut = _place(face).cut(image[..., :3], _SIDE)
        return cls(np.rint(cut * 255).astype(np.uint8), cls.turned(face))

    @staticmethod
    def turned(face: Face) -> float:
        """By how many degrees a face looks away from us."""
        return hypot(face.pose.yaw, face.pose.pitch)


def embedding(likeness: Likeness) -> Embedding:
    """Describe whose face this is, as `embed` does."""
    cut = np.ascontiguousarray(likeness.picture.transpose(2, 0, 1)).astype(np.float32)
    session = models.load(MODEL)
    made: Embedding = session.run({"image": np.stack([cut, cut[..., ::-1]])})["descriptor"].mean(0)
    return made


def distance(one: Embedding, other: Embedding) -> float:
    """How far apart two faces are: 0 for the same picture, below `SAME` for one person."""
    return float(np.linalg.norm(one - other))


def cluster(
    embeddings: Sequence[Embedding], within: float = TOGETHER, strangers: Iterable[tuple[int, int]] = ()
) -> list[int]:
    """Say which faces are of one person.

    The two nearest groups are joined as long as the mean distance between their members is small enough (agglomerative
    clustering with average linkage; Sokal and Michener 1958).

    Args:
        embeddings: Some hundreds at most: the time grows with the cube of their number.
        within: Mean distance below which two groups are one person.
        strangers: Pairs of indices of faces that are known to be of two people, such as two in one picture.

    Returns:
        A number for each, counted from 0 in the order in which the persons first appear.
    """
    count = len(embeddings)
    if not count:
        return []
    points = np.stack(embeddings).astype(np.float64)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    for one, other in strangers:  # no mean with infinity is small
        apart[one, other] = apart[other, one] = np.inf
    group, size = np.arange(count), np.ones(count)
    while True:
        keep, gone = sorted(map(int, np.unravel_index(np.argmin(apart), apart.shape)))
        if not apart[keep, gone] < within:
            break
        joined = (size[keep] * apart[keep] + size[gone] * apart[gone]) / (size[keep] + size[gone])
        apart[keep], apart[:, keep] = joined, joined
        apart[keep, keep] = np.inf
        apart[gone], apart[:, gone] = np.inf, np.inf
        size[keep] += size[gone]
        group[group == gone] = keep
    numbers = {first: number for number, first in enumerate(dict.fromkeys(group.tolist()))}
    return [numbers[first] for first in group.tolist()]


def _place(face: Face) -> Square:
    """The square that dlib cuts around a face: a similarity carries its five points onto the template."""
    seen, wanted = face.points[list(_PLACES), :2].astype(np.float64), (_TEMPLATE + _PADDING) / (1 + 2 * _PADDING)
    there, here = seen.mean(0), wanted.mean(0)
    source, target = (wanted - here) @ (1, 1j), (seen - there) @ (1, 1j)
    turn = complex(np.vdot(source, target) / np.vdot(source, source))
    centre = complex(there @ (1, 1j)) + turn * (complex(0.5, 0.5) - complex(here @ (1, 1j)))
    return Square(centre.real + 0.5, centre.imag + 0.5, max(1.0, abs(turn) / 2), atan2(turn.imag, turn.real))
