"""What was asked lately of one kind: the queries that efforts are measured with."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vicinal.recall import EXACT

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from vicinal.collection.effort.curve import Curve, Mark
    from vicinal.collection.nearest import Found
    from vicinal.filters import Expr

#: Queries that are kept, and measured with: they tell 0.99 from what is half a percent off.
MOST = 1000

#: Fewer tell nothing.
ENOUGH = 100

#: Queries whose distances are compared with those measured, at least and at most.
WINDOW = (64, 256)

#: Shares of the vectors changed since: then it is measured again, and not believed any more.
STALE, LOST = 0.05, 0.3

#: An exact answer counts as one as long as no greater share of the vectors has changed.
FRESH = 0.01

#: After so many queries it is measured again, whatever they looked like.
AGAIN = 10 * MOST


class Question(NamedTuple):
    """A query that was asked.

    Attributes
    ----------
    query : ndarray
    condition : Expr or None
    last : float or None
        How far its last true neighbour is, where the answer was exact.
    wanted : int
        How many neighbours were found.
    mark : Mark
        Of the vectors then.
    """

    query: NDArray[Any]
    condition: Expr | None
    last: float | None
    wanted: int
    mark: Mark

    def is_answered(self, now: Mark) -> bool:
        """Whether its answer is exact, and of about this state."""
        return self.last is not None and self.mark.changed(now) <= FRESH


class Asked:
    """The queries of one kind, and the curve that was measured with them.

    The lock of its `Effort` is held by whoever calls.

    Attributes
    ----------
    curve : Curve or None
    era : int
        Grows when queries have become others, and what was measured with those before is void.
    """

    def __init__(self) -> None:
        self.curve: Curve | None = None
        self.era = 0
        self._questions: deque[Question] = deque(maxlen=MOST)
        self._windows: dict[int, deque[float]] = {}  # by the rung that was nearest
        self._unseen: Counter[int] = Counter()  # of each window, since it was compared
        self._since = 0  # questions since it was measured
        self._tried = 0  # questions that it was measured with

    def questions(self) -> list[Question]:
        """Those that are kept."""
        return list(self._questions)

    def note(
        self, queries: NDArray[Any], found: Sequence[Found], condition: Expr | None, mark: Mark
    ) -> None:
        """Keep queries with their answers."""
        for query, one in zip(queries[-MOST:], found[-MOST:], strict=True):
            if len(one.slots):
                last = float(one.distances[-1]) if one.estimate is EXACT else None
                self._questions.append(
                    Question(query.copy(), condition, last, len(one.slots), mark)
                )
        self._since += len(queries)

    def shifted(self, ef_search: int, distances: Collection[float]) -> bool:
        """Whether the queries of late, with these as the last, are not like those measured.

        Of those that were walked with about this effort, by the distances of what was found last.
        """
        assert self.curve is not None, "they are compared with what was measured"
        rung = self.curve.rung(ef_search)
        window = self._windows.setdefault(rung, deque(maxlen=WINDOW[1]))
        window.extend(distances)
        self._unseen[rung] += len(distances)
        if self._unseen[rung] < WINDOW[0]:
            return False
        self._unseen[rung] = 0
        return self.curve.differs(rung, np.array(window, np.float32))

    def begin_anew(self) -> None:
        """Forget all: the queries are others now."""
        self.curve = None
        self.era += 1
        self._questions.clear()
        self._windows.clear()
        self._unseen.clear()
        self._since = self._tried = 0

    def believed(self, now: Mark) -> Curve | None:
        """The curve, unless too much has changed since."""
        curve = self.curve
        return None if curve is None or curve.mark.changed(now) > LOST else curve

    def is_due(self, now: Mark) -> bool:
        """Whether it is time to measure: with more queries, or because things have changed."""
        held = len(self._questions)
        if held < ENOUGH or self._since == 0:
            return False
        if self.curve is not None and self.curve.mark.changed(now) > STALE:
            return True
        return self._since >= AGAIN or (self._tried < MOST and held >= min(2 * self._tried, MOST))

    def take(self, curve: Curve) -> None:
        """Go by a curve from now on."""
        self.curve = curve
        self._windows.clear()
        self._unseen.clear()
        self.tried(curve.queries)

    def tried(self, queries: int) -> None:
        """Note that it was measured with so many, or could not be."""
        self._since, self._tried = 0, queries
