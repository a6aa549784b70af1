"""Frames around the present one, in memory as far as there is room and on disk beyond that."""

from __future__ import annotations

from melies.effects._scratch import Closing
from melies.effects._shelf import Shelf
from melies.frame import Frame


class Reel(Closing):
    """Frames by number, kept until they are dropped. Use it in a `with` block.

    Args:
        budget: Bytes that may lie in memory.
    """

    def __init__(self, budget: int = 96 << 20) -> None:
        self._budget = budget
        self._memory: dict[int, Frame] = {}
        self._sizes: dict[int, int] = {}
        self._disk: dict[int, int] = {}
        self._shelf = Shelf()
        self._count = 0

    def put(self, frame: Frame) -> None:
        """Keep a frame; the first gets number 0, the next 1, and so on."""
        size = frame.nbytes
        if sum(self._sizes.values()) + size > self._budget:
            self._disk[self._count] = self._shelf.put(frame)
        else:
            self._memory[self._count], self._sizes[self._count] = frame, size
        self._count += 1

    def __getitem__(self, number: int) -> Frame:
        """Return a frame that is still kept."""
        return self._memory[number] if number in self._memory else self._shelf[self._disk[number]]

    def drop(self, number: int) -> None:
        """Let go of a frame, if it is kept."""
        if number in self._disk:
            self._shelf.drop(self._disk.pop(number))
        self._memory.pop(number, None)
        self._sizes.pop(number, None)

    def close(self) -> None:
        """Let go of everything."""
        self._memory.clear()
        self._shelf.close()
