"""Whom a card session serves, and what it says to everybody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from secrets import token_bytes

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from cardservice import issuance, replacement, terminals
from cardservice.models import CardSession
from identity.keys import FileKeyStore
from readers.card.apdu import run
from readers.card.personalise import personalise
from readers.contract import wire
from readers.contract.services import Service
from readers.contract.wire import Purpose, SessionResult
from readers.virtual.card import VirtualCard
from tests.support.cards import keys_for
from tests.support.people import CLERK, JEAN
from tests.support.server import FROM_SERVER, Machine, World, new_card, tap, world

STEP_SECONDS = 1.0
SESSION_SECONDS = 3.0


@pytest.fixture
async def impatient(database_url: str, keystore: FileKeyStore) -> AsyncIterator[World]:
    """A server that waits for a card no longer than a moment."""
    async with world(
        database_url, keystore, card_step_seconds=STEP_SECONDS, card_session_seconds=SESSION_SECONDS
    ) as started:
        yield started


async def _result(machine: Machine, purpose: Purpose, card: VirtualCard) -> SessionResult:
    ended = await machine.card_session(purpose, card)
    assert ended is not None
    assert ended.title
    return ended.result


async def _said(opened: ClientConnection) -> wire.Command | wire.Ended:
    return FROM_SERVER.decode(await opened.recv())


async def _hello(opened: ClientConnection, card: VirtualCard, **changed: object) -> None:
    hello = wire.Hello(purpose=Purpose.PERSONALISE, uid=card.uid)
    await opened.send(msgspec.json.encode(msgspec.structs.replace(hello, **changed)))


async def _updater(served: World) -> Machine:
    return await served.machine(
        "Library", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE, Purpose.UPDATE)
    )


async def test_no_order_waits(served: World) -> None:
    desk = await served.machine()
    assert await _result(desk, Purpose.PERSONALISE, new_card()) is SessionResult.NO_ORDER


async def test_an_order_is_made_at_its_own_desk_only(served: World) -> None:
    desk, other = await served.machine(), await served.machine("Another desk")
    await served.order(await served.register(), desk)
    assert await _result(other, Purpose.PERSONALISE, new_card()) is SessionResult.NO_ORDER


async def test_a_terminal_may_not_do_what_it_was_not_given(served: World) -> None:
    desk, reader = await served.machine(), await _updater(served)
    await served.order(await served.register(), desk)
    assert await _result(reader, Purpose.PERSONALISE, new_card()) is SessionResult.REFUSED
    assert await _result(desk, Purpose.UPDATE, new_card()) is SessionResult.REFUSED
    assert await _result(reader, Purpose.VALIDATE, new_card()) is SessionResult.REFUSED


async def test_a_card_nobody_knows_is_not_updated(served: World) -> None:
    reader = await _updater(served)
    assert await _result(reader, Purpose.UPDATE, new_card()) is SessionResult.UNKNOWN_CARD


async def test_a_card_that_is_up_to_date_is_left_alone(served: World) -> None:
    desk, reader = await served.machine(), await _updater(served)
    card = await served.issue(await served.register(), desk)
    assert await _result(reader, Purpose.UPDATE, card) is SessionResult.NOTHING_OWED


async def test_a_lost_card_that_is_blocked_is_not_updated(served: World) -> None:
    desk, reader = await served.machine(), await _updater(served)
    resident = await served.register()
    card = await served.issue(resident, desk)
    card_id = await served.card_id(resident)
    await served.do(
        lambda session: replacement.report_lost(session, card_id, actor=CLERK, now=served.clock())
    )
    assert await _result(reader, Purpose.UPDATE, card) is SessionResult.DONE
    card.reset()
    assert await _result(reader, Purpose.UPDATE, card) is SessionResult.REFUSED


async def test_somebody_elses_card_is_never_made_anew(served: World) -> None:
    desk = await served.machine()
    card = await served.issue(await served.register(), desk)
    before = served.read(card, Service.LIBRARY)
    other = msgspec.structs.replace(JEAN, email="other@example.com", given_names="Joan")
    await served.order(await served.register(other), desk)

    card.reset()
    assert await _result(desk, Purpose.PERSONALISE, card) is SessionResult.REFUSED
    assert served.read(card, Service.LIBRARY) == before


async def test_a_card_of_another_issuer_is_left_as_it_is_and_said_to_have_failed(
    served: World,
) -> None:
    desk, card = await served.machine(), new_card()
    run(personalise(keys_for(card.uid, issuer=b"else", generation=9), {}, random=token_bytes), card)
    card.reset()
    await served.order(await served.register(), desk)
    assert await _result(desk, Purpose.PERSONALISE, card) is SessionResult.CARD_FAILED


async def test_a_chip_without_a_uid_of_its_own_is_no_kent_card(served: World) -> None:
    desk = await served.machine()
    await served.order(await served.register(), desk)
    async with desk.socket() as opened:
        await _hello(opened, new_card(), uid=b"\x08\x11\x22\x33")
        ended = await _said(opened)
    assert isinstance(ended, wire.Ended)
    assert ended.result is SessionResult.UNKNOWN_CARD


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no JSON",
        '{"type":"unheard-of"}',
        '{"type":"answer","step":1,"apdu":"kQA="}',
        '{"type":"hello","purpose":"burn","uid":"BAECAwQFBg=="}',
        "[" * 3000,
        "x" * 10_000,
    ],
    ids=["empty", "no JSON", "unheard of", "answer first", "unknown purpose", "deep", "huge"],
)
async def test_what_has_no_place_at_the_beginning_ends_the_session(
    served: World, message: str
) -> None:
    desk = await served.machine()
    async with desk.socket() as opened:
        await opened.send(message)
        ended = await _said(opened)
    assert isinstance(ended, wire.Ended)
    assert ended.result is SessionResult.REFUSED


async def test_an_answer_to_another_step_ends_the_session_and_it_can_be_run_again(
    served: World,
) -> None:
    desk, card = await served.machine(), new_card()
    await served.order(await served.register(), desk)
    async with desk.socket() as opened:
        await _hello(opened, card)
        command = await _said(opened)
        assert isinstance(command, wire.Command)
        await opened.send(msgspec.json.encode(wire.Answer(step=7, apdu=b"\x91\x00")))
        ended = await _said(opened)
    assert isinstance(ended, wire.Ended)
    assert ended.result is SessionResult.REFUSED
    assert await _result(desk, Purpose.PERSONALISE, card) is SessionResult.DONE


async def test_a_newer_terminals_language_is_refused_with_words(served: World) -> None:
    desk = await served.machine()
    async with desk.socket() as opened:
        await _hello(opened, new_card(), wire_version=wire.WIRE_VERSION + 1)
        ended = await _said(opened)
    assert isinstance(ended, wire.Ended)
    assert ended.result is SessionResult.REFUSED
    assert ended.advice == "Tell a member of staff: one of them is too old."


async def test_a_terminal_that_says_nothing_is_not_waited_for(impatient: World) -> None:
    desk = await impatient.machine()
    async with desk.socket() as opened:
        ended = await asyncio.wait_for(_said(opened), 5)
    assert isinstance(ended, wire.Ended)
    assert ended.result is SessionResult.TIMED_OUT


async def test_a_mute_card_times_out_and_the_session_can_be_run_again(impatient: World) -> None:
    desk, card = await impatient.machine(), new_card()
    await impatient.order(await impatient.register(), desk)
    async with desk.socket() as opened:
        await _hello(opened, card)
        assert isinstance(await _said(opened), wire.Command)
        ended = await asyncio.wait_for(_said(opened), 5)
    assert isinstance(ended, wire.Ended)
    assert ended.result is SessionResult.TIMED_OUT
    assert await _result(desk, Purpose.PERSONALISE, card) is SessionResult.DONE


async def test_a_card_that_is_slow_at_every_step_is_stopped_by_the_total_limit(
    impatient: World,
) -> None:
    desk, card = await impatient.machine(), new_card()
    await impatient.order(await impatient.register(), desk)
    async with desk.socket() as opened:
        await _hello(opened, card)
        said = await _said(opened)
        while isinstance(said, wire.Command):
            await asyncio.sleep(STEP_SECONDS / 2)
            answer = wire.Answer(step=said.step, apdu=card.transmit(said.apdu))
            with suppress(ConnectionClosed):  # what was said before it is still to be read
                await opened.send(msgspec.json.encode(answer))
            said = await asyncio.wait_for(_said(opened), 5)
    assert said.result is SessionResult.TIMED_OUT
    card.reset()
    assert await _result(desk, Purpose.PERSONALISE, card) is SessionResult.DONE


async def test_two_terminals_never_write_one_card_at_once(served: World) -> None:
    desk, first = await served.machine(), await _updater(served)
    second = await served.machine(
        "Gateway", services=(Service.LIBRARY,), purposes=(Purpose.UPDATE,)
    )
    resident = await served.register()
    card = await served.issue(resident, desk)
    served.clock.moment = served.clock.moment.replace(month=12)  # travel is due by now
    await served.assess(resident)

    async with first.socket() as opened:
        await _hello(opened, card, purpose=Purpose.UPDATE)
        assert isinstance(await _said(opened), wire.Command)
        assert await _result(second, Purpose.UPDATE, card) is SessionResult.REFUSED
        # The same terminal meets the card anew: what it did before is over.
        card.reset()
        assert await _result(first, Purpose.UPDATE, card) is SessionResult.DONE

    record = served.read(card, Service.TRAVEL)
    assert record is not None
    async with served.database.transaction() as session:
        rows = (await session.scalars(select(CardSession))).all()
    assert all(row.ended_at is not None for row in rows)


async def test_a_session_whose_server_died_is_over_after_a_while(served: World) -> None:
    desk, first = await served.machine(), await _updater(served)
    second = await served.machine(
        "Gateway", services=(Service.LIBRARY,), purposes=(Purpose.UPDATE,)
    )
    resident = await served.register()
    card = await served.issue(resident, desk)
    card_id = await served.card_id(resident)
    served.clock.moment = served.clock.moment.replace(month=12)
    await served.assess(resident)
    async with served.database.transaction() as session:
        session.add(
            CardSession(
                card_id=card_id,
                terminal_id=first.id,
                purpose=Purpose.UPDATE,
                opened_at=served.clock(),
            )
        )

    assert await _result(second, Purpose.UPDATE, card) is SessionResult.REFUSED
    served.clock.move(minutes=2)
    card.reset()
    assert await _result(second, Purpose.UPDATE, card) is SessionResult.DONE


async def test_no_transaction_is_open_while_the_card_is_driven(served: World) -> None:
    desk, reader = await served.machine(), await _updater(served)
    await served.order(await served.register(), desk)
    async with desk.socket() as opened:
        await _hello(opened, new_card())
        assert isinstance(await _said(opened), wire.Command)
        # On SQLite one open writing transaction would keep this waiting until it fails.
        answer = await reader.post(wire.TAPS_PATH, wire.TapUpload(taps=[tap(1)]))
        assert answer.status_code == 200, answer.text


async def test_an_order_that_was_cancelled_is_not_made(served: World) -> None:
    desk, resident = await served.machine(), await served.register()
    await served.order(resident, desk)

    async def cancel(session: AsyncSession) -> None:
        waiting = await issuance.waiting_at(session, desk.id)
        assert waiting is not None
        await issuance.cancel(session, waiting.order.id, actor=CLERK, now=served.clock())

    await served.do(cancel)
    assert await _result(desk, Purpose.PERSONALISE, new_card()) is SessionResult.NO_ORDER
    await served.order(resident, desk)
    assert await _result(desk, Purpose.PERSONALISE, new_card()) is SessionResult.DONE


async def test_nobody_opens_a_session_without_a_terminals_signature(served: World) -> None:
    address = f"ws{served.url.removeprefix('http')}{wire.CARD_SESSION_PATH}"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, proxy=None):
            pass
    assert refused.value.response.status_code == 403


async def test_no_page_of_any_site_opens_a_session(served: World) -> None:
    """Only browsers send an origin, and no page of ours opens a WebSocket."""
    desk = await served.machine()
    address = f"ws{served.url.removeprefix('http')}{wire.CARD_SESSION_PATH}"
    for origin in ("https://evil.example", served.url):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(
                address, origin=Origin(origin), additional_headers=desk.header(), proxy=None
            ):
                pass
        assert refused.value.response.status_code == 403
    async with connect(address, additional_headers=desk.header(), proxy=None):
        pass


async def test_a_revoked_desk_opens_no_session(served: World) -> None:
    desk = await served.machine()
    await served.do(
        lambda session: terminals.revoke(session, desk.id, actor=CLERK, now=served.clock())
    )
    with pytest.raises(InvalidStatus) as refused:
        async with desk.socket():
            pass
    assert refused.value.response.status_code == 403
