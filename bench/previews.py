"""A preview of changed rules that names whom it touches: ``python -m bench.previews [PEOPLE]``.

Everybody is stored as the product stores them, on PostgreSQL. The library ends its guarantors,
which touches every child. The list is told as it is found; the page of staff reads one page of it.
Peaks are of memory that Python allocated, in a run of their own: tracing slows it.
"""

import asyncio
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from bench._population import NOW, Population, populate
from bench.nightly import Assessed
from cardservice import schema
from cardservice.database import Database
from entitlements import previews
from entitlements.previews import Looked
from entitlements.schemes.rulebook import RuleBook, built_in_book, open_book
from identity.keys import FileKeyStore
from identity.personal import Vault
from tests.support.postgresql import cluster
from tests.support.rule_changes import library_from_2027

PEOPLE = 20_000
ON = date(2027, 1, 1)
MIB = 2**20

Work = Callable[[AsyncSession], Awaitable[str]]


async def measured(what: str, database: Database, work: Work) -> None:
    """Print wall and CPU of one run, and the peak of another."""
    wall, cpu = time.perf_counter(), time.process_time()
    async with database.transaction() as session:
        said = await work(session)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    tracemalloc.start()
    async with database.transaction() as session:
        await work(session)
    peak = tracemalloc.get_traced_memory()[1] / MIB
    tracemalloc.stop()
    print(f"{what}: {said}; {wall:.2f} s wall, {cpu:.2f} s CPU, peak {peak:.1f} MiB")


async def measure(url: str, keystore: FileKeyStore, people: int) -> None:
    """Store everybody, then preview."""
    vault, database = Vault(keystore), Database(url)
    await schema.upgrade(database.engine)
    await populate(url, vault, Population(people), database, Assessed)
    before = built_in_book()
    after = open_book({**before.texts, "library.toml": library_from_2027()})
    await measured("the whole list", database, _whole(vault, before, after))
    await measured("one page of staff", database, _one_page(vault, before, after))
    await database.close()


def _whole(vault: Vault, before: RuleBook, after: RuleBook) -> Work:
    async def work(session: AsyncSession) -> str:
        named = 0

        def tell(looked: Looked) -> None:
            nonlocal named
            named += len(looked.effects or {})

        shown = await previews.preview(session, vault, before, after, on=ON, tell=tell)
        return f"{shown.residents} decided for, {shown.touched} touched, {named} lines"

    return work


def _one_page(vault: Vault, before: RuleBook, after: RuleBook) -> Work:
    async def work(session: AsyncSession) -> str:
        found = await previews.page_of_touched(session, vault, before, after, on=ON)
        return f"{found.looked_at} decided for, {len(found.residents)} touched"

    return work


def main() -> None:
    """Print the figures."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    with tempfile.TemporaryDirectory() as directory, cluster() as url:
        path = Path(directory) / "keys"
        keystore = FileKeyStore.initialise(path, "a passphrase for a bench", now=NOW)
        asyncio.run(measure(url, keystore, people))


if __name__ == "__main__":
    main()
