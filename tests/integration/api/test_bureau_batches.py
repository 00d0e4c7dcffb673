"""A bureau prints, its encoder writes chips through the relay; results are whole or nothing."""

from base64 import b64decode
from collections.abc import Sequence
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from cardservice import (
    batch_files,
    batch_results,
    batches,
    bureaus,
    issuance,
    lifecycle,
    photos,
)
from cardservice.batch_files import Means, SealedFile
from cardservice.batch_results import Taken
from cardservice.bureau_models import BatchRow, BatchState, ProductionBatch, RowState
from cardservice.bureau_results import BadLine
from cardservice.errors import BatchNotReady, BureauError, NothingToMake
from cardservice.models import Card, CardState
from cardservice.photo_models import PhotoStage
from cardservice.products import KENT_CARD
from entitlements import carriers
from identity import addresses
from identity.actors import resident_actor
from identity.models import Account, AccountState
from identity.trail_models import AuditRow, RecordRead
from readers.contract.services import Service
from readers.contract.wire import Purpose, SessionResult
from readers.virtual.card import VirtualCard
from tests.support.bureau import CardWorks, Line, dispatched, failed
from tests.support.lives import SUPERVISOR
from tests.support.people import CLERK, JEAN
from tests.support.server import Machine, World, new_card

PEOPLE = ("Ann Able", "Bea Baker", "Cal Carter")


class Bureau:
    """A bureau that the council knows, with an encoder, and residents who wait for cards."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.works = CardWorks()
        self.people: list[UUID] = []
        self.encoder: Machine | None = None

    async def open(self, people: Sequence[str] = PEOPLE) -> UUID:
        """Add it, and order a card for each; answers the bureau's id."""
        world, now = self.world, self.world.clock()
        self.encoder = await world.machine("Encoder of Card Works")
        async with world.database.transaction() as session:
            made = await bureaus.add(session, "Card Works", self.works.keys(), actor=CLERK, now=now)
            await bureaus.set_encoder(
                session, "Card Works", "Encoder of Card Works", actor=CLERK, now=now
            )
        for place, name in enumerate(people):
            given, family = name.split()
            details = msgspec.structs.replace(
                JEAN, given_names=given, family_name=family, email=f"p{place}@example.com"
            )
            self.people.append(await world.register(details))
            async with world.database.transaction() as session:
                await issuance.order(
                    session, world.vault, self.people[-1], None, actor=CLERK, now=world.clock()
                )
            world.clock.move(minutes=1)
        return made.id

    async def batch(self, bureau_id: UUID) -> UUID:
        """Made by one person and released by another."""
        async with self.world.database.transaction() as session:
            made = await batches.make(
                session, bureau_id, KENT_CARD, actor=CLERK, now=self.world.clock()
            )
        async with self.world.database.transaction() as session:
            await batches.release(session, made.id, actor=SUPERVISOR, now=self.world.clock())
        return made.id

    async def download(self, batch: UUID) -> SealedFile:
        world = self.world
        means = Means(world.keystore, world.vault, "9999")
        async with world.database.transaction() as session:
            locked = await batches.locked(session, batch)
            return await batch_files.export(session, means, locked, actor=CLERK, now=world.clock())

    async def rows(self, batch: UUID) -> list[Line]:
        made = await self.download(batch)
        return self.works.opened(made.data, self.world.keystore)[1]

    async def write(self, card: VirtualCard | None = None) -> VirtualCard:
        """Lay the next blank on the encoder."""
        assert self.encoder is not None
        laid = card or new_card()
        ended = await self.encoder.card_session(Purpose.PERSONALISE, laid)
        assert ended is not None
        assert ended.result is SessionResult.DONE, ended
        laid.reset()
        return laid

    async def take(self, batch: UUID, data: bytes) -> Taken | BadLine:
        async with self.world.database.transaction() as session:
            return await batch_results.take(
                session, self.world.vault, batch, data, actor=CLERK, now=self.world.clock()
            )

    async def cards(self) -> list[Card]:
        """The newest card of each resident."""
        async with self.world.database.transaction() as session:
            return [(await issuance.cards_of(session, one))[0] for one in self.people]

    async def state(self, batch: UUID) -> tuple[BatchState, list[RowState]]:
        async with self.world.database.transaction() as session:
            row = await session.get_one(ProductionBatch, batch)
            return row.state, [each.state for each in await batches.rows_of(session, batch)]


