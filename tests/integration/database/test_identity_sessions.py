"""Sessions: who a token belongs to, and when it stops."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from cardservice.database import Database
from identity import accounts, open_sessions, sessions
from identity.actors import SYSTEM
from identity.models import Account, AccountState, StaffMember, StaffRole
from identity.personal import Vault
from identity.sessions import NotSignedIn, SignedInSession, WhyNotSignedIn, csrf_matches, csrf_token
from identity.signin_models import Session, SessionKind, SignInMethod
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW

RESIDENT, STAFF = SessionKind.RESIDENT, SessionKind.STAFF
EMAIL_CODE = SignInMethod.EMAIL_CODE
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class People:
    """A resident and a member of staff in a database."""

    def __init__(self, database: Database, resident: UUID, staff: UUID) -> None:
        self.database = database
        self.ids = {RESIDENT: resident, STAFF: staff}

    async def open(self, kind: SessionKind) -> str:
        async with self.database.transaction() as session:
            return await sessions.open_session(session, self.ids[kind], kind, now=NOW)

    async def look_up(self, token: str, after: timedelta) -> SignedInSession | NotSignedIn:
        async with self.database.transaction() as session:
            return await sessions.look_up(session, token, now=NOW + after)

    async def why_not(self, token: str, after: timedelta = timedelta(0)) -> WhyNotSignedIn | None:
        found = await self.look_up(token, after)
        return found.reason if isinstance(found, NotSignedIn) else None


@pytest.fixture
async def people(identity_database: Database, vault: Vault) -> People:
    async with identity_database.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        staff = StaffMember(
            username="priya",
            name="Priya Shah",
            role=StaffRole.CARD_OFFICER,
            password_hash="not used here",
            created_at=NOW,
        )
        session.add(staff)
    return People(identity_database, account.id, staff.id)


async def test_a_token_says_who_it_belongs_to(people: People) -> None:
    resident = await people.look_up(await people.open(RESIDENT), SECOND)
    staff = await people.look_up(await people.open(STAFF), SECOND)
    assert isinstance(resident, SignedInSession)
    assert isinstance(staff, SignedInSession)
    assert (resident.kind, resident.subject_id, resident.role) == (
        RESIDENT,
        people.ids[RESIDENT],
        None,
    )
    assert resident.actor.id == str(people.ids[RESIDENT])
    assert "Jean" not in resident.actor.label
    assert (staff.kind, staff.role) == (STAFF, StaffRole.CARD_OFFICER)
    assert staff.actor.label == "Priya Shah"


async def test_only_a_hash_of_the_token_is_stored(people: People) -> None:
    token = await people.open(RESIDENT)
    assert len(token) >= 43
    async with people.database.transaction() as session:
        rows = (await session.execute(text("SELECT * FROM session"))).all()
    assert len(rows) == 1
    assert token not in repr(rows)
    assert token.encode() not in b"".join(v for v in rows[0] if isinstance(v, bytes))


@pytest.mark.parametrize("token", ["", "chosen-by-an-attacker", "\x00", "\ud800", "x" * 10_000])
async def test_a_token_we_did_not_make_is_nobodys(people: People, token: str) -> None:
    assert await people.why_not(token) is WhyNotSignedIn.UNKNOWN
    async with people.database.transaction() as session:
        found = await sessions.rotate(session, token, now=NOW)
        assert found == NotSignedIn(WhyNotSignedIn.UNKNOWN)
        assert (await session.scalars(select(Session))).all() == []


@pytest.mark.parametrize(("kind", "minutes"), [(RESIDENT, 30), (STAFF, 15)])
async def test_a_session_ends_without_use(people: People, kind: SessionKind, minutes: int) -> None:
    token = await people.open(kind)
    assert await people.why_not(token, minutes * MINUTE) is WhyNotSignedIn.IDLE
    assert await people.why_not(token, minutes * MINUTE - SECOND) is None


@pytest.mark.parametrize(("kind", "minutes"), [(RESIDENT, 30), (STAFF, 15)])
async def test_use_prolongs_a_session(people: People, kind: SessionKind, minutes: int) -> None:
    token = await people.open(kind)
    used = (minutes - 1) * MINUTE
    assert await people.why_not(token, used) is None
    assert await people.why_not(token, used + minutes * MINUTE - SECOND) is None
    last = used + 2 * minutes * MINUTE
    assert await people.why_not(token, last) is WhyNotSignedIn.IDLE


@pytest.mark.parametrize(("kind", "hours"), [(RESIDENT, 12), (STAFF, 8)])
async def test_a_session_ends_however_much_it_is_used(
    people: People, kind: SessionKind, hours: int
) -> None:
    token = await people.open(kind)
    absolute = timedelta(hours=hours)
    at = 10 * MINUTE
    while at < absolute:
        assert await people.why_not(token, at) is None
        at += 10 * MINUTE
    assert await people.why_not(token, absolute - SECOND) is None
    assert await people.why_not(token, absolute) is WhyNotSignedIn.EXPIRED


async def test_a_rotated_token_is_replaced_and_the_absolute_end_stays(people: People) -> None:
    token = await people.open(STAFF)
    async with people.database.transaction() as session:
        renewed = await sessions.rotate(session, token, now=NOW + 10 * MINUTE)
    assert isinstance(renewed, str)
    assert renewed != token
    assert await people.why_not(token, 10 * MINUTE) is WhyNotSignedIn.ENDED
    found = await people.look_up(renewed, 11 * MINUTE)
    assert isinstance(found, SignedInSession)
    assert found.absolute_until == NOW + timedelta(hours=8)


async def test_of_five_who_rotate_one_token_at_once_one_gets_a_new_one(people: People) -> None:
    token = await people.open(RESIDENT)

    async def rotate() -> str | NotSignedIn:
        async with people.database.transaction() as session:
            return await sessions.rotate(session, token, now=NOW)

    answers = await asyncio.gather(*(rotate() for _ in range(5)))
    assert sum(isinstance(answer, str) for answer in answers) == 1


async def test_a_session_is_ended_once_and_audited(people: People) -> None:
    token = await people.open(RESIDENT)
    async with people.database.transaction() as session:
        assert await sessions.end(session, token, actor=SYSTEM, now=NOW)
        assert not await sessions.end(session, token, actor=SYSTEM, now=NOW)
        assert not await sessions.end(session, "unknown", actor=SYSTEM, now=NOW)
    assert await people.why_not(token) is WhyNotSignedIn.ENDED
    async with people.database.transaction() as session:
        ended = select(AuditRow.subject).where(AuditRow.action == "session-ended")
        assert (await session.scalars(ended)).all() == [f"account:{people.ids[RESIDENT]}"]


async def test_all_sessions_of_one_person_end_and_nobody_elses(people: People) -> None:
    tokens = [await people.open(RESIDENT) for _ in range(3)]
    others = await people.open(STAFF)
    async with people.database.transaction() as session:
        ended = await sessions.end_all(
            session, people.ids[RESIDENT], RESIDENT, actor=CLERK, now=NOW
        )
    assert ended == 3
    for token in tokens:
        assert await people.why_not(token) is WhyNotSignedIn.ENDED
    assert await people.why_not(others) is None


async def test_whoever_may_no_longer_sign_in_is_signed_out_at_once(people: People) -> None:
    resident, staff = await people.open(RESIDENT), await people.open(STAFF)
    async with people.database.transaction() as session:
        await session.execute(update(Account).values(state=AccountState.CLOSED))
        await session.execute(update(StaffMember).values(active=False))
    assert await people.why_not(resident) is WhyNotSignedIn.NOT_ACTIVE
    assert await people.why_not(staff) is WhyNotSignedIn.NOT_ACTIVE


async def test_a_form_of_another_session_is_not_accepted(people: People) -> None:
    mine, other = await people.open(RESIDENT), await people.open(RESIDENT)
    assert csrf_matches(mine, csrf_token(mine))
    assert csrf_token(mine) != mine
    for presented in ("", csrf_token(other), mine, csrf_token(mine) + "=", "\ud800"):
        assert not csrf_matches(mine, presented)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE session SET account_id = NULL",
        "UPDATE session SET kind = 'staff'",
        "UPDATE session SET kind = 'visitor'",
    ],
)
async def test_the_database_itself_refuses_a_session_of_nobody(
    people: People, statement: str
) -> None:
    await people.open(RESIDENT)
    with pytest.raises(IntegrityError):
        async with people.database.transaction() as session:
            await session.execute(text(statement))


async def test_people_see_their_own_open_sessions_and_end_them(people: People) -> None:
    tokens = [await people.open(RESIDENT) for _ in range(3)]
    other = await people.look_up(await people.open(STAFF), SECOND)
    own = await people.look_up(tokens[1], SECOND)
    assert isinstance(own, SignedInSession)
    assert isinstance(other, SignedInSession)
    async with people.database.transaction() as session:
        shown = await open_sessions.of_owner(session, own, now=NOW)
        assert [each.is_this for each in shown] == [True, False, False]
        assert shown[0].id == own.session_id
        assert not await open_sessions.end_one(session, other, shown[1].id, now=NOW)
        assert await open_sessions.end_one(session, own, shown[1].id, now=NOW)
        assert not await open_sessions.end_one(session, own, shown[1].id, now=NOW)
        assert await open_sessions.end_others(session, own, now=NOW) == 1
        assert len(await open_sessions.of_owner(session, own, now=NOW)) == 1
    assert await people.why_not(tokens[1]) is None
    for token in (tokens[0], tokens[2]):
        assert await people.why_not(token) is WhyNotSignedIn.ENDED


async def test_a_session_left_alone_is_not_shown_as_open(people: People) -> None:
    await people.open(RESIDENT)
    own = await people.look_up(await people.open(RESIDENT), 20 * MINUTE)
    assert isinstance(own, SignedInSession)
    async with people.database.transaction() as session:
        shown = await open_sessions.of_owner(session, own, now=NOW + 31 * MINUTE)
    assert [each.is_this for each in shown] == [True]


async def test_a_rotated_session_stays_the_same_sign_in_and_a_proof_is_kept(
    people: People,
) -> None:
    async with people.database.transaction() as session:
        token = await sessions.open_session(
            session, people.ids[RESIDENT], RESIDENT, methods=[EMAIL_CODE], browser="Edge", now=NOW
        )
    before = await people.look_up(token, SECOND)
    at = NOW + 10 * MINUTE
    async with people.database.transaction() as session:
        renewed = await sessions.rotate(session, token, proof=SignInMethod.PASSKEY, now=at)
    assert isinstance(renewed, str)
    after = await people.look_up(renewed, 10 * MINUTE)
    assert isinstance(before, SignedInSession)
    assert isinstance(after, SignedInSession)
    assert (before.session_id, before.opened_at) == (after.session_id, after.opened_at)
    assert (before.methods, before.proved_at) == ((EMAIL_CODE,), NOW)
    assert (after.methods, after.proved_at) == ((EMAIL_CODE, SignInMethod.PASSKEY), at)
