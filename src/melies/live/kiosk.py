"""Running for weeks: a process that watches the show and begins it again, and a log that does not fill the disk."""

from __future__ import annotations

import logging
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from melies.errors import MeliesError, UseError
from melies.files import is_file
from melies.sizes import say

log = logging.getLogger("melies")

PULSE = "MELIES_PULSE"
"""Environment variable that names the file which a watched show touches while it is well."""

WHY = "MELIES_BEGUN_AGAIN"
"""Environment variable that tells a show why it was begun again, for its log: two processes must not write to one."""

WATCHER = "MELIES_WATCHER"
"""Environment variable with the number of the process that watches a show."""

LEFT = "MELIES_SECONDS_LEFT"
"""Environment variable with the seconds after which a watched show is to end, if any: those before count."""

HUNG = 90.0
"""Seconds without a touch after which a show is ended; loading models takes its time."""

SHORTEST, LONGEST = 1.0, 60.0
"""Seconds before a show begins again: they double up to the longest while it keeps failing early."""

STEADY = 300.0
"""Seconds after which a show counts as having run well."""

KEPT = 4
"""Old logs that are kept beside the one that is written."""

AT_ONCE = 20.0
"""Seconds within which a show that ends has failed at once."""

GROWN = 75
"""Exit status of a show that held more memory than it may."""

LOOK = 1.0
_MISUSED = 2
_BEGIN_OF_LOG = re.compile(rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ |$)")


