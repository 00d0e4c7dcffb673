"""What runs statements: a request's transaction, or something that commits each one."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol, TypeAlias

from sqlalchemy import Dialect, Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

TOGETHER_BY: Final = "together_by"
"""Execution option of an INSERT."""
SELDOM_CHANGES: Final = "seldom_changes"
"""Execution option of a SELECT: its rows are nearly always as they were the last time. The database
is asked all the same; what a row became is taken again while the row is the same."""


class Found(Protocol):
    """Rows that a statement answered, as much of SQLAlchemy's `Result` as is asked for here."""

    def one_or_none(self) -> Any:  # noqa: ANN401  (columns are not typed)
        """The only row, or None.

        Raises:
            MultipleResultsFound: there are several.
        """
        ...

    def one(self) -> Any:  # noqa: ANN401
        """The only row.

        Raises:
            NoResultFound: there is none.
            MultipleResultsFound: there are several.
        """
        ...

    def scalar_one_or_none(self) -> Any:  # noqa: ANN401
        """The first column of the only row, or None; raises as `one_or_none`."""
        ...

    def scalar_one(self) -> Any:  # noqa: ANN401
        """The first column of the only row; raises as `one`."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Every row."""
        ...

    def scalars(self) -> Iterable[Any]:
        """The first column of every row."""
        ...


class Direct(Protocol):
    """Single statements without a transaction or an ORM, as close to the driver as can be.

    Several executions of one SELECT may travel together, and of an INSERT that answers rows if it
    says by `TOGETHER_BY` which parameter orders them. What a statement compiles to is kept with it:
    one that is run often is built once, at import, with `bindparam` for what differs.
    """

    dialect: Dialect

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Found:
        """Run a statement and commit it; values of the rows are as SQLAlchemy gives them."""
        ...


Executor: TypeAlias = AsyncSession | AsyncConnection | Direct
"""What runs single statements: the transaction of a request or, where every statement stands for
itself and nothing has to hold together, a connection that commits each one."""


def dialect_of(executor: Executor) -> str:
    """`sqlite` or `postgresql`."""
    if isinstance(executor, AsyncSession):
        return executor.get_bind().dialect.name
    return executor.dialect.name
