"""Measuring in small steps: what is due, with the queries that were asked."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vicinal.collection.effort import asked, ladder
from vicinal.collection.effort.curve import Curve, Mark, Rung
from vicinal.collection.knobs import Knobs
from vicinal.collection.nearest import nearest
from vicinal.errors import VicinalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from vicinal.collection.effort.asked import Question
    from vicinal.collection.effort.kinds import Kind, Kinds
    from vicinal.collection.effort.ladder import Look
    from vicinal.collection.space import Space
    from vicinal.filters import Expr

log = logging.getLogger("vicinal.collection")

#: Filters that one curve is measured with at most.
CONDITIONS = 64


class Measuring:
    """Measures the kinds of questions to one name's vectors.

    Parameters
    ----------
    space : Space
    kinds : Kinds
    look : callable
        Gives a view, and the slots that a condition allows.
    """

    def __init__(self, space: Space, kinds: Kinds, look: Look) -> None:
        self._space = space
        self._kinds = kinds
        self._look = look
        self._under_way: tuple[Kind, Iterator[None]] | None = None

    def work(self, busy: Callable[[], bool]) -> bool:
        """Measure what is due, a tenth of a second's worth at a time, until ``busy`` says so.

        Returns
        -------
        bool
            Whether something is left to do.
        """
        while True:
            if self._under_way is None:
                kind = self._kinds.due(self._state())
                if kind is None:
                    self._kinds.keep()
                    return False
                self._under_way = kind, self._measuring(kind, None, 1)
            kind, steps = self._under_way
            try:
                next(steps)
            except StopIteration:
                self._under_way = None
            except VicinalError as error:
                self._under_way = None
                with self._kinds.lock:
                    self._kinds.asked(kind).tried(0)
                log.warning("%s: recall not measured: %s", self._space.collection, error)
            if busy():
                return True

    def at_once(self, kind: Kind, now: Mark, threads: int) -> None:
        """Measure with the queries whose true neighbours are known."""
        for _ in self._measuring(kind, now, threads):
            pass

    def _measuring(self, kind: Kind, now: Mark | None, threads: int) -> Iterator[None]:
        """Measure one kind in small steps; with ``now``, with what is known of that state alone."""
        with self._kinds.lock:
            of = self._kinds.asked(kind)
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
        self._kinds.take(of, era, curve, len(questions))

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
