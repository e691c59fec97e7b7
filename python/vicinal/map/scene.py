"""What the page shows, as plain data: the vectors, the links, and the ways of the queries."""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.map.place import Placed, positions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vicinal.explain import Explanation, WhyNot
    from vicinal.graph import Graph, GraphLayer

#: Links of a layer that the page holds; where there are more, some drawn by chance.
MOST_LINKS = 300_000
#: Kinds that get a colour each; the rest are "other".
KINDS = 7
#: Letters of one text on hover.
LETTERS = 400


class Mapped(Placed, Protocol):
    """What is asked of an index."""

    def __len__(self) -> int: ...
    @property
    def explain(self) -> Callable[..., Explanation]:
        """Tells the way."""

    @property
    def why_not(self) -> Callable[..., WhyNot]:
        """Tells why something is missing."""

    @property
    def graph(self) -> Callable[[], Graph]:
        """Gives the links."""


def scene(
    index: Mapped,
    queries: NDArray[Any],
    k: int,
    ef_search: int,
    labels: Any,
    payloads: Any,
    color: Any,
    most: int,
    layout: str,
    seed: int,
) -> dict[str, Any]:
    """Gather all that the page needs; see `draw` for the parameters."""
    graph = index.graph()
    texts = by_place("labels", labels, graph.ids)
    records = by_place("payloads", payloads, graph.ids)
    hues = _hues(color, records, graph.ids)
    ways = [index.explain(query, k, ef_search=ef_search, plan="graph") for query in queries]
    truths = [index.search(query, k, exact=True) for query in queries]
    shown = _shown(graph, ways, [truth.ids for truth in truths], most, seed)
    placed, method = positions(index, graph.ids[shown], layout, seed)
    place_of = {int(number): place for place, number in enumerate(graph.ids[shown])}
    return {
        "count": len(graph.ids),
        "metric": index.metric,
        "dim": index.dim,
        "layout": method,
        "x": packed(placed[:, 0], np.float32),
        "y": packed(placed[:, 1], np.float32),
        "levels": packed(graph.levels[shown], np.uint8),
        "ids": [str(number) for number in graph.ids[shown].tolist()],  # JavaScript has 53 bits
        "texts": [_text(place, texts, records) for place in shown.tolist()]
        if texts is not None or records is not None
        else None,
        "color": _colors(hues, shown, color if isinstance(color, str) else "colour"),
        "layers": [_links(layer, shown, len(graph.ids), seed) for layer in graph.layers],
        "queries": [
            _query(index, query, k, ef_search, way, truth.ids[: truth.counts], place_of)
            for query, way, truth in zip(queries, ways, truths, strict=True)
        ],
    }


def by_place(name: str, values: Any, ids: NDArray[np.int64]) -> list[Any] | None:
    """What is given for each id, in the order of the ids: a mapping, or as many as there are."""
    if values is None:
        return None
    if isinstance(values, Mapping):
        return [values.get(number) for number in ids.tolist()]
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
        raise InvalidTypeError(
            f"{name} must be a sequence in the order of ids(), or a mapping from id, "
            f"not a {type(values).__name__}"
        )
    if len(values) != len(ids):
        raise InvalidInputError(
            f"{name} has {len(values):,} entries, but the index {len(ids):,} vectors; pass one for "
            "each in the order of ids(), or a mapping from id"
        )
    return list(values)


def _shown(
    graph: Graph,
    ways: list[Explanation],
    answers: list[NDArray[np.int64]],
    most: int,
    seed: int,
) -> NDArray[np.int64]:
    """Places that the map shows: all, or those of ways, answers and upper layers, and a sample."""
    n = len(graph.ids)
    if n <= most:
        return np.arange(n)
    told = [hop.id for way in ways for layer in way.layers for hop in layer.hops]
    told += [number for ids in answers for number in ids.tolist() if number >= 0]
    told += [number for way in ways for number in way.result.ids.tolist() if number >= 0]
    kept = np.isin(graph.ids, np.array(told, np.int64))
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    # The highest first: a highway is seen from far away.
    order = order[np.argsort(-graph.levels[order].astype(np.int64), kind="stable")]
    rest = order[~kept[order]]
    kept[rest[: max(0, most - int(kept.sum()))]] = True
    return np.flatnonzero(kept)


