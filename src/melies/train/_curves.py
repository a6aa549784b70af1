"""`curves.html`: a page that shows how a run goes, its losses, its measurements and its previews, in one file."""

from __future__ import annotations

import csv
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np

from melies.files import replacing
from melies.frame import Image
from melies.matting.scale import cv

NAME = "curves.html"
WIDTH, HEIGHT = 300, 120
"""Of a chart, in the units that lines are drawn in."""
_POINTS = 200
"""Points of a curve at most; more are averaged."""
_LINKED = 12
"""Earlier previews that are linked."""
_WIDEST = 1280
"""Width, in pixels, of the preview that is part of the page."""
_RELOAD = 30
"""Seconds after which the page of a run that goes on loads itself anew."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --faint: #8884; --loss: #2364aa; --measured: #b5460f; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --loss: #7db2ee; --measured: #f0a070; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1320px; margin: 2em auto; padding: 0 1em; color: var(--ink); }
figure { display: inline-block; margin: 0 1.2em 1.2em 0; }
figcaption b { float: right; font-variant-numeric: tabular-nums; }
svg { display: block; width: 300px; overflow: visible; font: 10px system-ui, sans-serif; fill: var(--ink); }
svg polyline { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
.loss polyline { stroke: var(--loss); } .measured polyline { stroke: var(--measured); }
.measured circle { fill: var(--measured); }
line { stroke: var(--faint); } img { max-width: 100%; }
"""


class Curve(NamedTuple):
    """Values over steps.

    Attributes:
        kind: `"loss"` or `"measured"`.
        name: Of the loss or of what was measured.
        steps: Increasing.
        values: One for each.
    """

    kind: str
    name: str
    steps: Sequence[float]
    values: Sequence[float]


def write(folder: Path, title: str, preview: Image | None, *, minimised: str | None = None, running: bool) -> Path:
    """Write the page of a run, replacing the old one when it is complete.

    Args:
        folder: Of the run: `log.csv` and `previews/` are read.
        title: What is trained.
        preview: The last preview, which becomes part of the page.
        minimised: The measurement of which the smallest is the best.
        running: Whether the page is to load itself anew.
    """
    curves = read(folder / "log.csv")
    earlier = sorted((folder / "previews").glob("*.png"))[:-1][-_LINKED:]
    again = f'<meta http-equiv="refresh" content="{_RELOAD}">' if running else ""
    last = max((curve.steps[-1] for curve in curves), default=0)
    state = "and going on" if running else "finished"
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8">{again}<title>{escape(title)}</title>',
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>",
        f"<p>Step {last:.0f}, {state}. Measured is what training does not see.</p>",
        *(_chart(curve, minimised) for curve in sorted(curves, key=lambda curve: curve.kind, reverse=True)),
        "" if preview is None else f'<h2>Preview</h2><img alt="the last preview" src="{_embedded(preview)}">',
        "<p>Earlier: " + " · ".join(_link(path) for path in earlier) + "</p>" if earlier else "",
        "</html>",
    ]
    path = folder / NAME
    with replacing(path) as part:
        part.write_text("\n".join(filter(None, parts)), encoding="utf-8")
    return path


def read(log: Path) -> list[Curve]:
    """Return the curves that a log holds."""
    if not log.is_file():
        return []
    with log.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    columns = [name for name in (lines[0] if lines else {}) if name.startswith(("loss ", "measured "))]
    return [curve for curve in (_curve(lines, column) for column in columns) if curve.steps]


def _curve(lines: Sequence[Mapping[str, str]], column: str) -> Curve:
    kind, _, name = column.partition(" ")
    points = [(float(line["step"]), float(line[column])) for line in lines if line[column]]
    bunches = np.array_split(np.array(points).reshape(-1, 2), max(1, min(_POINTS, len(points))))
    means = [bunch.mean(0) for bunch in bunches if len(bunch)]
    return Curve(kind, name, [float(mean[0]) for mean in means], [float(mean[1]) for mean in means])


def _chart(curve: Curve, minimised: str | None) -> str:
    shown = curve.kind == "measured"
    # The losses of the first steps are so far off that they would flatten all that follows.
    low, high = np.percentile(curve.values, [0, 100 if shown else 98])
    steps, values = np.array(curve.steps), np.clip(curve.values, low, high)
    across = WIDTH * (steps - steps[0]) / max(1.0, steps[-1] - steps[0])
    down = HEIGHT * (1 - (values - low) / max(1e-12, high - low))
    points = [f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True)]
    dots = [f'<circle cx="{point.split(",")[0]}" cy="{point.split(",")[1]}" r="2"/>' for point in points]
    about = f"{curve.name}: {curve.values[0]:.4g} at step {steps[0]:.0f}, {curve.values[-1]:.4g} at {steps[-1]:.0f}"
    best = f" (best {min(curve.values):.4g})" if shown and curve.name == minimised else ""
    return (
        f'<figure class="{curve.kind}"><figcaption>{curve.kind} {escape(curve.name)}'
        f"<b>{curve.values[-1]:.4g}{best}</b></figcaption>"
        f'<svg viewBox="0 -4 {WIDTH} {HEIGHT + 20}" role="img" aria-label="{escape(about)}">'
        f'<line x1="0" y1="0" x2="{WIDTH}" y2="0"/><line x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>'
        f'<polyline points="{" ".join(points)}"/>{"".join(dots) if shown else ""}'
        f'<text x="2" y="10">{high:.3g}</text><text x="2" y="{HEIGHT - 4}">{low:.3g}</text>'
        f'<text x="0" y="{HEIGHT + 13}">{steps[0]:.0f}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 13}" text-anchor="end">{steps[-1]:.0f}</text></svg></figure>'
    )


def _embedded(preview: Image) -> str:
    scale = min(1.0, _WIDEST / preview.shape[1])
    small = cv.resize(preview, None, fx=scale, fy=scale, interpolation=cv.INTER_AREA) if scale < 1 else preview
    _, jpeg = cv.imencode(".jpg", small[..., ::-1], [cv.IMWRITE_JPEG_QUALITY, 85])
    return f"data:image/jpeg;base64,{b64encode(jpeg.tobytes()).decode()}"


def _link(path: Path) -> str:
    return f'<a href="previews/{escape(path.name)}">{int(path.stem)}</a>'
