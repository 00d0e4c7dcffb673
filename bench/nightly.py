"""The worker's night at 1.6 million residents on PostgreSQL: ``python -m bench.nightly [PEOPLE]``.

Everybody is stored as the product stores them, sealed, and was decided for the day before. Then the
night comes: the day's list (`next_change_on`), and after it a look at everybody, which must find
nobody. PostgreSQL without fsync and with 32 MB of buffers of its own; CPU is the worker's alone.
"""

import asyncio
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from sqlalchemy import text

from bench._population import COLUMNS, NOW, PEOPLE, Loader, Person, Population, populate
from cardservice import reassessing, schema
from cardservice.database import Database
from entitlements import answers, assessing, offers, reassessment
from entitlements.decision import Decision, Eligible
from entitlements.facts import Evidence, ResidentFacts
from entitlements.gathering import Gathered
from entitlements.grant_states import GrantState
from entitlements.models import Giving
from entitlements.schemes.rulebook import built_in_book
from identity.db import new_id
from identity.evidence import Proof, SeenDocument
from identity.keys import FileKeyStore
from identity.personal import PersonVault, Vault
from tests.support.postgresql import cluster

LETTERS_FROM = timedelta(days=30)
SHARE_WITH_A_LETTER = 0.15
LETTERS = ("pip-moving-around", "universal-credit", "pension-credit", "disability-f-learning")
TONIGHT = NOW + timedelta(hours=16)
ROWS = (
    "SELECT relname, n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE n_tup_ins + n_tup_upd > 0"
)


class Assessed(Loader):
    """People who were decided for the day before, with everything that goes with it."""

    columns: Mapping[str, str] = {
        **{table: COLUMNS[table] for table in ("account", "person_key", "address")},
        "sighted_document": "id account_id sighted_at sighted_by_kind sighted_by_id"
        " sealed_particulars",
        "holder": "account_id version answers answers_change_on",
        "assessment": "id account_id scheme outcome rule decided_at decided_on next_change_on"
        " sealed_decision sealed_facts book",
        "entitlement_grant": "id account_id scheme service state entitlement_class card_rank"
        " valid_from valid_until granted_at",
    }
    at_once = 5_000
    book = built_in_book()

    def __init__(self, vault: Vault, connection: Any) -> None:  # noqa: ANN401  asyncpg has no types
        super().__init__(vault, connection)
        self.draw, self.turn = np.random.default_rng(20261123), count()

    def more(
        self, own: PersonVault, one: UUID, home: UUID, person: Person
    ) -> Iterator[tuple[str, tuple[Any, ...]]]:
        shown = self._documents()
        documents = [new_id() for _ in shown]
        for document, seen in zip(documents, shown, strict=True):
            said = msgspec.json.encode(seen).decode()
            sealed = own.seal("sighted_document", "sealed_particulars", document, said)
            yield "sighted_document", (document, one, NOW, "staff", "1", sealed)
        facts = ResidentFacts(
            birth_date=person[2],
            district=person[4],
            deceased=False,
            evidence=tuple(_evidence(each) for each in shown[2:]),
            fed={},
        )
        from_rows = {"birth_date": (one,), "district": (home,), "deceased": (one,)}
        gathered = Gathered(facts, {**from_rows, "evidence": tuple(documents)})
        decisions = assessing.decide_all(self.book, facts, NOW.date())
        short = answers.answers_of(own, decisions)
        yield "holder", (one, 1, short.fingerprint, short.change_on)
        known = msgspec.json.encode(gathered).decode()
        for decision in decisions:
            yield from self._decided(own, one, decision, known)

    def _documents(self) -> list[SeenDocument]:
        dated = NOW.date() - LETTERS_FROM
        shown = [
            SeenDocument("passport", Proof.IDENTITY, None, None),
            SeenDocument("council-tax-bill", Proof.ADDRESS, dated, None),
        ]
        if self.draw.random() < SHARE_WITH_A_LETTER:
            kind = LETTERS[next(self.turn) % len(LETTERS)]
            old = timedelta(days=int(self.draw.integers(30, 365)))
            shown.append(SeenDocument(kind, Proof.BENEFIT, NOW.date() - old, None))
        return shown

    def _decided(
        self, own: PersonVault, one: UUID, decision: Decision, known: str
    ) -> Iterator[tuple[str, tuple[Any, ...]]]:
        row, as_json = new_id(), msgspec.json.encode(decision).decode()
        said = (decision.scheme, assessing.outcome_of(decision), decision.rule)
        yield (
            "assessment",
            (
                *(row, one, *said, NOW, decision.on, decision.next_change_on),
                own.seal("assessment", "sealed_decision", row, as_json),
                own.seal("assessment", "sealed_facts", row, known),
                self.book.digest,
            ),
        )
        if not isinstance(decision, Eligible):
            return
        scheme = self.book.schemes[decision.scheme]
        giving = offers.giving_of(scheme, None, decision.on)
        if giving is not None:
            added = giving is Giving.ADD
            state = GrantState.GRANTED if added else GrantState.OFFERED
            yield (
                "entitlement_grant",
                (
                    *(new_id(), one, decision.scheme, decision.service, state),
                    *(decision.entitlement_class, decision.card_rank),
                    *(decision.valid_from, decision.valid_until, NOW),
                ),
            )


