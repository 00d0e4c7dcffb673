"""A card that readers must refuse is also blocked itself, and works again once it is found."""

import msgspec
import pytest
from sqlalchemy import func, select

from cardservice import replacement, updates
from cardservice.models import Card, CardSession, CardState
from cardservice.updates import Add, Block, Unblock, Update
from entitlements import grants
from entitlements.grants import EndReason
from readers.contract.record import Record, RecordStatus
from readers.contract.services import Service
from readers.contract.wire import (
    CHECKS_PATH,
    CheckAnswer,
    CheckRequest,
    Ended,
    Purpose,
    SessionResult,
)
from readers.virtual.card import VirtualCard
from tests.support.people import CLERK
from tests.support.server import Machine, World, new_card

ENDLESS = 60
HELD = (Service.IDENTITY, Service.LIBRARY)


class Counting(VirtualCard):
    """Counts the commands it was sent, those a reader answers aside."""

    commands = 0

    def transmit(self, command: bytes) -> bytes:
        self.commands += command[:1] != b"\xff"
        return super().transmit(command)


async def test_a_lost_card_is_blocked_at_its_next_tap_online_and_works_again_once_found(
    served: World,
) -> None:
    reader, card = await _reader(served), await _card(served)
    before = _records(served, card)
    await _report_lost(served)
    assert await _owed(served) == (Block(),)
    assert (await _asked(reader, card)).update_owed

    ended = await _tap(reader, card)
    assert (ended.result, ended.usable) == (SessionResult.DONE, False)
    assert ended.title == "This card is stopped"
    blocked = _records(served, card)
    assert {each.status for each in blocked.values()} == {RecordStatus.BLOCKED}
    assert all(blocked[each].sequence > before[each].sequence for each in HELD)
    assert await _owed(served) == ()
    assert not (await _asked(reader, card)).update_owed

    await _found(served)
    assert await _owed(served) == (Unblock(),)
    assert (await _asked(reader, card)).update_owed
    ended = await _tap(reader, card)
    assert (ended.result, ended.usable) == (SessionResult.DONE, True)
    assert ended.title == "Done: your card works again"
    again = _records(served, card)
    assert {each.status for each in again.values()} == {RecordStatus.ACTIVE}
    assert all(again[each].sequence > blocked[each].sequence for each in HELD)
    assert (await _tap(reader, card)).result is SessionResult.NOTHING_OWED


@pytest.mark.parametrize("done", [False, True], ids=["command lost", "answer lost"])
@pytest.mark.parametrize("found", [False, True], ids=["blocked", "unblocked"])
async def test_a_card_torn_away_at_any_command_says_one_thing_and_is_put_right_at_another_reader(
    served: World, *, found: bool, done: bool
) -> None:
    one, other = await _reader(served), await _reader(served, "Another library")
    card = await _card(served)
    commands = await _commands_of_a_block(served, one, card)
    wanted = RecordStatus.ACTIVE if found else RecordStatus.BLOCKED
    for torn_at in range(1, commands + 1):
        await _bring_to(served, one, card, lost=found)
        before = _records(served, card)
        await (_found(served) if found else _report_lost(served))
        card.reset()
        card.tear_after(torn_at, done=done)
        assert (await _tap(one, card)).result is SessionResult.BROKEN_OFF, torn_at
        torn = {each.status for each in _records(served, card).values()}
        assert len(torn) == 1, "all records are blocked, or none is"
        assert (await _tap(other, card)).result is SessionResult.DONE, torn_at
        after = _records(served, card)
        assert {each.status for each in after.values()} == {wanted}
        assert all(after[each].sequence > before[each].sequence for each in HELD)
        assert await _owed(served) == ()


async def test_a_terminal_that_asks_about_a_card_in_use_never_gets_it_blocked(
    served: World,
) -> None:
    reader, card = await _reader(served), await _card(served)
    before = _records(served, card)
    for _ in range(3):
        ended = await _tap(reader, card)
        assert (ended.result, ended.usable) == (SessionResult.NOTHING_OWED, True)
    assert _records(served, card) == before
    desk = await served.machine("Another desk")
    await _report_lost(served)
    assert (await _tap(desk, card)).result is SessionResult.REFUSED, "it may not update cards"
    assert _records(served, card) == before


async def test_a_card_of_nobody_gets_nothing(served: World) -> None:
    reader, card = await _reader(served), new_card()
    assert (await _tap(reader, card)).result is SessionResult.UNKNOWN_CARD
    assert not (await _asked(reader, card)).update_owed
    async with served.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(CardSession)) == 0


async def test_a_blocked_card_gets_nothing_that_was_given_meanwhile_until_it_is_found(
    served: World,
) -> None:
    reader, card = await _reader(served), await _card(served)
    await _report_lost(served)
    await _tap(reader, card)
    resident = (await _card_row(served)).account_id
    async with served.database.transaction() as session:
        held = await grants.open_by_scheme(session, resident)
        reason = EndReason.NOT_ELIGIBLE
        await grants.end(session, held["library"], reason, actor=CLERK, now=served.clock())
    assert await _owed(served) == ()
    assert (await _tap(reader, card)).result is SessionResult.REFUSED

    await _found(served)
    await served.assess(resident)
    assert (await _tap(reader, card)).result is SessionResult.DONE
    assert set(_records(served, card)) == set(HELD)


