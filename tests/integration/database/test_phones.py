"""Codes on a phone: of what is held today, for a minute, and apart from the card."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import func, select

from cardservice import phones
from cardservice.database import Database
from cardservice.errors import MoveNotAllowed
from cardservice.models import Phone
from entitlements import assessing, grants, issuing, passes
from entitlements.grants import EndReason
from entitlements.issuing import Carrier
from entitlements.models import ServiceRecord
from entitlements.passes import NotHeld, Shown
from entitlements.status_lists import StatusLists
from identity import accounts, deaths
from identity.keys import FileKeyStore, Purpose
from identity.personal import Vault
from identity.trail_models import AuditRow
from readers.contract.phone_pass import LIFETIME, PhonePass, verify
from readers.contract.services import Service
from readers.contract.statuslist import TOKEN_TYPE, Status, from_claim
from readers.contract.tokens import verify_token
from tests.support.people import CLERK, JEAN, NOW

UID = bytes.fromhex("04112233445566")


@pytest.fixture
async def person(migrated: Database, vault: Vault) -> UUID:
    """A resident who holds library membership."""
    async with migrated.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
        return account.id


async def show(
    database: Database,
    store: FileKeyStore,
    person: UUID,
    service: Service = Service.LIBRARY,
    *,
    now: datetime = NOW,
) -> Shown | NotHeld:
    async with database.transaction() as session:
        phone = await phones.begin(session, person, actor=CLERK, now=now)
        return await passes.show(
            session,
            store,
            passes.Phone(person, phone.id),
            service,
            institution="1234",
            actor=CLERK,
            now=now,
        )


def issuers(store: FileKeyStore) -> dict[bytes, Ed25519PublicKey]:
    key = store.current(Purpose.RECORD_SIGN)
    return {key.wire: store.public_key(key)}


async def shown(database: Database, store: FileKeyStore, person: UUID) -> PhonePass:
    code = await show(database, store, person)
    assert isinstance(code, Shown)
    return verify(code.text, issuers(store), now=NOW)


async def listed(database: Database, store: FileKeyStore, index: int) -> int:
    async with database.transaction() as session:
        token = await StatusLists(store, "http://localhost:8000").token(
            session, Service.LIBRARY, now=NOW
        )
    key = store.public_key(store.current(Purpose.STATUS_SIGN))
    return from_claim(verify_token(token, TOKEN_TYPE, key, now=NOW)["status_list"])[index]


async def test_a_code_says_what_is_held_for_a_minute_and_not_why(
    migrated: Database, keystore: FileKeyStore, person: UUID
) -> None:
    now = NOW + timedelta(microseconds=700_000)
    code = await show(migrated, keystore, person, now=now)
    assert isinstance(code, Shown)
    record = verify(code.text, issuers(keystore), now=now).record
    assert record.service is Service.LIBRARY
    assert record.entitlement_class == "holder"
    assert record.valid_until - record.valid_from == LIFETIME
    assert record.valid_from <= now < record.valid_until == code.until


async def test_a_code_ends_with_what_it_proves(
    migrated: Database, keystore: FileKeyStore, person: UUID
) -> None:
    async with migrated.transaction() as session:
        given = (await grants.open_by_scheme(session, person))["library"]
        given.valid_until = NOW.date()
    late = datetime.combine(NOW.date(), datetime.max.time(), NOW.tzinfo) - timedelta(seconds=20)
    code = await show(migrated, keystore, person, now=late)
    assert isinstance(code, Shown)
    assert code.until - late < timedelta(seconds=21)


async def test_two_codes_are_never_the_same_and_write_nothing_more(
    migrated: Database, keystore: FileKeyStore, person: UUID
) -> None:
    first = await shown(migrated, keystore, person)
    async with migrated.transaction() as session:
        before = await session.scalar(select(func.count()).select_from(AuditRow))
    second = await shown(migrated, keystore, person)
    assert first.jti != second.jti
    assert first.record.status_index == second.record.status_index
    assert first.record.sequence == second.record.sequence
    async with migrated.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(AuditRow)) == before
        rows = (await session.scalars(select(ServiceRecord))).all()
    assert [(row.entitlement_class, row.sequence, row.written_sequence) for row in rows] == [
        ("holder", 1, 1)
    ]


async def test_what_is_not_held_is_not_shown(
    migrated: Database, keystore: FileKeyStore, person: UUID
) -> None:
    not_held = NotHeld(Service.LEISURE)
    assert await show(migrated, keystore, person, Service.LEISURE) == not_held


async def test_what_begins_tomorrow_is_not_shown_today(
    migrated: Database, keystore: FileKeyStore, person: UUID
) -> None:
    async with migrated.transaction() as session:
        given = (await grants.open_by_scheme(session, person))["library"]
        given.valid_from = NOW.date() + timedelta(days=1)
    assert await show(migrated, keystore, person) == NotHeld(Service.LIBRARY)
    code = await show(migrated, keystore, person, now=NOW + timedelta(days=1))
    assert isinstance(code, Shown)


async def test_a_lost_phone_is_refused_for_ever_and_the_card_goes_on(
    migrated: Database, keystore: FileKeyStore, person: UUID
) -> None:
    lost = await shown(migrated, keystore, person)
    async with migrated.transaction() as session:
        card = Carrier(person, person, UID)
        await issuing.issue_records(
            session, keystore, card, institution="1234", everything=True, actor=CLERK, now=NOW
        )
        on_card = await issuing.records_of(session, card.id)
        assert await phones.end(session, person, actor=CLERK, now=NOW)
        assert not await phones.end(session, person, actor=CLERK, now=NOW)
    library = next(row.status_index for row in on_card if row.service is Service.LIBRARY)
    assert await listed(migrated, keystore, lost.record.status_index) == Status.INVALID
    assert await listed(migrated, keystore, library) == Status.VALID
    another = await shown(migrated, keystore, person)
    assert another.record.status_index != lost.record.status_index
    assert another.record.number == lost.record.number
    assert await listed(migrated, keystore, another.record.status_index) == Status.VALID


async def test_a_code_of_what_ended_is_refused_by_the_list(
    migrated: Database, keystore: FileKeyStore, person: UUID
) -> None:
    code = await shown(migrated, keystore, person)
    async with migrated.transaction() as session:
        given = (await grants.open_by_scheme(session, person))["library"]
        await grants.end(session, given, EndReason.NOT_ELIGIBLE, actor=CLERK, now=NOW)
    assert await listed(migrated, keystore, code.record.status_index) == Status.SUSPENDED
    assert await show(migrated, keystore, person) == NotHeld(Service.LIBRARY)


async def test_a_longer_grant_is_another_record_in_the_same_place(
    migrated: Database, keystore: FileKeyStore, person: UUID
) -> None:
    before = await shown(migrated, keystore, person)
    async with migrated.transaction() as session:
        given = (await grants.open_by_scheme(session, person))["library"]
        given.valid_until += timedelta(days=1)
    after = await shown(migrated, keystore, person)
    assert after.record.sequence == before.record.sequence + 1
    assert after.record.status_index == before.record.status_index


async def test_nobody_begins_a_phone_for_who_has_died(
    migrated: Database, vault: Vault, person: UUID
) -> None:
    async with migrated.transaction() as session:
        await deaths.close(session, vault, person, actor=CLERK, now=NOW)
    with pytest.raises(MoveNotAllowed):
        async with migrated.transaction() as session:
            await phones.begin(session, person, actor=CLERK, now=NOW)


async def test_a_resident_has_one_phone_at_a_time(migrated: Database, person: UUID) -> None:
    async with migrated.transaction() as session:
        first = await phones.begin(session, person, actor=CLERK, now=NOW)
        assert await phones.begin(session, person, actor=CLERK, now=NOW) is first
        assert await session.scalar(select(func.count()).select_from(Phone)) == 1
