"""`Effort`: searches for a recall, and the measuring that this takes."""

from __future__ import annotations

import json
import logging
import math
import threading
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from vicinal.collection.effort import asked, ladder
from vicinal.collection.effort.asked import Asked
from vicinal.collection.effort.curve import Curve, Mark, Rung
from vicinal.collection.knobs import Knobs
from vicinal.collection.nearest import nearest
from vicinal.errors import VicinalError
from vicinal.filters.paths import path_text
from vicinal.filters.tree import leaves
from vicinal.recall import EXACT
from vicinal.records import calibrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import apsw
    from numpy.typing import NDArray

    from vicinal.collection.effort.asked import Question
    from vicinal.collection.nearest import Found
    from vicinal.collection.space import Space
    from vicinal.collection.view import View
    from vicinal.filters import Expr
    from vicinal.recall import RecallEstimate
    from vicinal.records.store import Store

    #: A view, for as long as it is looked at, and the slots that a condition allows.
    Look: TypeAlias = Callable[
        [Expr | None], AbstractContextManager[tuple[View, NDArray[np.int64] | None]]
    ]
    #: Searches a view among the slots that are allowed.
    Search: TypeAlias = Callable[[NDArray[Any], Knobs], list[Found]]

log = logging.getLogger("vicinal.collection")

#: Kinds of questions that are told apart; more, and those asked longest ago are forgotten.
KINDS = 16

#: Filters that one curve is measured with at most.
CONDITIONS = 64

#: Of what is kept beside the records.
FORMAT = 1


