"""What does not add up in the taps is found, told once, and closed with a note."""

import secrets
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import select

from cardservice import findings, jobs, taps, terminals
from cardservice.database import Database
from cardservice.findings import Closed, ClosedBefore, NoteWanted
from cardservice.models import Tap
from cardservice.reconciliation_models import FindingKind, TapFinding
from cardservice.terminals import KnownTerminal, Role
from entitlements.models import ServiceRecord
from identity import accounts
from identity.keys import FileKeyStore
from identity.personal import Vault
from readers.contract import wire
from readers.contract.chain import GENESIS, link
from readers.contract.services import Service
from readers.contract.wire import Purpose, TapEvent
from tests.support.people import CLERK, JEAN, NOW
from tests.support.server import tap

AT = NOW - timedelta(minutes=1)
LATER = timedelta(minutes=15)


class Bench:
    """Terminals that upload taps, and a worker that looks at them a while later."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW

    async def terminal(self, place: str = "Ashford Library") -> KnownTerminal:
        role = Role(
            name=place, place=place, services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,)
        )
        async with self.database.transaction() as session:
            made = await terminals.create(session, role, actor=CLERK, now=self.now)
            return KnownTerminal(
                id=made.id,
                name=place,
                place=place,
                authority=made.authority,
                services=frozenset({Service.LIBRARY}),
                purposes=frozenset({Purpose.VALIDATE}),
                revoked=False,
                last_seen_at=None,
            )

    async def upload(self, terminal: KnownTerminal, *events: TapEvent) -> None:
        async with self.database.transaction() as session:
            await taps.ingest(session, terminal, events, now=self.now)

    async def look(self) -> list[TapFinding]:
        """What is open, once the worker has looked."""
        await jobs.seal_taps(self.database, now=self.now)
        self.now += LATER
        await jobs.reconcile_taps(self.database, now=self.now)
        async with self.database.transaction() as session:
            query = select(TapFinding).where(TapFinding.closed_at.is_(None))
            return list(await session.scalars(query.order_by(TapFinding.id)))


@pytest.fixture
def bench(migrated: Database) -> Bench:
    return Bench(migrated)


def chained(numbers: range, **changed: Any) -> list[TapEvent]:  # noqa: ANN401  (of any field)
    """Taps of one journal, linked."""
    previous, made = GENESIS, []
    for number in numbers:
        event = tap(number, taken_at=AT, shown=True, **changed)
        previous = link(previous, event)
        made.append(replace(event, link=previous))
    return made


def what(found: list[TapFinding]) -> list[tuple[FindingKind, int, int]]:
    return [(each.kind, each.first_sequence, each.last_sequence) for each in found]


async def test_taps_in_order_are_nothing_to_ask_about(bench: Bench) -> None:
    terminal = await bench.terminal()
    await bench.upload(terminal, *chained(range(1, 30)))
    assert await bench.look() == []


async def test_missing_taps_are_told_once_and_closed_when_they_arrive(bench: Bench) -> None:
    terminal = await bench.terminal()
    whole = chained(range(1, 11))
    await bench.upload(terminal, *whole[:3], *whole[6:])
    assert what(await bench.look()) == [(FindingKind.GAP, 4, 6)]
    await bench.upload(terminal, whole[4])
    assert what(await bench.look()) == [(FindingKind.GAP, 4, 4), (FindingKind.GAP, 6, 6)]
    await bench.upload(terminal, whole[3], whole[5])
    assert await bench.look() == []


async def test_taps_missing_before_the_first_are_missed(bench: Bench) -> None:
    terminal = await bench.terminal()
    await bench.upload(terminal, *chained(range(1, 5))[2:])
    assert what(await bench.look()) == [(FindingKind.GAP, 1, 2)]


async def test_numbers_skipped_after_damage_are_no_gap_where_the_chain_goes_on(
    bench: Bench,
) -> None:
    terminal = await bench.terminal()
    first = chained(range(1, 4))
    later = tap(1001, taken_at=AT)
    assert first[-1].link is not None
    await bench.upload(terminal, *first, replace(later, link=link(first[-1].link, later)))
    assert await bench.look() == []


async def test_a_tap_that_was_changed_breaks_the_chain(bench: Bench) -> None:
    terminal = await bench.terminal()
    whole = chained(range(1, 5))
    whole[2] = replace(whole[2], accepted=not whole[2].accepted)
    await bench.upload(terminal, *whole)
    assert what(await bench.look()) == [(FindingKind.BROKEN_CHAIN, 3, 3)]


async def test_terminals_that_keep_no_chain_are_looked_at_by_number(bench: Bench) -> None:
    terminal = await bench.terminal()
    await bench.upload(terminal, tap(1, taken_at=AT), tap(2, taken_at=AT), tap(4, taken_at=AT))
    assert what(await bench.look()) == [(FindingKind.GAP, 3, 3)]


async def test_the_chain_goes_on_over_taps_that_were_removed(bench: Bench, tmp_path: Any) -> None:  # noqa: ANN401  (a path)
    terminal = await bench.terminal()
    whole = chained(range(1, 7))
    await bench.upload(terminal, *whole[:4])
    assert await bench.look() == []
    bench.now += timedelta(days=91)
    await jobs.apply_retention(bench.database, tmp_path, now=bench.now)
    async with bench.database.transaction() as session:
        assert (await session.scalars(select(Tap))).all() == []
    await bench.upload(terminal, *whole[4:])
    assert await bench.look() == []


async def test_another_tap_under_one_number_is_told(bench: Bench) -> None:
    terminal = await bench.terminal()
    await bench.upload(terminal, tap(1, taken_at=AT))
    await bench.upload(terminal, tap(1, taken_at=AT, accepted=False))
    (found,) = await bench.look()
    assert (found.kind, found.first_sequence) == (FindingKind.DUPLICATE, 1)
    async with bench.database.transaction() as session:
        detail = await findings.detail(session, found.id, actor=CLERK, now=bench.now)
    assert [event["accepted"] for event in detail.also_sent] == [False]


@pytest.mark.parametrize(("seconds", "told"), [(120, False), (121, True)], ids=["within", "beyond"])
async def test_a_clock_ahead_of_ours_is_told(
    bench: Bench,
    seconds: int,
    told: bool,  # noqa: FBT001  (a table)
) -> None:
    terminal = await bench.terminal()
    ahead = bench.now + timedelta(seconds=seconds)
    await bench.upload(terminal, tap(1, taken_at=AT), tap(2, taken_at=ahead))
    found = await bench.look()
    assert what(found) == ([(FindingKind.CLOCK_DRIFT, 2, 2)] if told else [])
    assert [each.seconds for each in found] == ([121] if told else [])


async def test_a_clock_that_was_set_back_is_told(bench: Bench) -> None:
    terminal = await bench.terminal()
    await bench.upload(terminal, tap(1, taken_at=AT), tap(2, taken_at=AT - timedelta(minutes=3)))
    assert what(await bench.look()) == [(FindingKind.CLOCK_DRIFT, 2, 2)]


# -- one card at two places ------------------------------------------------------------------------


@pytest.fixture
async def records(bench: Bench, keystore: FileKeyStore) -> dict[Service, int]:
    """A resident's card: service -> place in the list."""
    vault, index = Vault(keystore), count(100)
    async with bench.database.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        carrier = UUID(bytes=secrets.token_bytes(16))
        made = {service: next(index) for service in (Service.LIBRARY, Service.LEISURE)}
        for service, place in made.items():
            session.add(
                ServiceRecord(
                    account_id=account.id,
                    carrier_id=carrier,
                    service=service,
                    status_index=place,
                )
            )
    return made