@cache
def _evidence(seen: SeenDocument) -> Evidence:
    sighted = NOW.date()
    return Evidence(kind=seen.kind, dated=seen.dated_on or sighted, sighted=sighted)


@asynccontextmanager
async def measured(what: str, database: Database) -> AsyncIterator[None]:
    """Print wall, the worker's CPU, its peak memory so far, and the rows written meanwhile."""
    before = await written(database)
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what}: {wall:.0f} s wall, {cpu:.0f} s CPU, peak {peak:.0f} MiB")
    rows = {name: n - before[name] for name, n in (await written(database)).items()}
    print(
        "  rows written: " + (", ".join(f"{n} {name}" for name, n in rows.items() if n) or "none")
    )


async def written(database: Database) -> Counter[str]:
    """Rows inserted or updated so far, by table."""
    async with database.reading() as connection:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
        found = (await connection.execute(text(ROWS))).all()
    return Counter({str(name): int(rows) for name, rows in found})


async def night(database: Database, vault: Vault, people: int) -> None:
    """What the worker does at night, and the proof of it."""
    async with measured("the day's list", database):
        done = await reassessing.reassess_due(database, vault, now=TONIGHT)
    print(f"  {done.decided} residents decided for, {done.failed} failed")
    async with database.transaction() as session:
        await reassessment.begin(session, "the night's proof", now=TONIGHT)
    started = time.process_time()
    async with measured("a look at everybody", database):
        async for progress in reassessing.reassess_everybody(database, vault, now=TONIGHT):
            if not progress.looked_at % 100_000 or progress.finished:
                print(f"  {progress.looked_at} looked at, {progress.changed} changed", flush=True)
    each = (time.process_time() - started) / max(people, 1) * 1e6
    print(f"  {each:.0f} microseconds of CPU for each resident")


async def measure(url: str, keystore: FileKeyStore, people: int) -> None:
    """Store everybody, then let the night come."""
    vault, database = Vault(keystore), Database(url)
    await schema.upgrade(database.engine)
    started = time.perf_counter()
    await populate(url, vault, Population(people), database, Assessed)
    print(
        f"{people} residents stored, sealed and decided, in {time.perf_counter() - started:.0f} s"
    )
    await night(database, vault, people)
    await database.close()


def main() -> None:
    """Print the figures."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    with tempfile.TemporaryDirectory() as directory, cluster() as url:
        path = Path(directory) / "keys"
        keystore = FileKeyStore.initialise(path, "a passphrase for a bench", now=NOW)
        asyncio.run(measure(url, keystore, people))


if __name__ == "__main__":
    main()
