"""Answers of a view that differ from each other, chosen from more than are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vicinal import diverse
from vicinal.collection.face import Face
from vicinal.collection.nearest import as_result

if TYPE_CHECKING:
    from vicinal.collection.nearest import Found
    from vicinal.collection.view import View
    from vicinal.records.catalog import VectorSpec


def varied(view: View, spec: VectorSpec, found: list[Found], k: int, share: float) -> list[Found]:
    """Choose k of each query's answers by maximal marginal relevance, as `Index.search` does."""
    most = max((len(one.slots) for one in found), default=0)
    result = as_result(found, max(most, 1), spec.metric)
    space = (spec.dim, spec.metric, spec.dtype)
    places = diverse.diversified(result, k, share, Face(view, spec).get, space)
    return [one.only(chosen) for one, chosen in zip(found, places, strict=True)]
