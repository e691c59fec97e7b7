"""A view with the methods of an index, for those who judge one or draw it. Its ids are slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.arrays import from_stored

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal.collection.view import View
    from vicinal.records.catalog import VectorSpec


class Face:
    """The vectors of a view, as an index gives them.

    Parameters
    ----------
    view : View
    spec : VectorSpec
    """

    def __init__(self, view: View, spec: VectorSpec) -> None:
        self._view = view
        self._spec = spec

    @property
    def dim(self) -> int:
        """Of the vectors."""
        return self._spec.dim

    @property
    def dtype(self) -> str:
        """Of the vectors."""
        return self._spec.dtype

    @property
    def metric(self) -> str:
        """Of the vectors."""
        return self._spec.metric

    def ids(self) -> NDArray[np.int64]:
        """All slots that can be found, rising."""
        view = self._view
        parts = [view.slots]
        if view.index is not None:
            held = view.index.ids()
            parts.insert(0, np.sort(held[held <= view.covered]))
        slots = np.concatenate(parts)
        return slots[view.alive(slots)]

    def get(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """The vectors of slots, as `Index.get` gives them."""
        view, spec = self._view, self._spec
        behind = ids > view.covered
        places = np.searchsorted(view.slots, ids[behind])
        rows = from_stored(
            np.ascontiguousarray(view.rows[places]).view(np.uint8), spec.dim, spec.dtype
        )
        if view.index is None:
            return rows
        held = view.index.get(ids[~behind])
        vectors = np.empty((len(ids), held.shape[1]), held.dtype)
        vectors[behind], vectors[~behind] = rows, held
        return vectors
