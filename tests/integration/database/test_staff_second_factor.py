"""A password alone signs no member of staff in: a code of their app does, once."""

import asyncio
from datetime import datetime, timedelta

import pyotp
import pytest
from sqlalchemy import select, text

from cardservice.database import Database
from identity import recovery, sessions, staff, staff_factor
from identity.actors import SYSTEM
from identity.models import StaffRole
from identity.personal import Vault
from identity.second_factor import OVER, FactorRefused, WhyFactorRefused
from identity.sessions import SignedIn, SignedInSession
from identity.signin_models import SignInMethod
from identity.staff import PasswordRight
from identity.staff_factor import Offer, Step
from identity.trail_models import AuditRow
from tests.support.people import NOW

PASSWORD = "turnip lantern oxbow river"
STEP = timedelta(seconds=30)
WRONG = FactorRefused(WhyFactorRefused.WRONG)


class Desk:
    """A member of staff in a database, and what they do at the browser."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self.vault = vault
        self.offer = Offer("", ())

    async def begin(self, now: datetime = NOW) -> str:
        async with self.database.transaction() as session:
            right = await staff.check_password(session, self.vault, "priya", PASSWORD, now=now)
        assert isinstance(right, PasswordRight)
        return right.token

    async def look_up(self, token: str, now: datetime = NOW) -> Step | FactorRefused:
        async with self.database.transaction() as session:
            return await staff_factor.look_up(session, self.vault, token, now=now)

    async def offered(self, token: str) -> Offer:
        step = await self.look_up(token)
        assert isinstance(step, Step)
        assert step.offer is not None
        return step.offer

    async def confirm(self, token: str, code: str, now: datetime = NOW) -> Step | FactorRefused:
        async with self.database.transaction() as session:
            return await staff_factor.confirm_app(session, self.vault, token, code, now=now)

    async def finish(self, token: str, now: datetime = NOW) -> SignedIn | FactorRefused:
        async with self.database.transaction() as session:
            return await staff_factor.finish_set_up(session, self.vault, token, now=now)

    async def give(self, token: str, code: str, now: datetime = NOW) -> SignedIn | FactorRefused:
        async with self.database.transaction() as session:
            return await staff_factor.give_code(session, self.vault, token, code, now=now)

    async def recover(self, token: str, code: str, now: datetime = NOW) -> SignedIn | FactorRefused:
        async with self.database.transaction() as session:
            return await staff_factor.give_recovery_code(session, self.vault, token, code, now=now)

    async def set_up(self) -> SignedIn:
        token = await self.begin()
        self.offer = await self.offered(token)
        await self.confirm(token, self.code())
        done = await self.finish(token)
        assert isinstance(done, SignedIn)
        return done

    def code(self, now: datetime = NOW) -> str:
        return pyotp.TOTP(self.offer.secret).at(now)

    async def session_of(self, signed_in: SignedIn, now: datetime = NOW) -> SignedInSession:
        async with self.database.transaction() as session:
            found = await sessions.look_up(session, signed_in.token, now=now)
        assert isinstance(found, SignedInSession)
        return found


@pytest.fixture
async def desk(identity_database: Database, vault: Vault) -> Desk:
    async with identity_database.transaction() as session:
        await staff.add(
            session, "priya", "Priya Shah", StaffRole.ADVISER, PASSWORD, actor=SYSTEM, now=NOW
        )
    return Desk(identity_database, vault)


async def test_the_first_sign_in_sets_an_app_up_and_the_next_asks_for_its_code(desk: Desk) -> None:
    first = await desk.session_of(await desk.set_up())
    assert first.methods == (SignInMethod.PASSWORD, SignInMethod.APP)
    assert first.role is StaffRole.ADVISER
    later = NOW + STEP
    second = await desk.give(await desk.begin(later), desk.code(later), later)
    assert isinstance(second, SignedIn)
    assert (await desk.session_of(second, later)).proved_at == later
    async with desk.database.transaction() as session:
        actions = list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
    assert actions == ["staff-added", "staff-app-set-up", "staff-signed-in", "staff-signed-in"]


async def test_the_code_that_set_the_app_up_is_used_up(desk: Desk) -> None:
    await desk.set_up()
    assert await desk.give(await desk.begin(), desk.code()) == WRONG


@pytest.mark.parametrize("seconds", [-30, 0, 30])
async def test_a_clock_half_a_minute_off_is_forgiven(desk: Desk, seconds: int) -> None:
    await desk.set_up()
    now = NOW + timedelta(minutes=5)
    code = desk.code(now + timedelta(seconds=seconds))
    assert isinstance(await desk.give(await desk.begin(now), code, now), SignedIn)


@pytest.mark.parametrize("seconds", [-60, 60, 3600])
async def test_a_code_of_another_time_is_refused(desk: Desk, seconds: int) -> None:
    await desk.set_up()
    now = NOW + timedelta(minutes=5)
    code = desk.code(now + timedelta(seconds=seconds))
    assert await desk.give(await desk.begin(now), code, now) == WRONG


@pytest.mark.parametrize(
    "code", ["", "000", "abcdef", "\ud800", "1" * 5000, "\u0661\u0662\u0663456"]
)
async def test_what_is_no_code_is_refused(desk: Desk, code: str) -> None:
    await desk.set_up()
    later = NOW + STEP
    assert await desk.give(await desk.begin(later), code, later) == WRONG


async def test_an_older_code_does_not_work_after_a_newer_one(desk: Desk) -> None:
    await desk.set_up()
    now = NOW + timedelta(minutes=5)
    assert isinstance(await desk.give(await desk.begin(now), desk.code(now + STEP), now), SignedIn)
    assert await desk.give(await desk.begin(now), desk.code(now), now) == WRONG


async def test_of_five_who_show_one_code_at_once_one_is_signed_in(desk: Desk) -> None:
    await desk.set_up()
    later = NOW + STEP
    tokens = [await desk.begin(later) for _ in range(5)]
    answers = await asyncio.gather(*(desk.give(each, desk.code(later), later) for each in tokens))
    assert sum(isinstance(answer, SignedIn) for answer in answers) == 1


async def test_a_form_sent_twice_signs_in_once(desk: Desk) -> None:
    await desk.set_up()
    later = NOW + STEP
    token = await desk.begin(later)
    assert isinstance(await desk.give(token, desk.code(later), later), SignedIn)
    assert await desk.give(token, desk.code(later + STEP), later) == OVER


async def test_a_set_up_finished_twice_at_once_keeps_one_app(desk: Desk) -> None:
    token = await desk.begin()
    desk.offer = await desk.offered(token)
    await desk.confirm(token, desk.code())
    answers = await asyncio.gather(*(desk.finish(token) for _ in range(4)))
    assert sum(isinstance(answer, SignedIn) for answer in answers) == 1
    assert answers.count(OVER) == 3


async def test_of_two_browsers_setting_up_the_first_to_finish_counts(desk: Desk) -> None:
    one, other = await desk.begin(), await desk.begin()
    offers = {token: await desk.offered(token) for token in (one, other)}
    assert offers[one].secret != offers[other].secret
    for token in (one, other):
        desk.offer = offers[token]
        assert isinstance(await desk.confirm(token, desk.code()), Step)
    assert isinstance(await desk.finish(other), SignedIn)
    assert await desk.finish(one) == OVER
    later = NOW + STEP
    desk.offer = offers[one]
    assert await desk.give(await desk.begin(later), desk.code(later), later) == WRONG


async def test_no_set_up_is_finished_without_a_right_code(desk: Desk) -> None:
    token = await desk.begin()
    assert await desk.confirm(token, "000000") == WRONG
    assert await desk.finish(token) == OVER
    assert await desk.give(token, "000000") == OVER
    assert await desk.recover(token, (await desk.offered(token)).recovery_codes[0]) == OVER


async def test_whoever_has_an_app_is_not_offered_another(desk: Desk) -> None:
    await desk.set_up()
    token = await desk.begin()
    step = await desk.look_up(token)
    assert isinstance(step, Step)
    assert step.offer is None
    assert await desk.confirm(token, desk.code()) == OVER
    assert await desk.finish(token) == OVER


async def test_a_recovery_code_works_once_and_in_any_spelling(desk: Desk) -> None:
    await desk.set_up()
    code = desk.offer.recovery_codes[3]
    assert len(set(desk.offer.recovery_codes)) == recovery.HOW_MANY
    assert len(code.replace("-", "")) * 5 >= 64  # bits: five in each letter of base 32
    signed_in = await desk.recover(await desk.begin(), f" {code.lower().replace('-', ' ')} ")
    assert isinstance(signed_in, SignedIn)
    methods = (await desk.session_of(signed_in)).methods
    assert methods == (SignInMethod.PASSWORD, SignInMethod.RECOVERY_CODE)
    assert await desk.recover(await desk.begin(), code) == WRONG
    async with desk.database.transaction() as session:
        priya = await staff.named(session, "priya")
        assert await recovery.left(session, priya) == recovery.HOW_MANY - 1


async def test_of_five_who_show_one_recovery_code_at_once_one_is_signed_in(desk: Desk) -> None:
    await desk.set_up()
    tokens = [await desk.begin() for _ in range(5)]
    code = desk.offer.recovery_codes[0]
    answers = await asyncio.gather(*(desk.recover(each, code) for each in tokens))
    assert sum(isinstance(answer, SignedIn) for answer in answers) == 1


async def test_a_colleagues_recovery_code_is_refused(desk: Desk) -> None:
    await desk.set_up()
    async with desk.database.transaction() as session:
        other = await staff.add(
            session, "sam", "Sam Clerk", StaffRole.ADVISER, PASSWORD, actor=SYSTEM, now=NOW
        )
        codes = recovery.new_codes()
        await recovery.replace(session, desk.vault, other, codes, now=NOW)
    assert await desk.recover(await desk.begin(), codes[0]) == WRONG


async def test_wrong_codes_are_slowed_down_over_all_sign_ins_together(desk: Desk) -> None:
    await desk.set_up()
    later = NOW + STEP
    for _ in range(5):
        assert await desk.give(await desk.begin(later), "000000", later) == WRONG
    token = await desk.begin(later)
    wait = FactorRefused(WhyFactorRefused.WAIT, later + STEP)
    assert await desk.recover(token, "AAAA-AAAA-AAAA-AAAA", later) == wait
    assert await desk.give(token, desk.code(later), later) == wait
    after = later + STEP
    assert isinstance(await desk.give(token, desk.code(after), after), SignedIn)


async def test_a_hundred_wrong_codes_lock_until_somebody_unlocks(desk: Desk) -> None:
    await desk.set_up()
    later = NOW + STEP
    token = await desk.begin(later)
    await desk.give(token, "000000", later)
    async with desk.database.transaction() as session:
        await session.execute(text("UPDATE sign_in_throttle SET failures = 100 WHERE failures = 1"))
    locked = FactorRefused(WhyFactorRefused.LOCKED)
    assert await desk.give(token, desk.code(later), later) == locked
    async with desk.database.transaction() as session:
        await staff.unlock(session, "priya", actor=SYSTEM, now=later)
    assert isinstance(await desk.give(token, desk.code(later), later), SignedIn)


async def test_a_second_step_lasts_ten_minutes(desk: Desk) -> None:
    await desk.set_up()
    token = await desk.begin()
    end = NOW + staff_factor.STEP_LIFE
    assert isinstance(await desk.look_up(token, end - timedelta(seconds=1)), Step)
    assert await desk.look_up(token, end) == OVER
    assert await desk.give(token, desk.code(end), end) == OVER


@pytest.mark.parametrize("token", ["", "chosen-by-an-attacker", "\ud800"])
async def test_a_step_we_did_not_begin_is_nobodys(desk: Desk, token: str) -> None:
    assert await desk.look_up(token) == OVER
    assert await desk.finish(token) == OVER


async def test_a_forgotten_app_ends_every_session_and_is_set_up_anew(desk: Desk) -> None:
    signed_in = await desk.set_up()
    begun = await desk.begin()
    async with desk.database.transaction() as session:
        priya = await staff.named(session, " PRIYA ")
        await staff_factor.forget_app(session, priya, actor=SYSTEM, now=NOW)
        found = await sessions.look_up(session, signed_in.token, now=NOW)
    assert isinstance(found, sessions.NotSignedIn)
    assert await desk.look_up(begun) == OVER
    old = desk.offer
    await desk.set_up()
    assert desk.offer.secret != old.secret
    assert await desk.recover(await desk.begin(), old.recovery_codes[0]) == WRONG


async def test_no_secret_is_stored_in_the_open(desk: Desk) -> None:
    token = await desk.begin()
    waiting = await desk.offered(token)
    await desk.set_up()
    stored = b""
    async with desk.database.transaction() as session:
        for table in ("staff_totp", "staff_recovery_code", "staff_sign_in", "audit_row"):
            for row in await session.execute(text(f"SELECT * FROM {table}")):  # noqa: S608  (names above)
                stored += b"".join(
                    bytes(value) if isinstance(value, bytes) else repr(value).encode()
                    for value in row
                )
    assert stored
    for offer in (waiting, desk.offer):
        for secret in (offer.secret, *offer.recovery_codes, token):
            assert secret.encode() not in stored
            assert secret.replace("-", "").encode() not in stored
