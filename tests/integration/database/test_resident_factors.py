"""Residents with an authenticator app: what they show, and how they get back without it."""

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta

import msgspec
import pyotp
import pytest
from sqlalchemy import select, update

from cardservice.database import Database
from identity import (
    accounts,
    authenticator,
    lost_factor,
    outbox,
    own_factors,
    recovery,
    resident_factor,
    resident_password,
    second_factor,
    sessions,
    signin,
)
from identity.authenticator import OFFER_LIFE
from identity.codes import CodeRefused, WhyCodeRefused
from identity.devices import Browser
from identity.errors import InvalidDetails
from identity.lost_factor import GRANTED_FOR, WAIT
from identity.models import Account, AccountState
from identity.personal import Vault
from identity.resident_factor import STEP_LIFE, CodeNeeded
from identity.second_factor import OVER, FactorRefused, WhyFactorRefused
from identity.sessions import SignedIn, SignedInSession
from identity.signin import NoAccount
from identity.signin_models import AccountPassword, AccountRecoveryCode, SessionKind, SignInMethod
from identity.staff import SignInRefused
from identity.throttle import FREE_TRIES, MOST_FAILURES
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW

SHORT = "oxbow7river"
LONG = "turnip lantern oxbow river"
LAPTOP = Browser("Firefox on Windows", "the laptop's cookie")
STRANGERS = Browser("Chrome on Linux", "the stranger's cookie")
WRONG = FactorRefused(WhyFactorRefused.WRONG)
STEP = timedelta(seconds=30)


class Home:
    """Jean in a database, and what she does at the browser."""

    def __init__(self, database: Database, vault: Vault, account: Account) -> None:
        self.database = database
        self.vault = vault
        self.account = account
        self.secret = ""
        self.codes: tuple[str, ...] = ()

    async def own(self) -> SignedInSession:
        async with self.database.transaction() as session:
            token = await sessions.open_session(
                session, self.account.id, SessionKind.RESIDENT, now=NOW
            )
            found = await sessions.look_up(session, token, now=NOW)
        assert isinstance(found, SignedInSession)
        return found

    async def set_app_up(self, now: datetime = NOW) -> None:
        offered = authenticator.offer(self.vault, self.account, now=now)
        self.secret = offered.secret
        kept = await self.keep(offered.sealed, self.code(now), now)
        assert not isinstance(kept, FactorRefused)
        self.codes = kept

    async def keep(
        self, sealed: str, code: str, now: datetime = NOW
    ) -> tuple[str, ...] | FactorRefused:
        own = await self.own()
        async with self.database.transaction() as session:
            return await own_factors.keep_app(
                session, self.vault, self.account, sealed, code, own=own, now=now
            )

    async def choose(self, password: str) -> None:
        own = await self.own()
        async with self.database.transaction() as session:
            await resident_password.choose(
                session, self.vault, self.account, password, own=own, now=NOW
            )

    async def by_password(
        self, password: str, now: datetime = NOW
    ) -> SignedIn | CodeNeeded | SignInRefused:
        async with self.database.transaction() as session:
            return await resident_password.sign_in(
                session, self.vault, JEAN.email, password, browser=LAPTOP, now=now
            )

    async def by_email(
        self, now: datetime = NOW
    ) -> SignedIn | CodeNeeded | NoAccount | CodeRefused:
        before = await self.messages("sign-in-code")
        async with self.database.transaction() as session:
            await signin.send_code(session, self.vault, JEAN.email, browser=LAPTOP, now=now)
        # Messages of one moment have no order.
        text = next(each for each in await self.messages("sign-in-code") if each not in before)
        sent = text.split("code is ")[1].split(".")[0]
        async with self.database.transaction() as session:
            return await signin.redeem_code(
                session, self.vault, JEAN.email, sent, browser=LAPTOP, now=now
            )

    async def begun(self, now: datetime = NOW) -> str:
        answer = await self.by_email(now)
        assert isinstance(answer, CodeNeeded)
        return answer.token

    async def give(
        self, token: str, code: str, now: datetime = NOW, browser: Browser = LAPTOP
    ) -> SignedIn | FactorRefused:
        async with self.database.transaction() as session:
            return await resident_factor.give_code(
                session, self.vault, token, code, browser=browser, now=now
            )

    async def ask_without(self, now: datetime = NOW) -> datetime:
        async with self.database.transaction() as session:
            return await lost_factor.ask(session, self.vault, self.account, now=now)

    def code(self, now: datetime = NOW) -> str:
        return pyotp.TOTP(self.secret).at(now)

    async def messages(self, kind: str) -> list[str]:
        async with self.database.transaction() as session:
            sent = await outbox.messages(session, self.vault)
        return [each.text for each in sent if each.kind == kind]

    async def methods(self, signed_in: SignedIn, now: datetime = NOW) -> tuple[SignInMethod, ...]:
        async with self.database.transaction() as session:
            found = await sessions.look_up(session, signed_in.token, now=now)
        assert isinstance(found, SignedInSession)
        return found.methods