def _links(layer: GraphLayer, shown: NDArray[np.int64], n: int, seed: int) -> dict[str, Any]:
    """The links of a layer between shown vectors, each once, as pairs of places on the map."""
    place = np.full(n, -1, np.int64)
    place[shown] = np.arange(len(shown))
    offsets = layer.offsets.astype(np.int64)
    degrees = offsets[1:] - offsets[:-1]
    ends = np.stack([place[np.repeat(layer.nodes, degrees)], place[layer.neighbors]])
    ends = np.sort(ends[:, (ends >= 0).all(axis=0)], axis=0)
    keys = np.unique(ends[0] * max(1, len(shown)) + ends[1])
    held = keys
    if len(keys) > MOST_LINKS:
        held = np.random.default_rng(seed).permutation(keys)[:MOST_LINKS]
    pairs = np.stack([held // max(1, len(shown)), held % max(1, len(shown))], axis=1)
    return {"links": len(keys), "held": len(held), "pairs": packed(pairs, np.uint32)}


def _query(
    index: Mapped,
    query: NDArray[Any],
    k: int,
    ef_search: int,
    way: Explanation,
    true: NDArray[np.int64],
    place_of: dict[int, int],
) -> dict[str, Any]:
    """One query: its steps, its answer, the true one, and why something is missing."""
    found = way.result.ids[: way.result.counts].tolist()
    missed = [number for number in true.tolist() if number not in found]
    verdicts = [index.why_not(query, i, k, ef_search=ef_search, plan="graph") for i in missed]
    # Copies of a vector are found by its node, and none of them missed unless it is farther.
    verdicts = [why for why in verdicts if why.cause not in ("equal distance", "found")]
    return {
        "near": [place_of[number] for number in true[:3].tolist()],
        "steps": _steps(way, place_of),
        "found": [place_of[number] for number in found],
        "true": [place_of[number] for number in true.tolist()],
        "distances": [float(d) for d in way.result.distances[: len(found)]],
        "missed": [{"at": place_of[why.id], "why": str(why)} for why in verdicts],
        "evaluations": int(way.counters.distance_evaluations),
    }


def _steps(way: Explanation, place_of: dict[int, int]) -> list[dict[str, Any]]:
    """The hops, each with the hop that led to it and the neighbours that it looked at."""
    steps: list[dict[str, Any]] = []
    for layer in way.layers:
        led: dict[int, int] = {}
        for hop in layer.hops:
            at = len(steps)
            if hop.id not in place_of:
                # Links may lead through a vector that was removed: it has no place any more.
                for number in hop.seen_ids.tolist():
                    led.setdefault(number, led.get(hop.id, -1))
                continue
            steps.append(
                {
                    "layer": layer.layer,
                    "at": place_of[hop.id],
                    "from": led.get(hop.id, -1),
                    "distance": hop.distance,
                    "bound": hop.bound if math.isfinite(hop.bound) else None,
                    "saw": len(hop.seen_ids),
                    "seen": [place_of[i] for i in hop.seen_ids.tolist() if i in place_of],
                }
            )
            for number in hop.seen_ids.tolist():
                led.setdefault(number, at)
    return steps


def _hues(color: Any, records: list[Any] | None, ids: NDArray[np.int64]) -> list[Any] | None:
    """What to colour by, for each place."""
    if not isinstance(color, str):
        return by_place("color", color, ids)
    if records is None:
        raise InvalidInputError(
            f"color={color!r} names a field of the payloads, and there are none: pass payloads, or "
            "a value for each id as color"
        )
    hues = [record.get(color) if isinstance(record, Mapping) else None for record in records]
    if records and all(hue is None for hue in hues):
        fields = sorted({str(key) for r in records[:100] if isinstance(r, Mapping) for key in r})
        raise InvalidInputError(f"color={color!r}: no payload has that field; {fields[:20]} are")
    return hues


def _colors(hues: list[Any] | None, shown: NDArray[np.int64], name: str) -> dict[str, Any] | None:
    """Values for a scale if all are numbers, else kinds by how many there are of each."""
    if hues is None:
        return None
    mine = [hues[place] for place in shown.tolist()]
    given = [hue for hue in mine if hue is not None]
    if given and all(isinstance(h, (int, float)) and not isinstance(h, bool) for h in given):
        values = [float("nan") if hue is None else float(hue) for hue in mine]
        return {"name": name, "values": packed(np.array(values), np.float32)}
    counts: dict[str, int] = {}
    for hue in given:
        counts[str(hue)] = counts.get(str(hue), 0) + 1
    ranked = sorted(counts, key=lambda kind: (-counts[kind], kind))
    number = {kind: i for i, kind in enumerate(ranked[:KINDS])}
    kinds = [_short(kind, 40) for kind in number]
    if len(number) < len(ranked) or len(given) < len(mine):
        kinds.append("other")
    of = [number.get(str(hue), len(number)) if hue is not None else len(number) for hue in mine]
    return {"name": name, "kinds": kinds, "of": packed(np.array(of), np.uint8)}


def _text(place: int, texts: list[Any] | None, records: list[Any] | None) -> str:
    """What is known of a vector, a line each."""
    lines = []
    if texts is not None and texts[place] is not None:
        lines.append(_short(str(texts[place]), LETTERS))
    record = None if records is None else records[place]
    if isinstance(record, Mapping):
        fields = itertools.islice(record.items(), 12)
        lines += [f"{_short(str(key), 40)}: {_short(str(value), 100)}" for key, value in fields]
    elif record is not None:
        lines.append(_short(str(record), LETTERS))
    return "\n".join(lines)


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "…"


def packed(values: NDArray[Any], kind: Any) -> str:
    """Numbers as base64 of their little-endian bytes."""
    plain = np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<"))
    return base64.b64encode(plain.tobytes()).decode()
