"""ARCHITECTURE.md names every room of the house, and no room that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pages import ROOT, links

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "ARCHITECTURE.md"


def rooms() -> list[Path]:
    """Folders that hold code, and the Python modules that stand alone."""
    folders = {
        p.parent
        for pattern in ("crates/*/src/**/*.rs", "python/vicinal/**/*.py")
        for p in ROOT.glob(pattern)
    }
    modules = {p for p in (ROOT / "python" / "vicinal").glob("*.py") if p.name[0] != "_"}
    return sorted(folders | modules)


@pytest.mark.parametrize("room", rooms(), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_room_is_linked(room: Path) -> None:
    linked = {(ROOT / target.split("#")[0]).resolve() for _, target in links(PAGE)}
    assert room in linked, f"ARCHITECTURE.md does not link {room.relative_to(ROOT)}"
