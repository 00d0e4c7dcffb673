"""A reader serves one clerk's browser: who gets it, how long, and whose card a blank becomes."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from cardservice import issuance, pairing, terminals
from cardservice.errors import DeskBusy, NotYourDesk
from cardservice.models import CardOrder
from cardservice.pairing import NotPaired, Paired
from identity import sessions, staff_access
from identity.sessions import SignedInSession
from identity.trail_models import AuditRow
from readers.contract import wire
from readers.contract.wire import Purpose, SessionResult
from tests.support.lives import WILL
from tests.support.pairs import code_on_screen, paired, signed_in_clerk
from tests.support.people import CLERK, JEAN
from tests.support.server import Machine, World, new_card


async def _clerk(served: World, name: str = "sam") -> tuple[str, SignedInSession]:
    async with served.database.transaction() as session:
        return await signed_in_clerk(session, name, now=served.clock())


async def _type(served: World, code: str, own: SignedInSession) -> Paired | NotPaired:
    async with served.database.transaction() as session:
        return await pairing.pair(session, served.vault, code, own, now=served.clock())


async def _readers(served: World, own: SignedInSession) -> list[UUID]:
    async with served.database.transaction() as session:
        found = await pairing.of_session(session, own, now=served.clock())
    return [each.terminal_id for each in found]


async def _serves(served: World, machine: Machine) -> UUID | None:
    async with served.database.transaction() as session:
        return await pairing.of_terminal(session, machine.id, now=served.clock())


async def _order(served: World, account_id: UUID, desk: Machine, pair: Paired | None) -> CardOrder:
    async with served.database.transaction() as session:
        return await issuance.order(
            session,
            served.vault,
            account_id,
            desk.id,
            actor=CLERK,
            now=served.clock(),
            pairing_id=pair.id if pair else None,
        )


async def _lay_a_blank(desk: Machine) -> SessionResult:
    ended = await desk.card_session(Purpose.PERSONALISE, new_card())
    assert ended is not None
    return ended.result


async def test_who_types_the_code_on_the_screen_gets_the_reader(served: World) -> None:
    desk, (_, sam) = await served.machine(), await _clerk(served)
    assert await _serves(served, desk) is None
    code = await code_on_screen(served, desk)
    found = await _type(served, f" {code.lower().replace('-', ' ')} ", sam)
    assert isinstance(found, Paired)
    assert (found.terminal_id, found.makes_cards) == (desk.id, True)
    assert await _readers(served, sam) == [desk.id]
    assert await _serves(served, desk) == found.id
    async with served.database.transaction() as session:
        row = await session.scalar(select(AuditRow).where(AuditRow.action == "terminal-paired"))
    assert row is not None
    assert (row.actor_id, row.subject) == (sam.actor.id, f"terminal:{desk.id}")


async def test_a_code_is_good_once_for_two_minutes_and_until_the_next(served: World) -> None:
    desk, (_, sam), (_, kim) = (
        await served.machine(),
        await _clerk(served),
        await _clerk(served, "kim"),
    )
    first = await code_on_screen(served, desk)
    second = await code_on_screen(served, desk)
    assert await _type(served, first, sam) is NotPaired.WRONG_CODE
    assert isinstance(await _type(served, second, sam), Paired)
    assert await _type(served, second, kim) is NotPaired.WRONG_CODE
    assert await _readers(served, sam) == [desk.id]
    late = await code_on_screen(served, desk)
    served.clock.move(minutes=2)
    assert await _type(served, late, kim) is NotPaired.WRONG_CODE
    assert await _readers(served, kim) == []


async def test_who_guesses_codes_is_made_to_wait(served: World) -> None:
    desk, (_, sam), (_, kim) = (
        await served.machine(),
        await _clerk(served),
        await _clerk(served, "kim"),
    )
    for _ in range(6):
        assert await _type(served, "AAA-AAA", sam) is NotPaired.WRONG_CODE
    code = await code_on_screen(served, desk)
    assert await _type(served, code, sam) is NotPaired.TOO_MANY_TRIES
    assert isinstance(await _type(served, code, kim), Paired)  # others need not wait
    served.clock.move(seconds=31)
    assert isinstance(await _type(served, await code_on_screen(served, desk), sam), Paired)


@pytest.mark.parametrize("ending", ["sign-out", "idle", "access-ended", "let-go", "revoked"])
async def test_a_pairing_ends_with(served: World, ending: str) -> None:
    desk, (token, sam) = await served.machine(), await _clerk(served)
    await paired(served, desk, sam)
    now = served.clock()
    async with served.database.transaction() as session:
        match ending:
            case "sign-out":
                await sessions.end(session, token, actor=sam.actor, now=now)
            case "idle":
                served.clock.move(minutes=16)
            case "access-ended":
                await staff_access.set_active(
                    session, sam.subject_id, active=False, actor=CLERK, now=now
                )
            case "let-go":
                assert await pairing.let_go(session, desk.id, sam, now=now)
            case _:
                await terminals.revoke(session, desk.id, actor=CLERK, now=now)
    assert await _serves(served, desk) is None
    assert await _readers(served, sam) == []


async def test_a_session_keeps_its_reader_when_its_token_is_exchanged(served: World) -> None:
    desk, (token, sam) = await served.machine(), await _clerk(served)
    pair = await paired(served, desk, sam)
    async with served.database.transaction() as session:
        await sessions.rotate(session, token, now=served.clock())
    assert await _serves(served, desk) == pair.id


async def test_the_same_clerk_at_another_browser_has_no_reader(served: World) -> None:
    desk, (_, sam) = await served.machine(), await _clerk(served)
    await paired(served, desk, sam)
    async with served.database.transaction() as session:
        token = await sessions.open_session(session, sam.subject_id, sam.kind, now=served.clock())
        elsewhere = await sessions.look_up(session, token, now=served.clock())
        assert isinstance(elsewhere, SignedInSession)
        assert await pairing.of_session(session, elsewhere, now=served.clock()) == ()
        assert not await pairing.let_go(session, desk.id, elsewhere, now=served.clock())
    assert await _serves(served, desk) is not None


async def test_another_clerk_takes_the_reader_over(served: World) -> None:
    desk, (_, sam), (_, kim) = (
        await served.machine(),
        await _clerk(served),
        await _clerk(served, "kim"),
    )
    await paired(served, desk, sam)
    hers = await paired(served, desk, kim)
    assert await _readers(served, sam) == []
    assert await _serves(served, desk) == hers.id


async def test_only_a_terminal_in_use_gets_a_code(served: World) -> None:
    desk = await served.machine()
    async with served.database.transaction() as session:
        await terminals.revoke(session, desk.id, actor=CLERK, now=served.clock())
    refused = await desk.post(wire.PAIRING_PATH, wire.ReadKeys({}))
    assert (refused.status_code, refused.json()["code"]) == (403, "terminal-revoked")


async def test_a_blank_never_becomes_another_clerks_order(served: World) -> None:
    desk, (_, sam), (_, kim) = (
        await served.machine(),
        await _clerk(served),
        await _clerk(served, "kim"),
    )
    await _order(served, await served.register(), desk, await paired(served, desk, sam))
    hers = await paired(served, desk, kim)
    assert await _lay_a_blank(desk) is SessionResult.NO_ORDER
    await _order(served, await served.register(WILL), desk, hers)  # nor does his block hers
    assert await _lay_a_blank(desk) is SessionResult.DONE
    async with served.database.transaction() as session:
        orders = (await session.scalars(select(CardOrder))).all()
    states = {order.pairing_id: order.state.value for order in orders}
    assert states.pop(hers.id) == "done"
    assert list(states.values()) == ["waiting"]


async def test_an_order_of_a_pairing_that_ended_takes_no_blank(served: World) -> None:
    desk, (token, sam) = await served.machine(), await _clerk(served)
    await _order(served, await served.register(), desk, await paired(served, desk, sam))
    async with served.database.transaction() as session:
        await sessions.end(session, token, actor=sam.actor, now=served.clock())
    assert await _lay_a_blank(desk) is SessionResult.NO_ORDER


async def test_nobody_orders_at_a_reader_that_serves_another_browser(served: World) -> None:
    desk, (_, sam) = await served.machine(), await _clerk(served)
    jean, pair = await served.register(JEAN), await paired(served, desk, sam)
    with pytest.raises(NotYourDesk):
        await _order(served, jean, desk, None)
    await _order(served, jean, desk, pair)
    will = await served.register(WILL)
    with pytest.raises(DeskBusy):
        await _order(served, will, desk, pair)
    served.clock.move(minutes=16)
    assert served.clock() - pair.begun_at > timedelta(minutes=15)
    with pytest.raises(NotYourDesk):
        await _order(served, will, desk, pair)
