"""A contact sheet: one page with a picture of every shot, that needs no other file and prints well."""

from __future__ import annotations

from base64 import b64encode
from fractions import Fraction
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from melies.clip import Clip
from melies.engine.pipeline import close
from melies.footage.film import open_film
from melies.footage.page import END, SHEET, begin, heading
from melies.footage.reel import picture
from melies.footage.shot import Shot
from melies.matting.scale import cv

if TYPE_CHECKING:
    from melies.footage.shot_list import ShotList

_LONGEST = 360
"""Pixels of a picture's longer side."""
_JPEG = 82

_STYLE = """\
p { margin: .2em 0 1.5em; color: #666 }
figcaption { display: grid; grid-template-columns: auto 1fr auto; gap: 0 .6em; padding-top: .3em;
  font-variant-numeric: tabular-nums }
b { font-size: 1.1em }
small { grid-column: 2 / 4; font-size: .9em }
"""


def write_sheet(found: ShotList, path: Path) -> None:
    """Write the contact sheet of a film as HTML; memory does not grow with its shots.

    Args:
        found: The shots.
        path: Where to.

    Raises:
        MediaError: Too many of the film's frames are broken.
    """
    clip = open_film(found.file, max_errors=found.max_errors)
    count = len(found.shots)
    first, last = found.timecodes(found.shots[0])[0], found.timecodes(found.shots[-1])[1]
    about = f"{count} shot{'' if count == 1 else 's'} · {first} to {last} · {float(found.rate):.6g} frames per second"
    with path.open("w", encoding="utf-8") as page:
        page.write(begin(found.file.name, SHEET + _STYLE) + heading(found.file.name))
        page.write(f"<p>{escape(about)}</p>\n<main>\n")
        for shot in found.shots:
            page.write(_figure(found, shot, _still(clip, shot)))
        page.write("</main>\n" + END)


def _figure(found: ShotList, shot: Shot, jpeg: bytes) -> str:
    first, last = found.timecodes(shot)
    how = {"start": "", "cut": "", "dissolve": f"dissolve, {shot.blend} frames", "fade": f"fade, {shot.blend} frames"}
    return (
        f'<figure><img src="data:image/jpeg;base64,{b64encode(jpeg).decode()}" alt="shot {shot.number}">'
        f"<figcaption><b>{shot.number}</b><span>{first}</span><span>{shot.seconds:.2f} s</span>"
        f"<small>to {last} · {shot.frames} frames{' · ' + how[shot.transition] if how[shot.transition] else ''}</small>"
        "</figcaption></figure>\n"
    )


def _still(clip: Clip, shot: Shot) -> bytes:
    """The frame in the middle of a shot, as JPEG."""
    middle = (shot.start + shot.end - Fraction(1) / shot.rate) / 2
    frames = clip.source.frames(max(middle, shot.start))
    try:
        image = picture(next(frames), clip.spec, _LONGEST)
    finally:
        close(frames)
    _, jpeg = cv.imencode(".jpg", cv.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG])
    return bytes(jpeg)
