"""Recall by effort, as it was measured, and which queries that speaks for."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vicinal.recall import RecallEstimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal.collection.view import View

#: Distances of each rung that are kept to compare later queries with.
PROFILE = 64

#: Kolmogorov and Smirnov's factor for queries that differ by chance once in a thousand times.
UNLIKELY = 1.95


class Mark(NamedTuple):
    """A state of the vectors, to tell how much has changed since."""

    slot: int
    seq: int
    covered: int
    vectors: int

    @staticmethod
    def of(view: View) -> Mark:
        """The state of a view."""
        held = len(view.slots) + (0 if view.index is None else len(view.index))
        return Mark(view.slot, view.seq, view.covered, held)

    def changed(self, now: Mark) -> float:
        """Which share was written, retired or taken into the graph since."""
        written = abs(now.slot - self.slot) + abs(now.seq - self.seq)
        return max(written, abs(now.covered - self.covered)) / max(self.vectors, 1)


@dataclass(frozen=True, slots=True)
class Rung:
    """An ``ef_search`` and the recall that it reached, with its 95% interval."""

    ef_search: int
    recall: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What was measured.

    Attributes
    ----------
    rungs : tuple of Rung
        By rising effort.
    queries : int
        How many were asked on each rung.
    profiles : ndarray of float32, shape (rungs, n)
        Rising, of each rung: how far the last neighbours were that it found. Of many queries,
        quantiles. Walks of little effort find farther ones than the true, so that later walks are
        compared with those of the same effort.
    farthest : float
        How far the last true neighbour was at most.
    mark : Mark
        Of the vectors that were searched.
    """

    rungs: tuple[Rung, ...]
    queries: int
    profiles: NDArray[np.float32]
    farthest: float
    mark: Mark

    @staticmethod
    def of(
        rungs: list[Rung],
        ends: list[NDArray[np.float32]],
        true: NDArray[np.float32],
        mark: Mark,
    ) -> Curve:
        """Make one of what was measured.

        With how far the last neighbours were that each rung found, and those of the truth.
        """
        places = np.linspace(0, len(true) - 1, min(PROFILE, len(true))).round().astype(np.int64)
        profiles = np.stack([np.sort(found)[places] for found in ends])
        return Curve(tuple(rungs), len(true), profiles, float(true.max()), mark)

    def rung(self, ef_search: int) -> int:
        """The place of the rung whose effort is nearest."""
        efforts = np.log([rung.ef_search for rung in self.rungs])
        return int(np.abs(efforts - math.log(ef_search)).argmin())

    def least(self, target: float) -> int | None:
        """The least effort whose interval lies above the target; None where none was measured.

        Between two rungs shares are taken to rise evenly with the logarithm of the effort: they
        rise faster at first, so this asks for too much rather than for too little.
        """
        if self.rungs[0].low >= target:
            return self.rungs[0].ef_search
        for below, above in pairwise(self.rungs):
            if above.low >= target:
                part = (target - below.low) / (above.low - below.low)
                effort: float = below.ef_search * (above.ef_search / below.ef_search) ** part
                return min(math.ceil(effort), above.ef_search)
        return None

    def estimate(self, ef_search: int) -> RecallEstimate | None:
        """What an effort reaches; None below what was measured."""
        if ef_search < self.rungs[0].ef_search:
            return None
        efforts = np.log([rung.ef_search for rung in self.rungs])
        columns = zip(*((rung.recall, rung.low, rung.high) for rung in self.rungs), strict=True)
        at = math.log(ef_search)  # beyond the last rung, what that reached
        value, low, high = (float(np.interp(at, efforts, column)) for column in columns)
        return RecallEstimate(value, low, high, self.queries, ef_search)

    def is_beyond(self, distance: float) -> bool:
        """Whether no query had its k-th neighbour as far as that."""
        return distance > self.farthest

    def differs(self, rung: int, distances: NDArray[np.float32]) -> bool:
        """Whether queries with such distances are not like those measured on a rung.

        By the test of Kolmogorov and Smirnov: the largest gap between the shares of both that are
        below any distance.
        """
        profile = self.profiles[rung]
        both = np.concatenate([profile, distances])
        shares = [
            np.searchsorted(np.sort(part), both, "right") / len(part)
            for part in (profile, distances)
        ]
        gap = float(np.abs(shares[0] - shares[1]).max())
        # The profile itself is off by half a quantile.
        by_chance = UNLIKELY * math.sqrt(1 / self.queries + 1 / len(distances))
        return gap > by_chance + 0.5 / len(profile)

    def to_json(self) -> dict[str, Any]:
        """In nothing but JSON."""
        return {
            "rungs": [list(asdict(rung).values()) for rung in self.rungs],
            "queries": self.queries,
            "profiles": self.profiles.tolist(),
            "farthest": self.farthest,
            "mark": list(self.mark),
        }

    @staticmethod
    def from_json(said: dict[str, Any]) -> Curve:
        """What `to_json` gave."""
        rungs = tuple(Rung(*rung) for rung in said["rungs"])
        profiles = np.array(said["profiles"], np.float32)
        return Curve(rungs, said["queries"], profiles, said["farthest"], Mark(*said["mark"]))
