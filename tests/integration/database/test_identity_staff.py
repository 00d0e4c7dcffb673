"""Members of staff sign in with a password; guessing is slowed down."""

import asyncio
from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, text, update

from cardservice.database import Database
from identity import passwords, sessions, staff
from identity.actors import SYSTEM
from identity.errors import InvalidDetails
from identity.models import AuditRow, SignInThrottle, StaffMember, StaffRole
from identity.sessions import SignedIn, SignedInSession
from identity.staff import SignInRefused, WhyRefused
from identity.throttle import MOST_FAILURES
from tests.support.people import NOW

PASSWORD = "turnip lantern oxbow river"
GUESS = "turnip lantern oxbow rivet"
SECOND = timedelta(seconds=1)


@pytest.fixture
async def database(identity_database: Database) -> Database:
    async with identity_database.transaction() as session:
        await staff.add(
            session, "Priya", "Priya Shah", StaffRole.ADVISER, PASSWORD, actor=SYSTEM, now=NOW
        )
    return identity_database


async def sign_in(
    database: Database, password: str, *, username: str = "priya", now: datetime = NOW
) -> SignedIn | SignInRefused:
    async with database.transaction() as session:
        return await staff.sign_in(session, username, password, now=now)


async def set_failures(database: Database, failures: int) -> None:
    async with database.transaction() as session:
        await session.execute(update(SignInThrottle).values(failures=failures, retry_at=None))


async def test_a_member_of_staff_signs_in(database: Database) -> None:
    signed_in = await sign_in(database, PASSWORD, username=" PRIYA ")
    assert isinstance(signed_in, SignedIn)
    async with database.transaction() as session:
        found = await sessions.look_up(session, signed_in.token, now=NOW)
        actions = list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
    assert isinstance(found, SignedInSession)
    assert (found.role, found.actor) == (StaffRole.ADVISER, signed_in.actor)
    assert actions == ["staff-added", "staff-signed-in"]


async def test_a_password_typed_in_another_unicode_form_is_the_same(
    identity_database: Database,
) -> None:
    async with identity_database.transaction() as session:
        composed = "caf\u00e9 au lait with turnips"
        await staff.add(
            session, "zoe", "Zo\u00eb Hall", StaffRole.AUDITOR, composed, actor=SYSTEM, now=NOW
        )
    apart = "cafe\u0301 au lait with turnips"
    assert isinstance(await sign_in(identity_database, apart, username="zoe"), SignedIn)


@pytest.mark.parametrize("password", ["", GUESS, PASSWORD + " ", PASSWORD.upper(), "\ud800"])
async def test_a_wrong_password_signs_nobody_in(database: Database, password: str) -> None:
    assert await sign_in(database, password) == SignInRefused(WhyRefused.WRONG)


async def test_an_unknown_name_is_answered_like_a_wrong_password(database: Database) -> None:
    for failures in range(8):
        now = NOW + timedelta(seconds=failures)
        known = await sign_in(database, GUESS, now=now)
        unknown = await sign_in(database, GUESS, username="nobody", now=now)
        assert known == unknown


async def test_five_failures_are_free_and_then_the_wait_doubles(database: Database) -> None:
    for _ in range(5):
        assert await sign_in(database, GUESS) == SignInRefused(WhyRefused.WRONG)
    now = NOW
    for seconds in (30, 60, 120, 240, 480, 900, 900):
        answer = await sign_in(database, GUESS, now=now)
        until = now + timedelta(seconds=seconds)
        assert answer == SignInRefused(WhyRefused.WAIT, until)
        early = await sign_in(database, PASSWORD, now=until - SECOND)
        assert early == SignInRefused(WhyRefused.WAIT, until)
        now = until
    assert isinstance(await sign_in(database, PASSWORD, now=now), SignedIn)


async def test_a_success_starts_the_count_again(database: Database) -> None:
    for _ in range(4):
        await sign_in(database, GUESS)
    assert isinstance(await sign_in(database, PASSWORD), SignedIn)
    for _ in range(5):
        assert await sign_in(database, GUESS) == SignInRefused(WhyRefused.WRONG)


async def test_guesses_made_at_once_are_all_counted(database: Database) -> None:
    answers = await asyncio.gather(*(sign_in(database, GUESS) for _ in range(8)))
    reasons = [answer.reason for answer in answers if isinstance(answer, SignInRefused)]
    assert sorted(reasons) == [WhyRefused.WAIT] * 3 + [WhyRefused.WRONG] * 5
    async with database.transaction() as session:
        # Two came after the wait began: they were not tried at all.
        assert await session.scalar(select(SignInThrottle.failures)) == 6


async def test_a_hundred_failures_lock_until_somebody_unlocks(database: Database) -> None:
    await sign_in(database, GUESS)
    await set_failures(database, MOST_FAILURES - 1)
    assert await sign_in(database, GUESS) == SignInRefused(WhyRefused.LOCKED)
    later = NOW + timedelta(days=365)
    assert await sign_in(database, PASSWORD, now=later) == SignInRefused(WhyRefused.LOCKED)
    async with database.transaction() as session:
        await staff.unlock(session, "Priya", actor=SYSTEM, now=later)
    assert isinstance(await sign_in(database, PASSWORD, now=later), SignedIn)


async def test_somebody_who_left_cannot_sign_in(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(StaffMember).values(active=False))
    assert await sign_in(database, PASSWORD) == SignInRefused(WhyRefused.WRONG)


async def test_a_hash_of_older_parameters_is_renewed_at_sign_in(database: Database) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    async with database.transaction() as session:
        await session.execute(update(StaffMember).values(password_hash=weak))
    assert isinstance(await sign_in(database, PASSWORD), SignedIn)
    async with database.transaction() as session:
        stored = (await session.scalars(select(StaffMember.password_hash))).one()
    assert stored != weak
    assert not passwords.needs_rehash(stored)
    assert isinstance(await sign_in(database, PASSWORD), SignedIn)


async def test_neither_password_nor_mistyped_name_is_stored(database: Database) -> None:
    await sign_in(database, PASSWORD)
    await sign_in(database, GUESS, username="my secret by mistake")
    stored = ""
    async with database.transaction() as session:
        for table in ("staff_member", "audit_row", "sign_in_throttle", "session"):
            rows = await session.execute(text(f"SELECT * FROM {table}"))  # noqa: S608  (names above)
            stored += repr([tuple(row) for row in rows])
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in stored
    for secret in ("turnip", "secret by mistake"):
        assert secret not in stored


async def test_all_faults_of_a_new_member_of_staff_are_said_at_once(database: Database) -> None:
    async with database.transaction() as session:
        with pytest.raises(InvalidDetails) as raised:
            await staff.add(session, "1", "", StaffRole.ADVISER, "short", actor=SYSTEM, now=NOW)
    assert set(raised.value.faults) == {"username", "name", "password"}


async def test_a_user_name_is_taken_in_any_case(database: Database) -> None:
    async with database.transaction() as session:
        with pytest.raises(InvalidDetails) as raised:
            await staff.add(
                session, "PRIYA", "Priya Two", StaffRole.ADVISER, PASSWORD, actor=SYSTEM, now=NOW
            )
    assert raised.value.faults == {"username": "This user name is taken"}
