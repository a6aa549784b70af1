"""`Catalogue`: shots in a table of LanceDB, files, films and people in the book beside it, stills as JPEG files."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence, Set
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from melies.engine.target import alone
from melies.errors import MeliesError, UseError
from melies.files import exists, is_file
from melies.footage.analyse import facets
from melies.footage.catalogue.ledger import NEW_TABLE, SCHEMA, File, Ledger
from melies.footage.catalogue.rows import Row, schema, still_name, to_draft, to_record, to_rows, to_table, write_still
from melies.footage.people import Person, Sighting, everybody, find, settle, shots
from melies.footage.record import Record
from melies.frame import Image

log = logging.getLogger("melies")

HOME = ".melies"
"""The folder in which a catalogue is kept, in the folder of footage that it is of."""

_BOOK = "catalogue.sqlite"
_LOCK = "lock"
_TABLE = "table"
_SHOTS = "shots"
_COLUMNS = ("record", "vector", "look")
_BATCH = 256
_MANY = 65536
_TIDY = 64
"""Films after which the table's small files are joined."""
_CACHE = 1 << 20
"""Bytes that LanceDB may keep of the table's versions and files while it is written."""
_NAMED = 10
"""Films that a warning names."""
_OLD = timedelta(minutes=10)
"""How long a reader may go on with a state of the table that has been replaced."""


class BusyError(MeliesError):
    """Another process is writing in the catalogue."""


