"""Taps are stored once and for ever, in whatever order and however often they come."""

import asyncio
from datetime import datetime, timedelta, timezone

import httpx
import msgspec
import pytest
from sqlalchemy import func, select

from cardservice import taps, terminals
from cardservice.models import Tap, TapConflict
from readers.contract import wire
from readers.contract.reasons import Reason
from readers.contract.services import Service
from readers.contract.wire import Mode, Purpose, TapEvent
from tests.support.people import CLERK
from tests.support.server import Machine, World, tap


@pytest.fixture
async def kiosk(served: World) -> Machine:
    return await served.machine("Kiosk", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,))


async def _upload(machine: Machine, *events: TapEvent) -> wire.TapsStored:
    answer = await machine.post(wire.TAPS_PATH, wire.TapUpload(taps=list(events)))
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=wire.TapsStored)


async def _stored(world: World) -> list[int]:
    async with world.database.transaction() as session:
        return list(await session.scalars(select(Tap.sequence).order_by(Tap.sequence)))


async def _conflicts(world: World) -> int:
    async with world.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(TapConflict)) or 0


async def test_the_same_batch_twice_is_stored_once(served: World, kiosk: Machine) -> None:
    batch = [tap(n) for n in range(1, 101)]
    first, second = await _upload(kiosk, *batch), await _upload(kiosk, *batch)
    assert (first.new, second.new) == (100, 0)
    assert first.stored == second.stored == list(range(1, 101))
    assert await _stored(served) == list(range(1, 101))
    assert await _conflicts(served) == 0


async def test_batches_may_overlap_and_come_in_any_order(served: World, kiosk: Machine) -> None:
    assert (await _upload(kiosk, tap(5), tap(4), tap(6))).new == 3
    assert (await _upload(kiosk, tap(1), tap(5), tap(2), tap(1))).new == 2
    assert await _stored(served) == [1, 2, 4, 5, 6]
    assert await _conflicts(served) == 0


async def test_one_batch_from_many_connections_at_once_is_stored_once(
    served: World, kiosk: Machine
) -> None:
    batch = [tap(n) for n in range(1, 51)]
    receipts = await asyncio.gather(*(_upload(kiosk, *batch) for _ in range(6)))
    assert sum(receipt.new for receipt in receipts) == 50
    assert await _stored(served) == list(range(1, 51))


async def test_another_tap_under_a_taken_sequence_is_kept_beside_the_first(
    served: World, kiosk: Machine
) -> None:
    await _upload(kiosk, tap(1))
    changed = tap(1, accepted=False, reason=Reason.SUSPENDED)
    for _ in range(2):
        receipt = await _upload(kiosk, changed, tap(2))
        assert receipt.stored == [1, 2]
    async with served.database.transaction() as session:
        first = await session.get_one(Tap, (kiosk.id, 1))
        assert first.accepted
        kept = (await session.scalars(select(TapConflict))).one()
        assert (kept.sequence, kept.event["reason"]) == (1, "suspended")


async def test_two_different_taps_under_one_sequence_in_one_batch_are_both_kept(
    served: World, kiosk: Machine
) -> None:
    await _upload(kiosk, tap(1), tap(1, accepted=False, reason=Reason.EXPIRED))
    assert await _stored(served) == [1]
    assert await _conflicts(served) == 1


async def test_the_zone_in_which_a_time_is_written_makes_no_other_tap(
    served: World, kiosk: Machine
) -> None:
    first = tap(1)
    there = first.taken_at.astimezone(timezone(timedelta(hours=1)))
    await _upload(kiosk, first)
    await _upload(kiosk, msgspec.structs.replace(first, taken_at=there))
    assert await _conflicts(served) == 0


async def test_sequences_belong_to_one_terminal(served: World, kiosk: Machine) -> None:
    other = await served.machine("Other", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,))
    await _upload(kiosk, tap(1))
    assert (await _upload(other, tap(1))).new == 1


async def test_a_revoked_terminal_is_refused_and_what_it_sent_is_put_aside(
    served: World, kiosk: Machine
) -> None:
    await _upload(kiosk, tap(1))
    await served.do(
        lambda session: terminals.revoke(session, kiosk.id, actor=CLERK, now=served.clock())
    )
    for _ in range(2):
        answer = await kiosk.post(wire.TAPS_PATH, wire.TapUpload(taps=[tap(1), tap(2)]))
        assert answer.status_code == 403
        problem = answer.json()
        assert (problem["code"], problem["put_aside"]) == ("terminal-revoked", 2)
        assert "keep it" in problem["detail"]
    async with served.database.transaction() as session:
        rows = await session.scalars(select(Tap).order_by(Tap.sequence))
        assert [(row.sequence, row.after_revocation) for row in rows] == [(1, False), (2, True)]


