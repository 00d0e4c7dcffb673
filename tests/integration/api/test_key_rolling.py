"""New card keys reach cards in use at their next tap online, from wherever the card was torn away.

On both database engines: what is stored never says more than the chip holds.
"""

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import delete, select, update

from cardservice import generations, replacement, updates
from cardservice.card_keys import FIRST, PURPOSES, application_key
from cardservice.errors import (
    GenerationInUse,
    GenerationNeeded,
    GenerationsUsedUp,
    NoSuchGeneration,
    NotACardKey,
)
from cardservice.key_models import KeyGeneration
from cardservice.models import Card
from identity.dates import london_date
from identity.keys import FileKeyStore, KeyId, Purpose
from identity.token_keys import TokenKeyStore
from identity.trail_models import AuditRow
from readers.card.apdu import run
from readers.card.layout import KENT_AID, KEY_COUNT, PICC_AID, PICC_KEY
from readers.card.personalise import read_service
from readers.card.procedures import get_key_version, select_application
from readers.card.rolling import PICC
from readers.contract import wire
from readers.contract.services import Service
from readers.contract.wire import SessionResult, UpdateKind
from readers.errors import CardRefused
from readers.terminal.decide import Tap
from readers.terminal.reading import read_tap
from readers.virtual.card import VirtualCard
from tests.support.people import CLERK, JEAN, NOW
from tests.support.server import Machine, World, world
from tests.support.tokens import SoftHsm

LIBRARY = Purpose.CARD_READ_LIBRARY
SOMEBODY = msgspec.structs.replace(JEAN, given_names="Joan", email="joan@example.com")
SECOND = dict.fromkeys(FIRST, 2)


