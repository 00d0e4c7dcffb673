"""Reading the tables that ship with the schemes, as rows with their place in the file."""

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from entitlements.errors import SchemesFaulty

TABLES: Final = Path(__file__).parent / "tables"


class Row(msgspec.Struct, frozen=True):
    """One row of a table.

    Attributes:
        place: file name and line, for messages.
        cells: column name to text.
    """

    place: str
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """The cell's text.

        Raises:
            SchemesFaulty: the table has no such column.
        """
        try:
            return self.cells[column]
        except KeyError:
            raise SchemesFaulty([f"{self.place}: there is no column '{column}'"]) from None

    def day(self, column: str) -> date | None:
        """The cell as a day (`YYYY-MM-DD`); None if it is empty.

        Raises:
            SchemesFaulty: the cell is not a day.
        """
        text = self.text(column)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            raise SchemesFaulty(
                [f"{self.place}: {column} '{text}' is not a date such as 2026-11-30"]
            ) from None

    def number(self, column: str) -> int | None:
        """The cell as a whole number; None if it is empty.

        Raises:
            SchemesFaulty: the cell is not a whole number.
        """
        text = self.text(column)
        if not text:
            return None
        if not text.isascii() or not text.isdigit():
            raise SchemesFaulty([f"{self.place}: {column} '{text}' is not a whole number"])
        return int(text)


def read_rows(path: Path) -> Sequence[Row]:
    """Every row of a CSV file with a header.

    Raises:
        SchemesFaulty: there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SchemesFaulty([f"{path.name}: there is no such table"]) from None
    return rows_of(path.name, text)


def rows_of(name: str, text: str) -> Sequence[Row]:
    """Every row of a table that was read already; `name` is for messages."""
    reader = csv.DictReader(text.splitlines())
    return [
        Row(
            place=f"{name}, line {reader.line_num}",
            cells={name: cell or "" for name, cell in cells.items()},
        )
        for cells in reader
    ]
