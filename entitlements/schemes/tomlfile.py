"""Reading a TOML file so that every fault is found at once, each with its line and column.

`tomllib` keeps no positions. They are found with `tomllib` itself, not with a second grammar: a key
stands in the first whole statement whose end makes the file, cut off there, define the key. A cut
inside a value does not parse and is passed over. Only a faulty file pays for this.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Final, TypeVar

import msgspec

KeyPath = tuple[str | int, ...]
"""Keys and places in arrays, from the top of a document down to a value."""

T = TypeVar("T")

LONGEST_TEXT: Final = 500  # characters of one text in a rule
LARGEST: Final = 1_000_000  # of a whole number that says no limit of its own: £10,000 in pence
_SYNTAX: Final = re.compile(r"(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)")
_KINDS: Final[Mapping[type, str]] = {
    str: "text in quotation marks",
    bool: "true or false",
    int: "a whole number",
    date: "a date such as 2026-11-30",
    time: "a time such as 09:30:00",
    dict: "a table",
    list: "a list",
}


class Fault(msgspec.Struct, frozen=True, order=True):
    """One thing wrong with a file; line and column count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}, column {self.column}: {self.message}"


class TomlFile:
    """One file being read, and the faults found in it so far.

    Attributes:
        name: file name, for messages.
        document: what the file says; empty if it is not TOML.
        faults: in the order they were found.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.faults: list[Fault] = []
        self._text = text
        self.document: Mapping[str, object] = {}
        try:
            self.document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self._syntax_fault(str(error))

    @classmethod
    def open(cls, path: Path) -> "TomlFile":
        """The file at `path`; one that cannot be read as text is a fault, not an exception."""
        try:
            return cls(path.name, path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            unread = cls(path.name, "")
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            unread.faults.append(Fault(path.name, 1, 1, f"cannot be read: {reason}"))
            return unread

    def top(self) -> "Entry":
        """The document's top table."""
        return Entry(self, (), self.document)

    def fault(self, path: KeyPath, message: str) -> None:
        """Record a fault at a key or table that is there."""
        line, column = locate(self._text, path)
        self.faults.append(Fault(self.name, line, column, message))

    def _syntax_fault(self, message: str) -> None:
        found = _SYNTAX.fullmatch(message)
        if found:
            place = (int(found["line"]), int(found["column"]))
            self.faults.append(Fault(self.name, *place, f"not TOML: {found['what']}"))
        else:
            last = max(1, len(self._text.splitlines()))
            self.faults.append(Fault(self.name, last, 1, f"not TOML: {message}"))


class Entry:
    """A table of a file, read key by key; whatever is missing or wrong becomes a fault.

    A reading that fails gives back a harmless value of the right type, so that reading goes on and
    the next fault is found too. Nothing read may be used before the file's faults are looked at. A
    table that is itself missing is one fault; its keys are not reported as well.
    """

    def __init__(self, file: TomlFile, path: KeyPath, values: Mapping[str, object] | None) -> None:
        self._file = file
        self._path = path
        self._values = values or {}
        self._absent = values is None
        self._read: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        """The keys that are there, in the file's order."""
        return iter(self._values)

    def fault(self, key: str, message: str) -> None:
        """Record a fault at that key of this table."""
        self._file.fault((*self._path, key) if key else self._path, message)

    def text(self, key: str, *, longest: int = LONGEST_TEXT) -> str:
        """Required text that is not blank, of so many characters at most."""
        value = self._value(key, str, "")
        if key in self and isinstance(self._values[key], str) and not value.strip():
            self.fault(key, f"'{key}' is empty")
        elif len(value) > longest:
            self.fault(key, f"'{key}' must be at most {longest} characters")
        elif not value.isprintable():
            self.fault(key, f"'{key}' holds a line break or a character that cannot be shown")
        return value

    def yes_or_no(self, key: str) -> bool:
        """A required boolean."""
        return self._value(key, bool, False)  # noqa: FBT003  # the value to go on with

    def whole(self, key: str, *, most: int = LARGEST) -> int:
        """A required whole number, 0 or more and `most` or less."""
        value = self._value(key, int, 0)
        if value < 0:
            self.fault(key, f"'{key}' must be 0 or more")
        elif value > most:
            self.fault(key, f"'{key}' must be {most} or less")
        return value

    def day(self, key: str) -> date:
        """A required day."""
        return self._value(key, date, date.min)

    def clock(self, key: str) -> time:
        """A required time of day."""
        return self._value(key, time, time.min)

    def texts(self, key: str) -> Sequence[str]:
        """A required list of texts, at least one."""
        values = self._value(key, list, [])
        if key in self and (not values or not all(isinstance(value, str) for value in values)):
            self.fault(key, f"'{key}' must list at least one text in quotation marks")
            return ()
        return tuple(values)

    def table(self, key: str) -> "Entry":
        """A required table."""
        values: Mapping[str, object] = self._value(key, dict, {})
        found = isinstance(self._values.get(key), dict)
        return Entry(self._file, (*self._path, key), values if found else None)

    def tables(self, key: str) -> Iterator["Entry"]:
        """A required array of tables, at least one."""
        values = self._value(key, list, [])
        if key in self and (not values or not all(isinstance(value, dict) for value in values)):
            self.fault(key, f"'{key}' must be one or more tables headed [[{key}]]")
            return
        for place, value in enumerate(values):
            yield Entry(self._file, (*self._path, key, place), value)

    def no_other_keys(self) -> None:
        """Record every key that was not read as a fault: a misspelt key must not pass unseen."""
        for key in self._values.keys() - self._read:
            self.fault(key, f"'{key}' is not a key that is known here")

    def _value(self, key: str, kind: type[T], otherwise: T) -> T:
        self._read.add(key)
        if self._absent:
            return otherwise
        if key not in self._values:
            self.fault("", f"'{key}' is missing")
            return otherwise
        value = self._values[key]
        if not isinstance(value, kind) or _is_other_kind(value, kind):
            self.fault(key, f"'{key}' must be {_KINDS[kind]}")
            return otherwise
        return value


def locate(text: str, path: KeyPath) -> tuple[int, int]:
    """Line and column, from 1, of the statement that defines `path`; (1, 1) for the whole file."""
    lines = text.splitlines(keepends=True)
    begins = 0
    for end in range(1, len(lines) + 1) if path else ():
        try:
            document = tomllib.loads("".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
        if _has(document, path):
            return begins + 1, _column(lines[begins], path)
        begins = end
    return 1, 1


def _column(line: str, path: KeyPath) -> int:
    """Where the key stands on the line, or else where the line's first character stands."""
    found = re.search(rf"(?<![\w-]){re.escape(str(path[-1]))}(?![\w-])", line)
    if found and not line.lstrip().startswith("["):
        return found.start() + 1
    return len(line) - len(line.lstrip()) + 1


def _has(document: object, path: KeyPath) -> bool:
    for key in path:
        match document:
            case dict() if key in document:
                document = document[key]
            case list() if isinstance(key, int) and key < len(document):
                document = document[key]
            case _:
                return False
    return True


def _is_other_kind(value: object, kind: type) -> bool:
    """`True` is an int to Python and an instant is a date; neither is what was asked for."""
    return isinstance(value, (bool, datetime)) and type(value) is not kind
