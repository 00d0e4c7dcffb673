"""What SQLAlchemy compiles a statement to, taken to a driver without SQLAlchemy in between."""

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, Final, Self

import msgspec
from sqlalchemy import Dialect, Integer, Result, Select, bindparam
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from identity.executors import TOGETHER_BY

Convert = Callable[[Any], Any]
_ASKER: Final = "who_asks"


class _Given(msgspec.Struct, frozen=True):
    """A parameter that each call gives."""

    name: str
    convert: Convert | None


class Plan(msgspec.Struct, frozen=True):
    """A statement as the driver takes it, and how its rows become what SQLAlchemy would give.

    Attributes:
        sql: with `$1`, `$2` and so on. What may travel with others answers one column more, the
            last: a number that is given with each execution, so that rows can be told apart.
        parameters: in that order; a value that is part of the statement stands for itself.
        asker: the place of that number among the parameters; None for what is run by itself.
        order: of a statement that writes, the place of the parameter by which several executions
            are ordered: two who write the same rows must not wait for each other.
        about: the names of the columns.
        converts: what is done to the value of which column.
    """

    sql: str
    parameters: tuple[Any, ...]
    asker: int | None
    order: int | None
    about: SimpleResultMetaData
    converts: tuple[tuple[int, Convert], ...]

    @classmethod
    def of(cls, statement: Any, dialect: Dialect) -> Self:  # noqa: ANN401  (columns are not typed)
        """Compile a statement.

        Raises:
            NotImplementedError: it has a list of unknown length, or a default made in Python.
        """
        columns = tuple(getattr(statement, "exported_columns", ()))
        ordered_by = statement.get_execution_options().get(TOGETHER_BY)
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
            about=SimpleResultMetaData([column.key for column in columns]),
            converts=tuple((place, convert) for place, convert in converts if convert is not None),
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

    def result(self, rows: Iterable[Iterable[Any]]) -> Result[Any]:
        """The rows as SQLAlchemy would give them."""
        return IteratorResult(self.about, iter([self._converted(row) for row in rows]))

    def _converted(self, row: Iterable[Any]) -> tuple[Any, ...]:
        values = list(row)
        if self.asker is not None:
            values.pop()
        for place, convert in self.converts:
            values[place] = convert(values[place])
        return tuple(values)


def _parameter(compiled: SQLCompiler, name: str, dialect: Dialect) -> Any:  # noqa: ANN401  (any value)
    bind = compiled.binds[name]
    convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if bind.required and name != _ASKER:
        return _Given(bind.key, convert)
    return convert(bind.effective_value) if convert else bind.effective_value


def _out(of: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return of.dialect_impl(dialect).result_processor(dialect, None)
