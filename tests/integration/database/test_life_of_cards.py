"""A card's life on both engines: what one move brings about, and what the table refuses."""

import asyncio
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from cardservice import (
    arrivals,
    decisions,
    expiring,
    faces_owed,
    issuance,
    lifecycle,
    replacement,
)
from cardservice.arrivals import NotConfirmed
from cardservice.database import Database
from cardservice.errors import CardInHand, MoveNotAllowed, NoSuchProduct, NotTheirMove
from cardservice.issuance import Term
from cardservice.models import Card, CardOrder, CardState, OrderState
from entitlements import assessing, carriers, issuing
from entitlements.issuing import Carrier
from entitlements.models import ServiceRecord
from identity import accounts
from identity.actors import SYSTEM, resident_actor
from identity.keys import FileKeyStore
from identity.personal import Vault
from readers.contract.statuslist import Status
from tests.support.desks import enrolled_desk, make_ordered_card
from tests.support.people import CLERK, JEAN, NOW

LAST = date(2028, 3, 31)


@pytest.fixture
async def jean(migrated: Database, vault: Vault, keystore: FileKeyStore) -> UUID:
    """With a card in use that carries records."""
    async with migrated.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        desk = await enrolled_desk(session, "Desk", now=NOW)
        await issuance.order(session, vault, account.id, desk.id, actor=CLERK, now=NOW)
        card = await make_ordered_card(session, vault, str(account.id), now=NOW)
        await records(session, keystore, card)
        return account.id


async def records(session, keystore: FileKeyStore, card: Card) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  (a session)
    await issuing.issue_records(
        session,
        keystore,
        Carrier(card.account_id, card.id, card.id.bytes[:7]),
        institution="1234",
        everything=True,
        actor=CLERK,
        now=NOW,
    )


async def posted(database: Database, vault: Vault, jean: UUID, keystore: FileKeyStore) -> UUID:
    """A card that a bureau made and posted, beside the one they have."""
    async with database.transaction() as session:
        term = Term(LAST + timedelta(days=1), frozenset())
        placed = await issuance.renew(session, vault, jean, term=term, actor=CLERK, now=NOW)
        card = await lifecycle.locked(session, placed.card_id)
        card.sealed_uid, card.uid_index = b"sealed", card.id.bytes
        await carriers.announce(session, vault, jean, card.id, institution="1234", now=NOW)
        await records(session, keystore, card)
        await issuance.complete(session, card, to=CardState.PERSONALISED, actor=CLERK, now=NOW)
        await lifecycle.move(session, card, CardState.DISPATCHED, actor=CLERK, now=NOW)
        return card.id


async def statuses(database: Database, card_id: UUID) -> set[Status]:
    async with database.transaction() as session:
        query = select(ServiceRecord.status).where(ServiceRecord.carrier_id == card_id)
        return {Status(value) for value in await session.scalars(query)}


async def state(database: Database, card_id: UUID) -> CardState:
    async with database.transaction() as session:
        return (await session.get_one(Card, card_id)).state


async def own_card(database: Database, jean: UUID) -> UUID:
    async with database.transaction() as session:
        card = await lifecycle.live_card(session, jean)
        assert card is not None
        return card.id


async def test_a_renewed_card_works_once_it_came_and_ends_the_old_one_then(
    migrated: Database, vault: Vault, jean: UUID, keystore: FileKeyStore
) -> None:
    old = await own_card(migrated, jean)
    new = await posted(migrated, vault, jean, keystore)
    assert await statuses(migrated, new) == {Status.SUSPENDED}
    assert await statuses(migrated, old) == {Status.VALID}
    async with migrated.transaction() as session:
        printed = await carriers.printed(session, vault, new)
        assert printed is not None
        own = resident_actor(jean, "123456789")
        card = await arrivals.confirm(session, vault, new, printed[1], actor=own, now=NOW)
        assert isinstance(card, Card)
        assert card.expires_on == date(2033, 3, 31)
    assert await statuses(migrated, new) == {Status.VALID}
    assert await statuses(migrated, old) == {Status.INVALID}
    assert await state(migrated, old) is CardState.REPLACED


async def test_a_code_cannot_be_guessed_and_a_stranger_tries_none(
    migrated: Database, vault: Vault, jean: UUID, keystore: FileKeyStore
) -> None:
    new = await posted(migrated, vault, jean, keystore)
    own = resident_actor(jean, "123456789")
    async with migrated.transaction() as session:
        printed = await carriers.printed(session, vault, new)
        assert printed is not None
        wrong = f"{(int(printed[1]) + 1) % 10**6:06d}"
        stranger = resident_actor(UUID(int=7), "223456789")
        with pytest.raises(NotTheirMove):
            await arrivals.confirm(session, vault, new, printed[1], actor=stranger, now=NOW)
    answers = []
    for code in (*[wrong] * 6, "", "12ab", printed[1]):
        async with migrated.transaction() as session:
            answers.append(await arrivals.confirm(session, vault, new, code, actor=own, now=NOW))
    assert all(isinstance(answer, NotConfirmed) for answer in answers)
    assert answers[0] == NotConfirmed(None)
    assert isinstance(answers[-1], NotConfirmed)
    assert answers[-1].retry_at is not None
    async with migrated.transaction() as session:
        later = NOW + timedelta(minutes=16)
        card = await arrivals.confirm(session, vault, new, printed[1], actor=own, now=later)
        assert isinstance(card, Card)


