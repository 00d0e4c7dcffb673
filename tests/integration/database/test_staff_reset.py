"""A member of staff who forgot their password chooses another; nobody else learns or chooses it."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from cardservice.database import Database
from identity import outbox, sessions, staff, staff_access, staff_contact, staff_reset
from identity.actors import SYSTEM
from identity.codes import CODE_LIFE, KINDS, MOST_CODES, CodeRefused, WhyCodeRefused
from identity.devices import Browser
from identity.errors import InvalidDetails, NoWorkAddress, OwnAccess
from identity.models import OutboxMessage, StaffMember, StaffRole
from identity.personal import Vault
from identity.sessions import NotSignedIn
from identity.signin_models import OneTimeCode, SessionKind, StaffSignIn
from identity.staff import PasswordRight, SignInRefused
from identity.staff_reset import USE, PasswordChosen
from identity.trail_models import AuditRow
from tests.support.people import CLERK, NOW
from tests.support.web import set_app_up

OLD = "turnip lantern oxbow river"
NEW = "gravel wombat thirty seven"
EMAIL = "sam.hill@kent.example"
HERE = Browser("Firefox on Windows", "the cookie of this browser")
ELSEWHERE = Browser("Chrome on Linux", "the cookie of another")


class Office:
    """A database with Sam in it, and what Sam is sent."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self.vault = vault
        self.sam = UUID(int=0)

    async def begin(self, *, email: str = EMAIL, app: bool = True) -> None:
        async with self.database.transaction() as session:
            added = await staff.add(
                session, "sam", "Sam Hill", StaffRole.ADVISER, OLD, actor=SYSTEM, now=NOW
            )
            self.sam = added.id
            if email:
                await staff_contact.set_email(
                    session, self.vault, added.id, email, actor=SYSTEM, now=NOW
                )
            if app:
                await set_app_up(session, self.vault, "sam", OLD, now=NOW)

    async def sent(self, kind: str = KINDS[USE]) -> list[outbox.Message]:
        async with self.database.transaction() as session:
            return [m for m in await outbox.messages(session, self.vault) if m.kind == kind]

    async def code(self) -> str:
        return (await self.sent())[0].text.split(" is ")[1].split(".")[0]

    async def ask(self, name: str = "sam", browser: Browser = HERE, now: datetime = NOW) -> None:
        async with self.database.transaction() as session:
            await staff_reset.ask(session, self.vault, name, browser=browser, now=now)

    async def choose(
        self, code: str, password: str = NEW, *, browser: Browser = HERE, now: datetime = NOW
    ) -> PasswordChosen | CodeRefused:
        async with self.database.transaction() as session:
            return await staff_reset.choose(
                session, self.vault, " SAM ", code, password, browser=browser, now=now
            )

    async def check(self, password: str) -> PasswordRight | SignInRefused:
        async with self.database.transaction() as session:
            return await staff.check_password(session, self.vault, "sam", password, now=NOW)

    async def actions(self) -> list[tuple[str, str]]:
        async with self.database.transaction() as session:
            rows = await session.scalars(select(AuditRow).order_by(AuditRow.id))
            return [(row.action, row.actor_id) for row in rows]


@pytest.fixture
def office(identity_database: Database, vault: Vault) -> Office:
    return Office(identity_database, vault)


async def test_the_code_sets_a_password_once_and_the_second_factor_is_asked_for_still(
    office: Office,
) -> None:
    await office.begin()
    await office.ask()
    code = await office.code()
    assert await office.choose(code) == PasswordChosen()
    assert isinstance(await office.check(OLD), SignInRefused)
    right = await office.check(NEW)
    assert isinstance(right, PasswordRight)
    assert right.has_app
    again = await office.choose(code, "another gravel wombat oxbow")
    assert again == CodeRefused(WhyCodeRefused.NO_LONGER_VALID)
    assert isinstance(await office.check(NEW), PasswordRight)


async def test_every_sign_in_ends_also_one_that_is_under_way_and_they_are_told(
    office: Office,
) -> None:
    await office.begin()
    async with office.database.transaction() as session:
        token = await sessions.open_session(session, office.sam, SessionKind.STAFF, now=NOW)
    assert isinstance(await office.check(OLD), PasswordRight)
    told = len(await office.sent("staff-sign-in-changed"))
    await office.ask()
    await office.choose(await office.code())
    async with office.database.transaction() as session:
        assert isinstance(await sessions.look_up(session, token, now=NOW), NotSignedIn)
        open_steps = select(func.count()).where(StaffSignIn.ended_at.is_(None))
        assert await session.scalar(open_steps.select_from(StaffSignIn)) == 0
    messages = await office.sent("staff-sign-in-changed")
    assert len(messages) == told + 1
    assert {message.to for message in messages} == {EMAIL}
    own = str(office.sam)
    assert ("staff-password-reset", own) in await office.actions()


async def test_an_administrator_starts_it_and_is_given_nothing(office: Office) -> None:
    await office.begin(app=False)
    async with office.database.transaction() as session:
        started = await staff_reset.start(session, office.vault, office.sam, actor=CLERK, now=NOW)
    assert started is True
    assert isinstance(await office.check(OLD), PasswordRight)
    [message] = await office.sent()
    assert message.to == EMAIL
    assert await office.choose(await office.code(), browser=ELSEWHERE) == PasswordChosen()
    assert ("staff-password-reset-started", CLERK.id) in await office.actions()


