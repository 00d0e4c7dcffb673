"""Residents change where they can be reached; the new contact is proved, the old one is told."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from cardservice.database import Database
from identity import accounts, codes, contact_changes, outbox, sessions, signin
from identity.accounts import InUse
from identity.codes import CodeRefused, WhyCodeRefused
from identity.contact_changes import Changed, OnlyWayIn
from identity.contacts import Channel, CodeUse, Contact, email_at, mobile_at
from identity.devices import Browser
from identity.models import Account
from identity.personal import Vault
from identity.sessions import NotSignedIn, SignedIn, SignedInSession
from identity.signin_models import SessionKind
from tests.support.people import CLERK, JEAN, NOW

LAPTOP = Browser("Firefox on Windows", "the laptop's cookie")
NEW = email_at("jean.new@example.com")
NUMBER = mobile_at("07400 123456")


class Home:
    """One resident, signed in twice."""

    def __init__(self, database: Database, vault: Vault, own: SignedInSession, other: str) -> None:
        self.database, self.vault, self.own, self.other = database, vault, own, other

    async def ask(self, to: Contact) -> str:
        async with self.database.transaction() as session:
            await contact_changes.ask(session, self.vault, self.own, to, now=NOW)
        async with self.database.transaction() as session:
            sent = await outbox.messages(session, self.vault)
        message = next(each for each in sent if each.kind == codes.KINDS[CodeUse.PROVE])
        assert message.to == to.value
        return message.text.split(" is ")[1].split(".")[0]

    async def change(self, to: Contact, code: str) -> Changed | InUse | CodeRefused:
        async with self.database.transaction() as session:
            return await contact_changes.change(session, self.vault, self.own, to, code, now=NOW)

    async def holder(self, contact: Contact) -> UUID | None:
        async with self.database.transaction() as session:
            account = await accounts.holder_of(session, self.vault, contact)
            return account.id if account else None

    async def notices(self) -> list[str]:
        async with self.database.transaction() as session:
            sent = await outbox.messages(session, self.vault)
        return [message.to for message in sent if message.kind == "contact-changed"]


@pytest.fixture
async def home(migrated: Database, vault: Vault) -> Home:
    async with migrated.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        kind = SessionKind.RESIDENT
        token, other = [
            await sessions.open_session(session, account.id, kind, now=NOW) for _ in range(2)
        ]
        own = await sessions.look_up(session, token, now=NOW)
        assert isinstance(own, SignedInSession)
    return Home(migrated, vault, own, other)


async def test_a_new_address_is_proved_the_old_one_told_and_other_sign_ins_end(home: Home) -> None:
    code = await home.ask(NEW)
    assert await home.holder(NEW) is None
    assert await home.change(NEW, code) == Changed()
    assert await home.holder(NEW) == home.own.subject_id
    assert await home.holder(email_at(JEAN.email)) is None
    assert await home.notices() == [JEAN.email]
    async with home.database.transaction() as session:
        assert isinstance(await sessions.look_up(session, home.other, now=NOW), NotSignedIn)
    assert await home.change(NEW, code) == CodeRefused(WhyCodeRefused.NO_LONGER_VALID)


async def test_a_code_for_one_address_proves_no_other_and_signs_nobody_in(home: Home) -> None:
    code = await home.ask(NEW)
    refused = CodeRefused(WhyCodeRefused.NO_LONGER_VALID)
    assert await home.change(email_at("other@example.com"), code) == refused
    async with home.database.transaction() as session:
        answer = await signin.redeem(session, home.vault, NEW, code, browser=LAPTOP, now=NOW)
    assert answer == refused


async def test_who_else_has_an_address_is_said_only_to_who_reads_its_messages(home: Home) -> None:
    ann = msgspec.structs.replace(JEAN, given_names="Ann", email=NEW.value)
    async with home.database.transaction() as session:
        await accounts.register(session, home.vault, ann, actor=CLERK, now=NOW)
    code = await home.ask(NEW)
    assert isinstance(await home.change(NEW, "0"), CodeRefused)
    assert await home.change(NEW, code) == InUse(NEW)
    assert await home.holder(email_at(JEAN.email)) == home.own.subject_id
    assert await home.notices() == []


async def test_a_mobile_is_added_used_to_sign_in_and_removed(home: Home) -> None:
    assert await home.change(NUMBER, await home.ask(NUMBER)) == Changed()
    async with home.database.transaction() as session:
        await signin.send_code_to(session, home.vault, NUMBER, browser=LAPTOP, now=NOW)
    async with home.database.transaction() as session:
        sent = await outbox.messages(session, home.vault)
        text = next(each for each in sent if each.kind == codes.KINDS[CodeUse.SIGN_IN])
        assert (text.to, text.is_text_message) == ("+447400123456", True)
        code = text.text.split(" is ")[1].split(".")[0]
        answer = await signin.redeem(session, home.vault, NUMBER, code, browser=LAPTOP, now=NOW)
        assert isinstance(answer, SignedIn)
        done = await contact_changes.remove_mobile(session, home.vault, home.own, now=NOW)
    assert done == Changed()
    assert await home.holder(NUMBER) is None
    assert await home.notices() == [JEAN.email, JEAN.email]


async def test_the_only_way_in_is_not_removed(home: Home) -> None:
    assert await home.change(NUMBER, await home.ask(NUMBER)) == Changed()
    async with home.database.transaction() as session:
        account = (await session.scalars(select(Account))).one()
        account.sealed_email = account.email_index = None
    async with home.database.transaction() as session:
        done = await contact_changes.remove_mobile(session, home.vault, home.own, now=NOW)
    assert done == OnlyWayIn()
    assert await home.holder(NUMBER) == home.own.subject_id


async def test_one_account_causes_at_most_twenty_codes_in_an_hour(home: Home) -> None:
    for last in range(30):
        async with home.database.transaction() as session:
            to = mobile_at(f"07400 1234{last:02}")
            await contact_changes.ask(session, home.vault, home.own, to, now=NOW)
    async with home.database.transaction() as session:
        sent = await outbox.messages(session, home.vault, most=100)
        assert len(sent) == contact_changes.MOST_IN_AN_HOUR
        later = NOW + timedelta(hours=1, seconds=1)
        await contact_changes.ask(session, home.vault, home.own, NUMBER, now=later)
    async with home.database.transaction() as session:
        sent = await outbox.messages(session, home.vault, most=100)
        assert len(sent) == contact_changes.MOST_IN_AN_HOUR + 1


async def test_a_mobile_is_sealed_and_found_by_a_blind_index(home: Home) -> None:
    await home.change(NUMBER, await home.ask(NUMBER))
    async with home.database.transaction() as session:
        account = (await session.scalars(select(Account))).one()
        assert account.sealed_mobile is not None
        assert b"447400123456" not in account.sealed_mobile
        assert account.mobile_index in home.vault.blinds(Channel.MOBILE.value, NUMBER.value)
