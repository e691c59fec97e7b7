"""`Effort`: searches for a recall, by the least effort that reached it."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from vicinal.collection.effort import asked
from vicinal.collection.effort.curve import Mark
from vicinal.collection.effort.kinds import Kind, Kinds
from vicinal.collection.effort.measuring import Measuring
from vicinal.collection.nearest import nearest
from vicinal.recall import EXACT

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw
    import numpy as np
    from numpy.typing import NDArray

    from vicinal.collection.effort.ladder import Look
    from vicinal.collection.knobs import Knobs
    from vicinal.collection.nearest import Found
    from vicinal.collection.space import Space
    from vicinal.collection.view import View
    from vicinal.filters import Expr
    from vicinal.recall import RecallEstimate
    from vicinal.records.store import Store

    #: Searches a view among the slots that are allowed.
    Search: TypeAlias = Callable[[NDArray[Any], Knobs], list[Found]]

log = logging.getLogger("vicinal.collection")


class Effort:
    """Searches of one name's vectors for a recall, and the curves that they go by.

    Parameters
    ----------
    space : Space
    store : Store
    look : callable
        Gives a view, and the slots that a condition allows.

    Attributes
    ----------
    wake : callable or None
        Tells the thread that measures in idle time; where there is none, who asks does it.
    """

    def __init__(self, space: Space, store: Store, look: Look) -> None:
        self._space = space
        self._store = store
        self._kinds = Kinds(space, store)
        self._measuring = Measuring(space, self._kinds, look)
        self.wake: Callable[[], None] | None = None

    def nearest(
        self,
        connection: apsw.Connection,
        view: View,
        queries: NDArray[Any],
        knobs: Knobs,
        condition: Expr | None,
        allowed: NDArray[np.int64] | None,
    ) -> list[Found]:
        """As `vicinal.collection.nearest.nearest`; with a target, by the effort that it takes."""
        search: Search = partial(nearest, view, self._space.spec, allowed=allowed)
        if knobs.target == 1.0:
            knobs = replace(knobs, plan="scan")
        if knobs.plan == "scan" or view.index is None:
            return search(queries, knobs)
        self._kinds.load(connection)
        now, kind = Mark.of(view), Kind.of(view, knobs.k, condition, allowed)
        if knobs.target is None:
            found = search(queries, knobs)
            estimate = self._kinds.estimate(now, kind, knobs.ef_search)
            return [one if one.estimate else one._replace(estimate=estimate) for one in found]
        found = []
        for start in range(0, len(queries), asked.MOST):
            part = queries[start : start + asked.MOST]
            answers, telling = self._reached(now, part, knobs, kind, search)
            found += answers
            if not telling or self._store.in_transaction:  # what may be undone tells nobody
                continue
            with self._kinds.lock:
                of = self._kinds.asked(kind)
                of.note(part, answers, condition, now)
                due = of.is_due(now)
            many = len(queries) - start > 2 * asked.MOST
            if due and (self.wake is None or many):
                self._measuring.at_once(kind, now, knobs.threads)
            if due and self.wake is not None:
                self.wake()
        return found

    def _reached(
        self, now: Mark, queries: NDArray[Any], knobs: Knobs, kind: Kind, search: Search
    ) -> tuple[list[Found], bool]:
        """Answers by the effort that the target takes, or exact ones where it is not known.

        And whether to keep the queries: where all are compared in any case there is nothing to be
        found out.
        """
        assert knobs.target is not None, "there is one"
        exactly = replace(knobs, plan="scan")
        with self._kinds.lock:
            of = self._kinds.asked(kind)
            curve = of.believed(now)
        least = None if curve is None else curve.least(knobs.target)
        if curve is None or least is None:
            found = search(queries, replace(knobs, ef_search=1))
            if all(one.estimate is EXACT for one in found):
                return found, False
            return search(queries, exactly), True
        found = search(queries, replace(knobs, ef_search=least))
        ends = {
            place: float(one.distances[-1])
            for place, one in enumerate(found)
            if one.estimate is None and len(one.slots)
        }
        # Nothing is known of a query whose neighbours are farther than those of any measured.
        unknown = [place for place, end in ends.items() if curve.is_beyond(end)]
        with self._kinds.lock:
            if of.curve is curve and of.shifted(least, ends.values()):
                of.begin_anew()
                unknown = list(ends)
                log.info(
                    "%s: queries for %r are others than before; answers are exact until their "
                    "recall has been measured",
                    self._space.collection,
                    self._space.name,
                )
        if unknown:
            for place, one in zip(unknown, search(queries[unknown], exactly), strict=True):
                found[place] = one
        estimate = curve.estimate(least)
        return [one if one.estimate else one._replace(estimate=estimate) for one in found], True

    def usual(self, connection: apsw.Connection, view: View) -> RecallEstimate | None:
        """What is known of a search as it is by default, without a filter."""
        self._kinds.load(connection)
        return self._kinds.estimate(Mark.of(view), Kind(10, "", 0), 64)

    def work(self, busy: Callable[[], bool]) -> bool:
        """Measure what is due, as `Measuring.work` does it."""
        return self._measuring.work(busy)
