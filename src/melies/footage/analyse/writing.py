"""What is written in the picture: titles, signs, labels. It takes a second a shot, and its models have to be pulled."""

from __future__ import annotations

from melies.footage import lettering
from melies.footage.label import Facet, Label
from melies.footage.material import Material

EXTRA = True
FACETS = (Facet("writing", "many", "text that is seen in the picture"),)


def answer(material: Material) -> list[Label]:
    """See `Question`."""
    found: dict[str, Label] = {}
    for still in material.stills:
        height = still.image.shape[0]
        for line in lettering.lines(still.image):
            label = _label(line, height)
            known = found.get(line.text.casefold())
            if known is None or known.sure < label.sure:
                found[line.text.casefold()] = label
    return list(found.values())


def _label(line: lettering.Line, height: int) -> Label:
    high = float(line.corners[:, 1].max() - line.corners[:, 1].min()) / height
    return Label(
        "writing", line.text, line.sure, f"read at {line.sure:.2f}, {high:.0%} of the height", {"height": high}
    )
