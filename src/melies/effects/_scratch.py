"""Things that are closed when a `with` block ends, and room on disk that goes with it."""

from __future__ import annotations

import tempfile
from types import TracebackType
from typing import IO, Self

from melies.errors import MediaError


class Closing:
    """What is closed when its `with` block ends."""

    def close(self) -> None:
        """Let go of everything."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Scratch(Closing):
    """A temporary file, written and read at any place, that is deleted when it is closed.

    Args:
        what: What lies in it, for messages, such as `"Frames"`.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="melies-")  # noqa: SIM115 (closed by close)

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes.

        Raises:
            MediaError: The disk is full.
        """
        try:
            self._file.seek(offset)
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise MediaError(
                f"{self._what} could not be put aside in {tempfile.gettempdir()}: {error.strerror}.",
                "Make room there, or set TMPDIR to a folder on a larger disk.",
            ) from error

    def read(self, offset: int, size: int) -> bytes:
        """Read bytes."""
        self._file.seek(offset)
        return self._file.read(size)

    def close(self) -> None:
        """Delete the file."""
        self._file.close()