async def test_a_stolen_card_comes_back_by_staff_alone_and_a_lost_one_by_its_holder(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    card_id, own = await own_card(migrated, jean), resident_actor(jean, "123456789")
    async with migrated.transaction() as session:
        for to in (CardState.LOST, CardState.ACTIVE, CardState.LOST, CardState.STOLEN):
            await replacement.report(session, vault, card_id, to, actor=own, now=NOW)
    async with migrated.transaction() as session:
        with pytest.raises(NotTheirMove):
            await replacement.found(session, card_id, actor=own, now=NOW)
        await replacement.found(session, card_id, actor=CLERK, now=NOW)
    assert await statuses(migrated, card_id) == {Status.VALID}


async def test_a_card_that_was_handed_in_is_not_given_back_beside_a_new_one(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    card_id = await own_card(migrated, jean)
    async with migrated.transaction() as session:
        await replacement.report(session, vault, card_id, CardState.RETURNED, actor=CLERK, now=NOW)
        desk = await enrolled_desk(session, "Other desk", now=NOW)
        await issuance.order(session, vault, jean, desk.id, actor=CLERK, now=NOW)
        card = await lifecycle.coming_card(session, jean)
        assert card is not None
        card.sealed_uid, card.uid_index = b"sealed", b"another chip"
        await issuance.complete(session, card, actor=CLERK, now=NOW)
    async with migrated.transaction() as session:
        with pytest.raises(CardInHand):
            await replacement.found(session, card_id, actor=CLERK, now=NOW)
    assert await state(migrated, card_id) is CardState.RETURNED
    assert await statuses(migrated, card_id) == {Status.SUSPENDED}


async def test_the_night_expires_a_card_after_its_last_day_and_no_night_before(
    migrated: Database, jean: UUID
) -> None:
    card_id = await own_card(migrated, jean)
    evening = NOW.replace(year=2028, month=3, day=31, hour=22, minute=30)
    assert await expiring.expire_cards(migrated, now=evening) == 0
    assert await expiring.expire_cards(migrated, now=evening + timedelta(hours=1)) == 1
    assert await state(migrated, card_id) is CardState.EXPIRED
    assert await statuses(migrated, card_id) == {Status.INVALID}
    assert await expiring.expire_cards(migrated, now=evening + timedelta(days=1)) == 0


async def test_a_card_whose_last_day_is_over_is_not_put_to_use(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    card_id, after = await own_card(migrated, jean), NOW.replace(year=2028, month=4, day=2)
    async with migrated.transaction() as session:
        await replacement.report(session, vault, card_id, CardState.LOST, actor=CLERK, now=NOW)
        with pytest.raises(MoveNotAllowed, match="last day"):
            await replacement.found(session, card_id, actor=CLERK, now=after)


async def test_two_orders_for_the_post_at_once_make_one(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    own = resident_actor(jean, "123456789")
    async with migrated.transaction() as session:
        card = await lifecycle.live_card(session, jean)
        assert card is not None
        await replacement.report(session, vault, card.id, CardState.LOST, actor=own, now=NOW)

    async def again() -> CardOrder:
        async with migrated.transaction() as session:
            return await replacement.replace(session, vault, jean, None, actor=own, now=NOW)

    tries = await asyncio.gather(*(again() for _ in range(3)), return_exceptions=True)
    assert sum(isinstance(one, CardOrder) for one in tries) == 1
    async with migrated.transaction() as session:
        waiting = select(CardOrder).where(CardOrder.state == OrderState.WAITING)
        assert len((await session.scalars(waiting)).all()) == 1


async def test_a_bus_pass_is_for_who_has_its_concession_and_no_desk_makes_it(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    async with migrated.transaction() as session:
        desk = await enrolled_desk(session, "Other desk", now=NOW)
        with pytest.raises(NoSuchProduct):
            await issuance.order(
                *(session, vault, jean, desk.id), product="travel-pass", actor=CLERK, now=NOW
            )
        with pytest.raises(NoSuchProduct, match="stands for"):
            await issuance.order(
                *(session, vault, jean, None), product="travel-pass", actor=CLERK, now=NOW
            )
        with pytest.raises(NoSuchProduct):
            await issuance.order(
                *(session, vault, jean, None), product="gold-card", actor=CLERK, now=NOW
            )


async def test_who_gains_a_concession_is_owed_a_card_with_a_face_of_its_own_once(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    december = NOW.replace(month=12, day=2)
    async with migrated.transaction() as session:
        assert await faces_owed.of_account(session, jean, now=NOW) == ()
        await assessing.assess(session, vault, jean, actor=SYSTEM, now=december)
        (owed,) = await faces_owed.of_account(session, jean, now=december)
        assert (owed.product.id, owed.strip, owed.instead) == ("travel-pass", "blue", False)
        (placed,) = await faces_owed.order(session, vault, jean, actor=CLERK, now=december)
        card = await lifecycle.locked(session, placed.card_id)
        assert (card.strip, card.expires_on, card.product) == ("blue", LAST, "travel-pass")
        assert await faces_owed.of_account(session, jean, now=december) == ()
        card.strip = "orange"  # as if they had held the other concession when it was made
        (again,) = await faces_owed.of_account(session, jean, now=december)
        assert again.instead
    async with migrated.transaction() as session:
        with pytest.raises(CardInHand):
            await faces_owed.order(session, vault, jean, actor=CLERK, now=december)
        kent = await lifecycle.live_card(session, jean)
        assert kent is not None  # a card of another product is beside it


async def test_every_card_ends_with_a_record_and_what_was_ordered_is_cancelled(
    migrated: Database, vault: Vault, jean: UUID, keystore: FileKeyStore
) -> None:
    old, new = await own_card(migrated, jean), await posted(migrated, vault, jean, keystore)
    async with migrated.transaction() as session:
        await decisions.end_cards(session, jean, actor=SYSTEM, now=NOW)
    assert await state(migrated, old) is CardState.REPLACED
    assert await state(migrated, new) is CardState.DESTROYED
    assert await statuses(migrated, new) == {Status.INVALID}
