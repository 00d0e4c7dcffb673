"""A code by e-mail is for the browser that asked for it: nobody else uses it up."""

from datetime import datetime, timedelta

import pytest

from cardservice.database import Database
from identity import accounts, outbox, signin
from identity.codes import MOST_CODES, MOST_TRIES, CodeRefused, WhyCodeRefused
from identity.devices import Browser
from identity.personal import Vault
from identity.sessions import SignedIn
from tests.support.people import CLERK, JEAN, NOW

LAPTOP = Browser("Firefox on Windows", "the laptop's cookie")
TABLET = Browser("Safari on iPad", "the tablet's cookie")
STRANGERS = Browser("Chrome on Linux", "the stranger's cookie")
OVER = CodeRefused(WhyCodeRefused.NO_LONGER_VALID)


class Inbox:
    """Jean's messages, and browsers that ask for codes."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self.vault = vault

    async def ask(self, browser: Browser, now: datetime = NOW) -> str:
        """Ask for a code; answers the newest there is."""
        async with self.database.transaction() as session:
            await signin.send_code(session, self.vault, JEAN.email, browser=browser, now=now)
        return (await self.codes())[0]

    async def codes(self) -> list[str]:
        async with self.database.transaction() as session:
            sent = await outbox.messages(session, self.vault)
        texts = [each.text for each in sent if each.kind == "sign-in-code"]
        return [each.split("code is ")[1].split(".")[0] for each in texts]

    async def redeem(self, code: str, browser: Browser, now: datetime = NOW) -> object:
        async with self.database.transaction() as session:
            return await signin.redeem_code(
                session, self.vault, JEAN.email, code, browser=browser, now=now
            )


@pytest.fixture
async def inbox(identity_database: Database, vault: Vault) -> Inbox:
    async with identity_database.transaction() as session:
        await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
    return Inbox(identity_database, vault)


async def test_a_stranger_cannot_use_up_the_tries_of_a_code_that_jean_asked_for(
    inbox: Inbox,
) -> None:
    code = await inbox.ask(LAPTOP)
    await inbox.ask(STRANGERS, NOW + timedelta(seconds=1))
    for _ in range(MOST_TRIES + 1):
        await inbox.redeem("00000000", STRANGERS)
    assert isinstance(await inbox.redeem(code, LAPTOP), SignedIn)


async def test_a_code_is_of_no_use_in_another_browser(inbox: Inbox) -> None:
    code = await inbox.ask(LAPTOP)
    assert await inbox.redeem(code, STRANGERS) == OVER
    assert isinstance(await inbox.redeem(code, LAPTOP), SignedIn)


async def test_of_one_browsers_codes_only_the_newest_works(inbox: Inbox) -> None:
    old, new = await inbox.ask(LAPTOP), await inbox.ask(LAPTOP, NOW + timedelta(seconds=1))
    if old != new:
        wrong = await inbox.redeem(old, LAPTOP)
        assert wrong == CodeRefused(WhyCodeRefused.WRONG)
    assert isinstance(await inbox.redeem(new, LAPTOP), SignedIn)


async def test_who_asks_again_and_again_does_not_use_up_the_codes_of_a_known_device(
    inbox: Inbox,
) -> None:
    assert isinstance(await inbox.redeem(await inbox.ask(LAPTOP), LAPTOP), SignedIn)
    later = NOW + timedelta(hours=1)
    for seconds in range(MOST_CODES + 3):
        await inbox.ask(STRANGERS, later + timedelta(seconds=seconds))
    assert len(await inbox.codes()) == 1 + MOST_CODES
    now = later + timedelta(minutes=1)
    code = await inbox.ask(LAPTOP, now)
    assert len(await inbox.codes()) == 2 + MOST_CODES
    assert isinstance(await inbox.redeem(code, LAPTOP, now), SignedIn)


async def test_made_up_browsers_share_what_strangers_may_ask_for(inbox: Inbox) -> None:
    for number in range(MOST_CODES + 3):
        made_up = Browser("", f"cookie {number}")
        await inbox.ask(made_up, NOW + timedelta(seconds=number))
    assert len(await inbox.codes()) == MOST_CODES


async def test_a_known_device_may_not_ask_for_ever_either(inbox: Inbox) -> None:
    assert isinstance(await inbox.redeem(await inbox.ask(TABLET), TABLET), SignedIn)
    later = NOW + timedelta(hours=1)
    for seconds in range(MOST_CODES + 3):
        await inbox.ask(TABLET, later + timedelta(seconds=seconds))
    assert len(await inbox.codes()) == 1 + MOST_CODES
