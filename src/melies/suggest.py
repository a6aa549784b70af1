"""Nearest names, for people who mistype."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `" Did you mean a or b?"`, or nothing when no known word is near."""
    near = get_close_matches(word.lower().replace("_", "-"), [k.replace("_", "-") for k in known], n=3, cutoff=0.55)
    return f" Did you mean {' or '.join(near)}?" if near else ""
