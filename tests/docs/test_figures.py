"""The figures can be redrawn, and the pages show exactly those."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from pages import ROOT, all_pages, links

image = pytest.importorskip("matplotlib.image")

IMAGES = ROOT / "docs" / "images"
SCREENS = ROOT / "docs" / "screens"


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


@pytest.mark.skipif(
    not (shutil.which("chromium") or shutil.which("chromium-browser")), reason="needs Chromium"
)
def test_the_screens_of_a_map_are_taken_by_day_and_by_night(tmp_path: Path) -> None:
    pytest.importorskip("playwright")
    pytest.importorskip("plotly")
    program = ROOT / "docs" / "map_picture.py"
    words = ["city", "--shops", "2000", "--out", str(tmp_path)]
    subprocess.run([sys.executable, str(program), *words], check=True, timeout=100)
    day, night = (image.imread(tmp_path / f"city-{scheme}.png") for scheme in ("light", "dark"))
    assert day.shape == image.imread(SCREENS / "city-light.png").shape
    assert day.mean() > 0.8
    assert night.mean() < 0.3
    assert len(np.unique(day.reshape(-1, day.shape[-1]), axis=0)) > 1_000  # it drew something
