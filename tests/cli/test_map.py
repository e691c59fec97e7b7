"""`vicinal map` writes one page, and says what it shows."""

from __future__ import annotations

import pytest

pytest.importorskip("plotly")


def test_map_writes_a_page(vicinal, data, index, tmp_path):
    page = tmp_path / "city.html"
    words = ("map", index, data / "queries.npy", "-o", page, "--layout", "pca", "--first", 3)
    facts = vicinal(*words, "--json").json
    assert (facts["command"], facts["page"]) == ("map", str(page))
    assert (facts["shown"], facts["queries"], facts["layout"]) == (facts["vectors"], 3, "pca")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert index.name in page.read_text(encoding="utf-8")
    again = vicinal(*words)
    assert again.status == 2
    assert "--force replaces it" in again.err
    assert vicinal(*words, "--force").out.startswith(f"{page}: ")


def test_what_map_refuses(vicinal, index, tmp_path):
    page = tmp_path / "city.html"
    assert vicinal("map", index, "-o", tmp_path / "nowhere" / "city.html").status == 3
    assert vicinal("map", index, "-o", page, "--layout", "star").status == 2
    assert vicinal("map", tmp_path / "nothing.vicinal", "-o", page).status == 3
    assert not page.exists()