async def test_what_was_given_while_the_card_was_blocked_comes_with_the_unblocking(
    served: World,
) -> None:
    reader, card = await _reader(served), await _card(served)
    resident = (await _card_row(served)).account_id
    async with served.database.transaction() as session:
        held = await grants.open_by_scheme(session, resident)
        reason = EndReason.NOT_ELIGIBLE
        await grants.end(session, held["library"], reason, actor=CLERK, now=served.clock())
    assert (await _tap(reader, card)).result is SessionResult.DONE
    assert set(_records(served, card)) == {Service.IDENTITY}
    await _report_lost(served)
    await _tap(reader, card)
    await served.assess(resident)
    await _found(served)
    assert await _owed(served) == (Unblock(), Add(Service.LIBRARY))
    assert (await _tap(reader, card)).result is SessionResult.DONE
    after = _records(served, card)
    assert {each.status for each in after.values()} == {RecordStatus.ACTIVE}
    assert set(after) == set(HELD)


async def test_a_replaced_card_is_blocked_for_ever(served: World) -> None:
    reader, card = await _reader(served), await _card(served)
    desk = await served.machine("New desk")
    old = await _card_row(served)
    async with served.database.transaction() as session:
        await replacement.replace(
            session, served.vault, old.account_id, desk.id, actor=CLERK, now=served.clock()
        )
    assert (await _tap(reader, card)).result is SessionResult.DONE
    assert {each.status for each in _records(served, card).values()} == {RecordStatus.BLOCKED}
    assert (await _tap(reader, card)).result is SessionResult.REFUSED
    async with served.database.transaction() as session:
        assert (await session.get_one(Card, old.id)).state is CardState.REPLACED


async def test_a_card_that_was_to_be_written_whole_and_was_lost_is_blocked_whole(
    served: World,
) -> None:
    reader, card = await _reader(served), await _card(served)
    row = await _card_row(served)
    async with served.database.transaction() as session:
        await updates.rewrite(session, row.id, actor=CLERK, now=served.clock())
    await _report_lost(served)
    assert await _owed(served) == (Block(),)
    assert (await _tap(reader, card)).usable is False
    assert await _owed(served) == ()
    await _found(served)
    assert (await _tap(reader, card)).result is SessionResult.DONE
    assert (await _tap(reader, card)).result is SessionResult.NOTHING_OWED


async def _reader(world: World, name: str = "Library") -> Machine:
    return await world.machine(
        name, services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE, Purpose.UPDATE)
    )


async def _card(world: World) -> VirtualCard:
    desk = await world.machine()
    return await world.issue(await world.register(), desk)


async def _tap(machine: Machine, card: VirtualCard) -> Ended:
    card.reset()
    ended = await machine.card_session(Purpose.UPDATE, card)
    assert ended is not None
    return ended


async def _asked(machine: Machine, card: VirtualCard) -> CheckAnswer:
    request = CheckRequest(service=Service.LIBRARY, uid=card.uid)
    answer = await machine.post(CHECKS_PATH, request)
    return msgspec.json.decode(answer.content, type=CheckAnswer)


def _records(world: World, card: VirtualCard) -> dict[Service, Record]:
    found = {service: world.read(card, service) for service in Service}
    return {service: each for service, each in found.items() if each is not None}


async def _card_row(world: World) -> Card:
    """The newest one that was made."""
    async with world.database.transaction() as session:
        made = select(Card).where(Card.uid_index.is_not(None))
        return (await session.scalars(made.order_by(Card.created_at.desc(), Card.id))).one()


async def _owed(world: World) -> tuple[Update, ...]:
    row = await _card_row(world)
    async with world.database.transaction() as session:
        return await updates.owed(session, row, now=world.clock())


async def _report_lost(world: World) -> None:
    card_id = (await _card_row(world)).id
    async with world.database.transaction() as session:
        await replacement.report_lost(session, card_id, actor=CLERK, now=world.clock())


async def _found(world: World) -> None:
    card_id = (await _card_row(world)).id
    async with world.database.transaction() as session:
        await replacement.found(session, card_id, actor=CLERK, now=world.clock())


async def _bring_to(world: World, reader: Machine, card: VirtualCard, *, lost: bool) -> None:
    """The card lost and blocked, or in use and not."""
    if ((await _card_row(world)).state is CardState.LOST) is not lost:
        await (_report_lost(world) if lost else _found(world))
        assert (await _tap(reader, card)).result is SessionResult.DONE


async def _commands_of_a_block(world: World, reader: Machine, card: VirtualCard) -> int:
    """How many a session has that blocks the card; it is left as it was."""
    await _report_lost(world)
    counting = Counting.load(card.dump())
    assert isinstance(counting, Counting)
    assert (await _tap(reader, counting)).result is SessionResult.DONE
    await _found(world)
    assert (await _tap(reader, card)).result is SessionResult.DONE
    assert 4 < counting.commands < ENDLESS
    return counting.commands