async def test_what_was_put_aside_is_trusted_when_the_terminal_comes_back_and_sends_it_again(
    served: World, kiosk: Machine
) -> None:
    await served.do(
        lambda session: terminals.revoke(session, kiosk.id, actor=CLERK, now=served.clock())
    )
    forged = tap(2, reason=Reason.LIST_STALE)
    await kiosk.post(wire.TAPS_PATH, wire.TapUpload(taps=[tap(1), forged]))
    back = await served.enrol_again(kiosk)
    receipt = await _upload(back, tap(1), tap(2), tap(3))
    assert (receipt.stored, receipt.new) == ([1, 2, 3], 1)
    async with served.database.transaction() as session:
        rows = await session.scalars(select(Tap).order_by(Tap.sequence))
        marked = [(row.sequence, row.after_revocation) for row in rows]
    assert marked == [(1, False), (2, True), (3, False)]
    assert await _conflicts(served) == 1  # what the terminal itself says of its second tap


async def test_a_thief_with_a_revoked_terminals_key_cannot_fill_the_database(
    served: World, kiosk: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taps, "QUARANTINE_LIMIT", 3)
    await served.do(
        lambda session: terminals.revoke(session, kiosk.id, actor=CLERK, now=served.clock())
    )
    await kiosk.post(wire.TAPS_PATH, wire.TapUpload(taps=[tap(n) for n in range(1, 5)]))
    answer = await kiosk.post(wire.TAPS_PATH, wire.TapUpload(taps=[tap(9)]))
    assert answer.status_code == 403
    assert answer.json()["put_aside"] == 0
    assert 9 not in await _stored(served)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'{"taps":[]}',
        b'{"taps":[{"sequence":0}]}',
        b'{"taps":"all"}',
        msgspec.json.encode({"taps": [msgspec.to_builtins(tap(1)) | {"service": "gambling"}]}),
        msgspec.json.encode({"taps": [msgspec.to_builtins(tap(1)) | {"taken_at": "noon"}]}),
        msgspec.json.encode(
            {"taps": [msgspec.to_builtins(tap(1)) | {"taken_at": "2026-11-22T09:00:00"}]}
        ),
        msgspec.json.encode({"taps": [msgspec.to_builtins(tap(n)) for n in range(1, 502)]}),
    ],
    ids=["empty", "null", "none", "zero", "text", "service", "time", "no zone", "too many"],
)
async def test_a_batch_that_cannot_be_read_is_refused_whole(
    served: World, kiosk: Machine, body: bytes
) -> None:
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
        answer = await client.post(wire.TAPS_PATH, headers=kiosk.header(), content=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "bad-request"
    assert await _stored(served) == []


async def test_an_upload_larger_than_a_megabyte_is_not_read(served: World, kiosk: Machine) -> None:
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
        answer = await client.post(
            wire.TAPS_PATH, headers=kiosk.header(), content=b" " * (1024 * 1024 + 1)
        )
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


async def test_a_resident_sees_their_own_taps_newest_first(served: World) -> None:
    desk = await served.machine()
    kiosk = await served.machine("Kiosk", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,))
    resident = await served.register()
    card = await served.issue(resident, desk)
    record = served.read(card, Service.LIBRARY)
    assert record is not None
    mine = {"number": record.number, "status_index": record.status_index}
    start = datetime.fromisoformat("2026-11-22T10:00:00+00:00")
    await _upload(
        kiosk,
        tap(1, taken_at=start, **mine),
        tap(2, status_index=record.status_index + 1),
        tap(
            3,
            taken_at=start + timedelta(minutes=1),
            accepted=False,
            reason=Reason.SUSPENDED,
            mode=Mode.ONLINE,
            **mine,
        ),
    )
    async with served.database.transaction() as session:
        shown = await taps.of_account(session, resident)
    assert [(each.accepted, each.reason, each.place) for each in shown] == [
        (False, "suspended", "Kiosk"),
        (True, None, "Kiosk"),
    ]
