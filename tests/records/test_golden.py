"""Databases of every format that was released open, and say what they said then."""

from __future__ import annotations

import json
import logging
import shutil
from typing import TYPE_CHECKING

import pytest

import golden_databases as golden
import vicinal
from vicinal.records.schema import VERSION

if TYPE_CHECKING:
    from pathlib import Path

RELEASED = sorted(golden.FOLDER.iterdir(), key=lambda folder: int(folder.name))


def test_there_is_one_of_the_present_format() -> None:
    assert str(VERSION) in [folder.name for folder in RELEASED], "run `make golden`"


@pytest.mark.parametrize("folder", RELEASED, ids=lambda folder: folder.name)
def test_a_released_database_says_what_it_said(folder: Path, path, caplog) -> None:
    shutil.copytree(folder / golden.DATABASE, path)
    expected = json.loads((folder / golden.SAID).read_text(encoding="utf-8"))
    caplog.set_level(logging.WARNING)
    assert json.loads(json.dumps(golden.said(path))) == expected
    assert not caplog.records  # its graphs are used, not made anew
    with vicinal.open(path) as db:
        assert db.verify().ok
        docs = db.collection("docs")
        docs.upsert(["new"], {"title": [[1, 2, 3]]}, [{"cat": "x", "body": "we run"}])
        docs.compact()
        assert docs.search([1, 2, 3], using="title", k=1).ids == ["new"]
        assert "new" in docs.text("running", k=50).ids
        docs.delete(["new"])
    found = json.loads(json.dumps(golden.said(path)))
    for told in (found, expected):  # these have what came last now
        del told["docs"]["graphs"]
    assert found == expected
