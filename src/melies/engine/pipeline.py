"""Stages: an iterator that runs in its own thread, ahead of its consumer by a bounded number of bytes."""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

BUDGET = 12 << 20
"""Bytes that may wait between two stages. Two items may always wait, however large they are."""


class Sized(Protocol):
    """Anything that knows how much memory it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...


T = TypeVar("T", bound=Sized)
S = TypeVar("S")
R = TypeVar("R")


def close(iterator: object) -> None:
    """Close a generator or stage; other iterators have nothing to free."""
    closer = getattr(iterator, "close", None)
    if closer is not None:
        closer()


class Stage(Generic[T]):
    """Run `source` in a thread of its own; iterate the stage to get its items in order.

    An exception in the source is raised again in the consumer. `close` stops the thread and closes the source,
    in the thread that ran it; a source that is itself made of stages closes those in turn.

    Args:
        source: What to run.
        name: Shown in progress reports and as the thread's name.
        upstream: The stage that `source` draws from, so that waiting for it does not count as load.
        budget: Bytes that may wait for the consumer.
    """

    def __init__(
        self, source: Iterator[T], name: str, *, upstream: Stage[T] | None = None, budget: int = BUDGET
    ) -> None:
        self.name = name
        self._source = source
        self._upstream = upstream
        self._budget = budget
        self._items: deque[T] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._done = self._stopped = False
        self._error: BaseException | None = None
        self._blocked = self.starved = 0.0
        self._began = self._ended = 0.0
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run,), name=f"melies {name}", daemon=True)

    def __iter__(self) -> Stage[T]:
        return self

    def __next__(self) -> T:
        if not self._began:
            self._began = time.perf_counter()
            self._thread.start()
        with self._changed:
            asked = time.perf_counter()
            while not self._items and not self._done:
                self._changed.wait()
            self.starved += time.perf_counter() - asked
            if self._items:
                item = self._items.popleft()
                self._bytes -= item.nbytes
                self._changed.notify_all()
                return item
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        raise StopIteration

    @property
    def load(self) -> float:
        """Share of the time, 0…1, in which the stage was working rather than waiting for its neighbours."""
        if not self._began:
            return 0.0
        elapsed = (self._ended or time.perf_counter()) - self._began
        waited = self._blocked + (self._upstream.starved if self._upstream else 0.0)
        return min(1.0, max(0.0, 1 - waited / elapsed)) if elapsed > 0 else 0.0

    def close(self) -> None:
        """Stop the thread, wait until it has ended and free what it held."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._bytes = 0
            self._changed.notify_all()
        if self._began:
            self._thread.join()
        else:
            close(self._source)
        self._done = True

    def _run(self) -> None:
        try:
            for item in self._source:
                if not self._offer(item):
                    break
                del item
        except BaseException as error:
            self._error = error
        try:
            close(self._source)
        except BaseException as error:
            self._error = self._error or error
        with self._changed:
            self._ended = time.perf_counter()
            self._done = True
            self._changed.notify_all()

    def _offer(self, item: T) -> bool:
        size = item.nbytes
        with self._changed:
            asked = time.perf_counter()
            while len(self._items) >= 2 and self._bytes + size > self._budget and not self._stopped:
                self._changed.wait()
            self._blocked += time.perf_counter() - asked
            if self._stopped:
                return False
            self._items.append(item)
            self._bytes += size
            self._changed.notify_all()
            return True


def ordered_map(function: Callable[[S], R], items: Iterator[S], workers: int) -> Iterator[R]:
    """Call `function` on every item from several threads, yielding the results in order.

    At most `workers + 1` items are in flight, so memory stays bounded.
    """
    if workers <= 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="melies worker")
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(contextvars.copy_context().run, function, item))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