@pytest.fixture
def bureau(served: World) -> Bureau:
    return Bureau(served)


async def test_a_batch_goes_out_is_made_and_its_cards_are_posted(bureau: Bureau) -> None:
    batch = await bureau.batch(await bureau.open())
    made = await bureau.download(batch)
    head, rows = bureau.works.opened(made.data, bureau.world.keystore)
    assert head["batch"] == str(batch)
    assert head["rows"] == len(rows) == made.rows == 3
    assert [row["name"] for row in rows] == list(PEOPLE)
    assert [row["post"]["postcode"] for row in rows] == [JEAN.postcode] * 3
    chips = [await bureau.write() for _ in rows]
    assert [card.state for card in await bureau.cards()] == [CardState.PERSONALISED] * 3
    found = await bureau.take(
        batch,
        bureau.works.answer(
            batch, [dispatched(number, chip.uid) for number, chip in enumerate(chips, start=1)]
        ),
    )
    assert found == Taken(dispatched=3, ordered_again=0, to_look_at=0, to_destroy=0)
    cards = await bureau.cards()
    assert [card.state for card in cards] == [CardState.DISPATCHED] * 3
    assert await bureau.state(batch) == (BatchState.ANSWERED, [RowState.DISPATCHED] * 3)
    async with bureau.world.database.transaction() as session:
        for card, row in zip(cards, rows, strict=True):
            number, code = await carriers.printed(session, bureau.world.vault, card.id) or ("", "")
            assert (row["number"].replace(" ", ""), row["code"]) == (number, code)
    for chip in chips:  # readers refuse it until its holder has it, but it is whole
        assert bureau.world.read(chip, Service.LIBRARY) is not None
    assert bureau.encoder is not None
    ended = await bureau.encoder.card_session(Purpose.PERSONALISE, new_card())
    assert ended is not None
    assert ended.result is SessionResult.NO_ORDER


async def test_the_file_says_what_is_printed_and_posted_and_nothing_else(bureau: Bureau) -> None:
    batch = await bureau.batch(await bureau.open(PEOPLE[:1]))
    made = await bureau.download(batch)
    head, rows = bureau.works.opened(made.data, bureau.world.keystore)
    card = (await bureau.cards())[0]
    assert set(head) == {"batch", "bureau", "product", "rows"}
    assert set(rows[0]) == {"row", "post", "name", "number", "code", "last_day", "face"}
    assert set(rows[0]["post"]) == {"name", "lines", "postcode"}
    assert rows[0]["last_day"] == str(card.expires_on)
    async with bureau.world.database.transaction() as session:
        account = await session.get_one(Account, bureau.people[0])
    face = rows[0].pop("face")
    assert rows[0]["number"] in face
    assert "Ann Able" in face
    said = str(rows) + face
    for secret in ("1960", account.number, str(account.id), JEAN.email, "library", "travel"):
        assert secret not in said
    assert b"Able" not in made.data


async def test_the_photo_of_the_holder_is_in_the_file(bureau: Bureau) -> None:
    batch = await bureau.batch(await bureau.open(PEOPLE[:2]))
    async with bureau.world.database.transaction() as session:
        await photos.keep(
            session,
            bureau.world.vault,
            bureau.people[1],
            PhotoStage.CARD,
            b"a picture",
            actor=CLERK,
            now=bureau.world.clock(),
        )
    without, there = await bureau.rows(batch)
    assert "photo" not in without
    assert b64decode(there["photo"]) == b"a picture"
    assert "2.jpg" in there["face"]


