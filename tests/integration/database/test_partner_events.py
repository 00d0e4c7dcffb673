"""Partners are told that something changed: those who know the resident, and only that."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import erasing, issuance, replacement
from cardservice.database import Database
from cardservice.retention import run
from entitlements import assessing, grants, issuing, organisations, subjects
from entitlements.event_data import KEPT_DAYS, happening
from entitlements.event_models import EventType, PartnerEvent, WebhookDelivery, WebhookTry
from entitlements.grants import EndReason
from entitlements.issuing import Carrier
from entitlements.models import Grant
from entitlements.webhook_sending import Result
from identity import accounts, erasure
from identity.actors import SYSTEM
from identity.keys import FileKeyStore
from identity.models import ErasureBasis
from identity.personal import Vault
from tests.support import hooks
from tests.support.desks import enrolled_desk, make_ordered_card
from tests.support.people import CLERK, JEAN, NOW


@pytest.fixture
async def jean(migrated: Database, vault: Vault) -> UUID:
    """A resident who holds what the rules give her."""
    async with migrated.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
        return account.id


@pytest.fixture
async def theatre(migrated: Database) -> UUID:
    async with migrated.transaction() as session:
        return await hooks.organisation(session, "Example Theatre", "library")


async def known_as(session: AsyncSession, organisation: UUID, account_id: UUID) -> str:
    connection = await session.connection()
    return await subjects.of_account(connection, organisation, account_id, now=NOW)


async def told(session: AsyncSession) -> list[PartnerEvent]:
    return list(await session.scalars(select(PartnerEvent).order_by(PartnerEvent.serial)))


async def end_all(session: AsyncSession, account_id: UUID, reason: EndReason) -> set[str]:
    held = await grants.open_by_scheme(session, account_id)
    for given in held.values():
        await grants.end(session, given, reason, actor=SYSTEM, now=NOW)
    return set(held)


async def test_who_knows_a_resident_is_told_of_the_schemes_it_may_ask_about_alone(
    migrated: Database, jean: UUID, theatre: UUID
) -> None:
    async with migrated.transaction() as session:
        subject = await known_as(session, theatre, jean)
        buses = await hooks.organisation(session, "Example Buses", "travel-older")
        await known_as(session, buses, jean)
        assert await end_all(session, jean, EndReason.NOT_ELIGIBLE) == {"library"}
        (event,) = await told(session)
    assert (event.organisation_id, event.type) == (theatre, EventType.ENTITLEMENT_ENDED)
    assert (event.subject, event.scheme) == (subject, "library")


async def test_who_never_asked_about_a_resident_is_told_nothing(
    migrated: Database, jean: UUID, theatre: UUID
) -> None:
    async with migrated.transaction() as session:
        other = await hooks.organisation(session, "Example Pool", "library")
        await known_as(session, other, jean)
        await end_all(session, jean, EndReason.EXPIRED)
        assert {event.organisation_id for event in await told(session)} == {other}
    assert theatre != other


async def test_who_may_no_longer_ask_or_is_suspended_is_told_nothing(
    migrated: Database, jean: UUID, theatre: UUID
) -> None:
    async with migrated.transaction() as session:
        pool = await hooks.organisation(session, "Example Pool", "library")
        for each in (theatre, pool):
            await known_as(session, each, jean)
        await organisations.agree(session, theatre, [], actor=SYSTEM, now=NOW)
        await organisations.suspend(session, pool, actor=SYSTEM, now=NOW)
        await end_all(session, jean, EndReason.EXPIRED)
        assert await told(session) == []


@pytest.mark.parametrize("reason", [EndReason.EXPIRED, EndReason.ERASED, EndReason.NOT_ELIGIBLE])
async def test_why_something_ended_is_not_said(
    migrated: Database, jean: UUID, theatre: UUID, reason: EndReason
) -> None:
    async with migrated.transaction() as session:
        subject = await known_as(session, theatre, jean)
        await end_all(session, jean, reason)
        (event,) = await told(session)
    said = happening(event)
    assert said.type is EventType.ENTITLEMENT_ENDED
    assert msgspec.to_builtins(said.data) == {"subject": subject, "scheme": "library"}


async def test_what_is_given_anew_with_other_terms_is_a_change(
    migrated: Database, jean: UUID, theatre: UUID
) -> None:
    async with migrated.transaction() as session:
        await known_as(session, theatre, jean)
        await end_all(session, jean, EndReason.CHANGED)
        (event,) = await told(session)
    assert event.type is EventType.ENTITLEMENT_CHANGED


async def test_an_event_is_there_if_and_only_if_what_happened_is(
    migrated: Database, jean: UUID, theatre: UUID
) -> None:
    async with migrated.transaction() as session:
        await known_as(session, theatre, jean)

    async def end_and_fail() -> None:
        async with migrated.transaction() as session:
            await end_all(session, jean, EndReason.EXPIRED)
            raise LookupError

    with pytest.raises(LookupError):
        await end_and_fail()
    async with migrated.transaction() as session:
        assert await told(session) == []
        held = select(Grant).where(Grant.ended_at.is_not(None))
        assert (await session.scalars(held)).all() == []


async def test_a_card_that_is_lost_found_and_replaced_is_told_of(
    migrated: Database, vault: Vault, keystore: FileKeyStore, jean: UUID, theatre: UUID
) -> None:
    async with migrated.transaction() as session:
        subject = await known_as(session, theatre, jean)
        desk = await enrolled_desk(session, "desk", now=NOW)
        await issuance.order(session, vault, jean, desk.id, actor=CLERK, now=NOW)
        card = await make_ordered_card(session, vault, str(jean), now=NOW)
        carrier = Carrier(jean, card.id, card.id.bytes[:7])
        await issuing.issue_records(
            session,
            keystore,
            carrier,
            institution="1234",
            everything=True,
            actor=CLERK,
            now=NOW,
        )
        await replacement.report_lost(session, card.id, actor=CLERK, now=NOW)
        await replacement.found(session, card.id, actor=CLERK, now=NOW)
        await replacement.replace(session, vault, jean, desk.id, actor=CLERK, now=NOW)
        of_card = await told(session)
    assert [each.type for each in of_card] == [
        EventType.CARD_STOPPED,
        EventType.CARD_RESUMED,
        EventType.CARD_ENDED,
    ]
    assert {(each.subject, each.scheme) for each in of_card} == {(subject, None)}


async def test_each_address_that_takes_messages_gets_a_delivery(
    migrated: Database, vault: Vault, jean: UUID, theatre: UUID
) -> None:
    async with migrated.transaction() as session:
        await known_as(session, theatre, jean)
        one = await hooks.endpoint(session, vault, theatre, "http://127.0.0.1:9/one")
        other = await hooks.endpoint(session, vault, theatre, "http://127.0.0.1:9/other")
        await end_all(session, jean, EndReason.EXPIRED)
        due = (await session.scalars(select(WebhookDelivery))).all()
    assert {each.endpoint_id for each in due} == {one.endpoint.id, other.endpoint.id}
    assert {each.due_at for each in due} == {NOW}


async def test_that_somebody_was_erased_reaches_partners_without_their_account(
    migrated: Database, vault: Vault, jean: UUID, theatre: UUID
) -> None:
    async with migrated.transaction() as session:
        await known_as(session, theatre, jean)
        grace = timedelta(0)
        await erasure.ask(
            session, vault, jean, ErasureBasis.RESIDENT, grace=grace, actor=SYSTEM, now=NOW
        )
        await erasing.carry_out(session, vault, jean, actor=SYSTEM, now=NOW)
    async with migrated.transaction() as session:
        (event,) = await told(session)
    assert (event.type, event.scheme) == (EventType.ENTITLEMENT_ENDED, "library")


async def test_events_and_their_deliveries_are_forgotten_after_a_month(
    migrated: Database, vault: Vault, theatre: UUID
) -> None:
    async with migrated.transaction() as session:
        await hooks.endpoint(session, vault, theatre, "http://127.0.0.1:9/")
        await hooks.happened(session, theatre, "old", at=NOW - timedelta(days=KEPT_DAYS, hours=1))
        await hooks.happened(session, theatre, "new", at=NOW - timedelta(days=KEPT_DAYS - 1))
        for delivery in await hooks.deliveries(session):
            session.add(
                WebhookTry(
                    delivery_id=delivery.id,
                    at=NOW,
                    result=Result.REFUSED,
                    status=500,
                    took_ms=1,
                    line="",
                )
            )
    done = {over.table: over.rows async for over in run(migrated.transaction, now=NOW)}
    assert {name: done[name] for name in ("partner_event", "webhook_delivery", "webhook_try")} == {
        "partner_event": 1,
        "webhook_delivery": 1,
        "webhook_try": 1,
    }
    async with migrated.transaction() as session:
        assert [event.subject for event in await told(session)] == ["new"]


@pytest.mark.parametrize(
    "values",
    [
        {"subject": None},
        {"scheme": "library"},
        {"type": EventType.ENTITLEMENT_ENDED},
        {"type": EventType.REDEMPTION_CONFIRMED, "scheme": "library"},
    ],
)
async def test_the_database_takes_no_event_that_says_more_or_less_than_its_type(
    migrated: Database, theatre: UUID, values: dict[str, object]
) -> None:
    async with migrated.transaction() as session:
        await hooks.happened(session, theatre)
    with pytest.raises(IntegrityError):
        async with migrated.transaction() as session:
            await session.execute(update(PartnerEvent).values(values))
