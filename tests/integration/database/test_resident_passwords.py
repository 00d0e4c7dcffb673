"""Residents' passwords: guessed by strangers in vain, and never a way to lock a resident out."""

from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, text, update

from cardservice.database import Database
from identity import accounts, outbox, resident_password, sessions, signin
from identity.actors import SYSTEM
from identity.devices import Browser
from identity.errors import InvalidDetails
from identity.models import Account
from identity.personal import Vault
from identity.resident_factor import CodeNeeded
from identity.sessions import SignedIn, SignedInSession
from identity.signin_models import AccountPassword, SessionKind, SignInMethod
from identity.staff import SignInRefused, WhyRefused
from identity.throttle import MOST_FAILURES
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW

PASSWORD = "turnip lantern oxbow river"
GUESS = "turnip lantern oxbow rivet"
LAPTOP = Browser("Firefox on Windows", "the laptop's cookie")
STRANGERS = Browser("Chrome on Linux", "the stranger's cookie")
WRONG = SignInRefused(WhyRefused.WRONG)


class Home:
    """Jean in a database, signed in on her laptop with a password of her own."""

    def __init__(self, database: Database, vault: Vault, account: Account) -> None:
        self.database = database
        self.vault = vault
        self.account = account

    async def own(self) -> SignedInSession:
        async with self.database.transaction() as session:
            token = await sessions.open_session(
                session, self.account.id, SessionKind.RESIDENT, now=NOW
            )
            found = await sessions.look_up(session, token, now=NOW)
        assert isinstance(found, SignedInSession)
        return found

    async def choose(self, password: str) -> None:
        own = await self.own()
        async with self.database.transaction() as session:
            await resident_password.choose(
                session, self.vault, self.account, password, own=own, now=NOW
            )

    async def try_password(
        self,
        password: str,
        *,
        email: str = JEAN.email,
        browser: Browser = STRANGERS,
        now: datetime = NOW,
    ) -> SignedIn | SignInRefused:
        async with self.database.transaction() as session:
            answer = await resident_password.sign_in(
                session, self.vault, email, password, browser=browser, now=now
            )
        assert not isinstance(answer, CodeNeeded)
        return answer


@pytest.fixture
async def home(identity_database: Database, vault: Vault) -> Home:
    async with identity_database.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
    home = Home(identity_database, vault, account)
    await home.choose(PASSWORD)
    assert isinstance(await home.try_password(PASSWORD, browser=LAPTOP), SignedIn)
    return home


async def test_a_resident_signs_in_with_their_password(home: Home) -> None:
    signed_in = await home.try_password(PASSWORD, email=" JEAN@example.com ", browser=LAPTOP)
    assert isinstance(signed_in, SignedIn)
    async with home.database.transaction() as session:
        found = await sessions.look_up(session, signed_in.token, now=NOW)
    assert isinstance(found, SignedInSession)
    assert found.methods == (SignInMethod.PASSWORD,)


@pytest.mark.parametrize("password", ["", GUESS, PASSWORD + " ", PASSWORD.upper(), "\ud800"])
async def test_a_wrong_password_signs_nobody_in(home: Home, password: str) -> None:
    assert await home.try_password(password) == WRONG


async def test_known_and_unknown_addresses_are_answered_and_counted_alike(home: Home) -> None:
    for failures in range(8):
        now = NOW + timedelta(seconds=failures)
        known = await home.try_password(GUESS, now=now)
        assert known == await home.try_password(GUESS, email="nobody@example.com", now=now)


async def test_a_stranger_locks_strangers_out_and_never_the_resident(home: Home) -> None:
    await home.try_password(GUESS)
    async with home.database.transaction() as session:
        await session.execute(
            text("UPDATE sign_in_throttle SET failures = :most WHERE failures = 1"),
            {"most": MOST_FAILURES},
        )
    locked = SignInRefused(WhyRefused.LOCKED)
    later = NOW + timedelta(days=365)
    assert await home.try_password(PASSWORD, now=later) == locked
    assert isinstance(await home.try_password(PASSWORD, browser=LAPTOP, now=later), SignedIn)
    async with home.database.transaction() as session:
        await signin.send_code(session, home.vault, JEAN.email, now=later)


async def test_a_known_device_that_is_in_other_hands_is_slowed_down_by_itself(home: Home) -> None:
    for _ in range(5):
        assert await home.try_password(GUESS, browser=LAPTOP) == WRONG
    wait = SignInRefused(WhyRefused.WAIT, NOW + timedelta(seconds=30))
    assert await home.try_password(GUESS, browser=LAPTOP) == wait
    assert await home.try_password(PASSWORD, browser=LAPTOP) == wait
    assert isinstance(await home.try_password(PASSWORD), SignedIn)


