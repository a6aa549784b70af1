"""Put on three seconds of an installation: a generator and its trail, turned meanwhile, and dark after closing time.

With a screen and without end it is one command: `melies kiosk cppn feedback --open 09:00-18:00`. With a folder as
argument, writes the picture of the handbook there.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from _sample import OUT

from melies.effects.feedback import Feedback
from melies.frame import Frame, Image
from melies.generators.cppn import Cppn
from melies.kiosk.drawn import Ticks, on_stage
from melies.live.desk import Desk
from melies.live.show import Show
from melies.live.sinks import Sink

SECONDS = 3.0
TURNED = {0.6: "cppn.colours fire", 1.2: "cppn.symmetry none", 1.8: "feedback.zoom 1.15"}
"""What OSC, MIDI, a key or an edited recipe could do."""
CLOSED = 2.4


class Kept(Sink):
    """Keeps the last picture of each scene."""

    def __init__(self) -> None:
        self.scenes: dict[float, Image] = {}

    def show(self, frame: Frame, seen: Callable[[], None]) -> None:
        """Keep a result."""
        seen()
        self.scenes[max((time for time in TURNED if frame.time >= time), default=0.0)] = frame.image

    def hold(self, image: Image) -> None:
        """Keep the dark picture of a show that rests."""
        self.scenes[CLOSED] = image


def play(size: tuple[int, int]) -> list[Image]:
    """Play the show; return a picture of each scene."""
    generator = Cppn(
        size=size, fps=20, pace=1.5, seed=7, contrast=2, colours="ocean", symmetry="kaleidoscope", react=["angle=20*t"]
    )
    trail = Feedback(zoom=1.03, rotate=3, amount=0.75, mode="lighten", edges="mirror")
    kept, now = Kept(), [0.0]
    source = Ticks(generator.fps, size)
    desk = Desk([on_stage(generator), trail])
    with Show(source, desk, [kept], seconds=SECONDS, asleep=lambda: now[0] >= CLOSED) as show:
        waiting = sorted(TURNED.items())

        def tick() -> None:
            now[0] = show.feed.latest.time if show.feed.latest is not None else 0.0
            while waiting and now[0] >= waiting[0][0]:
                show.do(waiting.pop(0)[1])

        show.ticking.append(tick)
        show.run()
    print(*show.numbers.lines(), sep="\n")
    return [image for _, image in sorted(kept.scenes.items())]


def main() -> None:
    """Write `kiosk.jpg` to `out/`, or to the folder named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    folder.mkdir(exist_ok=True)
    size = (320, 180) if len(sys.argv) > 1 else (96, 54)
    pictures = [cv2.resize(image, size) for image in play(size)]
    sheet = np.vstack([np.hstack(pictures[:2]), np.hstack(pictures[2:4])])
    cv2.imwrite(str(folder / "kiosk.jpg"), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
