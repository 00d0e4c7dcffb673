"""A file of results is read whole or refused whole, with the line that is to blame."""

import json
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardservice import bureau_results
from cardservice.bureau_results import BadLine, Fault, Made, Results

BATCH: Final = UUID("01930000-0000-7000-8000-000000000001")
GOOD: Final[list[dict[str, Any]]] = [
    {"row": 1, "outcome": "dispatched", "chip": "04112233445566"},
    {"row": 2, "outcome": "failed", "fault": "print"},
    {"row": 3, "outcome": "dispatched", "chip": "04112233445577"},
]


def file(rows: list[Any], *, says: int | None = None) -> bytes:
    head = {"batch": str(BATCH), "rows": len(rows) if says is None else says}
    lines = [json.dumps(each) if isinstance(each, dict) else str(each) for each in (head, *rows)]
    return ("\n".join(lines) + "\n").encode()


def bad(data: bytes) -> BadLine:
    found = bureau_results.read(data)
    assert isinstance(found, BadLine)
    assert found.sentence.endswith(".")
    return found


def test_a_whole_file_says_what_became_of_each_row_and_where() -> None:
    found = bureau_results.read(file(GOOD))
    assert isinstance(found, Results)
    assert found.batch == BATCH
    assert {row: each.outcome for row, each in found.rows.items()} == {
        1: Made.DISPATCHED,
        2: Made.FAILED,
        3: Made.DISPATCHED,
    }
    assert found.rows[2].fault is Fault.PRINT
    assert found.lines == {1: 2, 2: 3, 3: 4}
    assert bureau_results.missing(found, [1, 2, 3]) is None


def test_a_batch_without_a_row_is_read_too() -> None:
    found = bureau_results.read(file([]))
    assert isinstance(found, Results)
    assert found.rows == {}


@pytest.mark.parametrize(
    "wrong",
    [
        "not json",
        "[]",
        "null",
        "",
        {},
        {"row": 3},
        {"row": "3", "outcome": "failed", "fault": "chip"},
        {"row": 3, "outcome": "posted"},
        {"row": 3, "outcome": "dispatched"},
        {"row": 3, "outcome": "dispatched", "chip": "04"},
        {"row": 3, "outcome": "dispatched", "chip": "04112233445G77"},
        {"row": 3, "outcome": "dispatched", "chip": "04112233445577", "fault": "chip"},
        {"row": 3, "outcome": "failed"},
        {"row": 3, "outcome": "failed", "fault": "because"},
        {"row": 3, "outcome": "failed", "fault": "chip", "name": "Jean"},
    ],
)
def test_a_wrong_line_is_named(wrong: object) -> None:
    assert bad(file([GOOD[0], GOOD[1], wrong])).line == 4
    assert bad(file([wrong, GOOD[0], GOOD[1]])).line == 2


def test_a_row_that_is_there_twice_is_named_with_both_lines() -> None:
    found = bad(file([*GOOD, GOOD[0]]))
    assert found.line == 5
    assert "line 2" in found.sentence


def test_a_file_that_is_not_whole_is_told_by_its_first_line() -> None:
    assert "3 rows" in bad(file(GOOD[:2], says=3)).sentence
    assert bad(file(GOOD, says=2)).line == 4
    for first in (b"", b"{}", b"[1]\n", file(GOOD).partition(b"\n")[2], b'{"batch":"x","rows":1}'):
        assert bad(first).line == 1


def test_a_line_that_is_not_utf_8_is_named() -> None:
    assert bad(file(GOOD) + b"\xff\xfe").line == 5


def test_a_row_that_nothing_is_said_of_is_named() -> None:
    found = bureau_results.read(file(GOOD))
    assert isinstance(found, Results)
    lacking = bureau_results.missing(found, [1, 2, 3, 4, 5])
    assert lacking is not None
    assert "Row 4" in lacking.sentence


@given(st.binary(max_size=300))
def test_whatever_is_sent_is_answered(data: bytes) -> None:
    assert isinstance(bureau_results.read(data), (Results, BadLine))


@given(st.data())
def test_one_changed_byte_never_makes_another_row_appear(data: st.DataObject) -> None:
    whole = bytearray(file(GOOD))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    found = bureau_results.read(bytes(whole))
    if isinstance(found, Results):
        assert len(found.rows) == len(GOOD)
