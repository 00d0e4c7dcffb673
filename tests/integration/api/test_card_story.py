"""The story of a card through the server's API, with a real server and a virtual card."""

import asyncio
from datetime import UTC, datetime

import msgspec

from cardservice import replacement
from identity.keys import Purpose as KeyPurpose
from readers.contract import wire
from readers.contract.services import Service
from readers.contract.statuslist import TOKEN_TYPE, Status, from_claim
from readers.contract.tokens import BUNDLE_TYPE, verify_token
from readers.contract.wire import Purpose, SessionResult
from readers.terminal.relay import run_card_session
from readers.terminal.server import Network
from readers.virtual.card import VirtualCard
from tests.support.people import CLERK
from tests.support.server import Machine, World, new_card


async def gateway(world: World) -> Machine:
    return await world.machine(
        "Ashford Gateway",
        services=(Service.TRAVEL, Service.LIBRARY),
        purposes=(Purpose.VALIDATE, Purpose.UPDATE),
    )


async def bundle_of(world: World, machine: Machine) -> wire.Bundle:
    answer = await machine.get(wire.BUNDLE_PATH)
    assert answer.status_code == 200, answer.text
    signed = msgspec.json.decode(answer.content, type=wire.SignedBundle)
    key = world.keystore.public_key(world.keystore.current(KeyPurpose.BUNDLE_SIGN))
    claims = verify_token(signed.token, BUNDLE_TYPE, key, now=world.clock())
    return msgspec.convert(claims, wire.Bundle)


async def listed(world: World, machine: Machine, service: Service, index: int) -> Status:
    """What the terminal's next bundle says about a record."""
    bundle = await bundle_of(world, machine)
    key = world.keystore.public_key(world.keystore.current(KeyPurpose.STATUS_SIGN))
    claims = verify_token(bundle.status_lists[service], TOKEN_TYPE, key, now=world.clock())
    return Status(from_claim(claims["status_list"])[index])


async def check(
    machine: Machine, world: World, card: VirtualCard, service: Service
) -> wire.CheckAnswer:
    record = world.read(card, service)
    seen = None
    if record is not None:
        seen = wire.SeenRecord(
            number=record.number, status_index=record.status_index, record_sequence=record.sequence
        )
    answer = await machine.post(
        wire.CHECKS_PATH, wire.CheckRequest(service=service, uid=card.uid, record=seen)
    )
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=wire.CheckAnswer)


async def test_an_entitlement_reaches_the_card_a_lost_card_is_refused_and_its_replacement_works(
    served: World,
) -> None:
    desk, reader = await served.machine(), await gateway(served)
    resident = await served.register()
    card = await served.issue(resident, desk)

    library = served.read(card, Service.LIBRARY)
    assert library is not None
    assert library.entitlement_class == "over-60"
    assert served.read(card, Service.IDENTITY) is not None
    assert served.read(card, Service.TRAVEL) is None
    before = await check(reader, served, card, Service.TRAVEL)
    assert (before.status, before.update_owed) == (None, False)

    # On 30 November she reaches pensionable age; nothing is asked.
    served.clock.moment = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
    await served.assess(resident)
    assert (await check(reader, served, card, Service.TRAVEL)).update_owed
    ended = await reader.card_session(Purpose.UPDATE, card)
    assert ended is not None
    assert ended.result is SessionResult.DONE
    travel = served.read(card, Service.TRAVEL)
    assert travel is not None
    assert travel.entitlement_class == "older"
    assert travel.valid_from == datetime(2026, 11, 30, tzinfo=UTC)
    assert travel.valid_until == datetime(2028, 3, 31, 23, 0, tzinfo=UTC)  # London's midnight
    assert served.read(card, Service.LIBRARY) == library
    after = await check(reader, served, card, Service.TRAVEL)
    assert (after.status, after.update_owed) == (Status.VALID, False)

    card_id = await served.card_id(resident)
    # Lost: refused by the next bundle and by the next question. Found: as before.
    await served.do(
        lambda session: replacement.report_lost(session, card_id, actor=CLERK, now=served.clock())
    )
    assert await listed(served, reader, Service.TRAVEL, travel.status_index) is Status.SUSPENDED
    assert (await check(reader, served, card, Service.TRAVEL)).status == Status.SUSPENDED
    await served.do(
        lambda session: replacement.found(session, card_id, actor=CLERK, now=served.clock())
    )
    assert await listed(served, reader, Service.TRAVEL, travel.status_index) is Status.VALID

    # Replaced: for ever, and the new card has everything under other indexes.
    await served.do(
        lambda session: replacement.replace(
            session, served.vault, resident, desk.id, actor=CLERK, now=served.clock()
        )
    )
    new = new_card()
    made = await desk.card_session(Purpose.PERSONALISE, new)
    assert made is not None
    assert made.result is SessionResult.DONE
    again = served.read(new, Service.TRAVEL)
    assert again is not None
    assert (again.number, again.entitlement_class) == (travel.number, travel.entitlement_class)
    assert again.status_index != travel.status_index
    assert await listed(served, reader, Service.TRAVEL, travel.status_index) is Status.INVALID
    assert (await check(reader, served, card, Service.TRAVEL)).status == Status.INVALID
    assert (await check(reader, served, new, Service.TRAVEL)).status == Status.VALID
    stopped = await reader.card_session(Purpose.UPDATE, card)
    assert stopped is not None
    assert (stopped.result, stopped.usable) == (SessionResult.DONE, False)


async def test_the_terminals_own_relay_personalises_a_card(served: World) -> None:
    desk, card = await served.machine(), new_card()
    await served.order(await served.register(), desk)

    ended = await asyncio.to_thread(
        run_card_session,
        served.url,
        wire.Hello(purpose=Purpose.PERSONALISE, uid=card.uid),
        card,
        authorization=desk.header()["authorization"],
        network=Network(),
    )

    assert isinstance(ended, wire.Ended)
    assert ended.result is SessionResult.DONE
    assert served.read(card, Service.LIBRARY) is not None
