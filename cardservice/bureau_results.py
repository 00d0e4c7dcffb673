"""What a bureau says it did with the rows of a batch, line by line. No line is taken by itself."""

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

_CHIP: Final = re.compile(r"[0-9a-f]{14}")


class Made(StrEnum):
    """What became of a row."""

    DISPATCHED = "dispatched"
    FAILED = "failed"


class Fault(StrEnum):
    """Why the bureau could not make a card."""

    CHIP = "chip"
    PRINT = "print"
    DATA = "data"
    OTHER = "other"


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: which batch, and how many lines follow."""

    batch: UUID
    rows: int


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line.

    Attributes:
        row: its number in the batch.
        outcome: what became of it.
        chip: UID of the chip in a card that was dispatched, 14 hexadecimal digits.
        fault: why one failed.
    """

    row: int
    outcome: Made
    chip: str | None = None
    fault: Fault | None = None


class Results(msgspec.Struct, frozen=True):
    """A whole file: row -> its result, and the line on which it is."""

    batch: UUID
    rows: Mapping[int, Result]
    lines: Mapping[int, int]


class BadLine(msgspec.Struct, frozen=True):
    """Why the whole file is refused, and the line (from 1) that is to blame; 0 for the whole."""

    line: int
    sentence: str


def read(lines: bytes) -> Results | BadLine:
    """Read every line, or name the first that is wrong. What the rows mean is not looked at."""
    try:
        text = lines.decode()
    except UnicodeDecodeError as error:
        return BadLine(lines[: error.start].count(b"\n") + 1, "This line is not UTF-8 text.")
    first, *rest = text.removesuffix("\n").split("\n")
    try:
        head = msgspec.json.decode(first, type=Head)
    except msgspec.DecodeError:
        return BadLine(1, "The first line must name the batch and the number of rows.")
    if len(rest) != head.rows:
        return BadLine(
            len(rest) + 1,
            f"The first line says that {head.rows} rows follow, but {len(rest)} do. "
            "The file is not whole.",
        )
    rows: dict[int, Result] = {}
    where: dict[int, int] = {}
    for number, line in enumerate(rest, start=2):
        found = _result(line)
        if isinstance(found, str):
            return BadLine(number, found)
        if found.row in rows:
            said = f"Row {found.row} is there twice, first on line {where[found.row]}."
            return BadLine(number, said)
        rows[found.row], where[found.row] = found, number
    return Results(head.batch, rows, where)


def missing(results: Results, expected: Collection[int]) -> BadLine | None:
    """The first row of the batch that the file says nothing of."""
    lacking = sorted(set(expected) - set(results.rows))
    if not lacking:
        return None
    last = len(results.rows) + 1
    return BadLine(last, f"Row {lacking[0]} of the batch is missing. The file is not whole.")


def _result(line: str) -> Result | str:
    try:
        found = msgspec.json.decode(line, type=Result)
    except msgspec.ValidationError as error:
        return f"This line is not a result: {error}."
    except msgspec.DecodeError:
        return "This line is not JSON."
    if found.outcome is Made.DISPATCHED and not _CHIP.fullmatch(found.chip or ""):
        return "A card that was dispatched needs its chip, 14 digits from 0 to 9 and a to f."
    if (found.outcome is Made.FAILED) is (found.fault is None):
        return "A card that failed needs a fault, and no other card has one."
    return found
