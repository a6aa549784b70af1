"""How often effects found in a render what they are for: a film without a face was not changed, and must not say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_running: ContextVar[Counter[str] | None] = ContextVar("melies.engine.tally", default=None)


def tally(name: str, count: int) -> None:
    """Say how often an effect changed something in a frame, also when it did not; outside of a render it is forgotten.

    Args:
        name: The effect's name.
        count: How many faces, for example.
    """
    counts = _running.get()
    if counts is not None:
        counts[name] += count


@contextmanager
def tallying(before: Mapping[str, int]) -> Iterator[Counter[str]]:
    """Count inside the `with` block, on from what was counted before a render was interrupted."""
    counts = Counter(before)
    token = _running.set(counts)
    try:
        yield counts
    finally:
        _running.reset(token)
