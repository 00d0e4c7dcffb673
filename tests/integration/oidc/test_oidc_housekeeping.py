"""What is kept no longer than it is needed."""

from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import select

from cardservice import retention
from cardservice.holdings.sites import HOLDINGS
from identity.actors import SYSTEM
from identity.db import Base, new_id
from identity.oidc import clients, spent
from identity.oidc.grants import GRANT_LIFE
from identity.oidc.models import (
    OidcClient,
    OidcCode,
    OidcConsent,
    OidcGrant,
    OidcLogoutNotice,
    OidcRefreshToken,
    OidcRequest,
    OidcSpentId,
    OidcSubject,
)
from identity.oidc.provider import Endpoint
from identity.oidc.retention import RETENTION
from tests.support.oidc import Browser, Relying, Site

DAY: Final = timedelta(days=1)
STAY: Final = {OidcClient, OidcSubject, OidcConsent}
"""What staff registered, and what belongs to the account."""


async def forgets(site: Site, after: timedelta) -> int:
    """Run what runs at night, some time from now. Rows of the provider's table of retention."""
    tables = {kept.table.__tablename__ for kept in RETENTION}
    done = retention.run(site.database.transaction, now=site.clock() + after, holdings=HOLDINGS)
    return sum([over.rows async for over in done if over.table in tables])


async def test_requests_pushed_or_waiting_are_forgotten_a_day_after_they_ended(
    site: Site, browser: Browser, council: Relying
) -> None:
    await browser.goes(council.url())
    pushed = {
        "response_type": "code",
        "redirect_uri": council.redirect_uri,
        "scope": "openid",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }
    assert (await council.posts(Endpoint.PUSH, pushed)).status_code == 201
    assert await site.count(OidcRequest) == 2
    assert await forgets(site, DAY) == 0
    assert await forgets(site, DAY + timedelta(minutes=2)) == 1  # the pushed one
    assert await forgets(site, DAY + timedelta(minutes=31)) == 1
    assert await site.count(OidcRequest) == 0


async def test_an_identifier_is_forgotten_once_its_token_is_refused_by_its_own_time(
    site: Site, browser: Browser, council: Relying
) -> None:
    token = (await council.tokens(browser))["access_token"]
    await council.posts(Endpoint.REVOKE, {"token": token})
    await forgets(site, timedelta(minutes=4))
    assert await site.count(OidcSpentId) == 1
    await forgets(site, timedelta(minutes=6))
    assert await site.count(OidcSpentId) == 0


async def test_codes_and_refresh_tokens_go_with_their_grant_and_not_before(
    site: Site, browser: Browser, council: Relying
) -> None:
    old = await council.tokens(browser, scope="openid offline_access")
    site.clock.ahead += timedelta(days=20)
    await council.tokens(browser, scope="openid offline_access")
    site.clock.ahead += GRANT_LIFE + timedelta(days=7) - timedelta(days=20)
    await forgets(site, -timedelta(minutes=1))
    assert await site.count(OidcGrant) == 2
    used = {"grant_type": "refresh_token", "refresh_token": old["refresh_token"]}
    assert (await council.posts(Endpoint.TOKEN, used)).json()["error"] == "invalid_grant"
    await forgets(site, timedelta(minutes=1))
    for table in (OidcGrant, OidcCode, OidcRefreshToken):
        assert await site.count(table) == 1
    assert (await council.posts(Endpoint.TOKEN, used)).json()["error"] == "invalid_grant"


async def test_a_notice_is_forgotten_a_week_after_it_was_made_told_or_not(
    site: Site, council: Relying
) -> None:
    now = site.clock()
    async with site.database.transaction() as session:
        for due in (now, None):
            session.add(
                OidcLogoutNotice(
                    id=new_id(),
                    client_id=council.id,
                    subject="sub",
                    sid="sid",
                    created_at=now,
                    due_at=due,
                )
            )
    assert await forgets(site, 7 * DAY - timedelta(minutes=1)) == 0
    assert await forgets(site, 7 * DAY + timedelta(minutes=1)) == 2


async def test_spent_identifiers_do_not_wait_for_the_night(
    site: Site, browser: Browser, council: Relying, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        token = (await council.tokens(browser))["access_token"]
        await council.posts(Endpoint.REVOKE, {"token": token})
    monkeypatch.setattr(spent, "AT_ONCE", 2)
    forgotten = []
    for after in (timedelta(minutes=4), *[timedelta(minutes=6)] * 3):
        async with site.database.transaction() as session:
            forgotten.append(await spent.forget(session, now=site.clock() + after))
    assert forgotten == [0, 2, 1, 0]


async def test_a_client_that_was_stopped_is_kept(site: Site, council: Relying) -> None:
    async with site.database.transaction() as session:
        await clients.disable(session, council.id, actor=SYSTEM, now=site.clock())
    await forgets(site, 400 * DAY)
    assert await site.one(select(OidcClient.id).where(OidcClient.id == council.id)) == council.id


def test_every_table_of_the_provider_is_kept_for_a_time_or_stays() -> None:
    named = {kept.table for kept in RETENTION}
    children = {OidcCode, OidcRefreshToken}
    own = {
        mapper.class_
        for mapper in Base.registry.mappers
        if mapper.class_.__tablename__.startswith("oidc_")
    }
    assert named | children | STAY == own
    assert all(kept.why for kept in RETENTION)
