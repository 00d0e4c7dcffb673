"""Sites are told whether somebody proved that they read what goes to their address."""

import re

from sqlalchemy import delete

from identity import outbox, person_keys, sealed, signin
from identity.devices import Browser as Device
from identity.models import Account
from identity.signin_models import OneTimeCode
from tests.support.oidc import Browser, Relying, Site
from tests.support.people import JEAN

LAPTOP = Device("Firefox on Windows", "the laptop's cookie")


async def told(browser: Browser, client: Relying) -> bool:
    token = (await client.tokens(browser, scope="openid email"))["access_token"]
    verified: bool = (await client.asks(token)).json()["email_verified"]
    return verified


async def sign_in_by_code(site: Site) -> None:
    vault, now = site.provider.vault, site.clock()
    async with site.database.transaction() as session:
        await signin.send_code(session, vault, JEAN.email, browser=LAPTOP, now=now)
    async with site.database.transaction() as session:
        text = (await outbox.messages(session, vault))[0].text
        code = re.findall(r"\d{4} ?\d{4}", text)[0]
        await signin.redeem_code(session, vault, JEAN.email, code, browser=LAPTOP, now=now)


async def test_an_address_is_proved_by_a_code_and_stays_so_when_the_code_is_forgotten(
    site: Site, browser: Browser, council: Relying
) -> None:
    assert not await told(browser, council)
    await sign_in_by_code(site)
    assert await told(browser, council)
    async with site.database.transaction() as session:
        await session.execute(delete(OneTimeCode))
    assert await told(browser, council)


async def test_an_address_that_somebody_else_changed_is_not_proved(
    site: Site, browser: Browser, council: Relying
) -> None:
    await sign_in_by_code(site)
    vault = site.provider.vault
    async with site.database.transaction() as session:
        account = await session.get_one(Account, site.jean)
        personal = await person_keys.for_writing(session, vault, site.jean)
        sealed.set_email(vault, personal, account, "jean.new@example.com")
    assert not await told(browser, council)