class Catalogue:
    """What is known of a folder of footage. Made by `Catalogue.open`; close it, or use it in a `with` block.

    Attributes:
        folder: The folder of footage.
        home: The folder in which the catalogue is kept.
        ledger: Its book of files, films and people.
        table: Its shots: a table of LanceDB, to be searched. Columns: `id`, `film` (fingerprint), `begins` and
            `seconds`, `tenths` (the length in whole tenths of a second), `about` (what is seen, in words), `said`,
            `vector`, `look`, and one for every facet: a word, a list of words or a number, null where it was not
            answered. `records_of` makes records of rows.
    """

    def __init__(self, folder: Path, home: Path, ledger: Ledger, table: Any, held: ExitStack, writes: bool) -> None:
        self.folder = folder
        self.home = home
        self.ledger = ledger
        self.table = table
        self._held = held
        self._writes = writes
        self._added = 0

    @classmethod
    def open(cls, folder: str | Path, create: bool = False, *, at: str | Path | None = None) -> Self:
        """Open the catalogue of a folder; only with `create` will anything be written.

        Args:
            folder: The folder of footage; or the folder in which its catalogue is kept.
            create: Whether to write in it; where there is none, one is begun.
            at: Where the catalogue is kept, if not in `folder/.melies`.

        Raises:
            UseError: There is none, it was written by a newer melies, or by an older one and is only to be read, or
                LanceDB is not installed.
            BusyError: Another process is writing in it.
            MeliesError: It is damaged.
        """
        root, home = _places(Path(folder), None if at is None else Path(at))
        if not create and not is_file(home / _BOOK):
            raise UseError(f"There is no catalogue in {home}.", f"Make one: melies index {root}")
        _need_lancedb()
        with ExitStack() as held:
            held.enter_context(_trouble(home))
            if create:
                _begin(root, home, held)
            ledger = Ledger(home / _BOOK, write=create, create=create)
            held.callback(ledger.close)
            held.enter_context(ledger.trouble())
            if create:
                _renew(home, ledger)
                ledger.set("writer", str(os.getpid()))
                held.callback(ledger.set, "writer", "")
            known = ledger.setting("folder")
            if create and not known:
                ledger.set("folder", "" if home == root / HOME else str(root))
            elif known and root not in (Path(known), home):
                raise UseError(
                    f"The catalogue {home} is of {known}, not of {root}.", "Choose another with --catalogue."
                )
            catalogue = cls(Path(known) if known else root, home, ledger, _table(home, create), held, create)
            if create:
                catalogue._mend()
            catalogue._held = held.pop_all()
        return catalogue

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.__exit__(kind, error, trace)

    def close(self) -> None:
        """Let go of its files."""
        self._held.close()

    # Reading

    def count(self, where: str | None = None) -> int:
        """Return how many shots there are, of films that were there at the last look.

        Args:
            where: A condition in SQL on the table's columns, such as `"size = 'close-up' AND seconds > 3"`.
        """
        return int(self.table.count_rows(self._listed(where, set(self.ledger.hidden()))))

    def records(self, where: str | None = None, *, missing: bool = False) -> Iterator[Record]:
        """Yield shots one by one, however many there are.

        Args:
            where: A condition in SQL, as in `count`.
            missing: Whether those are wanted too whose files are not there.
        """
        query = self.table.search().select(list(_COLUMNS))
        condition = where if missing else self.shown(where)
        if condition:
            query = query.where(condition)
        for batch in query.to_batches(_BATCH):
            yield from self.records_of(batch)

    def record(self, id: str) -> Record:
        """Return one shot.

        Raises:
            UseError: There is none of that id.
        """
        found = self.get([id])
        if not found:
            raise UseError(f"There is no shot {id} in {self.home}.")
        return found[0]

    def get(self, ids: Sequence[str]) -> list[Record]:
        """Return shots by their ids, in that order; those that are unknown are left out."""
        listed = ", ".join(f"'{id}'" for id in ids if re.fullmatch(r"[0-9a-f]+-[0-9]+", id))
        known = {one.id: one for one in self.records(f"id IN ({listed})", missing=True)} if listed else {}
        return [known[id] for id in ids if id in known]

    def records_of(self, rows: Any) -> Iterator[Record]:
        """Make records of rows of the table.

        Args:
            rows: An Arrow table or batch with the column `record`; and `vector` and `look`, where they are wanted.
        """
        known: dict[str, tuple[Path, Path]] = {}
        for row, names in self._named(rows):
            film = row.id.partition("-")[0]
            if film not in known:
                known[film] = self.folder / self._place(film), self.stills(film)
            file, stills = known[film]
            yield to_record(row, file, names, stills)

    def drafts_of(self, rows: Any, facets: Container[str]) -> Iterator[Record]:
        """Make of rows only what a search judges them by, in a fraction of the time that `records_of` takes.

        Args:
            rows: As for `records_of`.
            facets: Facets of which the labels are wanted.

        Yields:
            Records without words and stills and all other labels, whose file is the catalogue's folder.
        """
        for row, names in self._named(rows):
            yield to_draft(row, self.folder, names, facets)

    def _named(self, rows: Any) -> Iterator[tuple[Row, tuple[str, ...]]]:
        """Rows with the names of those who are seen in them, which are asked for once."""
        told = list(to_rows(rows))
        names = self.ledger.names([row.id for row in told])
        for row in told:
            yield row, names.get(row.id, ())

    def shown(self, where: str | None = None) -> str | None:
        """Add to a condition in SQL that the shot's film must be there; None if there is no condition at all."""
        gone = (film for film, place in self._places.items() if place is None)
        return self._listed(where, {*self.ledger.hidden(), *gone})

    def _listed(self, where: str | None, hidden: Set[str]) -> str | None:
        parts = [f"({where})"] if where else []
        if hidden:
            there = self.ledger.shots().keys() - hidden
            # A long list takes time, 12 ms for a thousand films: the shorter one is taken.
            few, listed = ("NOT IN", hidden) if len(hidden) <= len(there) else ("IN", there)
            parts.append(f"film {few} ({', '.join(repr(film) for film in sorted(listed)) or 'NULL'})")
        return " AND ".join(parts) or None

    @cached_property
    def _places(self) -> dict[str, str | None]:
        """Where each film lies, None if it has gone since the last look, of which one warning is given.

        Empty while the catalogue is written: whoever does that has looked.
        """
        listed = {} if self._writes else self.ledger.places()
        # Path takes longer over a name than the file system does.
        found = {
            film: next((path for path in paths if os.path.isfile(os.path.join(self.folder, path))), None)  # noqa: PTH113, PTH118
            for film, paths in listed.items()
        }
        gone = [listed[film][0] for film, place in found.items() if place is None]
        if gone:
            more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
            log.warning(
                "Left out, for they are not there any more: %s%s. After moving films run: melies index %s",
                ", ".join(gone[:_NAMED]),
                more,
                self.folder,
            )
        return found

    def _place(self, film: str) -> Path:
        """Where a film lies or was last, relative to the folder."""
        if place := self._places.get(film):
            return Path(place)
        known = self.ledger.place(film)
        return known[0] if known else Path()

    def stills(self, film: str) -> Path:
        """Return the folder of a film's stills, whose files are named by `still_name`."""
        return self.home / "stills" / film[:2] / film

    def people(self) -> list[Person]:
        """Return who is seen, those first who are in most shots."""
        return everybody(self.ledger)

    def with_person(self, who: str | int) -> str:
        """Return the condition in SQL that somebody is seen in a shot.

        Args:
            who: A name, a number, or `"person 3"`.

        Raises:
            UseError: There is nobody like that.
        """
        seen = shots(self.ledger, find(self.ledger, who).number)
        return f"id IN ({', '.join(map(repr, seen)) or 'NULL'})"

    # Writing

    @cached_property
    def _facets(self) -> dict[str, Any]:
        return dict(facets())

    def begin(self, film: str) -> None:
        """Say that a film is going to be written, so that what is kept of it goes if that is cut off."""
        self.ledger.begin(film)

    def keep(self, film: str, first: int, images: Sequence[Image]) -> tuple[Path, ...]:
        """Write the stills of a shot; other threads may do this.

        Args:
            film: Fingerprint of a film that has been begun.
            first: The shot's first frame.
            images: `H×W×3` uint8 each, RGB.
        """
        folder = self.stills(film)
        folder.mkdir(parents=True, exist_ok=True)
        paths = tuple(folder / still_name(first, index) for index in range(len(images)))
        for path, image in zip(paths, images, strict=True):
            write_still(path, image)
        return paths

    def add(
        self, file: File, records: Sequence[Record], asked: Iterable[str] = (), faces: Sequence[Sighting] = ()
    ) -> None:
        """Write a film and all its shots, in place of what was known of them; it is there whole or not at all.

        Args:
            file: Where it lies, with its fingerprint.
            records: Its shots; their ids begin with the fingerprint, their pictures lie in `stills` already.
            asked: What was asked of the film, so that it can be told what a later version would ask besides.
            faces: Whose faces are seen in it.
        """
        assert file.film is not None
        again = self.ledger.begin(file.film)
        rows = to_table(records, self.table.schema, self._facets)
        if again:
            found = self.table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            # LanceDB takes a vector that is null for a bad one here, and not where rows are added.
            found.when_not_matched_by_source_delete(f"film = '{file.film}'").execute(rows, on_bad_vectors="null")
        elif records:
            self.table.add(rows)
        with self.ledger.change():
            self.ledger.finish(file.film, len(records), asked)
            self.ledger.write_files([file])
            settle(self.ledger, file.film, faces)
        if again:  # what stood for shots that are no more
            kept = {path for record in records for path in record.pictures}
            for path in set(self.stills(file.film).glob("*.jpg")) - kept:
                path.unlink()
        self._added += 1
        if self._added % _TIDY == 0:
            self.tidy()

    def refuse(self, film: str, file: File) -> None:
        """Say that a film could not be read, in place of what was begun or known of it."""
        self.ledger.note([file])
        self.drop(film)

    def drop(self, film: str) -> None:
        """Forget a film with its shots and stills; files of it that are there would have to be read again."""
        # The book goes last: a film that stands in it unfinished is dropped again when this is cut short.
        self.ledger.reopen(film)
        self.table.delete(f"film = '{film}'")
        shutil.rmtree(self.stills(film), ignore_errors=True)
        with self.ledger.change():
            settle(self.ledger, film, ())
        self.ledger.drop_film(film)

    def tidy(self) -> None:
        """Join the table's small files, and remove states of it that were replaced a while ago."""
        self.table.optimize(cleanup_older_than=_OLD)

    def without_stills(self) -> set[str]:
        """Return the films of which stills are lost, as when somebody has cleared their folder away."""
        import pyarrow as pa

        wanted: Counter[str] = Counter()
        for batch in self.table.search().select(["film", "pictures"]).to_batches(_MANY):
            sums = pa.Table.from_batches([batch]).group_by("film").aggregate([("pictures", "sum")]).to_pydict()
            wanted.update(dict(zip(sums["film"], sums["pictures_sum"], strict=True)))
        return {film for film, number in wanted.items() if sum(1 for _ in self.stills(film).glob("*.jpg")) < number}

    def _mend(self) -> None:
        """Put in order what was left when writing was cut off, and add columns for what is asked now."""
        self._fit_columns()
        lost = set(self.ledger.unfinished())
        found: Counter[str] = Counter()
        for batch in self.table.search().select(["film"]).to_batches(_MANY):
            found.update({pair["values"]: pair["counts"] for pair in batch["film"].value_counts().to_pylist()})
        known = self.ledger.shots()
        lost |= {film for film in found.keys() | known.keys() if found[film] != known.get(film, 0)}
        for film in sorted(lost):
            if self.ledger.place(film) is None:
                self.drop(film)
            else:  # It is to be read again: until then it stays known who is seen in it.
                self.ledger.reopen(film)
                shutil.rmtree(self.stills(film), ignore_errors=True)
        if left := sorted(lost & found.keys()):
            self.table.delete(f"film IN ({', '.join(map(repr, left))})")

    def _fit_columns(self) -> None:
        import pyarrow as pa

        wanted = schema(self._facets)
        present = {field.name: field.type for field in self.table.schema}
        changed = [field.name for field in wanted if present.get(field.name, field.type) != field.type]
        if changed:  # A facet is now of another kind: what was answered is of no use.
            self.table.drop_columns(changed)
            self.ledger.ask_again()
        new = [field for field in wanted if field.name not in present or field.name in changed]
        if new:
            self.table.add_columns(pa.schema(new))


