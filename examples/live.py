"""Put on a show of two seconds: a film plays as a camera would, a knob is turned meanwhile, and the result is recorded.

With a camera, a window and keys it is one command: `melies live grade`.
"""

import threading

from _sample import OUT, film

from melies.effects.grade import Grade
from melies.live.desk import Desk
from melies.live.show import Show
from melies.live.sinks import Recorder
from melies.live.sources import Played
from melies.media.output import SaveOptions

SECONDS = 2


def main() -> None:
    """Write `out/live.mp4`, which loses its colour in the middle, and say how late the pictures were."""
    desk = Desk([Grade()])
    source = Played(film())
    recorder = Recorder(OUT / "live.mp4", SaveOptions(preset="veryfast", overwrite=True))
    with Show(source, desk, [recorder], seconds=SECONDS) as show:
        threading.Timer(SECONDS / 2, show.set, ("grade.saturation", 0)).start()
        show.run()
    print(*show.numbers.lines(), sep="\n")


if __name__ == "__main__":
    main()
