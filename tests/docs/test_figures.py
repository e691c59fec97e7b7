"""The figures can be redrawn, and the pages show exactly those."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from pages import ROOT, all_pages, links

pytest.importorskip("matplotlib")

IMAGES = ROOT / "docs" / "images"


def shown() -> set[str]:
    return {
        Path(target).name
        for page in all_pages()
        for _, target in links(page)
        if (page.parent / target).resolve().parent == IMAGES
    }


@pytest.fixture(scope="module")
def redrawn(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    out = tmp_path_factory.mktemp("images")
    figures = ROOT / "docs" / "figures.py"
    subprocess.run([sys.executable, str(figures), "--out", str(out)], check=True, timeout=300)
    return sorted(out.iterdir())


def test_each_figure_is_drawn_kept_and_shown(redrawn: list[Path]) -> None:
    drawn = {path.name for path in redrawn}
    assert drawn == {path.name for path in IMAGES.iterdir()}
    assert drawn == shown()


def test_each_figure_is_a_picture_of_the_kept_size(redrawn: list[Path]) -> None:
    for path in redrawn:
        fresh, kept = ET.parse(path).getroot(), ET.parse(IMAGES / path.name).getroot()
        assert fresh.get("viewBox") == kept.get("viewBox")
        assert len(list(fresh.iter())) > 100