async def test_nothing_leaves_the_house_without_a_second_person(bureau: Bureau) -> None:
    bureau_id = await bureau.open()
    now = bureau.world.clock()
    async with bureau.world.database.transaction() as session:
        made = await batches.make(session, bureau_id, KENT_CARD, actor=CLERK, now=now)
    with pytest.raises(BatchNotReady, match="Another person"):
        await bureau.download(made.id)
    async with bureau.world.database.transaction() as session:
        with pytest.raises(BatchNotReady, match="yourself"):
            await batches.release(session, made.id, actor=CLERK, now=now)
    async with bureau.world.database.transaction() as session:
        with pytest.raises(NothingToMake):  # they are in a batch already
            await batches.make(session, bureau_id, KENT_CARD, actor=CLERK, now=now)
        await batches.cancel(session, made.id, actor=CLERK, now=now)
    assert len(await bureau.rows(await bureau.batch(bureau_id))) == 3  # they wait again


async def test_every_download_is_in_the_trail_and_seen_by_the_residents(bureau: Bureau) -> None:
    batch = await bureau.batch(await bureau.open(PEOPLE[:1]))
    first, second = await bureau.download(batch), await bureau.download(batch)
    assert first.data != second.data
    assert first.digest == second.digest
    async with bureau.world.database.transaction() as session:
        rows = select(AuditRow).where(AuditRow.action == "batch-downloaded")
        found = [row.detail["digest"] for row in await session.scalars(rows)]
        reads = select(RecordRead.reason).where(RecordRead.account_id == bureau.people[0])
        assert found == [first.digest] * 2
        assert list(await session.scalars(reads)).count(batch_files.WHY) == 2


