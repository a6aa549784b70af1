"""`Outfit`: everything that is put on a face, and ready-made ones."""

from __future__ import annotations

from dataclasses import dataclass

from melies.masking.makeup import Finish


@dataclass(frozen=True)
class Outfit:
    """What is put on; colours as CSS writes them, their alpha says how strongly; None: nothing.

    Attributes:
        lipstick: Colour of the lips.
        finish: How the lips shine.
        eyeliner: Colour of the line along the upper lids.
        eyeshadow: Colour of the lids.
        blush: Colour of the cheeks.
        brows: Colour of the brows.
        iris: Colour of the eyes.
        smooth_skin: How much the skin is evened out, 0…1.
        painted: The name of a painted face.
        wear: Names of things.
    """

    lipstick: str | None = None
    finish: Finish = "satin"
    eyeliner: str | None = None
    eyeshadow: str | None = None
    blush: str | None = None
    brows: str | None = None
    iris: str | None = None
    smooth_skin: float = 0.0
    painted: str | None = None
    wear: tuple[str, ...] = ()


LOOKS: dict[str, Outfit] = {
    "none": Outfit(),
    "natural": Outfit(
        lipstick="#b4505888", eyeliner="#2a1a1470", eyeshadow="#8a5a4a66", blush="#d9706c80", smooth_skin=0.4
    ),
    "glam": Outfit(
        lipstick="#a80f2c", finish="gloss", eyeliner="#0c0808", eyeshadow="#54304eb0", blush="#d2566ab0",
        brows="#2c1b14a0", smooth_skin=0.6,
    ),
    "goth": Outfit(
        lipstick="#1c0a14", finish="matte", eyeliner="#000000", eyeshadow="#120c16d8", brows="#0c0808d0",
        smooth_skin=0.5,
    ),
    "clown": Outfit(painted="clown"),
    "mime": Outfit(painted="mime", eyeliner="#101010"),
    "cat": Outfit(painted="cat", wear=("cat-ears",)),
    "tiger": Outfit(painted="tiger"),
    "butterfly": Outfit(painted="butterfly", lipstick="#c2367aa0", finish="gloss"),
    "dog": Outfit(wear=("dog",)),
}  # fmt: skip
"""Ready-made outfits, by name."""
