"""A card taken away at any command is usable, and its card session can be run again."""

from uuid import UUID

import pytest
from sqlalchemy import func, select

from cardservice import issuance, replacement
from cardservice.models import Card, CardSession, CardState
from entitlements import grants, issuing
from entitlements.grants import EndReason
from readers.contract.services import Service
from readers.contract.wire import Purpose, SessionResult
from readers.virtual.card import VirtualCard
from tests.support.people import CLERK
from tests.support.server import Machine, World, new_card

ENDLESS = 200


class Counting(VirtualCard):
    """Counts the commands it was sent, those a reader answers aside."""

    commands = 0

    def transmit(self, command: bytes) -> bytes:
        self.commands += command[:1] != b"\xff"
        return super().transmit(command)


@pytest.mark.parametrize("done", [False, True], ids=["command lost", "answer lost"])
async def test_personalising_survives_a_tear_at_every_command(served: World, *, done: bool) -> None:
    desk, resident = await served.machine(), await served.register()
    whole = Counting(new_card().uid)
    await served.order(resident, desk)
    assert await _result(desk, Purpose.PERSONALISE, whole) is SessionResult.DONE
    assert 40 < whole.commands < ENDLESS

    for torn_at in range(1, whole.commands + 1):
        card = new_card()
        await _replace(served, resident, desk)
        card.tear_after(torn_at, done=done)
        assert await _result(desk, Purpose.PERSONALISE, card) is SessionResult.BROKEN_OFF, torn_at
        card.reset()
        assert await _result(desk, Purpose.PERSONALISE, card) is SessionResult.DONE, torn_at
        await _holds_what_the_server_believes(served, resident, card)


@pytest.mark.parametrize("done", [False, True], ids=["command lost", "answer lost"])
async def test_an_update_survives_a_tear_at_every_command(served: World, *, done: bool) -> None:
    desk, resident = await served.machine(), await served.register()
    reader = await _updater(served)
    made = await served.issue(resident, desk)
    card = Counting.load(made.dump())
    await _change_something(served, resident)
    assert await _result(reader, Purpose.UPDATE, card) is SessionResult.DONE
    assert isinstance(card, Counting)
    commands = card.commands
    assert 4 < commands < ENDLESS

    for torn_at in range(1, commands + 1):
        card.reset()
        before = served.read(card, Service.LIBRARY)
        await _change_something(served, resident)
        card.reset()
        card.tear_after(torn_at, done=done)
        assert await _result(reader, Purpose.UPDATE, card) is SessionResult.BROKEN_OFF, torn_at
        torn = served.read(card, Service.LIBRARY)  # the old record or the new one, never neither
        assert torn is not None
        assert before is not None
        assert torn.sequence in {before.sequence, before.sequence + 1}
        card.reset()
        assert await _result(reader, Purpose.UPDATE, card) is SessionResult.DONE, torn_at
        await _holds_what_the_server_believes(served, resident, card)
        assert await _result(reader, Purpose.UPDATE, card) is SessionResult.NOTHING_OWED


async def test_a_terminal_that_vanishes_leaves_nothing_open(served: World) -> None:
    desk, resident = await served.machine(), await served.register()
    card_id = await served.order(resident, desk)
    card = new_card()
    card.tear_after(20)

    assert await desk.card_session(Purpose.PERSONALISE, card, silent_when_torn=True) is None

    card.reset()
    assert await _result(desk, Purpose.PERSONALISE, card) is SessionResult.DONE
    async with served.database.transaction() as session:
        still_open = select(func.count()).where(
            CardSession.card_id == card_id, CardSession.ended_at.is_(None)
        )
        assert await session.scalar(still_open) == 0


async def _result(machine: Machine, purpose: Purpose, card: VirtualCard) -> SessionResult:
    ended = await machine.card_session(purpose, card)
    assert ended is not None
    return ended.result


async def _updater(world: World) -> Machine:
    return await world.machine(
        "Library", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE, Purpose.UPDATE)
    )


async def _replace(world: World, resident: UUID, desk: Machine) -> None:
    world.clock.move(seconds=1)
    async with world.database.transaction() as session:
        await replacement.replace(
            session, world.vault, resident, desk.id, actor=CLERK, now=world.clock()
        )


async def _change_something(world: World, resident: UUID) -> None:
    """End the library grant and give it anew a day later: its record has another first day."""
    world.clock.move(days=1)
    async with world.database.transaction() as session:
        held = await grants.open_by_scheme(session, resident)
        await grants.end(
            session, held["library"], EndReason.CHANGED, actor=CLERK, now=world.clock()
        )
    await world.assess(resident)


async def _holds_what_the_server_believes(world: World, resident: UUID, card: VirtualCard) -> None:
    """Every file holds the newest record that was signed, and the server knows that it does."""
    async with world.database.transaction() as session:
        row = (await issuance.cards_of(session, resident))[0]
        assert row.state is CardState.ACTIVE
        records = {each.service: each for each in await issuing.records_of(session, row.id)}
    assert records
    for service in Service:
        on_card = world.read(card, service)
        stored = records.get(service)
        if stored is None or stored.entitlement_class is None:
            assert on_card is None
            continue
        assert on_card is not None
        assert on_card.sequence == stored.sequence == stored.written_sequence
        assert on_card.status_index == stored.status_index
    card.reset()


async def test_what_was_begun_on_one_blank_is_refused_when_another_is_taken(
    served: World,
) -> None:
    desk, resident = await served.machine(), await served.register()
    first_id = await served.order(resident, desk)
    first, second = new_card(), new_card()
    first.tear_after(30)
    assert await _result(desk, Purpose.PERSONALISE, first) is SessionResult.BROKEN_OFF
    served.clock.move(seconds=1)
    assert await _result(desk, Purpose.PERSONALISE, second) is SessionResult.DONE

    async with served.database.transaction() as session:
        assert (await session.get_one(Card, first_id)).state is CardState.DESTROYED
        assert {each.status for each in await issuing.records_of(session, first_id)} == {1}
    await _holds_what_the_server_believes(served, resident, second)
