"""What SQLAlchemy compiles a statement to, taken to a driver without SQLAlchemy in between."""

import collections
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, Self

import msgspec
from sqlalchemy import JSON, Dialect, Integer, Select, bindparam
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from identity.executors import SELDOM_CHANGES, TOGETHER_BY

Convert = Callable[[Any], Any]
Row = tuple[Any, ...]
"""A named tuple: its columns by their names too."""
_ASKER: Final = "who_asks"
_ROWS_KEPT: Final = 256
_NAMED: Final[Any] = collections.namedtuple  # noqa: PYI024  (names known only at run time)


class _Given(msgspec.Struct, frozen=True):
    """A parameter that each call gives."""

    name: str
    convert: Convert | None


class Rows:
    """`identity.executors.Found`: the rows, and no more around them."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def one_or_none(self) -> Any:  # noqa: ANN401  (columns are not typed)
        """The only row, or None.

        Raises:
            MultipleResultsFound: there are several.
        """
        if len(self._rows) > 1:
            raise MultipleResultsFound("Several rows were found where one was asked for.")
        return self._rows[0] if self._rows else None

    def one(self) -> Any:  # noqa: ANN401  (columns are not typed)
        """The only row.

        Raises:
            NoResultFound: there is none.
            MultipleResultsFound: there are several.
        """
        row = self.one_or_none()
        if row is None:
            raise NoResultFound("No row was found where one was asked for.")
        return row

    def scalar_one_or_none(self) -> Any:  # noqa: ANN401  (columns are not typed)
        """The first column of the only row, or None; raises as `one_or_none`."""
        row = self.one_or_none()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:  # noqa: ANN401  (columns are not typed)
        """The first column of the only row; raises as `one`."""
        return self.one()[0]

    def scalars(self) -> Iterator[Any]:
        """The first column of every row."""
        return (row[0] for row in self._rows)


class Plan(msgspec.Struct, frozen=True):
    """A statement as the driver takes it, and how its rows become what SQLAlchemy would give.

    Attributes:
        sql: with `$1`, `$2` and so on. What may travel with others answers one column more, the
            last: a number that is given with each execution, so that rows can be told apart.
        parameters: in that order; a value that is part of the statement stands for itself.
        asker: the place of that number among the parameters; None for what is run by itself.
        order: of a statement that writes, the place of the parameter by which several executions
            are ordered: two who write the same rows must not wait for each other.
        row: makes a row of the values of its columns.
        converts: what is done to the value of which column.
        known: what rows became, by their values as the driver gives them; None for a statement
            whose rows are seldom the same twice.
    """

    sql: str
    parameters: tuple[Any, ...]
    asker: int | None
    order: int | None
    row: Callable[[Iterable[Any]], Row]
    converts: tuple[tuple[int, Convert], ...]
    known: dict[Row, Row] | None

    @classmethod
    def of(cls, statement: Any, dialect: Dialect) -> Self:  # noqa: ANN401  (columns are not typed)
        """Compile a statement.

        Raises:
            NotImplementedError: it has a list of unknown length, or a default made in Python.
        """
        columns = tuple(getattr(statement, "exported_columns", ()))
        options = statement.get_execution_options()
        ordered_by = options.get(TOGETHER_BY)
        asker = bindparam(_ASKER, type_=Integer()).label(_ASKER)
        if isinstance(statement, Select):
            statement = statement.add_columns(asker)
        elif ordered_by:
            statement = statement.returning(asker)
        compiled: SQLCompiler = statement.compile(dialect=dialect)
        if compiled.post_compile_params or compiled.insert_prefetch or compiled.update_prefetch:
            raise NotImplementedError("lists in parameters, and defaults made in Python")
        names = list(compiled.positiontup or ())
        converts = [(place, _out(column.type, dialect)) for place, column in enumerate(columns)]
        return cls(
            sql=compiled.string,
            parameters=tuple(_parameter(compiled, name, dialect) for name in names),
            asker=names.index(_ASKER) if _ASKER in names else None,
            order=names.index(ordered_by) if ordered_by else None,
            row=_row_of([column.key for column in columns]),
            converts=tuple((place, convert) for place, convert in converts if convert is not None),
            known={} if options.get(SELDOM_CHANGES) else None,
        )

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """What the driver is given; whoever sends it says who asks.

        Raises:
            KeyError: a parameter is missing.
        """
        return [
            (part.convert(given[part.name]) if part.convert else given[part.name])
            if isinstance(part, _Given)
            else part
            for part in self.parameters
        ]

    def told_apart(self, executions: Iterable[list[Any]]) -> list[list[Any]]:
        """The parameters of several executions, each with the number of who asks."""
        asked = list(executions)
        for place, values in enumerate(asked):
            values[self.asker or 0] = place
        if self.order is not None:
            asked.sort(key=itemgetter(self.order))
        return asked

    def result(self, rows: Iterable[Iterable[Any]]) -> Rows:
        """The rows as SQLAlchemy would give them."""
        return Rows([self._made(row) for row in rows])

    def _made(self, given: Iterable[Any]) -> Row:
        values = tuple(given)
        if self.asker is not None:
            values = values[:-1]
        if self.known is None:
            return self._converted(values)
        if values not in self.known:
            if len(self.known) >= _ROWS_KEPT:
                self.known.clear()
            self.known[values] = self._converted(values)
        return self.known[values]

    def _converted(self, values: Row) -> Row:
        if not self.converts:
            return self.row(values)
        changed = list(values)
        for place, convert in self.converts:
            changed[place] = convert(changed[place])
        return self.row(changed)


def _row_of(names: Sequence[str]) -> Callable[[Iterable[Any]], Row]:
    made: Callable[[Iterable[Any]], Row] = _NAMED("Row", names, rename=True)._make
    return made


def _parameter(compiled: SQLCompiler, name: str, dialect: Dialect) -> Any:  # noqa: ANN401  (any value)
    bind = compiled.binds[name]
    convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if bind.required and name != _ASKER:
        return _Given(bind.key, convert)
    return convert(bind.effective_value) if convert else bind.effective_value


def _out(of: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if isinstance(of, JSON):  # comes as text, see `cardservice.direct`
        return _from_json
    return of.dialect_impl(dialect).result_processor(dialect, None)


def _from_json(text: str | None) -> Any:  # noqa: ANN401  (whatever was stored)
    return None if text is None else json.loads(text)
