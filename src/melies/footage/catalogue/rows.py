"""A shot as a row of the catalogue's table, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

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
        pa.field("shot", pa.string(), nullable=False),
        pa.field("begins", pa.float64(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("pictures", pa.int8(), nullable=False),
        pa.field("about", pa.string(), nullable=False),
        pa.field("said", pa.string(), nullable=False),
        pa.field("labels", pa.string(), nullable=False),
        pa.field("words", pa.string(), nullable=False),
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

    return {"one": pa.string(), "many": pa.list_(pa.string()), "number": pa.float64()}[facet.kind]


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
        "shot": json.dumps(
            [
                shot.number,
                str(shot.start),
                str(shot.end),
                shot.first,
                shot.frames,
                str(shot.rate),
                shot.transition,
                shot.blend,
            ]
        ),
        "begins": float(shot.start),
        "seconds": shot.seconds,
        "pictures": len(record.pictures),
        "about": describe(record.labels),
        "said": record.heard,
        "labels": _json([[one.facet, one.value, one.sure, one.why, one.measured] for one in record.labels]),
        "words": _json([[one.text, one.start, one.end, one.sure] for one in record.words]),
    }
    answers: dict[str, list[str | float]] = {}
    for label in sorted(record.labels, key=lambda one: -one.sure):
        answers.setdefault(label.facet, []).append(label.value)
    for name, facet in facets.items():
        values = answers.get(name, [])
        if facet.kind == "many":
            own[name] = list(dict.fromkeys(str(value) for value in values))
        elif values:
            own[name] = float(values[0]) if facet.kind == "number" else str(values[0])
    return own


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=float)


def _vectors(given: Sequence[NDArray[np.float32] | None], size: int, dtype: type[np.floating[Any]]) -> Any:
    import pyarrow as pa

    flat = np.zeros((len(given), size), dtype)
    for row, vector in zip(flat, given, strict=True):
        if vector is not None:
            row[:] = vector
    absent = pa.array([vector is None for vector in given], pa.bool_())
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), size, mask=absent)


def to_rows(batch: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of an Arrow table or batch as plain data, their vectors as arrays."""
    names = [name for name in batch.schema.names if name not in ("vector", "look")]
    vectors = {name: _arrays(batch.column(name)) for name in ("vector", "look") if name in batch.schema.names}
    for index, row in enumerate(batch.select(names).to_pylist()):
        yield row | {name: column[index] for name, column in vectors.items()}


def _arrays(column: Any) -> list[NDArray[np.float32] | None]:
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    present = whole.is_valid().to_numpy(zero_copy_only=False)
    flat = whole.flatten().to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, whole.type.list_size)
    vectors = iter(flat)
    return [next(vectors) if one else None for one in present]


def to_record(row: Mapping[str, Any], file: Path, people: tuple[str, ...], stills: Path) -> Record:
    """Return the record that a row holds.

    Args:
        row: One of `to_rows`.
        file: Where its film lies.
        people: Who is seen in it.
        stills: Folder of its film's stills.
    """
    number, start, end, first, frames, rate, transition, blend = json.loads(row["shot"])
    return Record(
        row["id"],
        Shot(file, number, Fraction(start), Fraction(end), first, frames, Fraction(rate), transition, blend),
        tuple(Label(*label) for label in json.loads(row["labels"])),
        people,
        tuple(Word(*word) for word in json.loads(row["words"])),
        tuple(stills / still_name(first, index) for index in range(row["pictures"])),
        row.get("vector"),
        row.get("look"),
    )


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