@pytest.fixture
async def home(identity_database: Database, vault: Vault) -> Home:
    async with identity_database.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
    return Home(identity_database, vault, account)


async def test_an_app_is_kept_once_its_code_was_right_and_jean_is_told(home: Home) -> None:
    offered = authenticator.offer(home.vault, home.account, now=NOW)
    home.secret = offered.secret
    assert await home.keep(offered.sealed, "000000") == WRONG
    async with home.database.transaction() as session:
        assert not await authenticator.has(session, home.account)
    codes = await home.keep(offered.sealed, home.code())
    assert isinstance(codes, tuple)
    assert len(set(codes)) == recovery.HOW_MANY
    assert any(
        "An authenticator app was set up" in each for each in await home.messages("sign-in-changed")
    )


async def test_an_offer_is_for_one_person_and_for_half_an_hour(home: Home) -> None:
    other = msgspec.structs.replace(JEAN, email="ann@example.com")
    async with home.database.transaction() as session:
        ann = await accounts.register(session, home.vault, other, actor=CLERK, now=NOW)
    hers = authenticator.offer(home.vault, ann, now=NOW)
    own = authenticator.offer(home.vault, home.account, now=NOW)
    for sealed in (hers.sealed, "", "not sealed at all", own.sealed[:-8], "é" * 9):
        assert await home.keep(sealed, "123456") == OVER
    home.secret = own.secret
    late = NOW + OFFER_LIFE
    assert await home.keep(own.sealed, home.code(late), late) == OVER


async def test_setting_an_app_up_ends_every_other_sign_in(home: Home) -> None:
    elsewhere = await home.by_email()
    assert isinstance(elsewhere, SignedIn)
    await home.set_app_up()
    async with home.database.transaction() as session:
        found = await sessions.look_up(session, elsewhere.token, now=NOW)
    assert not isinstance(found, SignedInSession)


@pytest.mark.parametrize("first", ["password", "e-mail"])
async def test_neither_password_nor_email_is_enough_beside_an_app(home: Home, first: str) -> None:
    await home.choose(LONG)
    await home.set_app_up()
    later = NOW + STEP
    answer = await (home.by_password(LONG, later) if first == "password" else home.by_email(later))
    assert isinstance(answer, CodeNeeded)
    signed_in = await home.give(answer.token, home.code(later), later)
    assert isinstance(signed_in, SignedIn)
    by = SignInMethod.PASSWORD if first == "password" else SignInMethod.EMAIL_CODE
    assert await home.methods(signed_in, later) == (by, SignInMethod.APP)


async def test_a_code_of_the_app_is_good_once(home: Home) -> None:
    await home.set_app_up()
    assert await home.give(await home.begun(), home.code()) == WRONG
    later = NOW + STEP
    token = await home.begun(later)
    assert isinstance(await home.give(token, home.code(later), later), SignedIn)
    assert await home.give(token, home.code(later), later) == WRONG


async def test_a_recovery_code_is_good_once_and_in_any_spelling(home: Home) -> None:
    await home.set_app_up()
    token = await home.begun()
    signed_in = await home.give(token, home.codes[0].lower().replace("-", " "))
    assert isinstance(signed_in, SignedIn)
    assert (await home.methods(signed_in))[-1] is SignInMethod.RECOVERY_CODE
    assert await home.give(token, home.codes[0]) == WRONG
    async with home.database.transaction() as session:
        assert await recovery.left(session, home.account) == recovery.HOW_MANY - 1
        stored = b"".join(await session.scalars(select(AccountRecoveryCode.code_index)))
    assert home.codes[1].replace("-", "").encode() not in stored