def _places(folder: Path, at: Path | None) -> tuple[Path, Path]:
    """The folder of footage, and the folder of its catalogue."""
    if not exists(folder):
        raise UseError(f"There is no folder {folder}.")
    if not folder.is_dir():
        raise UseError(f"{folder} is a file, not a folder of footage.")
    folder = folder.resolve()
    if at is None and is_file(folder / _BOOK):
        return folder.parent if folder.name == HOME else folder, folder
    return folder, folder / HOME if at is None else at.resolve()


def _begin(folder: Path, home: Path, held: ExitStack) -> None:
    """Make the catalogue's folder, and keep all others from writing in it."""
    if exists(home) and not home.is_dir():
        raise UseError(f"{home} is a file, so no catalogue can be kept there.", "Choose another with --catalogue.")
    if home.is_dir() and not is_file(home / _BOOK) and any(home.iterdir()) and not is_file(home / _LOCK):
        raise UseError(f"{home} is a folder with other things in it.", "Choose an empty one with --catalogue.")
    home.mkdir(parents=True, exist_ok=True)
    try:
        held.enter_context(alone(home / _LOCK))
    except UseError:
        raise BusyError(
            f"Another melies{_by(home)} is writing in the catalogue of {folder}.", "Wait for it, or stop it."
        ) from None


