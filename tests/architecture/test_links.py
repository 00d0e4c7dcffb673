"""A link from one of our documents to another leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK: Final = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
_HEADING: Final = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)
_NAMED: Final = re.compile(r'<a id="([^"]+)"></a>')
_FENCED: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def links(text: str) -> Iterator[tuple[str, str]]:
    for found in _LINK.finditer(_FENCED.sub("", text)):
        yield found.group(1), found.group(2) or ""


def anchors(text: str) -> set[str]:
    """Those named, and those that places which show Markdown make: lower case, with hyphens."""
    plain = (re.sub(r"[^\w\- ]", "", each.lower()) for each in _HEADING.findall(text))
    return {*(each.replace(" ", "-") for each in plain), *_NAMED.findall(text)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    dead = []
    for path, anchor in links(document.read_text(encoding="utf-8")):
        target = document if not path else (document.parent / path).resolve()
        if not target.exists() or (
            anchor and anchor not in anchors(target.read_text(encoding="utf-8"))
        ):
            dead.append(f"{path}#{anchor}" if anchor else path)
    assert not dead


def test_a_dead_link_and_a_dead_anchor_are_seen() -> None:
    assert list(links("[a](b.md) [c](d.md#e-f) [g](https://h) `[i]`")) == [
        ("b.md", ""),
        ("d.md", "e-f"),
    ]
    assert anchors('# What it *is*\n<a id="b"></a>\n## 2. Two') == {"what-it-is", "b", "2-two"}
