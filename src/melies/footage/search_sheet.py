"""What was found as one page with pictures, that needs no other file and prints well."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

from melies.files import is_file
from melies.footage.catalogue import describe
from melies.footage.page import END, SHEET, begin, heading
from melies.footage.search import Found
from melies.footage.terms import Query
from melies.footage.timecode import Timecode

_STYLE = """\
ul { margin: .4em 0 1.5em; padding: 0; list-style: none; color: #666 }
b { float: right }
small { display: block }
summary { color: #666; font-size: .9em; cursor: pointer }
"""


def write_sheet(query: Query, found: Sequence[tuple[Found, Timecode]], path: Path) -> None:
    """Write a page with what was found.

    Args:
        query: What was looked for.
        found: Shots, and the timecodes of their first frames.
        path: Where to.
    """
    about = "".join(f"<li>{escape(line)}</li>" for line in query.explain())
    with path.open("w", encoding="utf-8") as page:
        title = query.sentence or "What looks alike"
        page.write(begin(title, SHEET + _STYLE) + heading(title) + f"<ul>{about}</ul>\n<main>\n")
        for one, timecode in found:
            page.write(_figure(one, timecode))
        page.write("</main>\n" + END)


def _figure(found: Found, timecode: Timecode) -> str:
    record = found.record
    where = f"{record.shot.file.name}, shot {record.shot.number}"
    still = record.pictures[len(record.pictures) // 2] if record.pictures else None
    picture = b64encode(still.read_bytes()).decode() if still is not None and is_file(still) else ""
    image = f'<img src="data:image/jpeg;base64,{picture}" alt="{escape(where)}">' if picture else ""
    reasons = "".join(
        f"<small>{part.score:.2f} {escape(part.name)}: {escape(part.why)}</small>" for part in found.parts
    )
    said = f"<small>“{escape(record.text)}”</small>" if record.text else ""
    return (
        f"<figure>{image}<figcaption><b>{'weak, ' if found.weak else ''}{found.score:.2f}</b>{escape(where)}"
        f"<small>{timecode} · {record.shot.seconds:.1f} s</small><small>{escape(describe(record.labels))}</small>{said}"
        f"<details><summary>why</summary>{reasons}</details></figcaption></figure>\n"
    )
