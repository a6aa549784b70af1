"""What was found as one page with pictures, that needs no other file and prints well."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

from melies.files import is_file
from melies.footage.catalogue import describe
from melies.footage.search import Found
from melies.footage.terms import Query
from melies.footage.timecode import Timecode

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ margin: 2em; font: 13px/1.4 system-ui, sans-serif; color: #222; background: #fff }}
h1 {{ margin: 0; font-size: 1.4em }}
ul {{ margin: .4em 0 1.5em; padding: 0; list-style: none; color: #666 }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 1.4em 1em }}
figure {{ margin: 0; break-inside: avoid; overflow-wrap: anywhere }}
img {{ display: block; width: 100%; background: #ddd }}
b {{ float: right }}
small {{ display: block; color: #666 }}
summary {{ color: #666; font-size: .9em; cursor: pointer }}
@page {{ size: A4; margin: 12mm }}
@media print {{ body {{ margin: 0; font-size: 8pt }} main {{ grid-template-columns: repeat(4, 1fr) }} }}
</style>
</head>
<body>
<h1>{title}</h1>
<ul>{about}</ul>
<main>
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
        page.write(_HEAD.format(title=escape(query.sentence or "What looks alike"), about=about))
        for one, timecode in found:
            page.write(_figure(one, timecode))
        page.write("</main>\n</body>\n</html>\n")


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
