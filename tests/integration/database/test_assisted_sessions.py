"""A member of staff acts for a resident: who may, for how long, and what every row says."""

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from cardservice.database import Database
from cardservice.jobs import end_assistance
from entitlements import assessing
from identity import (
    accounts,
    addresses,
    assisted,
    assisted_ends,
    assisted_reading,
    email_change,
    outbox,
    sessions,
    signin,
    staff,
)
from identity.actors import SYSTEM, Basis
from identity.addresses import AddressChange
from identity.assisted import Assistance, NotOpened, Wanted, WhyNotOpened
from identity.assisted_reading import Filters
from identity.audit import basis_of, subject_of
from identity.details import NewAddress
from identity.errors import InvalidDetails, NoSuchAccount
from identity.evidence import DocumentShown
from identity.models import Account, AccountState, StaffRole
from identity.personal import Vault
from identity.sessions import SignedInSession
from identity.signin_models import Session, SessionKind
from identity.trail_models import (
    AssistedEnd,
    AssistedSession,
    AssistReason,
    AuditRow,
    Presence,
    RecordRead,
)
from tests.support.people import CLERK, JEAN, NOW

LIFE = timedelta(minutes=20)
WANTED = Wanted(reason="address", presence="telephone")
MOVE = AddressChange(
    address=NewAddress(address_lines=("2 New Road", "Tonbridge"), postcode="TN9 1BH"),
    moved_on=NOW.date(),
    document=DocumentShown("council-tax-bill", dated_on="1/4/2026"),
)


@pytest.fixture
async def jean(migrated: Database, vault: Vault) -> UUID:
    return await registered(migrated, vault)


