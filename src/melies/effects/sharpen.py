"""`sharpen`: edges made crisper, without halos and without sharpening noise."""

from __future__ import annotations

from pydantic import Field

from melies.effect import FrameEffect
from melies.frame import Image


class Sharpen(FrameEffect):
    """Make edges and textures crisper, without halos around them and without sharpening noise."""

    amount: float = Field(1.0, ge=0, le=5, description="how much of the fine detail is added again; 0 changes nothing")
    radius: float = Field(
        1.5, ge=0.3, le=20, description="how fine detail is, in pixels: 1 for crisp footage, 3 and more for soft"
    )
    threshold: float = Field(
        2.0, ge=0, le=50, description="contrast that is taken for noise and left alone, in code values of 0…255"
    )
    halo: float = Field(
        0.1, ge=0, le=1, description="how far an edge may overshoot what is around it, as a share of its contrast"
    )

    def process(self, image: Image) -> Image:
        """Sharpen the brightness; the differences between colours stay as they are."""
        if self.amount == 0:
            return image
        from melies.cleaning.pictures import luma, to_image, to_picture
        from melies.cleaning.unsharp import sharpened

        picture = to_picture(image)
        bright = luma(picture)
        change = sharpened(bright, self.amount, self.radius, self.threshold / 255, self.halo) - bright
        return to_image(picture + change[..., None], image)
