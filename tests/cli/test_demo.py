"""The coffee city, small."""

from __future__ import annotations

import json
import re
import shutil
import sys

import numpy as np
import pytest

from vicinal.datasets import coffee_city


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The demo's figures and files, and what it told, for 2,000 shops."""
    from vicinal.demo import run

    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    figures = run(2_000, "medium roast, cosy spaceship", seed=3, output=folder, quiet=True)
    return figures, folder


def test_both_ways_are_measured_at_every_size(told):
    figures, _ = told
    growth = figures["growth"]
    assert [stage["shops"] for stage in growth] == [1_000, 2_000]
    for stage in growth:
        assert stage["walk_visits"] == stage["shops"], "exact search visits every shop"
        assert 0 < stage["ask_visits"] < stage["shops"]
        assert stage["recall"] >= 0.95
        assert stage["walk_seconds"] > 0
        assert stage["ask_seconds"] > 0
    assert growth[0]["ask_visits"] < growth[1]["ask_visits"]
    assert figures["law"]["ask_visits"] == pytest.approx(
        growth[1]["ask_visits"] - growth[0]["ask_visits"], abs=0.1
    )


def test_the_walk_finds_the_true_nearest(told):
    figures, _ = told
    city = coffee_city(2_000, seed=3)
    query = np.array(list(figures["wish"]["tastes"].values()), float)
    true = np.sort(np.linalg.norm(city.array() - query, axis=1))[:10]
    shops = figures["walk"]["shops"]
    np.testing.assert_allclose([shop["distance"] for shop in shops], true, atol=1e-3)
    first = city.shop(shops[0]["number"])
    assert (first.name, first.kind) == (shops[0]["name"], shops[0]["kind"])
    assert figures["wish"]["said"] == {"roast": 50, "cosiness": 85}
    assert figures["wish"]["unknown"] == ["spaceship"]


def test_plots_and_figures_are_left(told):
    figures, folder = told
    assert set(figures["files"]) == {
        str(folder / name)
        for name in (
            *("figures.json", "shops.npy", "wishes.npy"),
            *("growth.png", "growth.html", "map.html"),
        )
    }
    written = json.loads((folder / "figures.json").read_text())
    assert written["growth"] == figures["growth"]
    assert (folder / "growth.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "growth.html").read_text()
    assert figures["walk"]["shops"][0]["name"] in page
    assert "2,000 coffee shops" in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page), "it loads something"


def test_the_map_has_the_way_of_the_wish(told):
    _, folder = told
    page = (folder / "map.html").read_text(encoding="utf-8")
    held = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert held["count"] == 2_000
    (way,) = held["queries"]
    assert len(way["found"]) == 10
    assert way["steps"][-1]["layer"] == 0
    city = coffee_city(2_000, seed=3)
    shop = city.shop(int(held["ids"][7]))
    assert held["texts"][7].splitlines() == [
        shop.name,
        f"kind: {shop.kind}",
        f"neighbourhood: {shop.neighbourhood}",
    ]


@pytest.mark.parametrize(
    ("screen", "automatic", "words", "opens"),
    [
        (True, False, (), True),
        (False, False, (), False),
        (True, True, (), False),
        (True, False, ("--no-open",), False),
        (False, True, ("--open",), True),
    ],
)
def test_the_map_opens_where_somebody_looks(
    vicinal, tmp_path, monkeypatch, screen, automatic, words, opens
):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for name, there in (("DISPLAY", screen), ("CI", automatic)):
        monkeypatch.setenv(name, ":0") if there else monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("vicinal.cli.demo.terminal", lambda: True)
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    page = tmp_path / "map.html"
    monkeypatch.setattr("vicinal.demo.run", lambda *_, **__: {"files": [str(page)]})
    assert vicinal("demo", "-o", tmp_path, *words).status == 0
    assert opened == ([page.as_uri()] if opens else [])


def test_the_three_commands_work(told, shell):
    figures, folder = told
    assert len(figures["commands"]) == 3
    # What a reader can type: the command if it is on PATH, else what is running now.
    programs = ("vicinal",) if shutil.which("vicinal") else (sys.argv[0], "python -m vicinal")
    for line in figures["commands"]:
        (program,) = (p for p in programs if line.startswith(f"{p} "))
        said = shell(*line.removeprefix(program).split(), "--json")
        assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["measurements"][0]["recall"] > 0.95
    assert (folder / "shops.vicinal").exists()


def test_the_command_tells_the_story(vicinal, tmp_path):
    said = vicinal("demo", "--shops", "2_000", "--ask", "no dogs, quux", "-o", tmp_path)
    assert (said.status, said.err) == (0, "")
    for words in (
        "2,000 coffee shops",
        "dogs 5",
        "quux",
        "recall@10",
        "growth.png",
        "map.html",
        "build",
    ):
        assert words in said.out


def test_without_plotting_libraries_the_rest_is_told(vicinal, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = vicinal("demo", "--shops", 2_000, "-o", tmp_path)
    assert said.status == 0
    assert "pip install 'vicinal[plot]'" in said.out
    assert (tmp_path / "figures.json").exists()
    assert not (tmp_path / "growth.png").exists()


def test_the_command_speaks_json(vicinal, tmp_path):
    said = vicinal("demo", "--shops", 2_000, "-o", tmp_path, "--json")
    assert (said.status, said.err) == (0, "")
    assert said.json["command"] == "demo"
    assert said.json["growth"][-1]["shops"] == 2_000


def test_bad_wishes_and_folders_are_refused(vicinal, tmp_path):
    assert vicinal("demo", "--ask", "spaceships", "-o", tmp_path / "a").status == 2
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("")
    said = vicinal("demo", "--shops", 2_000, "-o", tmp_path / "file")
    assert said.status == 3
    assert "file: can't be made" in said.err
