"""`python -m melies.masking OUT.png [SIDE]`: draw the layout of the flattened face for artists."""

from __future__ import annotations

import sys

import cv2

from melies.masking.layout import template
from melies.matting.scale import cv

if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    picture = cv.cvtColor(template(int(sys.argv[2]) if len(sys.argv) == 3 else 1024), cv2.COLOR_RGBA2BGRA)
    if not cv.imwrite(sys.argv[1], picture):
        sys.exit(f"{sys.argv[1]} cannot be written.")