async def test_a_file_of_results_that_is_wrong_changes_nothing(bureau: Bureau) -> None:
    batch = await bureau.batch(await bureau.open())
    await bureau.rows(batch)
    chips = [await bureau.write() for _ in PEOPLE]
    good = [dispatched(number, chip.uid) for number, chip in enumerate(chips, start=1)]
    answer, other = bureau.works.answer, UUID(int=7)
    whole = answer(batch, good)
    swapped = [dispatched(1, chips[1].uid), dispatched(2, chips[0].uid), good[2]]
    wrong = {
        "signed by another bureau": (CardWorks().answer(batch, good), 0),
        "cut off": (whole[: len(whole) // 2], 0),
        "too large": (whole + b" " * batch_results.LARGEST_FILE, 0),
        "of another batch": (answer(other, good), 1),
        "a row missing": (answer(batch, good[:2]), 3),
        "a row missing, and said to be there": (answer(batch, good[:2], says=3), 3),
        "a row twice": (answer(batch, [*good, good[1]]), 5),
        "a row that was never sent": (answer(batch, [*good, failed(4)]), 5),
        "row nought": (answer(batch, [failed(0), *good]), 2),
        "two chips mixed up": (answer(batch, swapped), 2),
        "a chip that nobody wrote": (answer(batch, [*good[:2], dispatched(3, bytes(7))]), 4),
        "no outcome": (answer(batch, [*good[:2], {"row": 3}]), 4),
        "what it should not say": (answer(batch, [good[0] | {"name": "Ann"}, *good[1:]]), 2),
    }
    before = [(card.id, card.state) for card in await bureau.cards()]
    for what, (data, line) in wrong.items():
        found = await bureau.take(batch, data)
        assert isinstance(found, BadLine), what
        assert found.line == line, (what, found)
        assert [(card.id, card.state) for card in await bureau.cards()] == before, what
        assert await bureau.state(batch) == (BatchState.SENT, [RowState.SENT] * 3), what
    async with bureau.world.database.transaction() as session:
        refused = select(AuditRow).where(AuditRow.action == "batch-results-refused")
        assert len((await session.scalars(refused)).all()) == len(wrong)
    assert isinstance(await bureau.take(batch, whole), Taken)  # the right one is taken after all
    again = await bureau.take(batch, whole)
    assert isinstance(again, BadLine)
    assert "before" in again.sentence


async def test_a_card_whose_chip_was_never_written_cannot_have_been_posted(bureau: Bureau) -> None:
    batch = await bureau.batch(await bureau.open(PEOPLE[:2]))
    await bureau.rows(batch)
    chip = await bureau.write()
    data = bureau.works.answer(batch, [dispatched(1, chip.uid), dispatched(2, new_card().uid)])
    found = await bureau.take(batch, data)
    assert isinstance(found, BadLine)
    assert found.line == 3
    assert "encoder" in found.sentence


async def test_a_card_that_failed_is_ordered_again_and_one_with_bad_data_is_looked_at(
    bureau: Bureau,
) -> None:
    bureau_id = await bureau.open()
    batch = await bureau.batch(bureau_id)
    rows = await bureau.rows(batch)
    chips = [await bureau.write() for _ in PEOPLE]
    first = await bureau.cards()
    data = bureau.works.answer(
        batch, [dispatched(1, chips[0].uid), failed(2, "print"), failed(3, "data")]
    )
    found = await bureau.take(batch, data)
    assert found == Taken(dispatched=1, ordered_again=1, to_look_at=1, to_destroy=0)
    posted, again, given_up = await bureau.cards()
    assert posted.state is CardState.DISPATCHED
    assert again.state is CardState.ORDERED
    assert again.id != first[1].id
    assert again.expires_on == first[1].expires_on
    assert given_up.state is CardState.DESTROYED
    after = await bureau.rows(await bureau.batch(bureau_id))
    assert [row["name"] for row in after] == ["Bea Baker"]
    assert after[0]["number"] != rows[1]["number"]  # the first may be printed somewhere
    await bureau.write(VirtualCard(chips[1].uid))  # a blank like any other


async def test_a_blank_that_fails_at_the_encoder_keeps_the_printed_number(bureau: Bureau) -> None:
    batch = await bureau.batch(await bureau.open(PEOPLE[:1]))
    row = (await bureau.rows(batch))[0]
    assert bureau.encoder is not None
    broken = new_card()
    broken.tear_after(12, done=True)
    ended = await bureau.encoder.card_session(Purpose.PERSONALISE, broken)
    assert ended is not None
    assert ended.result is SessionResult.BROKEN_OFF
    chip = await bureau.write()
    card = (await bureau.cards())[0]
    assert card.state is CardState.PERSONALISED
    async with bureau.world.database.transaction() as session:
        printed = await carriers.printed(session, bureau.world.vault, card.id)
    assert printed == (row["number"].replace(" ", ""), row["code"])
    found = await bureau.take(batch, bureau.works.answer(batch, [dispatched(1, chip.uid)]))
    assert isinstance(found, Taken)
    assert found.dispatched == 1


async def test_an_encoder_makes_nothing_before_the_file_was_sent(bureau: Bureau) -> None:
    batch = await bureau.batch(await bureau.open())
    other = await bureau.world.machine("Desk of the council")
    assert bureau.encoder is not None
    early = await bureau.encoder.card_session(Purpose.PERSONALISE, new_card())
    await bureau.rows(batch)
    elsewhere = await other.card_session(Purpose.PERSONALISE, new_card())
    for ended in (early, elsewhere):
        assert ended is not None
        assert ended.result is SessionResult.NO_ORDER


async def test_who_is_protected_or_died_is_in_no_file(bureau: Bureau) -> None:
    bureau_id = await bureau.open()
    now, world = bureau.world.clock(), bureau.world
    async with world.database.transaction() as session:
        await addresses.set_protected(
            session, bureau.people[0], protected=True, actor=CLERK, now=now
        )
        waiting = await batches.waiting(session)
    assert [(each.ready, each.protected) for each in waiting] == [(2, 1)]
    batch = await bureau.batch(bureau_id)
    async with world.database.transaction() as session:
        (await session.get_one(Account, bureau.people[1])).state = AccountState.CLOSED
    rows = await bureau.rows(batch)
    assert [(row["row"], row["name"]) for row in rows] == [(2, "Cal Carter")]
    assert (await bureau.state(batch))[1] == [RowState.WITHDRAWN, RowState.SENT]


async def test_a_card_cancelled_after_it_was_sent_is_destroyed_and_the_rest_is_taken(
    bureau: Bureau,
) -> None:
    batch = await bureau.batch(await bureau.open(PEOPLE[:2]))
    await bureau.rows(batch)
    chips = [await bureau.write() for _ in range(2)]
    async with bureau.world.database.transaction() as session:
        card = await lifecycle.locked(session, (await bureau.cards())[0].id)
        await issuance.cancel_card(session, card, actor=CLERK, now=bureau.world.clock())
    rows = [dispatched(number, chip.uid) for number, chip in enumerate(chips, start=1)]
    found = await bureau.take(batch, bureau.works.answer(batch, rows))
    assert found == Taken(dispatched=1, ordered_again=0, to_look_at=0, to_destroy=1)
    assert [card.state for card in await bureau.cards()] == [
        CardState.DESTROYED,
        CardState.DISPATCHED,
    ]


async def test_a_batch_of_cancelled_orders_is_not_sent(bureau: Bureau) -> None:
    batch = await bureau.batch(await bureau.open(PEOPLE[:1]))
    async with bureau.world.database.transaction() as session:
        card = await lifecycle.locked(session, (await bureau.cards())[0].id)
        await issuance.cancel_card(session, card, actor=CLERK, now=bureau.world.clock())
    with pytest.raises(NothingToMake):
        await bureau.download(batch)
    assert (await bureau.state(batch))[0] is BatchState.RELEASED
    nobody = await bureau.take(batch, bureau.works.answer(batch, []))
    assert isinstance(nobody, BadLine)
    assert "never sent" in nobody.sentence


async def test_a_posted_card_works_once_its_holder_has_it(bureau: Bureau) -> None:
    batch = await bureau.batch(await bureau.open(PEOPLE[:1]))
    await bureau.rows(batch)
    chip = await bureau.write()
    await bureau.take(batch, bureau.works.answer(batch, [dispatched(1, chip.uid)]))
    holder = resident_actor(bureau.people[0], "")
    async with bureau.world.database.transaction() as session:
        card = await lifecycle.locked(session, (await bureau.cards())[0].id)
        await lifecycle.move(
            session, card, CardState.ACTIVE, actor=holder, now=bureau.world.clock()
        )
    assert (await bureau.cards())[0].state is CardState.ACTIVE


async def test_bureaus_are_known_by_name_and_keep_to_their_encoder(bureau: Bureau) -> None:
    await bureau.open(())
    now = bureau.world.clock()
    async with bureau.world.database.transaction() as session:
        for change in (
            bureaus.add(session, "Card Works", bureau.works.keys(), actor=CLERK, now=now),
            bureaus.add(session, "  ", bureau.works.keys(), actor=CLERK, now=now),
            bureaus.change_keys(session, "Nobody", bureau.works.keys(), actor=CLERK, now=now),
        ):
            with pytest.raises(BureauError):
                await change
        await bureaus.end(session, "Card Works", actor=CLERK, now=now)
        assert await bureaus.in_use(session) == []


async def test_two_batches_made_at_once_never_share_a_card(bureau: Bureau) -> None:
    bureau_id = await bureau.open()
    await bureau.batch(bureau_id)
    async with bureau.world.database.transaction() as session:
        taken = (await session.scalars(select(BatchRow.card_id))).all()
    assert len(taken) == len(set(taken)) == 3
