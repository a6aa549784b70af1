"""A shot as a row of the catalogue's table, and back."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from melies.errors import UseError
from melies.footage.label import Facet, Label
from melies.footage.record import SURE, Record, Word
from melies.footage.shot import Shot
from melies.frame import Image
from melies.matting.scale import cv

VECTOR = 384
"""Numbers of `Record.vector`."""
LOOK = 1280
"""Numbers of `Record.look`; they are kept as half precision."""

_STILL = 56 << 10
"""Bytes that a still may have, unless it is very rough even then."""


def schema(facets: Mapping[str, Facet]) -> Any:
    """Return the table's columns: the shot's own, and one for each facet.

    Raises:
        UseError: A facet's name cannot be that of a column.
    """
    import pyarrow as pa

    own = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("film", pa.string(), nullable=False),
        pa.field("record", pa.string(), nullable=False),
        pa.field("begins", pa.float64(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("tenths", pa.int32(), nullable=False),
        pa.field("pictures", pa.int8(), nullable=False),
        pa.field("about", pa.string(), nullable=False),
        pa.field("said", pa.string(), nullable=False),
        pa.field("vector", pa.list_(pa.float32(), VECTOR)),
        pa.field("look", pa.list_(pa.float16(), LOOK)),
    ]
    taken = {field.name for field in own}
    for name in facets:
        if name in taken or not name.isidentifier() or name != name.lower():
            raise UseError(
                f"A question cannot ask for {name!r}: the catalogue has no column for that.",
                "Names of facets are one small word, other than " + ", ".join(sorted(taken)) + ".",
            )
    return pa.schema([*own, *(pa.field(name, _type(facet)) for name, facet in facets.items())])


def _type(facet: Facet) -> Any:
    import pyarrow as pa

    kinds = {"one": pa.string(), "many": pa.list_(pa.string()), "number": pa.float64(), "count": pa.int32()}
    return kinds[facet.kind]


def to_table(records: Sequence[Record], columns: Any, facets: Mapping[str, Facet]) -> Any:
    """Return records as an Arrow table of these columns."""
    import pyarrow as pa

    rows = [_row(record, facets) for record in records]
    data = []
    for field in columns:
        if field.name == "vector":
            data.append(_vectors([record.vector for record in records], VECTOR, np.float32))
        elif field.name == "look":
            data.append(_vectors([record.look for record in records], LOOK, np.float16))
        else:
            data.append(pa.array([row.get(field.name) for row in rows], field.type))
    return pa.table(data, schema=columns)


def _row(record: Record, facets: Mapping[str, Facet]) -> dict[str, Any]:
    shot = record.shot
    own: dict[str, Any] = {
        "id": record.id,
        "film": record.id.partition("-")[0],
        "record": _json(record),
        "begins": float(shot.start),
        "seconds": shot.seconds,
        "tenths": int((shot.end - shot.start) * 10),
        "pictures": len(record.pictures),
        "about": describe(record.labels),
        "said": record.heard,
    }
    answers: dict[str, list[str | float]] = {}
    for label in sorted(record.labels, key=lambda one: -one.sure):
        answers.setdefault(label.facet, []).append(label.value)
    for name, facet in facets.items():
        values = answers.get(name, [])
        if facet.kind == "many":
            own[name] = list(dict.fromkeys(str(value) for value in values))
        elif values:
            own[name] = {"one": str, "number": float, "count": int}[facet.kind](values[0])
    return own


def _json(record: Record) -> str:
    """All that makes the record again, in one column: every column more takes as long again to look up."""
    shot = record.shot
    times = str(shot.start), str(shot.end)
    placed = shot.number, *times, shot.first, shot.frames, str(shot.rate), shot.transition, shot.blend
    labels = [(one.facet, one.value, one.sure, one.why, one.measured) for one in record.labels]
    words = [(one.text, one.start, one.end, one.sure) for one in record.words]
    told = (record.id, placed, labels, words, len(record.pictures))
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=float)


def _vectors(given: Sequence[NDArray[np.float32] | None], size: int, dtype: type[np.floating[Any]]) -> Any:
    import pyarrow as pa

    flat = np.zeros((len(given), size), dtype)
    for row, vector in zip(flat, given, strict=True):
        if vector is not None:
            row[:] = vector
    absent = pa.array([vector is None for vector in given], pa.bool_())
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), size, mask=absent)


class Row(NamedTuple):
    """A row of the table: what stands in its column `record`, and its vectors."""

    id: str
    shot: list[Any]
    labels: list[list[Any]]
    words: list[list[Any]]
    pictures: int
    vector: NDArray[np.float32] | None
    look: NDArray[np.float32] | None


def to_rows(batch: Any) -> Iterator[Row]:
    """Yield the rows of an Arrow table or batch; one without a column of vectors has none of these."""
    none = repeat(None, batch.num_rows)
    there = batch.schema.names
    vectors = (_arrays(batch.column(name)) if name in there else none for name in ("vector", "look"))
    for told, vector, look in zip(batch.column("record").to_pylist(), *vectors, strict=True):
        id, shot, labels, words, pictures = json.loads(told)
        yield Row(id, shot, labels, words, pictures, vector, look)


def _arrays(column: Any) -> list[NDArray[np.float32] | None]:
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    present = whole.is_valid().to_numpy(zero_copy_only=False)
    flat = whole.flatten().to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, whole.type.list_size)
    vectors = iter(flat)
    return [next(vectors) if one else None for one in present]


def to_record(row: Row, file: Path, people: tuple[str, ...], stills: Path) -> Record:
    """Return the record that a row holds.

    Args:
        row: One of `to_rows`.
        file: Where its film lies.
        people: Who is seen in it.
        stills: Folder of its film's stills.
    """
    words = tuple(Word(*word) for word in row.words)
    pictures = tuple(stills / still_name(row.shot[3], index) for index in range(row.pictures))
    labels = tuple(Label(*label) for label in row.labels)
    return Record(row.id, _shot(row, file), labels, people, words, pictures, row.vector, row.look)


def to_draft(row: Row, file: Path, people: tuple[str, ...], facets: Container[str]) -> Record:
    """Return the record that a row holds without words and stills, and with the labels of some facets only."""
    labels = tuple(Label(*label) for label in row.labels if label[0] in facets)
    return Record(row.id, _shot(row, file), labels, people, vector=row.vector, look=row.look)


def _shot(row: Row, file: Path) -> Shot:
    number, start, end, first, frames, rate, transition, blend = row.shot
    return Shot(file, number, Fraction(start), Fraction(end), first, frames, Fraction(rate), transition, blend)


def still_name(first: int, index: int) -> str:
    """Return the file name of a shot's still: `first` is the shot's first frame, `index` counts from 0."""
    return f"{first:06d}-{index + 1}.jpg"


def write_still(path: Path, image: Image) -> None:
    """Write a still as JPEG of about 40 KB, never half; `image` is `H×W×3` uint8, RGB."""
    for quality in (85, 70, 50):
        _, content = cv.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if content.nbytes <= _STILL:
            break
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(content.tobytes())
    unfinished.replace(path)


def describe(labels: Iterable[Label]) -> str:
    """Put what is seen in a shot into words, for search by words and by meaning: `"close-up, low angle, person"`."""
    sure = sorted((one for one in labels if isinstance(one.value, str) and one.sure >= SURE), key=lambda one: -one.sure)
    return ", ".join(dict.fromkeys(str(one.value) for one in sure))
