"""What makes a large catalogue quick to search: indices over its columns.

Below `WHOLE` shots there are none, and a search looks at every shot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from melies.footage.analyse import facets
from melies.footage.catalogue import Catalogue
from melies.footage.label import Facet
from melies.footage.search import Found, Vector, Wish, judged_by, positive, rank, scaled, search, told
from melies.footage.terms import Query, parse

WHOLE = 2000
"""Shots up to which a search looks at all of them."""
_SORTED, _ROUGH = 16384, 200_000
"""Shots from which on vectors are sorted into cells (before that all of them are compared), and from which on these
keep bits in place of bytes."""
_COLUMNS = ("record", "vector")
_MORE = 10
"""Shots that each way of searching proposes besides as many as are wanted."""
CELLS = 250
"""Cells of the vectors' index that are looked into."""
REFINE = 5
"""How many times more shots are compared by their whole vectors than are wanted."""
_WORDS = ("about", "said")
_TREES = ("id", "film")
_UNSOUGHT = ("begins", "record", "pictures")


def refresh(catalogue: Catalogue) -> None:
    """Make the indices that a large catalogue lacks; `Catalogue.tidy` takes into them what is added later.

    Words stand in an inverted index, labels in bitmaps, numbers in trees. Vectors are sorted into about √N cells and
    kept in a byte for every number, or in a bit (Gao and Long, "RaBitQ", SIGMOD 2024): quick enough to look into many
    cells. An index that would be of another kind now, as when a catalogue has grown, is made anew.

    Args:
        catalogue: One that was opened with `create`.
    """
    from lancedb.index import FTS

    table = catalogue.table
    count = table.count_rows()
    if count <= WHOLE:
        return
    there = {column: index.index_type for index in table.list_indices() for column in index.columns}
    for field in table.schema:
        config = FTS(with_position=False) if field.name in _WORDS else _config(field, count)
        made = there.get(field.name) == type(config).__name__
        if config is not None and not made and table.count_rows(f"{field.name} IS NOT NULL"):
            table.create_index(field.name, config=config)


def known(catalogue: Catalogue) -> dict[str, Facet]:
    """Return what was asked of a catalogue's shots, of all that is asked now."""
    columns = set(catalogue.table.schema.names)
    return {name: facet for name, facet in facets().items() if name in columns}


def _config(field: Any, count: int) -> Any:
    import pyarrow.types as kinds
    from lancedb.index import Bitmap, BTree, IvfRq, IvfSq, LabelList

    if kinds.is_fixed_size_list(field.type):
        if count < _SORTED:
            return None
        kind = IvfSq if count < _ROUGH else IvfRq
        return kind(distance_type="cosine", num_partitions=round(math.sqrt(count)), max_iterations=15, sample_rate=64)
    if kinds.is_list(field.type):
        return LabelList()
    if field.name in _UNSOUGHT:
        return None
    return BTree() if field.name in _TREES or kinds.is_floating(field.type) else Bitmap()


def reader(catalogue: Catalogue) -> Callable[[str], Query]:
    """Return what reads searches in a catalogue: it knows what was asked of its shots, and who is in them."""
    asked, people = known(catalogue), [person.called for person in catalogue.people()]
    return lambda sentence: parse(sentence, asked, people)


def find(catalogue: Catalogue, wanted: Wish, limit: int = 20, person: str = "") -> list[Found]:
    """Find shots in a catalogue.

    Args:
        catalogue: Where.
        wanted: What is looked for, made by `search.wish`.
        limit: How many are wanted.
        person: Only shots in which this person is seen.

    Returns:
        The best first.

    Raises:
        UseError: There is no such person.
    """
    asked = known(catalogue)
    where = _must(catalogue, wanted, person, asked)
    if catalogue.table.count_rows() <= WHOLE:
        return search(list(catalogue.records(where)), wanted, limit)
    return _Proposals(catalogue, wanted, where, asked).best(limit)