async def registered(database: Database, vault: Vault, email: str = JEAN.email) -> UUID:
    details = msgspec.structs.replace(JEAN, email=email)
    async with database.transaction() as session:
        account = await accounts.register(session, vault, details, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
        return account.id


@pytest.fixture
async def sam(migrated: Database) -> SignedInSession:
    return await signed_in(migrated, "sam", StaffRole.ADVISER)


async def signed_in(database: Database, username: str, role: StaffRole) -> SignedInSession:
    async with database.transaction() as session:
        added = await staff.add(
            session, username, username.title(), role, "turnip lantern oxbow", actor=SYSTEM, now=NOW
        )
    return await sign_in(database, added.id)


async def sign_in(database: Database, staff_id: UUID) -> SignedInSession:
    async with database.transaction() as session:
        token = await sessions.open_session(session, staff_id, SessionKind.STAFF, now=NOW)
        found = await sessions.look_up(session, token, now=NOW)
    assert isinstance(found, SignedInSession)
    return found


async def begin(
    database: Database,
    vault: Vault,
    account_id: UUID,
    own: SignedInSession,
    wanted: Wanted = WANTED,
) -> Basis:
    async with database.transaction() as session:
        begun = await assisted.open_for(
            session, vault, account_id, wanted, own=own, life=LIFE, now=NOW
        )
    assert isinstance(begun, Basis)
    return begun


async def refusal(
    database: Database, vault: Vault, account_id: UUID, own: SignedInSession
) -> NotOpened:
    async with database.transaction() as session:
        begun = await assisted.open_for(
            session, vault, account_id, WANTED, own=own, life=LIFE, now=NOW
        )
    assert isinstance(begun, NotOpened)
    return begun


async def open_now(
    database: Database, vault: Vault, own: SignedInSession, after: timedelta = timedelta()
) -> Assistance | None:
    async with database.transaction() as session:
        return await assisted.current(session, vault, own, now=NOW + after)


async def ends(database: Database) -> list[AssistedEnd | None]:
    async with database.transaction() as session:
        rows = await session.scalars(select(AssistedSession).order_by(AssistedSession.opened_at))
        return [row.ended_by for row in rows]


async def test_it_lasts_its_time_and_says_for_whom_and_why(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    basis = await begin(migrated, vault, jean, sam)
    helping = await open_now(migrated, vault, sam)
    assert helping is not None
    assert (helping.account_id, helping.name) == (jean, "Jean O'Malley")
    assert (helping.reason, helping.presence) == (AssistReason.ADDRESS, Presence.TELEPHONE)
    assert helping.actor == msgspec.structs.replace(sam.actor, basis=basis)
    assert helping.minutes_left(NOW) == 20
    assert helping.minutes_left(NOW + timedelta(minutes=18, seconds=1)) == 2
    assert await open_now(migrated, vault, sam, LIFE - timedelta(seconds=1)) is not None
    assert await open_now(migrated, vault, sam, LIFE) is None


async def test_it_makes_no_resident_session_and_no_credential(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    await begin(migrated, vault, jean, sam)
    async with migrated.transaction() as session:
        theirs = select(func.count()).select_from(Session).where(Session.account_id == jean)
        assert await session.scalar(theirs) == 0


async def test_every_row_and_read_in_it_carries_actor_subject_and_basis(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    basis = await begin(migrated, vault, jean, sam)
    helping = await open_now(migrated, vault, sam)
    assert helping is not None
    later = NOW + timedelta(minutes=1)
    async with migrated.transaction() as session:
        await accounts.person(
            session, vault, jean, actor=helping.actor, reason="To change the address", now=later
        )
        await assessing.move_home(session, vault, jean, MOVE, actor=helping.actor, now=later)
    async with migrated.transaction() as session:
        rows = (await session.scalars(select(AuditRow).where(AuditRow.at == later))).all()
        read = (await session.scalars(select(RecordRead))).one()
    assert "address-changed" in {row.action for row in rows}
    for row in rows:
        assert row.actor_id == str(sam.subject_id)
        assert row.detail["basis"] == basis_of(basis.assisted_id)
        assert row.detail["basis_resident"] == subject_of("account", jean)
        assert row.detail["basis_reason"] == "address"
        assert row.detail["basis_presence"] == "telephone"
    assert read.assisted_id == basis.assisted_id


async def test_what_was_done_is_told_from_the_trail_and_nothing_else_is(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    other = await registered(migrated, vault, "")
    await begin(migrated, vault, jean, sam, Wanted(reason="other", note="Moved", presence="letter"))
    helping = await open_now(migrated, vault, sam)
    assert helping is not None
    async with migrated.transaction() as session:
        await addresses.change(session, vault, jean, MOVE, actor=helping.actor, now=NOW)
        # The same clerk, in the same minutes, but not for Jean.
        await addresses.set_protected(session, other, protected=True, actor=sam.actor, now=NOW)
    async with migrated.transaction() as session:
        (told,) = await assisted_reading.of_account(session, vault, jean)
        assert await assisted_reading.of_account(session, vault, other) == ()
    assert told.acts == ("address-changed",)
    assert (told.who, told.role, told.note) == ("Sam", StaffRole.ADVISER, "Moved")
    assert (told.reason, told.presence) == (AssistReason.OTHER, Presence.LETTER)


async def test_nobody_acts_for_themselves(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    async with migrated.transaction() as session:
        account = await session.get_one(Account, jean)
        await assisted.set_own_account(
            session, sam.subject_id, account.number, actor=SYSTEM, now=NOW
        )
    assert (await refusal(migrated, vault, jean, sam)).reason is WhyNotOpened.OWN_ACCOUNT
    async with migrated.transaction() as session:
        with pytest.raises(InvalidDetails):
            await assisted.set_own_account(
                session, sam.subject_id, "123456789", actor=SYSTEM, now=NOW
            )
        await assisted.set_own_account(session, sam.subject_id, "", actor=SYSTEM, now=NOW)
    await begin(migrated, vault, jean, sam)


async def test_a_protected_resident_is_for_roles_that_may_see_the_address(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    await begin(migrated, vault, jean, sam)
    async with migrated.transaction() as session:
        await addresses.set_protected(session, jean, protected=True, actor=CLERK, now=NOW)
    assert await open_now(migrated, vault, sam) is None  # protected in the middle of it
    assert (await refusal(migrated, vault, jean, sam)).reason is WhyNotOpened.PROTECTED
    supervisor = await signed_in(migrated, "omar", StaffRole.SUPERVISOR)
    await begin(migrated, vault, jean, supervisor)
    assert await open_now(migrated, vault, supervisor) is not None


async def test_nobody_acts_for_the_dead(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    await begin(migrated, vault, jean, sam)
    async with migrated.transaction() as session:
        (await session.get_one(Account, jean)).state = AccountState.CLOSED
    assert await open_now(migrated, vault, sam) is None
    assert (await refusal(migrated, vault, jean, sam)).reason is WhyNotOpened.CLOSED


async def test_another_resident_ends_the_first_and_the_database_holds_to_it(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    other = await registered(migrated, vault, "")
    await begin(migrated, vault, jean, sam)
    await begin(migrated, vault, other, sam)
    helping = await open_now(migrated, vault, sam)
    assert helping is not None
    assert helping.account_id == other
    assert sorted(await ends(migrated), key=str) == [None, AssistedEnd.ANOTHER_RESIDENT]
    with pytest.raises(IntegrityError):
        await open_all_again(migrated)


async def test_sending_the_form_twice_leaves_one_open_and_blames_nobody_else(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    await begin(migrated, vault, jean, sam)
    await begin(migrated, vault, jean, sam)
    assert sorted(await ends(migrated), key=str) == [None, AssistedEnd.CLERK]


async def open_all_again(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(AssistedSession).values(ended_at=None, ended_by=None))


async def test_of_two_opened_at_once_one_is_open(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    other = await registered(migrated, vault, "")
    await asyncio.gather(begin(migrated, vault, jean, sam), begin(migrated, vault, other, sam))
    assert sorted(await ends(migrated), key=str) == [None, AssistedEnd.ANOTHER_RESIDENT]


async def test_it_belongs_to_one_sign_in_and_the_clerk_ends_it(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    await begin(migrated, vault, jean, sam)
    elsewhere = await sign_in(migrated, sam.subject_id)
    assert await open_now(migrated, vault, elsewhere) is None
    async with migrated.transaction() as session:
        clerk = AssistedEnd.CLERK
        assert await assisted_ends.end_open(
            session, sam.subject_id, clerk, actor=sam.actor, now=NOW
        )
        assert not await assisted_ends.end_open(
            session, sam.subject_id, clerk, actor=sam.actor, now=NOW
        )
    assert await open_now(migrated, vault, sam) is None
    assert await ends(migrated) == [AssistedEnd.CLERK]


async def test_the_worker_writes_down_what_ended_by_time_or_with_the_sign_in(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    await begin(migrated, vault, jean, sam)
    kim = await signed_in(migrated, "kim", StaffRole.ADVISER)
    await begin(migrated, vault, jean, kim)
    assert await end_assistance(migrated, now=NOW + timedelta(minutes=1)) == 0
    async with migrated.transaction() as session:
        await sessions.end_all(session, kim.subject_id, SessionKind.STAFF, actor=SYSTEM, now=NOW)
        # Sam goes on working, so that only the time of the assisted session runs out.
        token_row = (
            await session.scalars(select(Session).where(Session.id == sam.session_id))
        ).one()
        token_row.idle_until = NOW + timedelta(hours=1)
    assert await end_assistance(migrated, now=NOW + LIFE) == 2
    async with migrated.transaction() as session:
        rows = {row.staff_id: row for row in await session.scalars(select(AssistedSession))}
    assert rows[sam.subject_id].ended_by is AssistedEnd.TIME
    assert rows[sam.subject_id].ended_at == NOW + LIFE
    assert rows[kim.subject_id].ended_by is AssistedEnd.SIGN_IN_ENDED


async def test_an_unused_sign_in_ends_it_too(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    await begin(migrated, vault, jean, sam)
    idle = sessions.LIMITS[SessionKind.STAFF].idle
    assert await end_assistance(migrated, now=NOW + idle) == 1
    assert await ends(migrated) == [AssistedEnd.SIGN_IN_ENDED]


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        (Wanted(reason="", presence=""), {"reason", "presence"}),
        (Wanted(reason="curiosity", presence="in spirit"), {"reason", "presence"}),
        (Wanted(reason="other", presence="letter", note="  "), {"note"}),
        (Wanted(reason="card", presence="letter", note="x" * 201), {"note"}),
        (Wanted(reason="card", presence="letter", note="a\u202eb"), {"note"}),
    ],
)
async def test_a_form_with_faults_opens_nothing(
    migrated: Database,
    vault: Vault,
    jean: UUID,
    sam: SignedInSession,
    wanted: Wanted,
    fields: set[str],
) -> None:
    async with migrated.transaction() as session:
        with pytest.raises(InvalidDetails) as refused:
            await assisted.open_for(session, vault, jean, wanted, own=sam, life=LIFE, now=NOW)
    assert set(refused.value.faults) == fields
    assert await ends(migrated) == []


async def test_nobody_acts_for_an_account_that_is_not_there(
    migrated: Database, vault: Vault, sam: SignedInSession
) -> None:
    async with migrated.transaction() as session:
        with pytest.raises(NoSuchAccount):
            await assisted.open_for(
                session, vault, UUID(int=7), WANTED, own=sam, life=LIFE, now=NOW
            )


async def test_an_auditor_narrows_the_list_and_sees_no_note(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    other = await registered(migrated, vault, "")
    await begin(migrated, vault, jean, sam, Wanted(reason="card", note="Ill", presence="letter"))
    await begin(migrated, vault, other, sam)

    async def found(wanted: Filters) -> list[AssistReason]:
        async with migrated.transaction() as session:
            told = await assisted_reading.listed(session, wanted, actor=CLERK, now=NOW)
        assert all(each.note == "" for each in told)
        return sorted(each.reason for each in told)

    async with migrated.transaction() as session:
        number = (await session.get_one(Account, jean)).number
    both, card = [AssistReason.ADDRESS, AssistReason.CARD], [AssistReason.CARD]
    assert await found(Filters()) == both
    assert await found(Filters(username="sam")) == both
    assert await found(Filters(username="nobody")) == []
    assert await found(Filters(number=f" {number[:3]} {number[3:]}")) == card
    assert await found(Filters(reason=AssistReason.CARD)) == card
    assert await found(Filters(presence=Presence.LETTER)) == card
    assert await found(Filters(is_open=True)) == [AssistReason.ADDRESS]
    today = NOW.date()
    assert await found(Filters(first_day=today, last_day=today)) == both
    assert await found(Filters(first_day=today + timedelta(days=1))) == []
    assert await found(Filters(last_day=today - timedelta(days=1))) == []
    async with migrated.transaction() as session:
        reads = select(func.count()).select_from(AuditRow).where(AuditRow.action == "audit-read")
        assert await session.scalar(reads) == 10


async def changed_email(
    database: Database, vault: Vault, jean: UUID, sam: SignedInSession, presence: str, typed: str
) -> None:
    await begin(database, vault, jean, sam, Wanted(reason="contact", presence=presence))
    helping = await open_now(database, vault, sam)
    assert helping is not None
    async with database.transaction() as session:
        await email_change.change(session, vault, jean, typed, actor=helping.actor, now=NOW)


async def test_an_address_is_changed_face_to_face_and_the_old_one_is_told_and_signed_out(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession
) -> None:
    async with migrated.transaction() as session:
        await sessions.open_session(session, jean, SessionKind.RESIDENT, now=NOW)
        await signin.send_code(session, vault, JEAN.email, now=NOW)
    await changed_email(migrated, vault, jean, sam, "documents-seen", " New@Example.org ")
    async with migrated.transaction() as session:
        sent = {message.kind: message.to for message in await outbox.messages(session, vault)}
        row = (
            await session.scalars(select(AuditRow).where(AuditRow.action == "email-changed"))
        ).one()
        open_ones = select(func.count()).where(
            Session.account_id == jean, Session.ended_at.is_(None)
        )
        assert await session.scalar(open_ones) == 0
        found = await accounts.find(session, vault, "Jean", actor=CLERK, now=NOW)
        person = await accounts.person(
            session, vault, found[0].account_id, actor=CLERK, reason="Look", now=NOW
        )
    assert sent["email-changed"] == JEAN.email
    assert "example" not in str(row.detail)
    assert person.email == "new@example.org"


@pytest.mark.parametrize("presence", ["telephone", "letter"])
async def test_a_voice_or_a_letter_changes_no_address(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession, presence: str
) -> None:
    with pytest.raises(InvalidDetails, match="in person"):
        await changed_email(migrated, vault, jean, sam, presence, "new@example.org")


@pytest.mark.parametrize("typed", ["not an address", JEAN.email, "taken@example.org"])
async def test_an_address_that_will_not_do_is_refused(
    migrated: Database, vault: Vault, jean: UUID, sam: SignedInSession, typed: str
) -> None:
    await registered(migrated, vault, "taken@example.org")
    with pytest.raises(InvalidDetails, match="email"):
        await changed_email(migrated, vault, jean, sam, "card-tapped", typed)


async def test_without_an_assisted_session_no_address_is_changed(
    migrated: Database, vault: Vault, jean: UUID
) -> None:
    async with migrated.transaction() as session:
        with pytest.raises(InvalidDetails, match="in person"):
            await email_change.change(session, vault, jean, "a@b.org", actor=CLERK, now=NOW)
