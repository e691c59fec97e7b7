"""What a search is asked for besides its query, checked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vicinal import checks
from vicinal import guarantee as proofs
from vicinal.errors import InvalidInputError
from vicinal.tune import target_recall


@dataclass(frozen=True, slots=True)
class Knobs:
    """What a search is asked for, as in `Index.search`; with a target its effort is found out."""

    k: int
    ef_search: int
    plan: str
    threads: int
    target: float | None = None
    guarantee: str | float | None = None
    budget: float | None = None


def knobs(
    k: int,
    ef_search: int,
    *,
    target: float | None = None,
    exact: bool = False,
    plan: str = "auto",
    threads: int = 0,
) -> Knobs:
    """The knobs of a search, checked."""
    plan = checks.choice("plan", plan, ("auto", "graph", "scan"))
    if checks.flag("exact", exact):
        if plan == "graph":
            raise InvalidInputError('plan="graph" is not exact; leave one of the two out')
        plan = "scan"
    return Knobs(
        k=checks.integer("k", k, 1, checks.MAX_K),
        ef_search=checks.integer("ef_search", ef_search, 1, checks.MAX_EF),
        plan=plan,
        threads=checks.threads(threads),
        target=None if target is None else target_recall(target),
    )


def guaranteed(
    how: Knobs, guarantee: str | float | None, budget: float | None, metric: str
) -> Knobs:
    """The same knobs with what is to be proven, checked; as they are where nothing is."""
    if guarantee is None and budget is None:
        return how
    proofs.asked(guarantee, budget, metric)
    return replace(how, guarantee=guarantee, budget=budget)
