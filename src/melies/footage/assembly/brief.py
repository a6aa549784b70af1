"""The brief: plain text or Markdown, one line for each shot that is wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from melies.errors import UseError

_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_HEADING = re.compile(r"^\s*#+\s+(.+?)\s*#*\s*$")
_SECONDS = re.compile(r"\s*[\[(]\s*(?:(\d+):)?(\d+(?:[.,]\d+)?)\s*(?:s|sec|secs|seconds?)?\s*[\])]\s*$", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Beat:
    """A line of a brief.

    Attributes:
        text: What is wanted, as `melies find` understands it.
        seconds: How long, where the line says so: `"hands on a piano (2.5 s)"`.
        section: The heading above it.
        line: Where it stands in the brief, counted from 1.
    """

    text: str
    seconds: float | None = None
    section: str = ""
    line: int = 0


def parse(text: str) -> list[Beat]:
    """Read a brief: headings name sections, comments are passed over, bullets and numbers are taken off.

    Raises:
        UseError: There is nothing in it, or a length that cannot be.
    """
    # A comment over several lines keeps its line breaks, so that lines are counted right.
    plain = _COMMENT.sub(lambda found: "\n" * found.group().count("\n"), text)
    beats: list[Beat] = []
    section = ""
    for number, line in enumerate(plain.splitlines(), 1):
        heading = _HEADING.match(line)
        if heading:
            section = heading.group(1)
        elif line.strip() and not line.lstrip().startswith(("//", "---", "===", "```")):
            beats.append(_beat(_BULLET.sub("", line).strip(), section, number))
    if not beats:
        raise UseError("The brief asks for no shots.", "Write what you want to see, one line for each shot.")
    return beats


def _beat(line: str, section: str, number: int) -> Beat:
    line = line.removeprefix(">").replace("**", "").replace("__", "").strip()
    found = _SECONDS.search(line)
    if found is None:
        return Beat(line, None, section, number)
    seconds = 60 * int(found.group(1) or 0) + float(found.group(2).replace(",", "."))
    text = line[: found.start()].strip()
    if seconds <= 0 or not text:
        raise UseError(f"Line {number} of the brief, {line!r}, is no shot.", 'Write it as: "a red door (3 s)".')
    return Beat(text, seconds, section, number)
