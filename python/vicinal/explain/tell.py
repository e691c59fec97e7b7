"""What is printed of an explanation: a heading, and a branch for each part of the search."""

from __future__ import annotations

import html
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from vicinal.explain.route import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.tree import Tree

    from vicinal.explain.route import Layer, Reranked
    from vicinal.result import Certificate, Counters

#: What was found, and how far each is.
Pairs: TypeAlias = "list[tuple[Name, float]]"

#: Hops of a layer that are written out; those between the first and the last of them are counted.
SHOWN = 12

ENDINGS = {
    "descent": "no neighbour is nearer",
    "exhausted": "every candidate kept was gone to",
    "bound": "the nearest candidate left is beyond the bound",
    "hops": "it had made as many hops as it may",
}


class Told(Generic[Name]):
    """What explanations have in common: how they are printed, and drawn by rich."""

    __slots__ = ()

    k: int
    ef_search: int
    metric: str
    expected: dict[str, int]
    layers: tuple[Layer[Name], ...]
    reranked: tuple[Reranked[Name], ...]

    def _costs(self) -> Counters | None:
        """What the search of the graph cost, if there was one."""
        raise NotImplementedError

    def _branches(self) -> Iterator[tuple[str, list[str]]]:
        """Heading and lines of each part."""
        raise NotImplementedError

    def _answer(self) -> Pairs[Name]:
        """What the search found."""
        raise NotImplementedError

    def _proven(self) -> tuple[Certificate, Pairs[Name]] | None:
        """What was proven, and of which answer; None if no guarantee was asked for."""
        raise NotImplementedError

    def __str__(self) -> str:
        lines = [self._title()]
        for branch, leaves in self._branches():
            lines.append(f"├─ {branch}")
            lines += [f"│    {leaf}" for leaf in leaves]
        return "\n".join(lines)

    def __repr__(self) -> str:
        hops = sum(len(layer.hops) for layer in self.layers)
        return (
            f"{type(self).__name__}(k={self.k}, ef_search={self.ef_search}, {self._plan()}, "
            f"{hops} hops)"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def __rich__(self) -> Tree:
        from rich.markup import escape
        from rich.tree import Tree

        tree = Tree(escape(self._title()))
        for branch, leaves in self._branches():
            node = tree.add(escape(branch))
            for leaf in leaves:
                node.add(escape(leaf))
        return tree

    def _plan(self) -> str:
        counters = self._costs()
        return "scan" if counters is None else str(counters.plan)

    def _plan_among(self, among: str) -> tuple[str, list[str]]:
        """The branch of the plan, and what the others were expected to cost."""
        costs = ", ".join(f"{plan} {cost:,}" for plan, cost in self.expected.items())
        return f"plan: {self._plan()}, among {among}", [f"expected ns: {costs}"]

    def _title(self) -> str:
        title = f"the {self.k} nearest by {self.metric}, ef_search={self.ef_search}"
        counters = self._costs()
        if counters is None:
            return title
        return f"{title}: {counters.distance_evaluations:,} distances, {counters.hops:,} hops"

    def _way(self) -> Iterator[tuple[str, list[str]]]:
        """The branches of the walk: its layers, and what measuring again changed."""
        for layer in self.layers:
            through = layer.let_through
            by = "" if through is None else f", {through} from what the filter lets through"
            yield f"layer {layer.layer}: {len(layer.hops)} hops{by}", [*_hops(layer)]
        if self.reranked:
            moved = [c for c in self.reranked if c.was != c.became]
            lines = [
                f"{called(c.id)}: {c.was + 1} → {c.became + 1}, {c.before:.6g} → {c.after:.6g}"
                for c in moved
            ]
            heading = f"{len(self.reranked)} measured from full vectors, {len(moved)} moved"
            yield heading, lines

    def _proof(self) -> Iterator[tuple[str, list[str]]]:
        """The branch of the certificate, where a guarantee was asked for."""
        proven = self._proven()
        if proven is None:
            return
        told, pairs = proven
        heading = "certified" if told.certified else "not certified within the budget"
        if told.epsilon == 0.0:
            heading += ": these are the true neighbours"
        elif math.isfinite(told.epsilon):
            heading += f": no distance is more than {1 + told.epsilon:.6g} times the true one"
        by = "compared" if told.bounded == 0 else f"measured, {told.bounded:,} bounded by codes"
        lines = [f"{told.measured:,} vectors {by} ({told.share:.2%})"]
        walked = {name for name, _ in self._answer()}
        lines += [
            f"not found by the walk: {called(name)} at {far:.6g}"
            for name, far in pairs
            if name not in walked
        ]
        yield heading, lines

    def _proof_as_dict(self) -> dict[str, Any] | None:
        proven = self._proven()
        if proven is None:
            return None
        told, pairs = proven
        epsilon = told.epsilon if math.isfinite(told.epsilon) else None
        return {**asdict(told), "epsilon": epsilon, **pairs_as_dict(pairs)}

    def _costs_as_dict(self) -> dict[str, Any]:
        """What the search cost, as what JSON can hold; None where there was no graph to ask."""
        counters = self._costs()
        named = ("distance_evaluations", "estimates", "hops")
        return {name: counters and int(getattr(counters, name)) for name in named}

    def _way_as_dict(self) -> dict[str, Any]:
        """The same as what JSON can hold."""
        return {
            "layers": [
                {
                    "layer": layer.layer,
                    "entry": plain(layer.entry),
                    "ended": layer.ended,
                    "let_through": layer.let_through,
                    "hops": [
                        {
                            "id": plain(hop.id),
                            "distance": hop.distance,
                            "bound": hop.bound if math.isfinite(hop.bound) else None,
                            "seen_ids": [plain(name) for name in hop.seen_ids.tolist()],
                            "seen_distances": hop.seen_distances.tolist(),
                            "allowed": hop.allowed,
                            "seen_allowed": None
                            if hop.seen_allowed is None
                            else hop.seen_allowed.tolist(),
                        }
                        for hop in layer.hops
                    ],
                }
                for layer in self.layers
            ],
            "reranked": [
                {
                    "id": plain(c.id),
                    "before": c.before,
                    "after": c.after,
                    "was": c.was,
                    "became": c.became,
                }
                for c in self.reranked
            ],
        }


def found(pairs: Pairs[Any]) -> tuple[str, list[str]]:
    """The branch of the answer."""
    return f"found {len(pairs)}", [f"{called(name)} at {far:.6g}" for name, far in pairs]


def pairs_as_dict(pairs: Pairs[Any]) -> dict[str, list[Any]]:
    """What was found as what JSON can hold."""
    return {"ids": [plain(name) for name, _ in pairs], "distances": [far for _, far in pairs]}


def called(name: object) -> str:
    """A vector's name, for people: strings in quotes, since anything may be in them."""
    if name is None:
        return "(a record that is retired)"
    return repr(name) if isinstance(name, str) else str(name)


def plain(name: Any) -> Any:
    """A vector's name as JSON can hold it: of a UUID its text."""
    return name if name is None or isinstance(name, (int, str)) else str(name)


def _hops(layer: Layer[Any]) -> Iterator[str]:
    hops = layer.hops
    for i, hop in enumerate(hops):
        if SHOWN // 2 <= i < len(hops) - SHOWN // 2:
            if i == SHOWN // 2:
                yield f"… {len(hops) - SHOWN} more"
            continue
        bound = f", bound {hop.bound:.6g}" if layer.layer == 0 else ""
        refused = ", refused by the filter" if hop.allowed is False else ""
        some = "" if hop.seen_allowed is None else f", {hop.seen_allowed.sum()} of them allowed"
        yield (
            f"{called(hop.id)} at {hop.distance:.6g}{refused}{bound}, "
            f"{len(hop.seen_ids)} neighbours{some}"
        )
    yield f"end: {ENDINGS[layer.ended]}"
