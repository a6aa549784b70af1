"""What makes a large catalogue quick to search: indices over its columns.

Below `WHOLE` shots there are none, and a search looks at every shot.
"""

from __future__ import annotations

import math
from typing import Any

from melies.footage.catalogue import Catalogue

WHOLE = 2000
"""Shots up to which a search looks at all of them."""
_TRAINED = 16384
"""Shots from which on vectors are sorted into cells; before that all of them are compared."""
_WORDS = ("about", "said")
_NUMBERS = ("id", "film", "seconds")


def refresh(catalogue: Catalogue) -> None:
    """Make the indices that a large catalogue lacks, and take into them what was added since they were made.

    Words stand in an inverted index, labels in bitmaps, numbers in trees. Vectors are sorted into about √N cells and
    kept in 6 bits for every 8 (Jégou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", TPAMI 2011).

    Args:
        catalogue: One that was opened with `create`.
    """
    from lancedb.index import FTS

    table = catalogue.table
    count = table.count_rows()
    if count <= WHOLE:
        return
    there = {column for index in table.list_indices() for column in index.columns}
    for field in table.schema:
        config = FTS(with_position=False) if field.name in _WORDS else _config(field, count)
        if config is not None and field.name not in there:
            table.create_index(field.name, config=config)
    table.optimize()


def indexed(catalogue: Catalogue) -> set[str]:
    """Return the columns that have an index."""
    return {column for index in catalogue.table.list_indices() for column in index.columns}


def _config(field: Any, count: int) -> Any:
    import pyarrow.types as kinds
    from lancedb.index import Bitmap, BTree, IvfPq, LabelList

    if kinds.is_fixed_size_list(field.type):
        if count < _TRAINED:
            return None
        size = field.type.list_size
        return IvfPq(
            distance_type="cosine",
            num_partitions=round(math.sqrt(count)),
            num_sub_vectors=size // 8,
            max_iterations=15,
            sample_rate=64,
        )
    if kinds.is_list(field.type):
        return LabelList()
    if field.name in _NUMBERS or kinds.is_floating(field.type):
        return BTree()
    return Bitmap() if field.name not in ("shot", "labels", "words", "pictures") else None