async def test_new_recovery_codes_end_the_old_ones(home: Home) -> None:
    await home.set_app_up()
    own = await home.own()
    async with home.database.transaction() as session:
        renewed = await own_factors.renew_codes(session, home.vault, home.account, own=own, now=NOW)
    assert await home.give(await home.begun(), home.codes[0]) == WRONG
    assert isinstance(await home.give(await home.begun(), renewed[0]), SignedIn)


async def test_a_replaced_app_works_no_more(home: Home) -> None:
    await home.set_app_up()
    old = home.secret
    await home.set_app_up(NOW + STEP)
    later = NOW + 3 * STEP
    assert await home.give(await home.begun(later), pyotp.TOTP(old).at(later), later) == WRONG
    assert isinstance(await home.give(await home.begun(later), home.code(later), later), SignedIn)


async def test_the_step_between_is_good_for_ten_minutes_and_for_one_person(home: Home) -> None:
    await home.set_app_up()
    token, end = await home.begun(), NOW + STEP_LIFE
    assert await home.give(token, home.code(end), end) == OVER
    # Long enough to be read as sealed, by a key that nobody has.
    unknown_key = urlsafe_b64encode(bytes(16) + b"\x01" + b"\xff" * 60).decode()
    for made_up in ("", "x", token[:-6], token[8:], "AAAA" * 20, unknown_key):
        assert await home.give(made_up, home.code()) == OVER


async def test_a_step_begun_with_a_password_that_is_changed_is_over(home: Home) -> None:
    await home.choose(LONG)
    await home.set_app_up()
    answer = await home.by_password(LONG)
    assert isinstance(answer, CodeNeeded)
    async with home.database.transaction() as session:
        changed = update(AccountPassword).values(changed_at=NOW + timedelta(seconds=1))
        await session.execute(changed)
    later = NOW + STEP
    assert await home.give(answer.token, home.code(later), later) == OVER


async def test_a_closed_account_is_not_opened_by_a_step_begun_before(home: Home) -> None:
    await home.set_app_up()
    token = await home.begun()
    async with home.database.transaction() as session:
        await session.execute(update(Account).values(state=AccountState.CLOSED))
    assert await home.give(token, home.codes[0]) == OVER


async def test_wrong_codes_are_slowed_down_and_a_known_device_has_a_count_of_its_own(
    home: Home,
) -> None:
    await home.by_email()  # the laptop is known from now on
    await home.set_app_up()
    token = await home.begun()
    said = [await home.give(token, "000000", browser=STRANGERS) for _ in range(FREE_TRIES + 1)]
    refused = said[-1]
    assert isinstance(refused, FactorRefused)
    assert refused.retry_at == NOW + timedelta(seconds=30)
    right = home.codes[0]
    assert await home.give(token, right, browser=STRANGERS) == FactorRefused(
        WhyFactorRefused.WAIT, refused.retry_at
    )
    assert isinstance(await home.give(token, right, browser=LAPTOP), SignedIn)


async def test_after_a_hundred_wrong_codes_no_unknown_device_is_let_in(home: Home) -> None:
    await home.set_app_up()
    locked = FactorRefused(WhyFactorRefused.LOCKED)
    for tries in range(1, MOST_FAILURES + 1):
        now = NOW + timedelta(minutes=15) * tries
        answer = await home.give(await home.begun(now), "000000", now, STRANGERS)
        assert (answer == locked) is (tries == MOST_FAILURES)
    later = NOW + timedelta(days=7)
    token = await home.begun(later)
    assert await home.give(token, home.code(later), later, STRANGERS) == locked


async def test_a_password_of_eight_characters_is_for_residents_with_an_app(home: Home) -> None:
    with pytest.raises(InvalidDetails):
        await home.choose(SHORT)
    await home.set_app_up()
    await home.choose(SHORT)
    assert isinstance(await home.by_password(SHORT), CodeNeeded)


@pytest.mark.parametrize(("password", "stays"), [(SHORT, False), (LONG, True)])
async def test_a_short_password_goes_with_the_app_and_a_long_one_stays(
    home: Home, password: str, *, stays: bool
) -> None:
    await home.set_app_up()
    await home.choose(password)
    own = await home.own()
    async with home.database.transaction() as session:
        await own_factors.give_up_app(session, home.vault, home.account, own=own, now=NOW)
    assert isinstance(await home.by_password(password), SignedIn) is stays
    assert isinstance(await home.by_email(), SignedIn)
    assert any("was removed" in each for each in await home.messages("sign-in-changed"))


