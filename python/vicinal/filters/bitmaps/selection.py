"""What bitmaps know of a filter: which slots it selects, which it may select, and how to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyroaring import BitMap

from vicinal.filters.tree import And, Expr, Not, Or

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Selection:
    """The slots of a filter, as far as declared fields tell.

    Attributes
    ----------
    sure : BitMap
        Slots that the filter selects.
    maybe : BitMap
        Slots that it may select, none of which is sure. All others it does not select.
    rest : Expr or None
        Of the slots in ``maybe`` the filter selects those that this selects; None if there are
        none.
    """

    sure: BitMap
    maybe: BitMap
    rest: Expr | None

    @classmethod
    def of(cls, sure: BitMap, maybe: BitMap, rest: Expr) -> Selection:
        """Return the selection; what is sure is no longer in doubt, and no doubt needs no rest."""
        doubtful = maybe - sure
        return cls(sure, doubtful, rest if doubtful else None)


def negated(part: Selection, expr: Not, universe: BitMap) -> Selection:
    """Return the selection of ``expr``, the negation of a part."""
    return Selection.of(universe - part.sure - part.maybe, part.maybe, expr)


def joined(parts: Sequence[tuple[Expr, Selection]], expr: And | Or) -> Selection:
    """Return the selection of ``expr`` from those of its parts.

    Where it is in doubt, the parts that are known have no say: all of them hold there (and), or
    none does (or). So the rest is made of the others alone, each in full.
    """
    sures = [part.sure for _, part in parts]
    maybes = [part.sure | part.maybe if part.maybe else part.sure for _, part in parts]
    join = BitMap.intersection if isinstance(expr, And) else BitMap.union
    in_doubt = [one for one, part in parts if part.rest is not None]
    sure, upper = join(*sures), join(*maybes)
    return Selection.of(sure, upper, type(expr).of(*in_doubt) if in_doubt else expr)