@pytest.mark.parametrize(
    ("apart", "told"),
    [(timedelta(minutes=4, seconds=59), True), (timedelta(minutes=5), False)],
    ids=["too soon", "a journey"],
)
async def test_one_card_at_two_places_in_less_time_than_a_journey_is_told(
    bench: Bench,
    records: dict[Service, int],
    apart: timedelta,
    told: bool,  # noqa: FBT001  (a table)
) -> None:
    ashford, dover = await bench.terminal("Ashford"), await bench.terminal("Dover")
    start = AT - timedelta(minutes=30)
    library, leisure = records[Service.LIBRARY], records[Service.LEISURE]
    await bench.upload(ashford, tap(1, taken_at=start, status_index=library))
    assert await bench.look() == []
    await bench.upload(
        dover,
        tap(1, taken_at=start + apart, service=Service.LEISURE, status_index=leisure),
        tap(2, taken_at=start + apart, status_index=library + 50),
    )
    found = await bench.look()
    assert what(found) == ([(FindingKind.IMPOSSIBLE_TRAVEL, 1, 1)] if told else [])
    if told:
        assert (found[0].terminal_id, found[0].other_terminal_id) == (dover.id, ashford.id)
        assert (found[0].seconds, found[0].other_sequence) == (299, 1)


async def test_two_readers_at_one_place_are_no_journey(
    bench: Bench, records: dict[Service, int]
) -> None:
    place = await bench.terminal("Dover")
    async with bench.database.transaction() as session:
        role = Role(
            name="second", place="Dover", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,)
        )
        made = await terminals.create(session, role, actor=CLERK, now=bench.now)
        second = msgspec.structs.replace(place, id=made.id)
    index = records[Service.LIBRARY]
    for terminal in (place, second):
        await bench.upload(terminal, tap(1, taken_at=AT, status_index=index))
    assert await bench.look() == []


