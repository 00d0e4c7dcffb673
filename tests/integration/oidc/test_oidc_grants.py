"""Codes and refresh tokens: once, by whom they were given to, and what a replay brings about."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import func, select, update

from identity.models import Account, AccountState
from identity.oidc.models import OidcGrant, OidcRefreshToken
from identity.oidc.provider import Endpoint
from identity.trail_models import AuditRow
from tests.support.oidc import COUNCIL, PARTNER, Browser, Relying, Site, relying

OFFLINE = "openid offline_access"


async def renewed(client: Relying, refresh_token: str, **more: str) -> tuple[int, dict[str, str]]:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **more}
    answer = await client.posts(Endpoint.TOKEN, form)
    return answer.status_code, answer.json()


async def test_of_many_at_once_exactly_one_redeems_a_code_and_the_replay_revokes(
    site: Site, browser: Browser, council: Relying
) -> None:
    code = (await council.signs_in(browser, scope=OFFLINE))["code"]
    answers = await asyncio.gather(*(council.redeems(code) for _ in range(8)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    lost = [answer.json()["error"] for answer in answers if answer.status_code != 200]
    assert len(won) == 1
    assert lost == ["invalid_grant"] * 7
    assert await site.count(OidcRefreshToken) == 1
    assert await site.one(select(OidcGrant.revoked_because)) == "code-replayed"
    assert (await council.asks(won[0]["access_token"])).status_code == 401
    assert (await renewed(council, won[0]["refresh_token"]))[0] == 400
    replays = select(func.count()).where(AuditRow.action == "grant-revoked")
    assert await site.one(replays) == 1


async def test_of_many_at_once_exactly_one_renews_and_the_family_ends(
    site: Site, browser: Browser, council: Relying
) -> None:
    token = (await council.tokens(browser, scope=OFFLINE))["refresh_token"]
    answers = await asyncio.gather(*(renewed(council, token) for _ in range(8)))
    assert sorted(status for status, _ in answers) == [200] + [400] * 7
    successor = next(body["refresh_token"] for status, body in answers if status == 200)
    assert (await renewed(council, successor))[0] == 400
    assert await site.one(select(OidcGrant.revoked_because)) == "refresh-replayed"


async def test_an_old_refresh_token_used_again_ends_the_family(
    browser: Browser, council: Relying
) -> None:
    first = (await council.tokens(browser, scope=OFFLINE))["refresh_token"]
    _, second = await renewed(council, first)
    _, third = await renewed(council, second["refresh_token"])
    assert (await council.asks(third["access_token"])).status_code == 200
    assert await renewed(council, first) == (
        400,
        {
            "error": "invalid_grant",
            "error_description": "unknown, used, expired or of another client",
        },
    )
    assert (await renewed(council, third["refresh_token"]))[0] == 400
    assert (await council.asks(third["access_token"])).status_code == 401


async def test_a_code_is_no_use_to_another_client_and_does_not_end_the_grant(
    browser: Browser, council: Relying, partner: Relying
) -> None:
    code = (await council.signs_in(browser))["code"]
    stolen = await partner.redeems(code, redirect_uri=council.redirect_uri)
    assert stolen.json()["error"] == "invalid_grant"
    first = await council.redeems(code)
    assert first.status_code == 200
    again = await partner.redeems(code, redirect_uri=council.redirect_uri)
    assert again.json()["error"] == "invalid_grant"
    assert (await council.asks(first.json()["access_token"])).status_code == 200


async def test_a_code_waits_one_minute(site: Site, browser: Browser, council: Relying) -> None:
    code = (await council.signs_in(browser))["code"]
    site.clock.ahead += timedelta(seconds=61)
    assert (await council.redeems(code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code_verifier", "another-verifier-of-the-tests-that-is-long-enough-0"),
        ("code_verifier", ""),
        ("redirect_uri", "http://localhost:9/callback/"),
        ("redirect_uri", ""),
        ("code", "made-up"),
        ("code", ""),
    ],
)
async def test_a_redemption_that_differs_from_the_request_is_refused(
    browser: Browser, council: Relying, name: str, value: str
) -> None:
    code = (await council.signs_in(browser))["code"]
    answer = (
        await council.redeems(code, **{name: value})
        if name != "code"
        else (await council.redeems(value))
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_without_offline_access_there_is_no_refresh_token(
    browser: Browser, council: Relying
) -> None:
    assert "refresh_token" not in await council.tokens(browser)


async def test_a_renewal_may_ask_for_less_but_never_for_more(
    browser: Browser, council: Relying
) -> None:
    tokens = await council.tokens(browser, scope=f"{OFFLINE} email")
    status, less = await renewed(council, tokens["refresh_token"], scope="openid")
    assert (status, less["scope"]) == (200, "openid")
    assert set((await council.asks(less["access_token"])).json()) == {"sub"}
    status, more = await renewed(council, less["refresh_token"], scope="openid profile")
    assert (status, more["error"]) == (400, "invalid_scope")


async def test_a_grant_ends_after_thirty_days_however_often_it_is_renewed(
    site: Site, browser: Browser, council: Relying
) -> None:
    token = (await council.tokens(browser, scope=OFFLINE))["refresh_token"]
    for _ in range(2):
        site.clock.ahead += timedelta(days=14)
        _, body = await renewed(council, token)
        token = body["refresh_token"]
    site.clock.ahead += timedelta(days=2)
    assert (await renewed(council, token))[1]["error"] == "invalid_grant"


async def test_a_closed_account_stops_every_token(
    site: Site, browser: Browser, council: Relying
) -> None:
    tokens = await council.tokens(browser, scope=OFFLINE)
    async with site.database.transaction() as session:
        await session.execute(update(Account).values(state=AccountState.CLOSED))
    assert (await council.asks(tokens["access_token"])).status_code == 401
    assert (await renewed(council, tokens["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_an_access_token_lasts_five_minutes(
    site: Site, browser: Browser, council: Relying
) -> None:
    tokens = await council.tokens(browser)
    assert tokens["expires_in"] == 300
    site.clock.ahead += timedelta(minutes=5, seconds=1)
    answer = await council.asks(tokens["access_token"])
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_two_sites_know_a_resident_by_different_names_and_one_site_by_the_same(
    site: Site, browser: Browser, council: Relying, partner: Relying
) -> None:
    async def subject(client: Relying) -> str:
        token = (await client.tokens(browser))["access_token"]
        name: str = (await client.asks(token)).json()["sub"]
        return name

    sister = await relying(site, msgspec.structs.replace(COUNCIL, name="Kent Archives"))
    council_sub, partner_sub = await subject(council), await subject(partner)
    assert council_sub != partner_sub
    assert await subject(sister) == council_sub  # the same host: the same sector
    assert await subject(council) == council_sub
    assert str(site.jean) not in {council_sub, partner_sub}


async def test_only_hashes_of_what_was_given_out_are_kept(
    site: Site, browser: Browser, council: Relying
) -> None:
    code = (await council.signs_in(browser, scope=OFFLINE, login_hint="jean@example.com"))["code"]
    tokens = (await council.redeems(code)).json()
    given_out = {code, tokens["refresh_token"], council.secret, "jean@example.com"}
    rows = []
    async with site.database.reading() as connection:
        for table in OidcGrant.metadata.sorted_tables:
            if table.name.startswith("oidc_"):
                rows += [str(row) for row in await connection.execute(select(table))]
    assert rows
    assert not [value for value in given_out for row in rows if value in row]


async def test_a_client_with_a_partner_scope_only_gets_no_offline_access(
    site: Site, browser: Browser
) -> None:
    """Registered without refresh_token: the scope alone does not bring one."""
    client = await relying(
        site, msgspec.structs.replace(PARTNER, grant_types=("authorization_code",))
    )
    assert "refresh_token" not in await client.tokens(browser, scope=OFFLINE)
