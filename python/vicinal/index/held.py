"""What every part of an index stands on: the engine's index, and what it was made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vicinal import checks
from vicinal.errors import InvalidTypeError

if TYPE_CHECKING:
    from vicinal._native import Index as NativeIndex


class Held:
    """The engine's index, with its parameters by name."""

    __slots__ = ("_metric", "_native")

    _metric: str
    _native: NativeIndex

    def _hold(self, native: NativeIndex) -> None:
        self._native = native
        self._metric = native.metric

    @property
    def dim(self) -> int:
        """Components of a vector."""
        return self._native.dim

    @property
    def metric(self) -> str:
        """What "near" means."""
        return self._native.metric

    @property
    def dtype(self) -> str:
        """How vectors are stored."""
        return self._native.dtype

    @property
    def M(self) -> int:  # noqa: N802 - the paper's name
        """Links of a node on the upper layers."""
        return self._native.m

    @property
    def ef_construction(self) -> int:
        """Candidates gathered for each inserted vector."""
        return self._native.ef_construction

    @property
    def seed(self) -> int:
        """Seed of the level law."""
        return self._native.seed

    @property
    def level_p(self) -> float:
        """The p of the level law P(L >= l) = p^l."""
        return self._native.level_p

    @property
    def layout(self) -> str:
        """What a node's row of layer 0 holds: "compact" or "fast"."""
        return self._native.layout

    @property
    def store(self) -> str:
        """What is kept of a vector: the dtype as it was given, "f16" or "none"."""
        return self._native.store

    def __len__(self) -> int:
        return len(self._native)

    def __contains__(self, value: object) -> bool:
        number = checks.as_id(value)
        return number is not None and self._native.contains(number)

    def __repr__(self) -> str:
        return (
            f"Index(dim={self.dim}, metric={self.metric!r}, dtype={self.dtype!r}, M={self.M}, "
            f"ef_construction={self.ef_construction}, seed={self.seed}) of {len(self):,} vectors"
        )

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise InvalidTypeError(
            "an Index is not pickled or copied: save() it, and open(path, mmap=True) where it is "
            "needed; processes then share its memory"
        )
