"""Members of staff sign in with a password; guessing is slowed down."""

import asyncio
from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, text, update

from cardservice.database import Database
from identity import passwords, sessions, staff
from identity.actors import SYSTEM
from identity.errors import InvalidDetails, NoSuchStaff
from identity.models import StaffMember, StaffRole
from identity.personal import Vault
from identity.sessions import NotSignedIn, WhyNotSignedIn
from identity.signin_models import Session, SignInThrottle
from identity.staff import PasswordRight, SignInRefused, WhyRefused
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


async def check(
    database: Database,
    vault: Vault,
    password: str,
    *,
    username: str = "priya",
    now: datetime = NOW,
) -> PasswordRight | SignInRefused:
    async with database.transaction() as session:
        return await staff.check_password(session, vault, username, password, now=now)


async def set_failures(database: Database, failures: int) -> None:
    async with database.transaction() as session:
        await session.execute(update(SignInThrottle).values(failures=failures, retry_at=None))


async def test_a_right_password_alone_opens_no_session(database: Database, vault: Vault) -> None:
    right = await check(database, vault, PASSWORD, username=" PRIYA ")
    assert isinstance(right, PasswordRight)
    assert not right.has_app
    async with database.transaction() as session:
        found = await sessions.look_up(session, right.token, now=NOW)
        assert list(await session.scalars(select(Session))) == []
    assert found == NotSignedIn(WhyNotSignedIn.UNKNOWN)


async def test_a_password_typed_in_another_unicode_form_is_the_same(
    identity_database: Database, vault: Vault
) -> None:
    async with identity_database.transaction() as session:
        composed = "caf\u00e9 au lait with turnips"
        await staff.add(
            session, "zoe", "Zo\u00eb Hall", StaffRole.AUDITOR, composed, actor=SYSTEM, now=NOW
        )
    apart = "cafe\u0301 au lait with turnips"
    assert isinstance(await check(identity_database, vault, apart, username="zoe"), PasswordRight)


@pytest.mark.parametrize("password", ["", GUESS, PASSWORD + " ", PASSWORD.upper(), "\ud800"])
async def test_a_wrong_password_signs_nobody_in(
    database: Database, password: str, vault: Vault
) -> None:
    assert await check(database, vault, password) == SignInRefused(WhyRefused.WRONG)


async def test_an_unknown_name_is_answered_like_a_wrong_password(
    database: Database, vault: Vault
) -> None:
    for failures in range(8):
        now = NOW + timedelta(seconds=failures)
        known = await check(database, vault, GUESS, now=now)
        unknown = await check(database, vault, GUESS, username="nobody", now=now)
        assert known == unknown


async def test_five_failures_are_free_and_then_the_wait_doubles(
    database: Database, vault: Vault
) -> None:
    for _ in range(5):
        assert await check(database, vault, GUESS) == SignInRefused(WhyRefused.WRONG)
    now = NOW
    for seconds in (30, 60, 120, 240, 480, 900, 900):
        answer = await check(database, vault, GUESS, now=now)
        until = now + timedelta(seconds=seconds)
        assert answer == SignInRefused(WhyRefused.WAIT, until)
        early = await check(database, vault, PASSWORD, now=until - SECOND)
        assert early == SignInRefused(WhyRefused.WAIT, until)
        now = until
    assert isinstance(await check(database, vault, PASSWORD, now=now), PasswordRight)


async def test_a_success_starts_the_count_again(database: Database, vault: Vault) -> None:
    for _ in range(4):
        await check(database, vault, GUESS)
    assert isinstance(await check(database, vault, PASSWORD), PasswordRight)
    for _ in range(5):
        assert await check(database, vault, GUESS) == SignInRefused(WhyRefused.WRONG)


async def test_guesses_made_at_once_are_all_counted(database: Database, vault: Vault) -> None:
    answers = await asyncio.gather(*(check(database, vault, GUESS) for _ in range(8)))
    reasons = [answer.reason for answer in answers if isinstance(answer, SignInRefused)]
    assert sorted(reasons) == [WhyRefused.WAIT] * 3 + [WhyRefused.WRONG] * 5
    async with database.transaction() as session:
        # Two came after the wait began: they were not tried at all.
        assert await session.scalar(select(SignInThrottle.failures)) == 6


async def test_a_hundred_failures_lock_until_somebody_unlocks(
    database: Database, vault: Vault
) -> None:
    await check(database, vault, GUESS)
    await set_failures(database, MOST_FAILURES - 1)
    assert await check(database, vault, GUESS) == SignInRefused(WhyRefused.LOCKED)
    later = NOW + timedelta(days=365)
    assert await check(database, vault, PASSWORD, now=later) == SignInRefused(WhyRefused.LOCKED)
    async with database.transaction() as session:
        await staff.unlock(session, "Priya", actor=SYSTEM, now=later)
    assert isinstance(await check(database, vault, PASSWORD, now=later), PasswordRight)


async def test_somebody_who_left_cannot_sign_in(database: Database, vault: Vault) -> None:
    async with database.transaction() as session:
        await session.execute(update(StaffMember).values(active=False))
    assert await check(database, vault, PASSWORD) == SignInRefused(WhyRefused.WRONG)


async def test_a_hash_of_older_parameters_is_renewed_at_sign_in(
    database: Database, vault: Vault
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    async with database.transaction() as session:
        await session.execute(update(StaffMember).values(password_hash=weak))
    assert isinstance(await check(database, vault, PASSWORD), PasswordRight)
    async with database.transaction() as session:
        stored = (await session.scalars(select(StaffMember.password_hash))).one()
    assert stored != weak
    assert not passwords.needs_rehash(stored)
    assert isinstance(await check(database, vault, PASSWORD), PasswordRight)


async def test_neither_password_nor_mistyped_name_is_stored(
    database: Database, vault: Vault
) -> None:
    await check(database, vault, PASSWORD)
    await check(database, vault, GUESS, username="my secret by mistake")
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


async def test_nobody_is_unlocked_by_a_name_that_does_not_exist(database: Database) -> None:
    async with database.transaction() as session:
        with pytest.raises(NoSuchStaff):
            await staff.unlock(session, "nobody", actor=SYSTEM, now=NOW)
