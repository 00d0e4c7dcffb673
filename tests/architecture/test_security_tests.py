"""Every test that docs/security.md names exists, and every reason it names is one."""

import re
from pathlib import Path
from typing import Final

from cardservice.reconciliation_models import FindingKind
from readers.contract.reasons import Reason
from readers.terminal import errors
from readers.terminal.errors import TerminalError

ROOT: Final = Path(__file__).parents[2]
SECURITY: Final = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
_NAMED: Final = re.compile(r"`(test_[a-z0-9_]+)`")
_DEFINED: Final = re.compile(r"^(?:async )?def (test_[a-z0-9_]+)\(", re.MULTILINE)
_FRAUD: Final = re.compile(r"^\|[^|]*\|[^|]*\|[^|]*\| `([a-z-]+)` \| `test_", re.MULTILINE)


def test_every_test_that_is_named_exists() -> None:
    files = (ROOT / "tests").rglob("test_*.py")
    defined = {name for file in files for name in _DEFINED.findall(file.read_text("utf-8"))}
    named = set(_NAMED.findall(SECURITY))
    assert len(named) > 10
    assert named <= defined


def test_every_test_file_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+(?:\.py)?)`", SECURITY)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_reason_that_is_named_is_one() -> None:
    kinds = {each for each in vars(errors).values() if isinstance(each, type)}
    codes = {each.code for each in kinds if issubclass(each, TerminalError)}
    known = {*Reason, *FindingKind, *codes}
    named = _FRAUD.findall(SECURITY)
    assert len(named) > 10
    assert set(named) <= known
