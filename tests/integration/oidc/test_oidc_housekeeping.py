"""What is kept no longer than it is needed."""

from datetime import timedelta

from identity.oidc import requests, spent
from identity.oidc.models import OidcRequest, OidcSpentId
from identity.oidc.provider import Endpoint
from tests.support.oidc import Browser, Relying, Site


async def test_requests_that_nobody_can_continue_and_spent_ids_are_forgotten(
    site: Site, browser: Browser, council: Relying
) -> None:
    token = (await council.tokens(browser))["access_token"]
    await council.posts(Endpoint.REVOKE, {"token": token})
    await browser.goes(council.url(prompt="login"))

    async def left(after: timedelta) -> tuple[int, int]:
        now = site.clock() + after
        async with site.database.transaction() as session:
            await requests.forget_expired(session, now=now)
            await spent.forget_expired(session, now=now)
        return await site.count(OidcRequest), await site.count(OidcSpentId)

    assert await left(timedelta(minutes=4)) == (2, 1)
    assert await left(timedelta(minutes=6)) == (2, 0)
    assert await left(timedelta(minutes=31)) == (0, 0)