def _renew(home: Path, ledger: Ledger) -> None:
    """Bring a catalogue of an older version up to this one."""
    if ledger.version < NEW_TABLE:
        log.warning("The catalogue %s was written by an older melies: its films are read again.", home)
        shutil.rmtree(home / _TABLE, ignore_errors=True)
    if ledger.version < SCHEMA:
        ledger.upgrade()


def _by(home: Path) -> str:
    """Say which process it is that writes, if that is known by now."""
    if not is_file(home / _BOOK):
        return ""
    ledger = Ledger(home / _BOOK, write=False)
    try:
        writer = ledger.setting("writer")
    finally:
        ledger.close()
    return f" (process {writer})" if writer and _runs(int(writer)) else ""


def _runs(process: int) -> bool:
    """Say whether there is such a process: one that was killed could not take its number back."""
    if os.name == "nt":  # pragma: no cover  (there the question would end it)
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


@contextmanager
def _trouble(home: Path) -> Iterator[None]:
    """Say in one sentence what LanceDB has to complain about; it raises RuntimeErrors that begin like this."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if not text.startswith("lance error"):
            raise
        if "os error" in text:  # the disk is full, or nobody may write there
            raise MeliesError(f"The catalogue's shots in {home / _TABLE} cannot be reached: {text}") from error
        raise MeliesError(
            f"The catalogue's shots in {home / _TABLE} are damaged.",
            "If it says so again, delete that folder and run melies index: films are read anew, names of people stay.",
        ) from error


def _need_lancedb() -> None:
    if find_spec("lancedb") is None:
        raise UseError(
            "The catalogue needs LanceDB, which is not installed.", "Install it: pip install 'melies[footage]'"
        )


def _table(home: Path, create: bool) -> Any:
    import lancedb

    # What was written is not read again soon: remembering every version of the table would take ever more memory.
    session = lancedb.Session(metadata_cache_size_bytes=_CACHE) if create else None
    base = lancedb.connect(home / _TABLE, session=session)
    try:
        return base.open_table(_SHOTS)
    except (ValueError, FileNotFoundError):
        if not create:
            raise MeliesError(f"The catalogue {home} has no shots.", "Run melies index on the folder again.") from None
    return base.create_table(_SHOTS, schema=schema(facets()))
