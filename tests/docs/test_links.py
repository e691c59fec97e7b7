"""No link leads nowhere; the network is never asked."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from pages import ROOT, all_pages, anchors, links

if TYPE_CHECKING:
    from pathlib import Path


def broken(page: Path, target: str) -> str | None:
    """What is wrong with a link, or None."""
    parts = urlsplit(target)
    if parts.scheme:
        good = parts.scheme == "https" and "." in parts.netloc
        return None if good else "an outside link is https and names a host"
    to = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not to.exists():
        return "no such file"
    if not to.is_relative_to(ROOT):
        return "leads out of the project"
    if parts.fragment and to.suffix == ".md" and parts.fragment not in anchors(to):
        return "no such heading"
    return None


@pytest.mark.parametrize("page", all_pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    wrong = [
        f"{page.relative_to(ROOT)}:{line}: {target}: {why}"
        for line, target in links(page)
        if (why := broken(page, target))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("no-such-page.md", "no such file"),
        ("README.md#no-such-heading", "no such heading"),
        ("../..", "leads out of the project"),
        ("http://example.org", "an outside link is https and names a host"),
        ("README.md", None),
        ("https://example.org/page", None),
    ],
)
def test_a_broken_link_is_seen(target: str, why: str | None) -> None:
    assert broken(ROOT / "CHANGELOG.md", target) == why
