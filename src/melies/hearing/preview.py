"""What is heard in a sound and what formulas make of it, frame by frame: as numbers, and as a picture to look at."""

from __future__ import annotations

import csv
import html
import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.expression import Expression
from melies.files import replacing
from melies.footage.listen import lowered
from melies.hearing.features import HOP, NAMES, RATE, ROWS, Heard, Row, listen
from melies.hearing.plot import Lane, Plot, to_png, to_svg
from melies.hearing.reaction import followed, formula_of
from melies.media.sound import read_sound

ENDINGS = (".html", ".svg", ".png", ".json", ".csv")
SHOWN = ("rms", "bass", "mid", "high", "onset", "harmonic", "percussive")
"""What is drawn under the waveform; beats, bars and sections are drawn as marks."""

_REACTION = re.compile(r"\s*([A-Za-z][\w-]*)\s*=(?!=)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Preview:
    """A sound, and formulas that follow it.

    Attributes:
        path: The sound.
        rate: Frames a second.
        heard: What is heard.
        reactions: By what was written: what comes of each formula, frame by frame.
    """

    path: Path
    rate: Fraction
    heard: Heard
    reactions: Mapping[str, Row]

    @property
    def count(self) -> int:
        """Frames that the sound lasts, the last one perhaps in part."""
        return max(1, math.ceil(self.heard.seconds * self.rate))

    def rows(self) -> dict[str, Row]:
        """Everything that is heard, frame by frame."""
        return {name: _fitted(self.heard.row(name, self.rate), self.count) for name in NAMES}

    def plain(self) -> dict[str, Any]:
        """What is known of the whole: for programs."""
        pulse = self.heard.pulse
        return {
            "file": str(self.path),
            "seconds": round(float(self.heard.seconds), 3),
            "tempo": round(pulse.tempo, 2),
            "beats": _rounded(pulse.beats),
            "bars": _rounded(pulse.bars),
            "sections": _rounded(self.heard.sections),
        }


def preview(path: Path, reactions: Iterable[str] = (), rate: Fraction = Fraction(25)) -> Preview:
    """Listen, and follow.

    Args:
        path: A sound file, or a film with sound.
        reactions: `FORMULA`, or `PARAM=FORMULA` as `--react` takes it; no bounds of any field are kept.
        rate: Frames a second.

    Raises:
        UseError: The sound cannot be opened, or a formula is none.
    """
    formulas: dict[str, Expression] = {}
    for text in reactions:
        match = _REACTION.fullmatch(text)
        formulas[text] = formula_of(match[2] if match else text, text)
    heard = listen(path)
    count = max(1, math.ceil(heard.seconds * rate))
    made = {}
    for text, formula in formulas.items():
        rows = {name: heard.row(name, rate) for name in NAMES if name in formula.used}
        made[text] = followed(formula, rows, rate, max([count, *map(len, rows.values())]))[:count]
    return Preview(path, rate, heard, made)


def write(shown: Preview, target: Path) -> None:
    """Write a preview: a page or a picture to look at, or every number.

    Raises:
        UseError: The file's ending says nothing that could be written, or it cannot be written there.
    """
    made = _made(shown, target)
    with replacing(target) as part:
        part.write_bytes(made)


def _made(shown: Preview, target: Path) -> bytes:
    match target.suffix.lower():
        case ".html":
            return _page(shown).encode()
        case ".svg":
            return to_svg(drawn(shown)).encode()
        case ".png":
            return to_png(drawn(shown))
        case ".json":
            rows = {name: _rounded(row) for name, row in (shown.rows() | dict(shown.reactions)).items()}
            known = {**shown.plain(), "fps": str(shown.rate), "rows": rows}
            return (json.dumps(known, ensure_ascii=False) + "\n").encode()
        case ".csv":
            return _table(shown).encode()
        case _:
            raise UseError(f"{target.name} should end with {', '.join(ENDINGS)}.")


def drawn(shown: Preview) -> Plot:
    """Return what is to be drawn."""
    wave = _wave(shown.path)
    lanes = [Lane("waveform", wave[0], float(ROWS), below=wave[1])]
    lanes += [Lane(name, shown.heard.whole(name), float(ROWS)) for name in SHOWN]
    lanes.append(Lane("chroma", shown.heard.tones.chroma, float(ROWS)))
    for text, row in shown.reactions.items():
        lanes.append(Lane(text, row, float(shown.rate), is_reaction=True))
    pulse = shown.heard.pulse
    return Plot(
        f"{shown.path.name} · {_tempo(pulse.tempo)}",
        float(shown.heard.seconds),
        tuple(lanes),
        tuple(pulse.beats),
        tuple(pulse.bars),
        tuple(shown.heard.sections),
    )


def _tempo(tempo: float) -> str:
    return f"{tempo:.1f} beats a minute" if tempo else "no beat"


def _wave(path: Path) -> tuple[Row, Row]:
    """The highest and the lowest sample of every row."""
    rest = np.zeros(0, np.float32)
    tops: list[NDArray[np.float32]] = []
    bottoms: list[NDArray[np.float32]] = []
    for block in lowered(read_sound(path), RATE):
        rest = np.concatenate([rest, block])
        whole = rest[: len(rest) // HOP * HOP].reshape(-1, HOP)
        if len(whole):
            tops.append(whole.max(1))
            bottoms.append(whole.min(1))
        rest = rest[whole.size :]
    if len(rest):
        tops.append(rest.max(keepdims=True))
        bottoms.append(rest.min(keepdims=True))
    return np.concatenate(tops).astype(np.float64), np.concatenate(bottoms).astype(np.float64)


def _fitted(row: Row, count: int) -> Row:
    return np.pad(row, (0, max(0, count - len(row))))[:count]


def _rounded(row: Row) -> list[float | None]:
    return [round(float(value), 4) if np.isfinite(value) else None for value in row]


def _table(shown: Preview) -> str:
    rows = shown.rows() | dict(shown.reactions)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["frame", "t", *rows])
    for frame in range(shown.count):
        time = float(frame / shown.rate)
        writer.writerow([frame, f"{time:.4f}", *(f"{row[frame]:.5g}" for row in rows.values())])
    return out.getvalue()


def _page(shown: Preview) -> str:
    known = shown.plain()
    sections = "".join(f"<li>{begin:.2f} s</li>" for begin in known["sections"])
    title = html.escape(shown.path.name)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 15px system-ui, sans-serif; margin: 2em; background: #fff; color: #222 }}
svg {{ width: 100%; height: auto }}</style></head><body>
<h1>{title}</h1>
<p>{known["seconds"]} s · {_tempo(known["tempo"])} · {len(known["beats"])} beats · {len(known["bars"])} bars</p>
{to_svg(drawn(shown))}
<h2>Sections begin at</h2><ol start="0">{sections}</ol>
</body></html>
"""
