"""What may enter a collection: arrays, ids and payloads as users have them, made into a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal._native import knn
from vicinal.arrays import QUERY, STORED, row_width, stored_rows
from vicinal.errors import InvalidInputError
from vicinal.records.rows import Batch, refuse_duplicates, to_keys, to_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal.records.catalog import VectorSpec

#: The name of the vector of a collection that has one and gave it no name.
ONLY = "vector"


def batch(ids: Any, vectors: Any, payloads: Any, specs: Mapping[str, VectorSpec]) -> Batch:
    """Everything of one upsert, checked; raises before anything is written."""
    keys = to_keys(ids)
    refuse_duplicates(keys)
    return Batch(keys, to_texts(payloads, len(keys)), rows_of(vectors, len(keys), specs))


def rows_of(vectors: Any, count: int, specs: Mapping[str, VectorSpec]) -> dict[str, NDArray[Any]]:
    """The vectors by name, each in the stored dtype."""
    if vectors is None and specs:
        raise InvalidInputError(
            f"vectors are missing: this collection has {', '.join(specs)}; give vectors="
        )
    if vectors is None:
        return {}
    if not isinstance(vectors, Mapping):
        if len(specs) != 1:
            raise InvalidInputError(
                f"this collection has the vectors {', '.join(specs) or 'none'}; give a dict of "
                "them by name"
            )
        vectors = {next(iter(specs)): vectors}
    return {
        name: rows_for(spec_of(name, specs), values, count, name)
        for name, values in vectors.items()
    }


def spec_of(name: str, specs: Mapping[str, VectorSpec]) -> VectorSpec:
    """How the vectors of a name were declared, or a refusal."""
    if name not in specs:
        raise InvalidInputError(
            f"this collection has no vectors named {name!r}; it has {', '.join(specs) or 'none'}"
        )
    return specs[name]


def rounded(values: NDArray[np.float64], spec: VectorSpec) -> NDArray[Any]:
    """Values that vectors of a dtype may have, the nearest to these."""
    if spec.dtype not in ("i8", "u8"):
        return values
    holds = np.iinfo(STORED[spec.dtype])
    return np.clip(np.rint(values), holds.min, holds.max)


def rows_for(spec: VectorSpec, values: Any, count: int, name: str) -> NDArray[Any]:
    """Rows to store, which the engine would take too."""
    rows = stored_rows(values, spec.dim, spec.dtype)
    if len(rows) != count:
        raise InvalidInputError(
            f"{len(rows):,} vectors ({name}) for {count:,} ids; give one for each"
        )
    # The engine judges the rows of an exact search before it looks at the queries: here, of none.
    nobody = np.empty((0, row_width(spec.dim, spec.dtype)), QUERY[spec.dtype])
    knn(rows, nobody, spec.dim, spec.metric, spec.dtype, 1, 1)
    return rows