def watch(
    command: Sequence[str],
    *,
    hung: float = HUNG,
    attempts: int | None = None,
    seconds: float | None = None,
    shortest: float = SHORTEST,
    look: float = LOOK,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Run a show in a process of its own, and again whenever it crashes or hangs.

    Args:
        command: The show's command line.
        hung: Seconds without a pulse after which it is ended.
        attempts: How often in a row it may fail at once before that is given up; without end if None.
        seconds: After so many it is not begun again; without end if None.
        shortest: Seconds before the first new beginning.
        look: Seconds between two looks.
        sleep: Waits.

    Returns:
        The exit status, once somebody ended the show, its time is over or its command makes no sense.

    Raises:
        MeliesError: It failed at once too often.
    """
    pause, why, failures, worked = shortest, "", 0, False
    end = math.inf if seconds is None else time.monotonic() + seconds
    remaining = math.inf if seconds is None else seconds
    with tempfile.TemporaryDirectory(prefix="melies-kiosk-") as folder:
        pulse = Path(folder) / "pulse"
        while True:
            pulse.touch()
            began = time.monotonic()
            told = {PULSE: str(pulse), WHY: why, WATCHER: str(os.getpid()), LEFT: str(remaining)}
            status, how = _once(command, told, hung, look)
            lasted = time.monotonic() - began
            worked = worked or lasted >= AT_ONCE
            # A command that made sense once fails for another reason, such as a screen that is away.
            if status == 0 or (status == _MISUSED and not worked):
                return status
            failures = failures + 1 if lasted < AT_ONCE else 0
            if attempts is not None and failures >= attempts:
                raise MeliesError(f"The show failed {failures} times at once, the last time so: {how}.", "See above.")
            if lasted >= STEADY:
                pause = shortest
            said = f"{how[0].upper()}{how[1:]}"
            if end - time.monotonic() <= pause:
                log.warning("%s, and its time is over.", said)
                return 1
            why = f"{said}, and begins again after {pause:.0f} s."
            log.warning("%s", why)
            sleep(pause)
            remaining = end - time.monotonic()
            pause = min(2 * pause, LONGEST)


def _once(command: Sequence[str], told: dict[str, str], hung: float, look: float) -> tuple[int, str]:
    """Run a show until it ends; return its status, and in words how it ended."""
    process = subprocess.Popen(command, env={**os.environ, **told})  # noqa: S603 - ourselves
    pulse = Path(told[PULSE])
    try:
        beat, since = pulse.stat().st_mtime_ns, time.monotonic()
        while True:
            try:
                status = process.wait(look)
                return status, _how(status)
            except subprocess.TimeoutExpired:
                now = pulse.stat().st_mtime_ns
            if now != beat:
                beat, since = now, time.monotonic()
            elif time.monotonic() - since > hung:
                process.kill()
                return process.wait() or 1, f"the show hangs, with no sign of life for {hung:g} s"
    except BaseException:
        _end(process)
        raise


def _how(status: int) -> str:
    if status == GROWN:
        return "the show held more memory than it may"
    if status < 0:
        return f"the show was ended by signal {-status}"
    return f"the show ended (status {status})"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the show to end, and make it."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def left(seconds: float | None) -> float | None:
    """Return the seconds that a show goes on: fewer than were asked for if it was begun again; None for ever."""
    return seconds if seconds is None else min(seconds, float(os.environ.get(LEFT, math.inf)))


def beat(healthy: Callable[[], bool]) -> None:
    """Tell the process that watches, if one does, that the show is well."""
    pulse = os.environ.get(PULSE)
    if pulse and healthy():
        Path(pulse).touch()


class OvergrownError(MeliesError):
    """A show holds more memory than it may."""

    exit_code = GROWN


def within(limit: int) -> Callable[[], None]:
    """Return a function that ends a show which holds more than so many bytes, by `OvergrownError`."""

    def tick() -> None:
        if held() > limit:
            raise OvergrownError(f"The show holds {say(held())} of memory, more than {say(limit)}.")

    return tick


def held() -> int:
    """Return the bytes of memory that this process holds; elsewhere than on Linux, the most it ever held.

    Raises:
        UseError: The system does not say.
    """
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    try:
        import resource
    except ImportError:
        raise UseError("This system does not say how much memory a show holds.", "Leave --max-memory out.") from None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def orphaned(stop: Callable[[], None]) -> Callable[[], None]:
    """Return a function that ends a show whose watching process has died: nobody could end it otherwise."""
    watcher = os.environ.get(WATCHER)
    # On Windows, Python in a virtual environment has a process between the two.
    known = watcher is not None and os.name == "posix"

    def tick() -> None:
        if known and os.getppid() != int(watcher or 0):
            stop()

    return tick


def every(seconds: float, call: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls another, at once and then every so many seconds however often it is called."""
    due = time.monotonic()

    def tick() -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + seconds
            call()

    return tick


def hourly(say: Callable[[], str], hour: float = 3600.0) -> Callable[[], None]:
    """Return a function that logs what `say` returns, once an hour however often it is called."""
    due = time.monotonic() + hour

    def tick() -> None:
        nonlocal due
        if time.monotonic() >= due:
            due += hour
            log.info("%s", say())

    return tick


@contextmanager
def logged(path: Path | None) -> Iterator[None]:
    """Also write what is logged to a file, which begins anew at a megabyte; four old ones are kept.

    Raises:
        UseError: It cannot be written, or there is something else in its place.
    """
    if path is None:
        yield
        return
    for place in (path, *(path.with_name(f"{path.name}.{number}") for number in range(1, KEPT + 1))):
        if is_file(place) and not _is_log(place):
            raise UseError(f"{place} is no log of a show, and is left as it is.", "Choose another name for --log.")
    try:
        handler = RotatingFileHandler(path, maxBytes=1 << 20, backupCount=KEPT, encoding="utf-8")
    except OSError as error:
        raise UseError(f"The log {path} cannot be written: {error.strerror}.") from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.setLevel(logging.INFO)
    log.addHandler(handler)
    level = log.level
    log.setLevel(min(level or logging.WARNING, logging.INFO))
    # To the file alone: on the terminal the process that watches has said it.
    begun = os.environ.get(WHY) or "The show begins."
    handler.handle(log.makeRecord(log.name, logging.INFO, __file__, 0, begun, (), None))
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        handler.close()


def _is_log(path: Path) -> bool:
    """Whether a file is a log of ours: empty, or its first line begins as ours do."""
    try:
        with path.open("rb") as file:
            return _BEGIN_OF_LOG.match(file.read(64)) is not None
    except OSError as error:
        raise UseError(f"The log {path} cannot be written: {error.strerror}.") from None
