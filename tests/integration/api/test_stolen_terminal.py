"""Drill: a library's terminal is stolen, with its disk. What its keys can do, and how that ends.

As in docs/operations.md, "A stolen terminal". The card is a virtual one; everything else is real.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from itertools import product
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cardservice import generations, terminals
from cardservice.models import Card, Tap
from identity.keys import FileKeyStore, KeyId, Purpose
from identity.trail_models import AuditRow
from readers.card.apdu import run
from readers.card.authentication import authenticate_ev2_first
from readers.card.codes import CommMode
from readers.card.keys import diversification_input, diversify
from readers.card.layout import FILES, KENT_AID, KEY_COUNT, PICC_AID, WRITE_KEY
from readers.card.personalise import read_service, update
from readers.card.procedures import select_application, write_data
from readers.contract import wire
from readers.contract.reasons import Reason
from readers.contract.record import Record, frame, sign_record
from readers.contract.services import Service
from readers.contract.wire import SessionResult
from readers.errors import CardRefused
from readers.terminal.bundle import open_bundle
from readers.terminal.decide import Refused, open_record
from readers.terminal.decide import Tap as CardTap
from readers.terminal.reading import read_tap
from readers.virtual.card import VirtualCard
from tests.support.people import CLERK, NOW
from tests.support.server import Machine, World, tap, world

LIBRARY = FILES[Service.LIBRARY].read_key
OTHERS = [service for service in Service if service is not Service.LIBRARY]


class Drill:
    """What is there on the day: the stolen terminal, an honest one, and a resident's card."""

    def __init__(
        self,
        served: World,
        stolen: Machine,
        honest: Machine,
        card: VirtualCard,
        disk: Mapping[Service, list[wire.ReadKey]],
    ) -> None:
        self.served = served
        self.stolen = stolen
        self.honest = honest
        self.card = card
        self.disk = disk

    def own_key(self, number: int, aid: bytes = KENT_AID) -> bytes:
        """What the thief can make of the stolen master for a key of the card in hand."""
        (master,) = self.disk[Service.LIBRARY]
        return diversify(master.key, diversification_input(self.card.uid, aid, number))

    async def given(self, machine: Machine) -> Mapping[Service, list[wire.ReadKey]]:
        answer = await machine.get(wire.READ_KEYS_PATH)
        assert answer.status_code == 200, answer.text
        return msgspec.json.decode(answer.content, type=wire.ReadKeys).keys

    async def bundle(self) -> wire.SignedBundle:
        answer = await self.honest.get(wire.BUNDLE_PATH)
        return msgspec.json.decode(answer.content, type=wire.SignedBundle)

    async def honest_reads(self) -> bool:
        self.card.reset()
        keys = (await self.given(self.honest))[Service.LIBRARY]
        found = read_tap(self.card, Service.LIBRARY, keys, random=secrets.token_bytes)
        return isinstance(found, CardTap) and bool(found.record)

    async def revoke(self) -> None:
        await self.served.do(
            lambda session: terminals.revoke(
                session, self.stolen.id, actor=CLERK, now=self.served.clock()
            )
        )

    async def rotate(self) -> None:
        """The library's read key, as soon as terminals have it."""
        now = self.served.clock()
        await self.served.do(
            lambda session: generations.add(
                session,
                self.served.keystore,
                Purpose.CARD_READ_LIBRARY,
                used_from=now,
                actor=CLERK,
                now=now,
            )
        )
        self.served.clock.move(hours=2)


@pytest.fixture
async def drill(database_url: str, tmp_path: Path) -> AsyncIterator[Drill]:
    own = FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    async with world(database_url, own) as served:
        desk = await served.machine()
        purposes = [wire.Purpose.VALIDATE, wire.Purpose.UPDATE]
        stolen = await served.machine("Kiosk", services=[Service.LIBRARY], purposes=purposes)
        honest = await served.machine("Counter", services=[Service.LIBRARY], purposes=purposes)
        card = await served.issue(await served.register(), desk)
        made = Drill(served, stolen, honest, card, {})
        made.disk = await made.given(stolen)
        yield made


async def test_the_thief_reads_the_library_record_of_a_card_laid_on_it_and_no_other(
    drill: Drill,
) -> None:
    assert set(drill.disk) == {Service.LIBRARY}
    record = drill.served.read_with(drill.card, Service.LIBRARY, drill.own_key(LIBRARY))
    assert record is not None
    for service, number in product(OTHERS, range(KEY_COUNT)):
        drill.card.reset()
        reading = read_service(drill.own_key(number), service, random=secrets.token_bytes)
        with pytest.raises(CardRefused):
            run(reading, drill.card)


async def test_the_thief_opens_no_other_key_of_the_card(drill: Drill) -> None:
    for aid, number, made_for in product((KENT_AID, PICC_AID), range(KEY_COUNT), range(KEY_COUNT)):
        if (aid, number, made_for) == (KENT_AID, LIBRARY, LIBRARY):
            continue
        drill.card.reset()
        run(select_application(aid), drill.card)
        key = drill.own_key(made_for, aid)
        with pytest.raises(CardRefused):
            run(authenticate_ev2_first(number, key, random=secrets.token_bytes), drill.card)


