"""Warm a film up by hand, and give it a look from a .cube table that is made on the spot."""

from pathlib import Path

import numpy as np
from _sample import OUT, film

import melies
from melies.effects.grade import Grade


def teal_and_orange(path: Path, size: int = 17) -> Path:
    """Write a table that pushes shadows to teal and lights to orange."""
    steps = np.linspace(0, 1, size)
    rows = [f"LUT_3D_SIZE {size}"]
    for blue in steps:
        for green in steps:
            for red in steps:
                light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
                push = 0.15 * (light - 0.5)
                rows.append(f"{min(1, max(0, red + push)):.6f} {green:.6f} {min(1, max(0, blue - push)):.6f}")
    path.write_text("\n".join(rows) + "\n")
    return path


def main() -> None:
    """Write both to `out/`."""
    clip = melies.open(film())
    clip.apply(Grade(temperature=30, contrast=1.15, saturation=1.2)).save(OUT / "grade-warm.mp4", overwrite=True)
    look = teal_and_orange(OUT / "teal-and-orange.cube")
    clip.apply(Grade(lut=look, lut_strength=0.8)).save(OUT / "grade-look.mp4", overwrite=True)


if __name__ == "__main__":
    main()