@pytest.fixture
async def served(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    own = FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    async with world(database_url, own) as started:
        yield started


class Site:
    """A desk, a library's reader, and a card of a resident."""

    def __init__(self, served: World, reader: Machine, card: VirtualCard, card_id: UUID) -> None:
        self.served = served
        self.reader = reader
        self.card = card
        self.card_id = card_id

    async def rotate(self, *purposes: Purpose, after: timedelta = timedelta()) -> None:
        now = self.served.clock()
        async with self.served.database.transaction() as session:
            for purpose in purposes:
                await generations.add(
                    session,
                    self.served.keystore,
                    purpose,
                    used_from=now + after,
                    actor=CLERK,
                    now=now,
                )
        self.served.clock.move(hours=2)

    async def retire(self, key: KeyId, even_though: int | None = None, days: int = 0) -> int:
        now = self.served.clock()
        cards: int = await self.served.do(
            lambda session: generations.retire(
                session,
                self.served.keystore,
                key,
                on=london_date(now) + timedelta(days),
                even_though=even_though,
                actor=CLERK,
                now=now,
            )
        )
        return cards

    async def keys(self) -> list[wire.ReadKey]:
        answer = await self.reader.get(wire.READ_KEYS_PATH)
        given: list[wire.ReadKey] = msgspec.json.decode(answer.content, type=wire.ReadKeys).keys[
            Service.LIBRARY
        ]
        return given

    async def tap(self) -> wire.Ended | None:
        self.card.reset()
        return await self.reader.card_session(wire.Purpose.UPDATE, self.card)

    async def is_owed(self) -> bool:
        question = wire.CheckRequest(service=Service.LIBRARY, uid=self.card.uid, record=None)
        answer = await self.reader.post(wire.CHECKS_PATH, question)
        return msgspec.json.decode(answer.content, type=wire.CheckAnswer).update_owed

    async def stored(self) -> dict[str, int]:
        query = select(Card.key_generations).where(Card.id == self.card_id)
        found: dict[str, int] = await self.served.do(lambda session: session.scalar(query))
        return found

    def on_the_chip(self) -> dict[str, int]:
        """The version of each key, as the card tells anybody."""
        self.card.reset()
        run(select_application(PICC_AID), self.card)
        found = {PICC: run(get_key_version(None, PICC_KEY), self.card)}
        run(select_application(KENT_AID), self.card)
        for number in range(KEY_COUNT):
            found[str(number)] = run(get_key_version(None, number), self.card)
        return found

    async def reads(self) -> bool:
        """Whether the library's reader, with the keys it is given, reads the card."""
        self.card.reset()
        reading = read_tap(
            self.card, Service.LIBRARY, await self.keys(), random=secrets.token_bytes
        )
        return isinstance(reading, Tap) and bool(reading.record)


@pytest.fixture
async def site(served: World) -> Site:
    return await site_of(served)


async def site_of(served: World) -> Site:
    desk = await served.machine()
    purposes = [wire.Purpose.VALIDATE, wire.Purpose.UPDATE]
    reader = await served.machine("Library", services=[Service.LIBRARY], purposes=purposes)
    resident = await served.register()
    card = await served.issue(resident, desk)
    return Site(served, reader, card, await served.card_id(resident))


def done(ended: wire.Ended | None) -> bool:
    return ended is not None and ended.result is SessionResult.DONE


async def test_every_key_of_a_card_is_rolled_at_its_next_tap_online(site: Site) -> None:
    assert site.on_the_chip() == await site.stored() == FIRST
    assert not await site.is_owed()
    await site.rotate(*PURPOSES.values())
    assert await site.is_owed()
    assert done(await site.tap())
    assert site.on_the_chip() == await site.stored() == SECOND
    assert not await site.is_owed()
    assert await site.reads()
    ended = await site.tap()
    assert ended is not None
    assert ended.result is SessionResult.NOTHING_OWED


async def test_a_card_torn_away_at_any_command_of_its_roll_goes_on_at_the_next_tap(
    site: Site,
) -> None:
    """With records to write before: what is written under a key that may be new already."""
    await site.rotate(*PURPOSES.values())
    before = site.card.dump()

    async def again(card: object) -> None:
        site.card = VirtualCard.load(card)
        reset = update(Card).where(Card.id == site.card_id)
        new = reset.values(
            key_generations=dict(FIRST), key_rolls=0, written_version=updates.NOTHING_KNOWN
        )
        await site.served.do(lambda session: session.execute(new))

    n, torn = 0, True
    while torn:
        n += 1
        for moment in (False, True):
            await again(before)
            site.card.reset()
            site.card.tear_after(n, done=moment)
            ended = await site.reader.card_session(wire.Purpose.UPDATE, site.card)
            assert ended is not None
            torn = ended.result is SessionResult.BROKEN_OFF
            if not torn:  # it ended before this command
                break
            site.card.reset()
            chip, stored = site.on_the_chip(), await site.stored()
            assert all(stored[name] <= chip[name] for name in chip), (n, moment)
            assert await site.reads(), (n, moment)
            assert await site.is_owed(), (n, moment)
            assert done(await site.tap()), (n, moment)
            assert site.on_the_chip() == await site.stored() == SECOND, (n, moment)
            assert not await site.is_owed(), (n, moment)
    assert n > 30


async def test_a_terminal_has_a_new_read_key_before_the_first_card_needs_it(site: Site) -> None:
    now = site.served.clock()
    made = await site.served.do(
        lambda session: generations.add(
            session, site.served.keystore, LIBRARY, actor=CLERK, now=now
        )
    )
    assert made.used_from == now + generations.READ_KEYS_AHEAD
    assert [key.generation for key in await site.keys()] == [2, 1]
    assert not await site.is_owed()
    site.served.clock.move(days=7)
    assert await site.is_owed()
    assert done(await site.tap())
    assert site.on_the_chip() == {**FIRST, "3": 2}
    assert await site.reads()


async def test_a_card_made_today_has_the_keys_that_are_in_use_and_no_others(site: Site) -> None:
    await site.rotate(Purpose.CARD_WRITE)
    await site.rotate(Purpose.CARD_MASTER, after=timedelta(days=1))
    desk = await site.served.machine("Another desk")
    site.card = await site.served.issue(await site.served.register(SOMEBODY), desk)
    assert site.on_the_chip() == {**FIRST, "2": 2}


async def test_a_generation_that_waits_is_skipped_by_one_that_is_needed_today(site: Site) -> None:
    await site.rotate(LIBRARY, after=timedelta(days=30))
    assert not await site.is_owed()
    await site.rotate(LIBRARY)
    assert done(await site.tap())
    assert await site.stored() == {**FIRST, "3": 3}
    assert not await site.is_owed()
    await site.rotate(LIBRARY)
    assert await site.is_owed()


async def test_a_lost_card_keeps_its_keys(site: Site) -> None:
    await site.rotate(Purpose.CARD_WRITE)
    await site.served.do(
        lambda session: replacement.report_lost(
            session, site.card_id, actor=CLERK, now=site.served.clock()
        )
    )
    await site.tap()
    assert site.on_the_chip()["2"] == 1


async def test_a_generation_that_cards_still_need_is_not_retired_unless_the_number_is_said(
    site: Site,
) -> None:
    await site.rotate(LIBRARY)
    first = KeyId(LIBRARY, 1)
    for said in (None, 0, 2):
        with pytest.raises(GenerationNeeded, match=r"1 cards still need rli\.1") as refused:
            await site.retire(first, said)
        assert refused.value.cards == 1
    assert await site.reads()
    assert await site.retire(first, 1) == 1
    assert [key.generation for key in await site.keys()] == [2]
    assert not await site.reads()
    ended = await site.tap()
    assert ended is not None
    assert ended.result is SessionResult.REFUSED
    assert site.on_the_chip() == FIRST


async def test_an_old_generation_counts_until_its_day_and_not_after(site: Site) -> None:
    await site.rotate(LIBRARY)
    assert done(await site.tap())
    assert await site.retire(KeyId(LIBRARY, 1), days=10) == 0
    site.served.clock.move(days=9)
    assert [key.generation for key in await site.keys()] == [2, 1]
    site.served.clock.move(days=1)
    assert [key.generation for key in await site.keys()] == [2]
    assert await site.reads()
    number = 3
    old = application_key(site.served.keystore, site.card.uid, number, FIRST)
    site.card.reset()
    with pytest.raises(CardRefused):
        run(read_service(old.key, Service.LIBRARY, random=secrets.token_bytes), site.card)


async def test_retiring_one_retires_those_before_it_and_never_puts_a_day_off(site: Site) -> None:
    for _ in range(2):
        await site.rotate(LIBRARY)
    assert done(await site.tap())
    await site.retire(KeyId(LIBRARY, 1), days=5)
    await site.retire(KeyId(LIBRARY, 2), days=9)
    rows = await site.served.do(
        lambda session: session.execute(
            select(KeyGeneration.generation, KeyGeneration.retires_on).order_by(
                KeyGeneration.generation
            )
        )
    )
    today = london_date(site.served.clock())
    assert [tuple(row) for row in rows] == [
        (1, today + timedelta(days=5)),
        (2, today + timedelta(days=9)),
        (3, None),
    ]


async def test_what_cannot_be_rotated_or_retired_is_said(site: Site) -> None:
    with pytest.raises(NotACardKey):
        await site.rotate(Purpose.RECORD_SIGN)
    with pytest.raises(NotACardKey):
        await site.retire(KeyId(Purpose.DATA, 1))
    with pytest.raises(NoSuchGeneration, match=r"rli\.9"):
        await site.retire(KeyId(LIBRARY, 9))
    with pytest.raises(GenerationInUse, match=r"rli\.1"):
        await site.retire(KeyId(LIBRARY, 1))
    await site.rotate(LIBRARY, after=timedelta(days=3))
    with pytest.raises(GenerationInUse):
        await site.retire(KeyId(LIBRARY, 2))


async def test_a_card_can_tell_255_generations_and_no_more(site: Site) -> None:
    for _ in range(254):
        site.served.keystore.rotate(Purpose.CARD_WRITE, now=NOW)
    with pytest.raises(GenerationsUsedUp):
        await site.rotate(Purpose.CARD_WRITE)
    assert site.served.keystore.current(Purpose.CARD_WRITE).generation == 255


async def test_a_key_that_was_made_and_not_noted_is_on_no_card(site: Site) -> None:
    """As after a crash between key store and database."""
    site.served.keystore.rotate(Purpose.CARD_WRITE, now=NOW)
    assert not await site.is_owed()
    await site.rotate(Purpose.CARD_WRITE)
    assert done(await site.tap())
    assert (await site.stored())["2"] == 3
    assert not await site.is_owed()


async def test_after_an_older_database_was_restored_one_more_rotation_puts_cards_right(
    site: Site,
) -> None:
    """The chip is further than the database knows, and the key store has all it needs."""
    before = await site.stored()
    await site.rotate(*PURPOSES.values())
    assert done(await site.tap())
    reset = update(Card).values(key_generations=before, key_rolls=0)
    await site.served.do(lambda session: session.execute(delete(KeyGeneration)))
    await site.served.do(lambda session: session.execute(reset))
    assert not await site.is_owed()
    await site.rotate(*PURPOSES.values())
    assert done(await site.tap())
    assert site.on_the_chip() == await site.stored() == dict.fromkeys(FIRST, 3)


async def test_cards_of_a_site_with_a_token_are_made_read_and_rolled(
    database_url: str, softhsm: SoftHsm, tmp_path: Path
) -> None:
    store = TokenKeyStore.initialise(tmp_path / "keys", softhsm.open(tmp_path.name), now=NOW)
    async with world(database_url, store) as served:
        site = await site_of(served)
        assert await site.reads()
        await site.rotate(*PURPOSES.values())
        assert done(await site.tap())
        assert site.on_the_chip() == SECOND
        assert await site.reads()


async def test_how_many_cards_are_where_is_told(site: Site) -> None:
    await site.rotate(LIBRARY)

    async def cards() -> dict[tuple[int, bool], int]:
        found = await site.served.do(
            lambda session: generations.standings(
                session, site.served.keystore, now=site.served.clock()
            )
        )
        return {
            (each.generation, each.in_use): each.cards for each in found if each.purpose is LIBRARY
        }

    assert await cards() == {(1, False): 1, (2, True): 0}
    await site.tap()
    assert await cards() == {(1, False): 0, (2, True): 1}


async def test_the_trail_says_who_made_and_retired_a_key_with_its_check_value(site: Site) -> None:
    await site.rotate(LIBRARY)
    await site.tap()
    await site.retire(KeyId(LIBRARY, 1))
    query = select(AuditRow.action, AuditRow.detail).where(AuditRow.subject.like("key:%"))
    rows = dict(tuple(row) for row in await site.served.do(lambda s: s.execute(query)))
    assert set(rows) == {"card-key-made", "card-key-retired"}
    value = generations.check_value(site.served.keystore, KeyId(LIBRARY, 2))
    assert rows["card-key-made"]["check_value"] == value
    assert len(value) == 6


async def test_the_terminal_is_told_that_keys_are_rolled(site: Site) -> None:
    await site.rotate(Purpose.CARD_WRITE)
    site.card.reset()
    async with site.reader.socket() as opened:
        hello = wire.Hello(purpose=wire.Purpose.UPDATE, uid=site.card.uid)
        await opened.send(msgspec.json.encode(hello))
        command = msgspec.json.decode(await opened.recv(), type=wire.FromServer)
    assert isinstance(command, wire.Command)
    assert command.doing == [UpdateKind.ROLL_KEYS.value]


async def test_in_a_hurry_a_read_key_still_waits_until_every_terminal_online_has_asked(
    site: Site,
) -> None:
    now = site.served.clock()
    made = await site.served.do(
        lambda session: generations.add(
            session, site.served.keystore, LIBRARY, used_from=now, actor=CLERK, now=now
        )
    )
    assert made.used_from - now > wire.READ_KEYS_EVERY
