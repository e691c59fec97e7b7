"""The contenders: which there are, and how a user names them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .hnsw import FaissFlat, FaissHnsw, FaissSq8, Hnswlib, USearch, USearchBf16, USearchI8, Voyager
from .others import Annoy, Scann, Svs, SvsLvq, Symqg, Vsag
from .own import Vicinal, VicinalExact, VicinalKnn

if TYPE_CHECKING:
    from .base import Adapter

ADAPTERS: dict[str, type[Adapter]] = {
    "vicinal": Vicinal,
    "vicinal_exact": VicinalExact,
    "vicinal_knn": VicinalKnn,
    "hnswlib": Hnswlib,
    "faiss_hnsw": FaissHnsw,
    "faiss_sq8": FaissSq8,
    "faiss_flat": FaissFlat,
    "usearch_f32": USearch,
    "usearch_bf16": USearchBf16,
    "usearch_i8": USearchI8,
    "annoy": Annoy,
    "scann": Scann,
    "svs_f32": Svs,
    "svs_lvq": SvsLvq,
    "voyager": Voyager,
    "symqg": Symqg,
    "vsag": Vsag,
}

PEERS = tuple(name for name, kind in ADAPTERS.items() if kind.family != "vicinal")

# A library's own name stands for all of its rows.
ALIASES = {"scalable-vs": "svs", "rabitqlib": "symqg", "pyvsag": "vsag", "faiss-cpu": "faiss"}


@dataclass(frozen=True)
class Contender:
    """A row of the table: an adapter, and the build settings that differ from its own."""

    adapter: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name it goes by in tables and plots."""
        return " ".join(
            [self.adapter, *(f"{name}={value}" for name, value in self.settings.items())]
        )

    @property
    def environment(self) -> dict[str, str]:
        """Variables to set for its process."""
        return self.kind.environment(self.settings)

    @property
    def kind(self) -> type[Adapter]:
        """The adapter's class."""
        return ADAPTERS[self.adapter]


def parse(text: str) -> list[Contender]:
    """Read a list of contenders as a user writes it.

    Parameters
    ----------
    text
        Names parted by commas. A library's name stands for all of its rows (``faiss`` for
        ``faiss_hnsw``, ``faiss_sq8``, ``faiss_flat``), ``all`` for every peer. Build settings may
        follow each name after colons: ``hnswlib:M=32:ef_construction=400,faiss``.

    Returns
    -------
    list of Contender
        In the order given, each once.

    Raises
    ------
    ValueError
        If a name or a setting is unknown.
    """
    contenders: list[Contender] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, *pairs = item.split(":")
        settings = dict(_setting(pair, item) for pair in pairs)
        for adapter in _expand(name):
            contender = Contender(adapter, settings)
            if contender not in contenders:
                contenders.append(contender)
    return contenders


def _expand(name: str) -> list[str]:
    name = ALIASES.get(name.lower(), name.lower())
    if name == "all":
        return list(PEERS)
    if name in ADAPTERS:
        return [name]
    rows = [adapter for adapter, kind in ADAPTERS.items() if kind.family == name]
    if not rows:
        known = ", ".join(sorted({kind.family for kind in ADAPTERS.values()} | {*ADAPTERS, "all"}))
        raise ValueError(f"no contender is called {name!r}; there are {known}")
    return rows


def _setting(pair: str, item: str) -> tuple[str, int | float | str]:
    name, equals, value = pair.partition("=")
    if not (name and equals and value):
        raise ValueError(f"{pair!r} in {item!r} is not a setting: write NAME=VALUE")
    for convert in (int, float):
        with suppress(ValueError):
            return name, convert(value)
    return name, value
