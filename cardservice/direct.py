"""Single statements on asyncpg itself, for what many wait for: no transaction, no greenlet, no ORM.

A statement is written once, for SQLAlchemy. What it compiles to here is kept for as long as the
statement lives, so a constant is compiled once. Those who ask the same question at the same time
are answered by one journey to the database, and nobody by an answer from before they asked: so
nothing here is ever out of date.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

import asyncpg  # type: ignore[import-untyped]  # it ships none
from sqlalchemy import URL, Dialect, Executable

from cardservice.plans import Plan, Rows

_JSON_TYPES: Final = ("json", "jsonb")
_JOURNEYS: Final = 3
"""How many of one statement are under way at a time: of one alone a slow answer holds up all."""


class Direct:
    """`identity.executors.Direct` over connections of its own, opened when they are needed.

    Args:
        url: of a PostgreSQL database.
        dialect: of the engine.
        size: the most connections.
    """

    def __init__(self, url: URL, dialect: Dialect, *, size: int) -> None:
        self.dialect = dialect
        self._pool = _Pool(url, dialect, size)
        self._plans: WeakKeyDictionary[Executable, Plan] = WeakKeyDictionary()
        self._questions: WeakKeyDictionary[Executable, _Question] = WeakKeyDictionary()

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Rows:
        """Run a statement and commit it.

        Raises:
            asyncpg.PostgresError: the database refused it.
        """
        plan = self._plans.get(statement)
        if plan is None:
            plan = self._plans[statement] = Plan.of(statement, self.dialect)
        values = plan.values(parameters or {})
        if plan.asker is None:
            async with (await self._pool.opened()).acquire() as connection:
                return plan.result(await connection.fetch(plan.sql, *values))
        question = self._questions.get(statement)
        if question is None:
            question = self._questions[statement] = _Question(self._pool, plan)
        return plan.result(await question.rows(values))

    async def close(self) -> None:
        """Let every connection go."""
        await self._pool.close()


class _Question:
    """One statement, whoever asks it: they wait while it is under way, and then go together."""

    def __init__(self, pool: "_Pool", plan: Plan) -> None:
        self._pool = pool
        self._plan = plan
        self._waiting: list[tuple[list[Any], asyncio.Future[list[Any]]]] = []
        self._journeys: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._leaving = False

    async def rows(self, values: list[Any]) -> list[Any]:
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((values, answer))
        if not self._leaving and self._under_way < _JOURNEYS:
            self._leave()
        found: list[Any] = await answer
        return found

    def _leave(self) -> None:
        self._leaving = True
        self._under_way += 1
        journey = asyncio.create_task(self._ask())
        self._journeys.add(journey)
        journey.add_done_callback(self._journeys.discard)

    async def _ask(self) -> None:
        """Take whoever waits along, until nobody does; nothing runs between that and the end."""
        self._leaving = False
        while self._waiting:
            together, self._waiting = self._waiting, []
            answers = [answer for _, answer in together]
            try:
                _answer(answers, await self._found(together))
            except Exception as error:  # noqa: BLE001  (whoever asked is told)
                _fail(answers, error)
        self._under_way -= 1

    async def _found(
        self, together: Iterable[tuple[list[Any], asyncio.Future[list[Any]]]]
    ) -> Iterable[Any]:
        asked = self._plan.told_apart(values for values, _ in together)
        async with (await self._pool.opened()).acquire() as connection:
            found: Iterable[Any] = await connection.fetchmany(self._plan.sql, asked)
            return found


def _answer(answers: Sequence[asyncio.Future[list[Any]]], rows: Iterable[Any]) -> None:
    """Give everybody their rows; the last column says whose they are."""
    found: list[list[Any]] = [[] for _ in answers]
    for row in rows:
        found[row[-1]].append(row)
    for answer, own in zip(answers, found, strict=True):
        if not answer.done():  # else whoever asked has gone away
            answer.set_result(own)


def _fail(answers: Iterable[asyncio.Future[list[Any]]], error: Exception) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)


class _Pool:
    """asyncpg's pool, made by whoever first needs it: that must be inside the running loop."""

    def __init__(self, url: URL, dialect: Dialect, size: int) -> None:
        _, self._arguments = dialect.create_connect_args(url)
        self._size = size
        self._opening = asyncio.Lock()
        self._pool: Any = None

    async def opened(self) -> Any:  # noqa: ANN401  asyncpg has no types
        if self._pool is None:
            async with self._opening:
                await self._open()
        return self._pool

    async def _open(self) -> None:
        if self._pool is None:  # else somebody was quicker
            self._pool = await asyncpg.create_pool(
                **self._arguments,
                min_size=0,
                max_size=self._size,
                init=_leave_json_as_text,
                reset=_leave_as_it_is,
            )

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None


async def _leave_json_as_text(connection: Any) -> None:  # noqa: ANN401  asyncpg has no types
    """The plan reads it, and only where it has not read the same before."""
    for name in _JSON_TYPES:
        await connection.set_type_codec(
            name, encoder=str, decoder=str, schema="pg_catalog", format="text"
        )


async def _leave_as_it_is(_connection: Any) -> None:  # noqa: ANN401  asyncpg has no types
    """Single statements change nothing about a connection: asking it to forget costs a journey."""
