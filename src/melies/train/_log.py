"""The log of a run: a table that any spreadsheet reads."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from melies.files import replacing


class Log:
    """A CSV file with a line for every few steps; measurements stand in the lines of the steps after which they were.

    Args:
        path: The file; what it says about later steps than `since` is forgotten.
        since: The step after which training goes on; 0 at the beginning.
    """

    def __init__(self, path: Path, since: int) -> None:
        self._path = path
        self._columns = ["step", "seconds", "rate"]
        lines = []
        if since and path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                lines = [line for line in reader if int(line["step"]) <= since]
                self._columns = list(reader.fieldnames or self._columns)
        self._write(lines)

    def write(
        self, step: int, seconds: float, rate: float, losses: Mapping[str, float], measured: Mapping[str, float]
    ) -> None:
        """Add a line: `loss NAME` for every loss, `measured NAME` for everything that was measured."""
        line = {"step": f"{step}", "seconds": f"{seconds:.1f}", "rate": f"{rate:.3g}"}
        line |= {f"loss {name}": f"{value:.6g}" for name, value in losses.items()}
        line |= {f"measured {name}": f"{value:.6g}" for name, value in measured.items()}
        fresh = [name for name in line if name not in self._columns]
        if fresh:
            with self._path.open(newline="", encoding="utf-8") as file:
                lines = list(csv.DictReader(file))
            self._columns += fresh
            self._write([*lines, line])
        else:
            with self._path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self._columns, restval="").writerow(line)

    def _write(self, lines: list[dict[str, str]]) -> None:
        with replacing(self._path) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns, restval="")
            writer.writeheader()
            writer.writerows(lines)