async def test_who_has_no_second_factor_yet_cannot_ask_for_themselves(office: Office) -> None:
    await office.begin(app=False)
    await office.ask()
    assert await office.sent() == []


async def test_nobody_can_tell_who_has_a_user_name_or_an_address(office: Office) -> None:
    await office.begin()
    for name in ("sam", "nobody-at-all", "+447700900123", "me@example.com"):
        await office.ask(name)
    async with office.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(OneTimeCode)) == 4
        rows = (await session.scalars(select(OutboxMessage))).all()
    codes = [row for row in rows if row.kind == KINDS[USE]]
    assert sorted(row.failure or "" for row in codes) == ["", "withheld", "withheld", "withheld"]


async def test_a_code_is_for_the_browser_that_asked_and_ten_minutes(office: Office) -> None:
    await office.begin()
    await office.ask()
    code = await office.code()
    gone = CodeRefused(WhyCodeRefused.NO_LONGER_VALID)
    assert await office.choose(code, browser=ELSEWHERE) == gone
    assert await office.choose(code, now=NOW + CODE_LIFE) == gone
    assert await office.choose(code, now=NOW + CODE_LIFE - timedelta(seconds=1)) == PasswordChosen()


async def test_five_wrong_codes_end_it(office: Office) -> None:
    await office.begin()
    await office.ask()
    code = await office.code()
    wrong = f"{(int(code.replace(' ', '')) + 1) % 10**8:08d}"
    for _ in range(5):
        assert await office.choose(wrong) == CodeRefused(WhyCodeRefused.WRONG)
    assert await office.choose(code) == CodeRefused(WhyCodeRefused.NO_LONGER_VALID)


async def test_no_more_than_five_codes_come_in_a_quarter_of_an_hour(office: Office) -> None:
    await office.begin()
    for _ in range(MOST_CODES + 2):
        await office.ask()
    assert len(await office.sent()) == MOST_CODES
    async with office.database.transaction() as session:
        assert not await staff_reset.start(session, office.vault, office.sam, actor=CLERK, now=NOW)


@pytest.mark.parametrize("password", ["short", "sam hill sam hill", "password password"])
async def test_a_password_that_is_easy_to_guess_uses_no_code_up(
    office: Office, password: str
) -> None:
    await office.begin()
    await office.ask()
    code = await office.code()
    with pytest.raises(InvalidDetails):
        await office.choose(code, password)
    assert await office.choose(code) == PasswordChosen()


async def test_wrong_passwords_before_it_lock_nobody_out(office: Office) -> None:
    await office.begin()
    for _ in range(6):
        await office.check("turnip lantern oxbow rivet")
    assert isinstance(await office.check(OLD), SignInRefused)
    await office.ask()
    await office.choose(await office.code())
    assert isinstance(await office.check(NEW), PasswordRight)


async def test_somebody_whose_access_ended_is_sent_nothing_and_a_code_of_before_does_nothing(
    office: Office,
) -> None:
    await office.begin()
    await office.ask()
    code = await office.code()
    async with office.database.transaction() as session:
        await staff_access.set_active(session, office.sam, active=False, actor=CLERK, now=NOW)
    assert await office.choose(code) == CodeRefused(WhyCodeRefused.NO_LONGER_VALID)
    await office.ask()
    assert len(await office.sent()) == 1
    async with office.database.transaction() as session:
        with pytest.raises(NoWorkAddress):
            await staff_reset.start(session, office.vault, office.sam, actor=CLERK, now=NOW)


async def test_without_an_address_nothing_is_started(office: Office) -> None:
    await office.begin(email="")
    async with office.database.transaction() as session:
        with pytest.raises(NoWorkAddress):
            await staff_reset.start(session, office.vault, office.sam, actor=CLERK, now=NOW)
    await office.ask()
    assert await office.sent() == []


async def test_another_address_is_told_at_the_old_one_and_never_noted_by_oneself(
    office: Office,
) -> None:
    await office.begin()
    async with office.database.transaction() as session:
        own = await session.get_one(StaffMember, office.sam)
        from_herself = CLERK.__class__(CLERK.kind, str(own.id), own.name)
        with pytest.raises(OwnAccess):
            await staff_contact.set_email(
                session, office.vault, own.id, "x@example.com", actor=from_herself, now=NOW
            )
        await staff_contact.set_email(
            session, office.vault, own.id, "New@Kent.example", actor=CLERK, now=NOW
        )
    told = await office.sent("staff-sign-in-changed")
    assert {message.to for message in told} == {EMAIL, "new@kent.example"}
    assert ("staff-email-changed", CLERK.id) in await office.actions()


@pytest.mark.parametrize("email", ["", "sam", "sam@", "a" * 300 + "@kent.example", "s am@k.uk"])
async def test_what_is_no_address_is_not_noted(office: Office, email: str) -> None:
    await office.begin(email="")
    async with office.database.transaction() as session:
        with pytest.raises(InvalidDetails):
            await staff_contact.set_email(
                session, office.vault, office.sam, email, actor=CLERK, now=NOW
            )