def _must(catalogue: Catalogue, wanted: Wish, person: str, asked: Mapping[str, Facet]) -> str | None:
    """What is true of every shot that may be found, in SQL; None for nothing."""
    parts = [catalogue.with_person(person)] if person else []
    for condition in wanted.query.conditions:
        text = condition.sql(asked)
        if text and condition.negative and condition.exact:
            parts.append(f"({text}) IS NOT TRUE")
        elif text and condition.strict:
            parts.append(f"({text})")
    return " AND ".join(parts) or None


class _Proposals:
    """What each way of searching a large catalogue proposes; all search at the same time."""

    def __init__(self, catalogue: Catalogue, wanted: Wish, where: str | None, asked: Mapping[str, Facet]) -> None:
        self.catalogue = catalogue
        self.table = catalogue.table
        self.wanted = wanted
        self.where = catalogue.shown(where)
        self.texts = [text for one in positive(wanted.query) if not one.strict and (text := one.sql(asked))]

    def best(self, limit: int) -> list[Found]:
        count = limit + _MORE
        look = None if self.wanted.look is None else self.wanted.look.vector
        with ThreadPoolExecutor(4, "melies find") as pool:
            words = pool.submit(self._by_words, count)
            others = [
                pool.submit(self._by_conditions, count),
                pool.submit(self._by_vector, "vector", self.wanted.vector, count),
                pool.submit(self._by_vector, "look", look, count),
            ]
            scores = words.result()
            rows = set(scores).union(*(other.result() for other in others))
        # Where only what must or must not be was asked for, that is in `where`.
        columns = [*_COLUMNS, *(["look"] if look is not None else [])]
        proposed = self.table.take_row_ids(sorted(rows or self._ask(self.table.search(), count))).select(columns)
        return self._judge(proposed.with_row_id().to_arrow(), scores, limit)

    def _judge(self, rows: Any, scores: Mapping[int, float], limit: int) -> list[Found]:
        """Judge drafts of what is proposed, where these will do, and read whole only what is chosen."""
        facets = judged_by(self.wanted)
        made = self.catalogue.records_of(rows) if facets is None else self.catalogue.drafts_of(rows, facets)
        drafts = dict(zip(rows.column("_rowid").to_pylist(), made, strict=True))
        words = scaled({drafts[row].id: score for row, score in scores.items()})
        best = rank(list(drafts.values()), self.wanted, words, limit)
        if facets is None:
            return [told(found, self.wanted) for found in best]
        places = {draft.id: place for place, draft in enumerate(drafts.values())}
        chosen = np.array([places[found.record.id] for found in best], np.int64)
        whole = self.catalogue.records_of(rows.take(chosen))
        return [told(replace(found, record=record), self.wanted) for found, record in zip(best, whole, strict=True)]

    def _by_words(self, count: int) -> dict[int, float]:
        if not self.wanted.stems:
            return {}
        return self._ask(self.table.search(" ".join(sorted(self.wanted.stems)), query_type="fts"), count, "_score")

    def _by_vector(self, column: str, vector: Vector | None, count: int, where: str = "") -> list[int]:
        if vector is None:
            return []
        query = self.table.search(vector, column).distance_type("cosine").nprobes(CELLS).refine_factor(REFINE)
        return list(self._ask(query, count, "_distance", where))

    def _by_conditions(self, count: int) -> list[int]:
        """Shots of which all conditions hold, the likeliest by meaning first; where these are few, of fewer."""
        texts = self.texts
        found: list[int] = []
        while texts and len(found) < count:
            where = " AND ".join(f"({text})" for text in texts)
            if self.wanted.vector is not None:
                found += self._by_vector("vector", self.wanted.vector, count, where)
            else:
                found += self._ask(self.table.search(), count, where=where)
            texts = texts[:-1]
        return found

    def _ask(self, query: Any, count: int, score: str = "id", where: str = "") -> dict[int, Any]:
        """Rows with a column of theirs."""
        condition = " AND ".join(f"({text})" for text in (self.where, where) if text)
        if condition:
            query = query.where(condition)
        found = query.select([score]).with_row_id(True).limit(count).to_arrow()
        return dict(zip(found.column("_rowid").to_pylist(), found.column(score).to_pylist(), strict=True))
