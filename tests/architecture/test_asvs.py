"""What we say of OWASP ASVS 5.0.0 is whole, and names tests that exist."""

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
IDS: Final = Path(__file__).parent / "asvs-5.0.0-ids.txt"
LISTED: Final[list[dict[str, Any]]] = tomllib.loads(
    (ROOT / "docs" / "asvs.toml").read_text(encoding="utf-8")
)["requirement"]
VERDICTS: Final = {"met", "partly", "gap", "not-applicable"}
BY_ID: Final = [pytest.param(each, id=each["id"]) for each in LISTED]


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = [
        node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def test_every_requirement_of_these_chapters_is_answered_once() -> None:
    lines = [line for line in IDS.read_text().splitlines() if not line.startswith("#")]
    facts = [(number, int(level)) for number, level in map(str.split, lines)]
    assert len(facts) == 170
    assert [(each["id"], each["level"]) for each in LISTED] == facts


@pytest.mark.parametrize("asked", BY_ID)
def test_a_verdict_has_a_test_that_exists_or_a_reason(asked: dict[str, Any]) -> None:
    assert set(asked) <= {"id", "level", "asks", "verdict", "why", "tests"}
    assert asked["verdict"] in VERDICTS
    assert asked["asks"].endswith(".")
    named = asked.get("tests", [])
    assert len(named) == len(set(named))
    for each in named:
        path, _, name = each.partition("::")
        assert name in names_in(path), each
    assert asked.get("why") or (asked["verdict"] == "met" and named)