async def test_a_code_by_email_is_no_proof_of_somebody_who_has_an_app(home: Home) -> None:
    await home.set_app_up()
    own, before = await home.own(), len(await home.messages("sign-in-code"))
    async with home.database.transaction() as session:
        await signin.send_proof_code(session, home.vault, own, browser=LAPTOP, now=NOW)
        answer = await signin.prove_by_code(
            session, home.vault, own, "token", "12345678", browser=LAPTOP, now=NOW
        )
    assert answer == CodeRefused(WhyCodeRefused.NO_LONGER_VALID)
    assert len(await home.messages("sign-in-code")) == before


async def test_a_code_of_the_app_is_a_proof_and_the_token_is_another_after_it(home: Home) -> None:
    await home.set_app_up()
    later = NOW + timedelta(minutes=10)
    async with home.database.transaction() as session:
        token = await sessions.open_session(session, home.account.id, SessionKind.RESIDENT, now=NOW)
        renewed = await second_factor.prove(
            session, home.vault, home.account, token, home.code(later), browser=LAPTOP, now=later
        )
        assert isinstance(renewed, str)
        assert renewed != token
        found = await sessions.look_up(session, renewed, now=later)
        assert isinstance(found, SignedInSession)
        assert found.is_proof_fresh(later)
        assert not isinstance(await sessions.look_up(session, token, now=later), SignedInSession)


async def test_who_lost_everything_is_let_in_three_days_after_a_notice(home: Home) -> None:
    await home.choose(LONG)
    await home.set_app_up()
    granted_from = await home.ask_without()
    assert granted_from == NOW + WAIT
    asked = "asked to sign in to your Kent Card account without"
    assert any(asked in each for each in await home.messages("sign-in-changed"))
    just_before = granted_from - timedelta(seconds=1)
    assert isinstance(await home.by_email(just_before), CodeNeeded)
    assert isinstance(await home.by_password(LONG, granted_from), CodeNeeded)
    assert isinstance(await home.by_email(granted_from), SignedIn)
    async with home.database.transaction() as session:
        assert not await authenticator.has(session, home.account)
        assert await recovery.left(session, home.account) == 0
        actions = set(await session.scalars(select(AuditRow.action)))
    assert {"resident-app-lost", "resident-app-forgotten"} <= actions
    assert "because they were lost" in (await home.messages("sign-in-changed"))[0]


async def test_asking_again_does_not_begin_the_wait_again(home: Home) -> None:
    await home.set_app_up()
    first = await home.ask_without()
    assert await home.ask_without(NOW + timedelta(days=1)) == first
    assert len(await home.messages("sign-in-changed")) == 2  # of the app, and of asking once


async def test_signing_in_with_the_app_stops_what_somebody_else_asked_for(home: Home) -> None:
    await home.set_app_up()
    await home.ask_without()
    later = NOW + timedelta(days=1)
    assert isinstance(await home.give(await home.begun(later), home.code(later), later), SignedIn)
    assert isinstance(await home.by_email(NOW + WAIT), CodeNeeded)


async def test_who_does_not_come_back_within_a_week_asks_anew(home: Home) -> None:
    await home.set_app_up()
    granted_from = await home.ask_without()
    too_late = granted_from + GRANTED_FOR
    assert isinstance(await home.by_email(too_late), CodeNeeded)
    assert await home.ask_without(too_late) == too_late + WAIT


async def test_at_a_desk_the_app_goes_at_once_and_every_sign_in_with_it(home: Home) -> None:
    await home.set_app_up()
    await home.choose(SHORT)
    signed_in = await home.give(await home.begun(), home.codes[0])
    assert isinstance(signed_in, SignedIn)
    async with home.database.transaction() as session:
        await lost_factor.forget_at_desk(session, home.vault, home.account, actor=CLERK, now=NOW)
        found = await sessions.look_up(session, signed_in.token, now=NOW)
        assert not isinstance(found, SignedInSession)
    assert isinstance(await home.by_password(SHORT), SignInRefused)
    assert isinstance(await home.by_email(), SignedIn)
