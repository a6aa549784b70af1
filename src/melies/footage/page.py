"""Pages that need no other file: what all of them begin and end with."""

from __future__ import annotations

from html import escape

SHEET = """\
body { margin: 2em; font: 13px/1.4 system-ui, sans-serif; color: #222; background: #fff }
h1 { margin: 0; font-size: 1.4em }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 1.3em 1em }
figure { margin: 0; break-inside: avoid; overflow-wrap: anywhere }
img { display: block; width: 100%; background: #ddd }
small { color: #666 }
@page { size: A4; margin: 12mm }
@media print { body { margin: 0; font-size: 8pt } main { grid-template-columns: repeat(4, 1fr) } }
"""
"""How a page of pictures with words under them looks and prints."""

END = "</body>\n</html>\n"


def begin(title: str, style: str) -> str:
    """Return everything before a page's content.

    Args:
        title: What it is called.
        style: Its CSS.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
    )


def heading(title: str) -> str:
    """Return the heading of a page."""
    return f"<h1>{escape(title)}</h1>\n"
