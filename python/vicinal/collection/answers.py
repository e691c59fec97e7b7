"""What a collection answers with."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from vicinal.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal.recall import RecallEstimate
    from vicinal.records.rows import Id
    from vicinal.result import Certificate


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a collection.

    Attributes
    ----------
    id : str, int or UUID
    payload : dict or None
    vectors : dict of str to ndarray
        By name, as they are stored; empty when they were not asked for.
    """

    id: Id
    payload: dict[str, Any] | None
    vectors: dict[str, NDArray[Any]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of a collection, in the order in which they were written.

    Attributes
    ----------
    records : list of Record
    cursor : int or None
        Where to go on, as `Collection.scroll` takes it; None behind the last.
    """

    records: list[Record]
    cursor: int | None


@dataclass(frozen=True, slots=True)
class GraphStats:
    """The vectors of one name, as searches see them.

    Attributes
    ----------
    vectors : int
        In the graph, retired ones among them.
    rows : int
        Not in the graph yet, and compared one by one.
    retired : int
        Replaced or deleted, and stepped over until they are taken out of the graph.
    unsaved : int
        Records written or retired since the file of the graph was.
    unsaved_seconds : float or None
        How old that file is, if it lacks anything; None where there is none.
    recall : RecallEstimate or None
        What is known of searches for 10 with ``ef_search=64`` and no filter; see
        `Hits.recall_estimate`.
    reachable : float or None
        The share of the graph's vectors that a walk over all of it arrives at; where `stats` was
        asked to walk.
    bytes : dict of str to int
        Of the rows in memory and of the graph's file, and in the depth of each table and of each
        part of the graph's memory.
    """

    vectors: int
    rows: int
    retired: int
    unsaved: int = field(default=0, compare=False)
    unsaved_seconds: float | None = field(default=None, compare=False)
    recall: RecallEstimate | None = field(default=None, compare=False)
    reachable: float | None = field(default=None, compare=False)
    bytes: dict[str, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class CollectionStats:
    """What a collection holds.

    Attributes
    ----------
    records : int
    graphs : dict of str to GraphStats
        By the name of the vectors.
    bytes : dict of str to int
        Of the tables of records, ids and text, where `stats` was asked to look at all of it.
    """

    records: int
    graphs: dict[str, GraphStats]
    bytes: dict[str, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """One record that a search found.

    Attributes
    ----------
    id : str, int or UUID
    score : float
        Higher is better, whatever the metric: the cosine of cosine, the inner product of ip, the
        distance with its sign turned of the others. Of text it is BM25, of a fusion the fusion's.
    distance : float or None
        In the metric's own unit; lower is nearer. None where only the text was looked at.
    payload : dict or None
    """

    id: Id
    score: float
    distance: float | None
    payload: dict[str, Any] | None


class Hits(Sequence[Hit]):
    """What one query found, the best first.

    Attributes
    ----------
    ids, scores, distances, payloads : list
        The fields of all hits, as columns.
    recall_estimate : RecallEstimate or None
        Which share of the true nearest is expected to be among what a vector found: exactly all
        where all were compared, or what was measured of such searches; None where nothing was.
    certificate : Certificate or None
        What was proven, when a guarantee was asked for.
    """

    __slots__ = ("_hits", "certificate", "recall_estimate")

    recall_estimate: RecallEstimate | None
    certificate: Certificate | None

    def __init__(
        self,
        hits: list[Hit],
        recall_estimate: RecallEstimate | None = None,
        certificate: Certificate | None = None,
    ) -> None:
        self._hits = hits
        self.recall_estimate = recall_estimate
        self.certificate = certificate

    @property
    def certified(self) -> bool:
        """Whether the guarantee that was asked for is proven; without one, False."""
        return self.certificate is not None and bool(self.certificate.certified)

    @property
    def epsilon(self) -> float:
        """What is proven, as in `Certificate`; without a guarantee, infinity."""
        return math.inf if self.certificate is None else float(self.certificate.epsilon)

    @property
    def ids(self) -> list[Id]:
        """The ids, the best first."""
        return [hit.id for hit in self._hits]

    @property
    def scores(self) -> list[float]:
        """The scores, falling."""
        return [hit.score for hit in self._hits]

    @property
    def distances(self) -> list[float | None]:
        """The distances."""
        return [hit.distance for hit in self._hits]

    @property
    def payloads(self) -> list[dict[str, Any] | None]:
        """The payloads."""
        return [hit.payload for hit in self._hits]

    def to_arrow(self) -> Any:
        """Make a table of pyarrow: id, score, distance, and payload as JSON text.

        Ids are integers where all of them are, and text otherwise.

        Raises
        ------
        MissingExtraError
            pyarrow is not installed.
        """
        try:
            import pyarrow as pa
        except ImportError as error:
            raise MissingExtraError(
                "to_arrow needs pyarrow: pip install 'vicinal[formats]'"
            ) from error
        numbers = bool(self._hits) and all(isinstance(hit.id, int) for hit in self._hits)
        texts = [
            None if hit.payload is None else json.dumps(hit.payload, ensure_ascii=False)
            for hit in self._hits
        ]
        return pa.table(
            {
                "id": pa.array(
                    self.ids if numbers else map(str, self.ids), None if numbers else pa.string()
                ),
                "score": pa.array(self.scores, pa.float64()),
                "distance": pa.array(self.distances, pa.float64()),
                "payload": pa.array(texts, pa.string()),
            }
        )

    def to_pandas(self) -> Any:
        """Make a data frame of pandas: id, score, distance, and payload as a dict or None.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError("to_pandas needs pandas: pip install pandas") from error
        numbers = bool(self._hits) and all(isinstance(hit.id, int) for hit in self._hits)
        return pd.DataFrame(
            {
                "id": pd.Series(self.ids, dtype="int64" if numbers else object),
                "score": pd.Series(self.scores, dtype="float64"),
                "distance": pd.Series(self.distances, dtype="float64"),
                "payload": pd.Series(self.payloads, dtype=object),
            }
        )

    def __len__(self) -> int:
        return len(self._hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> Hits: ...
    def __getitem__(self, place: int | slice) -> Hit | Hits:
        if isinstance(place, slice):
            return Hits(self._hits[place], self.recall_estimate, self.certificate)
        return self._hits[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hits) and self._hits == other._hits

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        lines = "".join(f"\n  {hit.id!r}  {hit.score:.4f}  {hit.payload!r}" for hit in self._hits)
        return f"{len(self._hits)} hits{lines}"
