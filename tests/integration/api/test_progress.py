"""What a paired reader does is stored as it goes, for its pairing alone, on each database."""

from secrets import token_bytes
from uuid import UUID

import pytest
from sqlalchemy import select

from cardservice import issuance, making, progress
from cardservice.making import WATCHED_FOR, Making
from cardservice.progress_models import Progress, Stage
from cardservice.web.staff.making_words import FAULTS, STAGES, making_lines
from identity.sessions import SignedInSession
from readers.card.apdu import run
from readers.card.personalise import personalise
from readers.contract.wire import Purpose, SessionResult
from readers.virtual.card import VirtualCard
from tests.support.cards import RECORDS, keys_for
from tests.support.pairs import paired, signed_in_clerk
from tests.support.people import CLERK
from tests.support.server import Machine, World, new_card


class Desk:
    """A clerk with a reader and an order at it."""

    def __init__(
        self, served: World, machine: Machine, own: SignedInSession, account: UUID
    ) -> None:
        self.served, self.machine, self.own, self.account = served, machine, own, account

    async def lay(self, card: VirtualCard) -> SessionResult | None:
        ended = await self.machine.card_session(Purpose.PERSONALISE, card)
        self.served.clock.move(seconds=1)
        return ended.result if ended else None

    async def seen_by(self, own: SignedInSession) -> Making | None:
        async with self.served.database.transaction() as session:
            return await making.of_resident(session, own, self.account, now=self.served.clock())

    async def seen(self) -> Making:
        found = await self.seen_by(self.own)
        assert found is not None
        return found


@pytest.fixture
async def desk(served: World) -> Desk:
    machine, account = await served.machine(), await served.register()
    async with served.database.transaction() as session:
        _, own = await signed_in_clerk(session, "sam", now=served.clock())
    pair = await paired(served, machine, own)
    async with served.database.transaction() as session:
        await issuance.order(
            session,
            served.vault,
            account,
            machine.id,
            actor=CLERK,
            now=served.clock(),
            pairing_id=pair.id,
        )
    return Desk(served, machine, own, account)


async def test_every_stage_is_reached_and_the_end_is_told(desk: Desk) -> None:
    before = making_lines(await desk.seen())
    assert (before.title, before.is_fault) == ("Lay a blank card on the reader", False)
    assert await desk.lay(new_card()) is SessionResult.DONE
    made = await desk.seen()
    assert made.is_made
    assert made.progress is not None
    assert (made.progress.stage, made.progress.result) == (Stage.CLOSING, SessionResult.DONE)
    assert {step.state for step in making_lines(made).steps} == {"done"}


async def test_a_card_torn_away_says_where_and_goes_on_when_laid_again(desk: Desk) -> None:
    card = new_card()
    card.tear_after(25)
    assert await desk.lay(card) is SessionResult.BROKEN_OFF
    torn = making_lines(await desk.seen())
    assert torn.title == "The card is not finished: it was taken away"
    assert [step.state for step in torn.steps].count("now") == 1
    card.reset()
    assert await desk.lay(card) is SessionResult.DONE
    assert not making_lines(await desk.seen()).is_fault


async def test_a_card_of_another_issuer_is_told_in_words(desk: Desk) -> None:
    foreign = new_card()
    run(personalise(keys_for(foreign.uid, generation=9), RECORDS, random=token_bytes), foreign)
    foreign.reset()
    assert await desk.lay(foreign) is SessionResult.CARD_FAILED
    lines = making_lines(await desk.seen())
    assert lines.is_fault
    assert "keys of another issuer" in lines.title
    assert await desk.lay(new_card()) is SessionResult.DONE


async def test_another_session_sees_nothing(desk: Desk, served: World) -> None:
    async with served.database.transaction() as session:
        _, kim = await signed_in_clerk(session, "kim", now=served.clock())
    assert await desk.seen_by(kim) is None
    await desk.lay(new_card())
    assert await desk.seen_by(kim) is None


async def test_a_reader_that_serves_nobody_is_told_to_nobody(served: World) -> None:
    machine = await served.machine()
    await served.issue(await served.register(), machine)
    async with served.database.transaction() as session:
        assert (await session.scalars(select(Progress))).all() == []


async def test_a_page_stops_looking_by_itself(desk: Desk, served: World) -> None:
    assert (await desk.seen()).is_watched
    served.clock.move(seconds=WATCHED_FOR.total_seconds())
    assert not (await desk.seen()).is_watched


def test_every_stage_and_every_fault_has_words() -> None:
    assert set(STAGES) == set(Stage)
    assert list(progress.ORDER) == list(Stage)
    for title, advice in FAULTS.values():
        assert title
        assert advice
