"""The catalogue's book of files, films and people: a small SQLite database, in which every change is whole or not made.

Shots stand in the table of LanceDB beside it and name their film by its fingerprint only, so files that are moved or
renamed change nothing there.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from melies.errors import MeliesError, UseError

if TYPE_CHECKING:
    from melies.footage.people import Crowd

SCHEMA = 3
"""Version of the catalogue's layout, as a whole: the tables here, the columns of shots, the files beside them."""

NEW_TABLE = 2
"""The version since which the table of shots has its columns: shots of an earlier one cannot be read any more."""

_APPLICATION = 0x4D454C53
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE films (id TEXT PRIMARY KEY, done INTEGER NOT NULL DEFAULT 0, shots INTEGER NOT NULL DEFAULT 0,
    asked TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE files (path BLOB PRIMARY KEY, film TEXT, size INTEGER NOT NULL, modified INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', frames INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX files_film ON files (film);
CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, weight INTEGER NOT NULL,
    total BLOB NOT NULL, squares REAL NOT NULL, picture BLOB NOT NULL, goodness REAL NOT NULL,
    same_as INTEGER);
CREATE INDEX people_same_as ON people (same_as);
CREATE TABLE sightings (shot TEXT NOT NULL, film TEXT NOT NULL, person INTEGER NOT NULL, descriptor BLOB NOT NULL,
    PRIMARY KEY (shot, person)) WITHOUT ROWID;
CREATE INDEX sightings_film ON sightings (film);
CREATE INDEX sightings_person ON sightings (person);
"""
State = Literal["here", "missing", "refused", "other"]


@dataclass(frozen=True, slots=True)
class File:
    """A file that was seen in the folder.

    Attributes:
        path: Where, relative to the folder.
        film: Fingerprint of its content; None of a file that was refused.
        size: Bytes.
        modified: When it was last changed, in nanoseconds, as the file system says.
        state: `"here"`, `"missing"` since the last look, `"refused"` (a film by its name, which cannot be read), or
            `"other"`: no film at all.
        reason: Why it was refused.
        frames: How many it has, as far as is known before it is read; 0 if nobody knows.
    """

    path: Path
    film: str | None
    size: int
    modified: int
    state: State = "here"
    reason: str = ""
    frames: int = 0


class Ledger:
    """The book.

    Args:
        path: The database.
        write: Whether anything is to be changed; if not, nothing is, not even by accident.
        create: Whether to begin a new one where there is none.

    Attributes:
        version: Of the layout that it has; `upgrade` makes it `SCHEMA`.
        crowd: What `people` remembers of everybody while it writes; None if that is to be read anew.

    Raises:
        UseError: It is of a newer version; or of an older one, and is not to be changed.
        MeliesError: It is damaged.
    """

    def __init__(self, path: Path, *, write: bool, create: bool = False) -> None:
        mode = "rwc" if create else "rw" if write else "ro"
        self.path = path
        self.crowd: Crowd | None = None
        with self.trouble():
            self.db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)
            try:
                self._check(write, create)
            except BaseException:
                self.db.close()
                raise

    def _check(self, write: bool, create: bool) -> None:
        (application,) = self.db.execute("PRAGMA application_id").fetchone()
        (self.version,) = self.db.execute("PRAGMA user_version").fetchone()
        # What is deleted is overwritten with zeros: faces that are to be forgotten are.
        self.db.execute("PRAGMA secure_delete = ON")
        (tables,) = self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if create and not application and not tables:
            self.db.executescript(
                f"BEGIN; {_TABLES} PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {SCHEMA}; COMMIT;"
            )
            self.version = SCHEMA
        elif application != _APPLICATION:
            raise UseError(f"{self.path} is no catalogue.", "Move it away, or choose another place with --catalogue.")
        elif self.version > SCHEMA:
            raise UseError(
                f"The catalogue {self.path.parent} was written by a newer melies (its version is {self.version}, "
                f"this one knows {SCHEMA}); nothing was touched.",
                "Update melies, or choose another place with --catalogue.",
            )
        elif self.version < SCHEMA and not write:
            read = "; its films are read again, people keep their names" if self.version < NEW_TABLE else ""
            raise UseError(
                f"The catalogue {self.path.parent} was written by an older melies.",
                f"Bring it up to date with melies index{read}.",
            )

    def upgrade(self) -> None:
        """Give a book of an older version the layout of this one, all at once."""
        with self.trouble():
            self.db.executescript(
                "BEGIN; ALTER TABLE people ADD COLUMN same_as INTEGER;"
                f" CREATE INDEX people_same_as ON people (same_as); PRAGMA user_version = {SCHEMA}; COMMIT;"
            )
        self.version = SCHEMA

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """Say in one sentence what SQLite has to complain about."""
        try:
            yield
        except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
            raise
        except sqlite3.DatabaseError as error:
            if "readonly" in str(error):
                raise MeliesError(
                    f"The catalogue {self.path.parent} was being written when that was cut off.",
                    "Run melies index on the folder again: it puts things in order.",
                ) from None
            damaged = "malformed" in str(error) or "not a database" in str(error)
            raise MeliesError(
                f"The catalogue's book {self.path} {'is damaged' if damaged else 'cannot be used'}: {error}.",
                f"Delete the folder {self.path.parent} and index again; people lose their names." if damaged else "",
            ) from None

    @contextmanager
    def change(self) -> Iterator[None]:
        """Make all changes of a `with` block, or none of them."""
        try:
            with self.db:
                yield
        except BaseException:
            self.crowd = None
            raise

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()

    # Settings

    def setting(self, key: str, default: str = "") -> str:
        """Return what is kept under a name."""
        row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else default

    def set(self, key: str, value: str) -> None:
        """Keep something under a name."""
        with self.db:
            self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # Files

    def files(self) -> Iterator[File]:
        """All files, by path."""
        for path, *rest in self.db.execute("SELECT * FROM files ORDER BY path"):
            yield File(Path(os.fsdecode(path)), *rest)

    def file(self, path: Path) -> File | None:
        """One file by its path."""
        row = self.db.execute("SELECT * FROM files WHERE path = ?", (os.fsencode(path),)).fetchone()
        return File(path, *row[1:]) if row else None

    def note(self, files: Iterable[File]) -> None:
        """Write files down, in place of what was known of these paths."""
        with self.db:
            self.write_files(files)

    def write_files(self, files: Iterable[File]) -> None:
        """Do what `note` does, within a transaction of the caller's."""
        self.db.executemany(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((os.fsencode(one.path), *astuple(one)[1:]) for one in files),
        )

    def drop_files(self, paths: Iterable[Path]) -> None:
        """Forget files."""
        with self.db:
            self.db.executemany("DELETE FROM files WHERE path = ?", ((os.fsencode(path),) for path in paths))

    def settle_moves(self) -> int:
        """Forget the old places of films that lie elsewhere now; return how many there were."""
        with self.db:
            return self.db.execute(
                "DELETE FROM files WHERE state = 'missing' AND film IN (SELECT film FROM files WHERE state = 'here')"
            ).rowcount

    def place(self, film: str) -> tuple[Path, bool] | None:
        """Where a film lies, relative to the folder, and whether it is there."""
        row = self.db.execute(
            "SELECT path, state FROM files WHERE film = ? ORDER BY state, path LIMIT 1", (film,)
        ).fetchone()
        return (Path(os.fsdecode(row[0])), row[1] == "here") if row else None

    def places(self) -> dict[str, list[str]]:
        """Where every film lay at the last look that was there then, relative to the folder."""
        found: dict[str, list[str]] = {}
        for film, path in self.db.execute(
            "SELECT film, path FROM files WHERE state = 'here' AND film IS NOT NULL ORDER BY path"
        ):
            found.setdefault(film, []).append(os.fsdecode(path))
        return found

    # Films

    def asked(self, film: str) -> frozenset[str] | None:
        """What was asked of a film; None if it was not read to its end."""
        row = self.db.execute("SELECT asked FROM films WHERE id = ? AND done", (film,)).fetchone()
        return frozenset(row[0].split()) if row else None

    def begin(self, film: str) -> bool:
        """Say that a film's shots are going to be written; return whether there are some of it already."""
        with self.db:
            self.db.execute("INSERT OR IGNORE INTO films (id) VALUES (?)", (film,))
        return self.asked(film) is not None

    def finish(self, film: str, shots: int, asked: Iterable[str]) -> None:
        """Say that all of them are; within a transaction of the caller's."""
        words = " ".join(sorted(asked))
        self.db.execute("UPDATE films SET done = 1, shots = ?, asked = ? WHERE id = ?", (shots, words, film))

    def reopen(self, film: str) -> None:
        """Say that a film's shots are not to be relied on any more."""
        with self.db:
            self.db.execute("INSERT OR REPLACE INTO films (id) VALUES (?)", (film,))

    def ask_again(self) -> None:
        """Say that nothing was asked of any film."""
        with self.db:
            self.db.execute("UPDATE films SET asked = ''")

    def shots(self) -> dict[str, int]:
        """How many shots every film has that was read to its end."""
        return dict(self.db.execute("SELECT id, shots FROM films WHERE done"))

    def unfinished(self) -> list[str]:
        """Films that were begun and not finished."""
        return [row[0] for row in self.db.execute("SELECT id FROM films WHERE NOT done")]

    def hidden(self) -> list[str]:
        """Films whose shots are not to be shown: they are unfinished, or lie nowhere."""
        rows = self.db.execute(
            "SELECT id FROM films WHERE NOT done OR NOT EXISTS"
            " (SELECT 1 FROM files WHERE film = films.id AND state = 'here') ORDER BY id"
        )
        return [row[0] for row in rows]

    def stray(self) -> list[str]:
        """Films that no file is known of any more, not even a missing one: their content was replaced."""
        rows = self.db.execute("SELECT id FROM films WHERE id NOT IN (SELECT film FROM files WHERE film IS NOT NULL)")
        return [row[0] for row in rows]

    def drop_film(self, film: str) -> None:
        """Forget a film, and its files that are not there."""
        with self.db:
            self.db.execute("DELETE FROM files WHERE film = ? AND state <> 'here'", (film,))
            self.db.execute("DELETE FROM films WHERE id = ?", (film,))

    # Who is seen; the rest is in `people`

    def names(self, shots: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Names of those seen in shots, `"person 3"` of one who has none; shots in which nobody is are left out."""
        rows = self.db.execute(
            "SELECT DISTINCT shot, people.id, people.name FROM sightings"
            " JOIN people AS likeness ON likeness.id = person"
            " JOIN people ON people.id = coalesce(likeness.same_as, likeness.id)"
            " WHERE shot IN (SELECT value FROM json_each(?)) ORDER BY people.id",
            (json.dumps(list(shots)),),
        )
        found: dict[str, tuple[str, ...]] = {}
        for shot, number, name in rows:
            found[shot] = (*found.get(shot, ()), name or f"person {number}")
        return found