async def test_the_thief_writes_nothing(drill: Drill) -> None:
    before = drill.card.dump()
    drill.card.reset()
    writing = update(
        drill.own_key(WRITE_KEY), {Service.LIBRARY: b"mine"}, random=secrets.token_bytes
    )
    with pytest.raises(CardRefused):
        run(writing, drill.card)
    drill.card.reset()
    run(select_application(KENT_AID), drill.card)
    opening = authenticate_ev2_first(LIBRARY, drill.own_key(LIBRARY), random=secrets.token_bytes)
    session = run(opening, drill.card)
    content = frame(b"mine", FILES[Service.LIBRARY].size)
    with pytest.raises(CardRefused):
        run(
            write_data(session, FILES[Service.LIBRARY].number, 0, content, mode=CommMode.FULL),
            drill.card,
        )
    drill.card.reset()
    assert drill.card.dump() == before


async def test_a_record_that_the_thief_signs_is_forged_to_every_other_terminal(
    drill: Drill,
) -> None:
    record = drill.served.read_with(drill.card, Service.LIBRARY, drill.own_key(LIBRARY))
    assert isinstance(record, Record)
    bundle_key = drill.served.keystore.current(Purpose.BUNDLE_SIGN)
    pinned = {
        bundle_key.wire.decode(): drill.served.keystore.public_key(bundle_key).public_bytes_raw()
    }
    view = open_bundle((await drill.bundle()).token, pinned, terminal_id=str(drill.honest.id))
    forged = sign_record(record, key_id=b"rec.1", sign=drill.stolen.sign)
    found = open_record(CardTap(drill.card.uid, Service.LIBRARY, forged), view)
    assert isinstance(found, Refused)
    assert found.reason is Reason.BAD_RECORD_SIGNATURE


async def test_the_thief_speaks_for_no_other_terminal_and_gets_no_other_key(
    drill: Drill,
) -> None:
    as_another = Machine(drill.honest.id, drill.stolen._key, drill.served.clock, drill.served.url)  # noqa: SLF001  (the thief has it)
    assert (await as_another.get(wire.BUNDLE_PATH)).status_code == 401
    assert (await as_another.get(wire.READ_KEYS_PATH)).status_code == 401
    question = wire.CheckRequest(service=Service.TRAVEL, uid=drill.card.uid, record=None)
    assert (await drill.stolen.post(wire.CHECKS_PATH, question)).status_code == 403
    ended = await drill.stolen.card_session(wire.Purpose.PERSONALISE, drill.card)
    assert ended is None or ended.result is not SessionResult.DONE


async def test_once_it_is_revoked_the_thief_is_refused_everything_and_its_taps_are_put_aside(
    drill: Drill,
) -> None:
    await drill.revoke()
    for path in (wire.BUNDLE_PATH, wire.READ_KEYS_PATH):
        assert (await drill.stolen.get(path)).status_code == 403
    question = wire.CheckRequest(service=Service.LIBRARY, uid=drill.card.uid, record=None)
    assert (await drill.stolen.post(wire.CHECKS_PATH, question)).status_code == 403
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        await drill.stolen.card_session(wire.Purpose.UPDATE, drill.card)
    answer = await drill.stolen.post(wire.TAPS_PATH, wire.TapUpload(taps=[tap(1), tap(2)]))
    assert answer.status_code == 403
    rows = await drill.served.do(lambda s: s.scalars(select(Tap.after_revocation)))
    assert list(rows) == [True, True]
    assert await drill.honest_reads()


async def test_after_the_key_was_rotated_the_stolen_one_opens_no_card_that_tapped_since(
    drill: Drill,
) -> None:
    await drill.revoke()
    await drill.rotate()
    assert [key.generation for key in (await drill.given(drill.honest))[Service.LIBRARY]] == [2, 1]
    assert await drill.honest_reads()
    drill.card.reset()
    ended = await drill.honest.card_session(wire.Purpose.UPDATE, drill.card)
    assert ended is not None
    assert ended.result is SessionResult.DONE
    drill.card.reset()
    reading = read_service(drill.own_key(LIBRARY), Service.LIBRARY, random=secrets.token_bytes)
    with pytest.raises(CardRefused):
        run(reading, drill.card)
    assert await drill.honest_reads()

    now = drill.served.clock()
    cards = await drill.served.do(
        lambda session: generations.retire(
            session,
            drill.served.keystore,
            KeyId(Purpose.CARD_READ_LIBRARY, 1),
            on=now.date(),
            actor=CLERK,
            now=now,
        )
    )
    assert cards == 0
    assert [key.generation for key in (await drill.given(drill.honest))[Service.LIBRARY]] == [2]
    assert await drill.honest_reads()
    (held,) = await drill.served.do(lambda s: s.scalars(select(Card.key_generations)))
    assert held[str(LIBRARY)] == 2
    trail = await drill.served.do(lambda s: s.scalars(select(AuditRow.action)))
    assert {"terminal-revoked", "card-key-made", "card-key-retired"} <= set(trail)