# -- closing ---------------------------------------------------------------------------------------


async def test_a_finding_is_closed_once_and_with_a_note(bench: Bench) -> None:
    terminal = await bench.terminal()
    await bench.upload(terminal, tap(3, taken_at=AT))
    (found,) = await bench.look()

    async def close(note: str) -> Closed | ClosedBefore | NoteWanted:
        async with bench.database.transaction() as session:
            return await findings.close(session, found.id, note, actor=CLERK, now=bench.now)

    assert await close("  ") == NoteWanted()
    assert await close("x" * 501) == NoteWanted()
    assert await close("The reader was new") == Closed()
    assert await close("again") == ClosedBefore()
    async with bench.database.transaction() as session:
        kept = await session.get_one(TapFinding, found.id)
        assert (kept.note, kept.closed_by) == ("The reader was new", CLERK.id)
    assert await bench.look() == []


async def test_a_turn_of_the_worker_is_bounded_and_the_next_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCHES_A_TURN", 1)
    terminal = await bench.terminal()
    for number in (2, 4):
        await bench.upload(terminal, tap(number, taken_at=AT))
        await jobs.seal_taps(bench.database, now=bench.now)
    assert what(await bench.look()) == [(FindingKind.GAP, 1, 1)]
    assert what(await bench.look()) == [(FindingKind.GAP, 1, 1), (FindingKind.GAP, 3, 3)]


# -- older and newer -------------------------------------------------------------------------------


async def test_a_tap_that_an_older_server_took_is_no_conflict_when_it_comes_with_its_link(
    bench: Bench,
) -> None:
    terminal = await bench.terminal()
    (linked,) = chained(range(1, 2))
    await bench.upload(terminal, replace(linked, link=None, shown=None))
    await bench.upload(terminal, linked)
    assert await bench.look() == []


async def test_whether_an_answer_was_shown_is_kept(bench: Bench) -> None:
    terminal = await bench.terminal()
    told: dict[int, bool | None] = {1: True, 2: False, 3: None}
    await bench.upload(terminal, *(tap(n, taken_at=AT, shown=shown) for n, shown in told.items()))
    async with bench.database.transaction() as session:
        rows = (await session.execute(select(Tap.sequence, Tap.shown))).all()
    assert dict(rows) == told


def test_an_older_terminals_tap_is_understood_and_an_older_server_understands_ours() -> None:
    class OldTap(msgspec.Struct, frozen=True, kw_only=True):
        sequence: int
        taken_at: datetime
        service: Service
        accepted: bool
        mode: wire.Mode
        reason: str | None = None

    ours = chained(range(1, 2))[0]
    old = msgspec.json.decode(msgspec.json.encode(ours), type=OldTap)
    assert (old.sequence, old.accepted) == (1, True)
    again = msgspec.json.decode(msgspec.json.encode(old), type=TapEvent)
    assert (again.link, again.shown, again.repeats) == (None, None, None)
