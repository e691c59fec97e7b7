"""A page of plots in a real browser: no error, no network, and the reader's theme."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

import vicinal
from vicinal.plots import look

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("plotly")
sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


def test_the_page_draws_itself_by_day_and_by_night(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, Q = np.split(rng.normal(size=(2_050, 8)).astype(np.float32), [2_000])
    ix = vicinal.Index(8)
    ix.add(X)
    report = ix.tune(Q)
    report.plot(tmp_path / "tune.html")
    complaints: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(color_scheme="light", offline=True)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(f"{said.type} {said.text}"))
        page.goto((tmp_path / "tune.html").as_uri())
        paper = "getComputedStyle(document.querySelector('.main-svg')).backgroundColor"
        for theme in (look.LIGHT, look.DARK):
            page.emulate_media(color_scheme=theme.name)
            red, green, blue = (int(theme.paper[i : i + 2], 16) for i in (1, 3, 5))
            page.wait_for_function(f"{paper} === 'rgb({red}, {green}, {blue})'")
            assert page.locator(".scatterlayer .trace").count() == 5
        assert page.locator(".legend .traces").count() == 3
        browser.close()
    assert complaints == []