class Kind(NamedTuple):
    """Questions that one curve speaks for.

    Attributes
    ----------
    k : int
    fields : str
        Which fields the filter asks for; "" without one.
    band : int
        The filter lets through one in 2^band, or up to twice as many.
    """

    k: int
    fields: str
    band: int


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
        self._look = look
        self._lock = threading.Lock()
        self._kinds: OrderedDict[Kind, Asked] = OrderedDict()
        self._version: int | None = None
        self._kept = True
        self._under_way: tuple[Kind, Iterator[None]] | None = None
        self.wake: Callable[[], None] | None = None

    # ---- searching ---------------------------------------------------------------------------

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
        self._load(connection)
        now, kind = Mark.of(view), _kind(view, knobs.k, condition, allowed)
        if knobs.target is None:
            found = search(queries, knobs)
            estimate = self.estimate(now, kind, knobs.ef_search)
            return [one if one.estimate else one._replace(estimate=estimate) for one in found]
        found = []
        for start in range(0, len(queries), asked.MOST):
            part = queries[start : start + asked.MOST]
            answers, telling = self._reached(now, part, knobs, kind, search)
            found += answers
            if not telling or self._store.in_transaction:  # what may be undone tells nobody
                continue
            with self._lock:
                of = self._asked(kind)
                of.note(part, answers, condition, now)
                due = of.is_due(now)
            many = len(queries) - start > 2 * asked.MOST
            if due and (self.wake is None or many):
                self._measure_now(kind, now, knobs.threads)
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
        with self._lock:
            of = self._asked(kind)
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
        with self._lock:
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

    def estimate(self, now: Mark, kind: Kind, ef_search: int) -> RecallEstimate | None:
        """What is known of an effort."""
        with self._lock:
            known = self._kinds.get(kind)
            curve = None if known is None else known.believed(now)
        return None if curve is None else curve.estimate(max(ef_search, kind.k))

    def usual(self, connection: apsw.Connection, view: View) -> RecallEstimate | None:
        """What is known of a search as it is by default, without a filter."""
        self._load(connection)
        return self.estimate(Mark.of(view), Kind(10, "", 0), 64)

    def _asked(self, kind: Kind) -> Asked:
        found = self._kinds.pop(kind, None) or Asked()
        self._kinds[kind] = found  # at the end
        if len(self._kinds) > KINDS:
            self._kinds.popitem(last=False)
        return found

    # ---- measuring ---------------------------------------------------------------------------

    def work(self, busy: Callable[[], bool]) -> bool:
        """Measure what is due, a tenth of a second's worth at a time, until ``busy`` says so.

        Returns
        -------
        bool
            Whether something is left to do.
        """
        while True:
            if self._under_way is None:
                kind = self._due()
                if kind is None:
                    self._keep()
                    return False
                self._under_way = kind, self._measuring(kind, None, 1)
            kind, steps = self._under_way
            try:
                next(steps)
            except StopIteration:
                self._under_way = None
            except VicinalError as error:
                self._under_way = None
                with self._lock:
                    self._asked(kind).tried(0)
                log.warning("%s: recall not measured: %s", self._space.collection, error)
            if busy():
                return True

    def _due(self) -> Kind | None:
        now = self._state()
        with self._lock:
            return next((kind for kind, of in self._kinds.items() if of.is_due(now)), None)

    def _measure_now(self, kind: Kind, now: Mark, threads: int) -> None:
        """Measure with the queries whose true neighbours are known."""
        for _ in self._measuring(kind, now, threads):
            pass

    def _measuring(self, kind: Kind, now: Mark | None, threads: int) -> Iterator[None]:
        """Measure one kind in small steps; with ``now``, with what is known of that state alone."""
        with self._lock:
            of = self._asked(kind)
            era, before, questions = of.era, of.believed(now) if now else None, of.questions()
        if now is not None:
            questions = [question for question in questions if question.is_answered(now)]
        least = max(asked.ENOUGH, before.queries + 1 if before else 0)
        curve = None
        if len(questions) >= least:
            knobs = Knobs(kind.k, kind.k, "graph", threads)
            groups: list[ladder.Group] = []
            yield from self._grouped(questions, knobs, groups)
            if sum(len(group.queries) for group in groups) >= least:
                began, rungs = self._state(), list[Rung]()
                ends = list["NDArray[np.float32]"]()
                yield from ladder.climb(self._space.spec, groups, knobs, self._look, rungs, ends)
                if began.changed(self._state()) <= asked.FRESH:
                    true = np.concatenate([group.last for group in groups])
                    curve = Curve.of(rungs, ends, true, began)
        with self._lock:
            if of.era != era:
                return
            if curve is None:
                of.tried(len(questions))
            else:
                of.take(curve)
                self._kept = False

    def _state(self) -> Mark:
        with self._look(None) as (view, _):
            return Mark.of(view)

    def _grouped(
        self, questions: list[Question], knobs: Knobs, groups: list[ladder.Group]
    ) -> Iterator[None]:
        """Bring questions of the same filter together, with their true neighbours."""
        by_condition: dict[Expr | None, list[Question]] = {}
        for question in reversed(questions):
            if question.condition in by_condition or len(by_condition) < CONDITIONS:
                by_condition.setdefault(question.condition, []).append(question)
        for condition, some in by_condition.items():
            queries = np.stack([question.query for question in some])
            last = np.array([question.last or 0.0 for question in some], np.float32)
            wanted = np.array([question.wanted for question in some], np.int64)
            with self._look(condition) as (view, allowed):
                now = Mark.of(view)
            unknown = np.flatnonzero([not question.is_answered(now) for question in some])
            step = ladder.step(now.vectors, self._space.spec)
            for start in range(0, len(unknown), step):
                places = unknown[start : start + step]
                with self._look(None) as (view, _):
                    found = nearest(
                        view,
                        self._space.spec,
                        queries[places],
                        replace(knobs, plan="scan"),
                        allowed,
                    )
                last[places], wanted[places] = ladder.ends(found)
                yield
            kept = wanted > 0
            groups.append(ladder.Group(allowed, queries[kept], last[kept], wanted[kept]))

    # ---- keeping -----------------------------------------------------------------------------

    def _load(self, connection: apsw.Connection) -> None:
        """Take what is kept, where it is news."""
        number = self._space.number
        version = calibrations.version(connection, number)
        if version is None or version == self._version:
            return
        text = calibrations.kept(connection, number)
        said: dict[str, Any] = {"format": None} if text is None else json.loads(text)
        with self._lock:
            self._version = version
            if said["format"] != FORMAT:
                log.warning("%s: what was measured is damaged; not used", self._space.collection)
                return
            for kind, curve in said["curves"]:
                self._asked(Kind(*kind)).take(Curve.from_json(curve))

    def _keep(self) -> None:
        """Write down what was measured. Queries are not."""
        with self._lock:
            if self._kept:
                return
            curves = [[kind, of.curve.to_json()] for kind, of in self._kinds.items() if of.curve]
            self._kept = True
        text = json.dumps({"format": FORMAT, "curves": curves})
        with self._store.writing() as connection:
            self._space.table.must_exist(connection)
            version = calibrations.keep(connection, self._space.number, text)
        with self._lock:
            self._version = version


def _kind(view: View, k: int, condition: Expr | None, allowed: NDArray[np.int64] | None) -> Kind:
    if condition is None or allowed is None:
        return Kind(k, "", 0)
    fields = " ".join(sorted({path_text(leaf.path) for leaf in leaves(condition)}))
    share = len(allowed) / max(1, Mark.of(view).vectors)
    return Kind(k, fields, math.ceil(-math.log2(share)) if 0 < share < 1 else 0)