async def test_a_cookie_made_up_by_a_stranger_has_no_budget_of_its_own(home: Home) -> None:
    for number in range(5):
        made_up = Browser("Chrome on Linux", f"made up {number}")
        assert await home.try_password(GUESS, browser=made_up) == WRONG
    wait = SignInRefused(WhyRefused.WAIT, NOW + timedelta(seconds=30))
    assert await home.try_password(GUESS, browser=Browser("Edge", "another")) == wait


async def test_an_account_without_a_password_is_answered_like_an_unknown_one(home: Home) -> None:
    async with home.database.transaction() as session:
        await session.execute(text("DELETE FROM account_password"))
    assert await home.try_password(PASSWORD, browser=LAPTOP) == WRONG


async def test_a_resident_is_told_of_a_new_password_and_never_of_one_that_was_refused(
    home: Home,
) -> None:
    async def told() -> list[str]:
        async with home.database.transaction() as session:
            messages = await outbox.messages(session, home.vault)
        return [each.to for each in messages if each.text.startswith("The password of your")]

    before = await told()
    with pytest.raises(InvalidDetails):
        await home.choose("short")
    assert await told() == before
    await home.choose("another pass phrase of many letters")
    assert await told() == [*before, JEAN.email]


async def test_a_new_password_ends_every_other_sign_in_and_replaces_the_old(home: Home) -> None:
    other = await home.try_password(PASSWORD, browser=LAPTOP)
    assert isinstance(other, SignedIn)
    await home.choose("seven grey herons at dusk")
    async with home.database.transaction() as session:
        found = await sessions.look_up(session, other.token, now=NOW)
    assert isinstance(found, sessions.NotSignedIn)
    assert await home.try_password(PASSWORD, browser=LAPTOP) == WRONG
    changed = await home.try_password("seven grey herons at dusk", browser=LAPTOP)
    assert isinstance(changed, SignedIn)


@pytest.mark.parametrize(
    "password",
    ["", "fourteen chars", "a" * 15, "x" * 257, "Jean O'Malley jean", "kentcardpassword"],
)
async def test_a_short_or_guessable_password_is_not_accepted(home: Home, password: str) -> None:
    with pytest.raises(InvalidDetails) as raised:
        await home.choose(password)
    assert set(raised.value.faults) == {"password"}
    assert isinstance(await home.try_password(PASSWORD, browser=LAPTOP), SignedIn)


async def test_no_password_and_no_address_is_written_down(home: Home) -> None:
    await home.try_password(GUESS)
    await home.try_password(GUESS, email="mistyped.secret@example.com")
    stored = ""
    async with home.database.transaction() as session:
        for table in ("account_password", "audit_row", "sign_in_throttle", "known_device"):
            rows = await session.execute(text(f"SELECT * FROM {table}"))  # noqa: S608  (names above)
            stored += repr([tuple(row) for row in rows])
        actors = set(
            await session.scalars(
                select(AuditRow.actor_id).where(AuditRow.action == "password-refused")
            )
        )
    assert "$argon2id$" in stored
    assert actors == {SYSTEM.id}
    for secret in ("turnip", "mistyped", "jean@", "laptop"):
        assert secret not in stored


async def test_a_hash_of_other_parameters_is_made_anew_at_the_next_sign_in(home: Home) -> None:
    older = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    async with home.database.transaction() as session:
        await session.execute(update(AccountPassword).values(password_hash=older))
    assert await home.try_password(GUESS, browser=LAPTOP) == WRONG
    assert await stored_hash(home) == older
    assert isinstance(await home.try_password(PASSWORD, browser=LAPTOP), SignedIn)
    assert (await stored_hash(home)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert isinstance(await home.try_password(PASSWORD, browser=LAPTOP), SignedIn)


async def test_a_new_password_lets_in_whom_strangers_had_locked_out(home: Home) -> None:
    at = NOW
    for _ in range(MOST_FAILURES):
        at += timedelta(minutes=15)
        await home.try_password(GUESS, now=at)
    at += timedelta(days=1)
    assert await home.try_password(PASSWORD, now=at) == SignInRefused(WhyRefused.LOCKED)
    await home.choose("gravel wombat thirty seven")
    answer = await home.try_password("gravel wombat thirty seven", now=at)
    assert isinstance(answer, SignedIn)


async def stored_hash(home: Home) -> str:
    async with home.database.transaction() as session:
        return (await session.scalars(select(AccountPassword.password_hash))).one()
