"""Signing out: asked for by a site, told to the others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import parse_qs

import httpx
import msgspec
import pytest
from sqlalchemy import select

from identity import sessions
from identity.actors import SYSTEM
from identity.oidc import logout_notices
from identity.oidc.models import OidcGrant, OidcLogoutNotice
from identity.oidc.provider import Endpoint
from identity.oidc.spent import digest
from identity.signin_models import SessionKind
from tests.support.oidc import COUNCIL, SIGNED_OUT, Browser, Relying, Site, relying, verified
from tests.support.oidc_pages import COOKIE, PAGES

NOTICES = "http://localhost:9/logout"


def leaving(**values: str) -> str:
    return f"{Endpoint.LOGOUT}?{httpx.QueryParams(values)}"


class Listener:
    """Takes notices as a client would, over a transport in place of the network."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.taken: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        form = parse_qs(request.content.decode())
        self.taken.append((str(request.url), form["logout_token"][0]))
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(status, headers={"location": "http://localhost:9/elsewhere"})


async def delivered(site: Site, listener: Listener) -> int:
    async with httpx.AsyncClient(transport=httpx.MockTransport(listener)) as http:
        return await logout_notices.deliver(
            site.database.transaction, site.provider, http, now=site.clock()
        )


async def swept(site: Site) -> int:
    async with site.database.transaction() as session:
        return await logout_notices.note_ended_sessions(session, now=site.clock())


@pytest.fixture
async def told(site: Site) -> Relying:
    """A council service that wants to be told."""
    return await relying(
        site, msgspec.structs.replace(COUNCIL, backchannel_logout_uri=NOTICES, name="Kent Parks")
    )


async def test_a_hint_at_this_very_session_signs_out_at_once(
    browser: Browser, council: Relying
) -> None:
    tokens = await council.tokens(browser)
    answer = await browser.goes(
        leaving(
            id_token_hint=tokens["id_token"],
            post_logout_redirect_uri=SIGNED_OUT,
            state="a state",
        )
    )
    assert answer.headers["location"] == f"{SIGNED_OUT}?state=a+state"
    assert (await browser.goes(council.url())).url.path == PAGES.sign_in
    assert (await council.asks(tokens["access_token"])).status_code == 401


async def test_without_a_hint_the_resident_is_asked_first(
    browser: Browser, council: Relying
) -> None:
    await council.signs_in(browser)
    page = await browser.goes(leaving(client_id=council.id, post_logout_redirect_uri=SIGNED_OUT))
    assert page.url.path == PAGES.sign_out
    assert "code" in await council.signs_in(browser)  # still signed in
    answer = await browser.confirms(page)
    assert answer.headers["location"] == SIGNED_OUT
    assert (await browser.goes(council.url())).url.path == PAGES.sign_in
    assert (await browser.confirms(page)).status_code == 400


async def test_a_hint_at_another_session_asks_first(browser: Browser, council: Relying) -> None:
    old = (await council.tokens(browser))["id_token"]
    browser.http.cookies.clear()
    await council.signs_in(browser)
    page = await browser.goes(leaving(id_token_hint=old))
    assert page.url.path == PAGES.sign_out


async def test_nobody_signed_in_is_sent_on(browser: Browser, council: Relying) -> None:
    answer = await browser.goes(leaving(client_id=council.id, post_logout_redirect_uri=SIGNED_OUT))
    assert answer.headers["location"] == SIGNED_OUT
    assert (await browser.goes(leaving())).url.path == PAGES.signed_out


async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    browser: Browser, council: Relying, partner: Relying
) -> None:
    tokens = await council.tokens(browser)
    for values in (
        {"post_logout_redirect_uri": SIGNED_OUT},
        {"post_logout_redirect_uri": "https://evil.example/", "client_id": council.id},
        {"post_logout_redirect_uri": SIGNED_OUT, "client_id": partner.id},
        {"post_logout_redirect_uri": f"{SIGNED_OUT}/", "id_token_hint": tokens["id_token"]},
        {"id_token_hint": tokens["id_token"], "client_id": partner.id},
        {"id_token_hint": tokens["access_token"]},
        {"id_token_hint": "forged"},
        {"client_id": "kc-unknown"},
    ):
        page = await browser.goes(leaving(**values))
        assert page.status_code == 400
        assert "location" not in page.headers
    assert "code" in await council.signs_in(browser)


async def test_the_other_sites_of_the_session_are_told_and_others_are_not(
    site: Site, browser: Browser, council: Relying, told: Relying
) -> None:
    first = (await told.tokens(browser))["id_token"]
    again = (await told.tokens(browser))["id_token"]
    hint = (await council.tokens(browser))["id_token"]
    elsewhere = Browser(site)
    await told.signs_in(elsewhere)
    await browser.goes(leaving(id_token_hint=hint))
    listener = Listener()
    assert await delivered(site, listener) == 1
    [(url, token)] = listener.taken
    assert url == NOTICES
    keys = (await site.http.get(site.at(Endpoint.JWKS))).json()
    claims = verified(token, keys, audience=told.id, issuer=site.url)
    expected = verified(first, keys, audience=told.id)
    assert (claims["sid"], claims["sub"]) == (expected["sid"], expected["sub"])
    assert verified(again, keys, audience=told.id)["sid"] == claims["sid"]
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert claims["exp"] - claims["iat"] == 120
    assert claims["jti"]
    assert "nonce" not in claims
    assert await delivered(site, listener) == 0
    await elsewhere.http.aclose()


async def test_a_notice_that_is_not_taken_is_sent_again_later_and_at_last_given_up(
    site: Site, browser: Browser, told: Relying
) -> None:
    hint = (await told.tokens(browser))["id_token"]
    await browser.goes(leaving(id_token_hint=hint))
    listener = Listener(0, 500, 302, 400, 503, 404)
    for wait in (timedelta(0), *logout_notices.WAITS):
        site.clock.ahead += wait
        assert await delivered(site, listener) == 0
        assert await delivered(site, listener) == 0  # not due again yet
    assert len(listener.taken) == 6
    assert {url for url, _ in listener.taken} == {NOTICES}  # the redirect was not followed
    site.clock.ahead += timedelta(days=30)
    assert await delivered(site, listener) == 0
    assert await site.one(select(OidcLogoutNotice.delivered_at)) is None


class TricklingSite:
    """A real server on loopback that takes notices and never finishes its answer."""

    def __init__(self) -> None:
        self.asked = 0
        self.url = ""

    async def answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:  # each byte comes in time for a limit that counts from the last one
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["TricklingSite"]:
        server = await asyncio.start_server(self.answers, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/logout"
        yield self
        server.close()


async def test_a_site_that_never_finishes_its_answer_keeps_no_other_waiting(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logout_notices, "ANSWER_SECONDS", 2.0)
    monkeypatch.setattr(logout_notices, "SITE_SECONDS", 3.0)
    async with TricklingSite().running() as slow, prompt_site() as (prompt, taken):
        for uri, times in ((slow.url, 4), (prompt, 1)):
            details = msgspec.structs.replace(COUNCIL, backchannel_logout_uri=uri)
            client = await relying(site, details)
            for _ in range(times):
                browser.http.cookies.clear()
                hint = (await client.tokens(browser))["id_token"]
                await browser.goes(leaving(id_token_hint=hint))
        async with asyncio.timeout(60), httpx.AsyncClient() as http:
            told = await logout_notices.deliver(
                site.database.transaction, site.provider, http, now=site.clock()
            )
    assert (told, len(taken)) == (1, 1)
    async with site.database.transaction() as session:
        rows = (await session.scalars(select(OidcLogoutNotice))).all()
    waiting = sorted(row.tries for row in rows if row.delivered_at is None)
    assert waiting == [0, 0, 1, 1]  # those there was no time for are not counted as tried
    assert slow.asked == 2


@asynccontextmanager
async def prompt_site() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A real server on loopback that takes every notice at once."""
    taken: list[bytes] = []

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        taken.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/logout", taken
    server.close()


async def test_two_workers_do_not_tell_the_same_site_twice(
    site: Site, browser: Browser, told: Relying
) -> None:
    hint = (await told.tokens(browser))["id_token"]
    await browser.goes(leaving(id_token_hint=hint))
    listener = Listener()
    assert sum(await asyncio.gather(delivered(site, listener), delivered(site, listener))) == 1
    assert len(listener.taken) == 1


@asynccontextmanager
async def signed_in(browser: Browser, client: Relying) -> AsyncIterator[str]:
    await client.signs_in(browser)
    yield browser.http.cookies[COOKIE]


async def test_however_a_session_ends_its_sites_are_told(
    site: Site, browser: Browser, told: Relying
) -> None:
    async def ended_by_itself(_token: str) -> None:
        site.clock.ahead += timedelta(hours=12, minutes=1)

    async def signed_out(token: str) -> None:
        async with site.database.transaction() as session:
            await sessions.end(session, token, actor=SYSTEM, now=site.clock())

    async def ended_from_the_list(_token: str) -> None:
        async with site.database.transaction() as session:
            await sessions.end_all(
                session, site.jean, SessionKind.RESIDENT, actor=SYSTEM, now=site.clock()
            )

    for ending in (signed_out, ended_from_the_list, ended_by_itself):
        browser.http.cookies.clear()
        async with signed_in(browser, told) as token:
            assert await swept(site) == 0
            await ending(token)
            assert await swept(site) == 1
            assert await swept(site) == 0
            assert await delivered(site, Listener()) == 1


async def test_only_offline_access_outlives_the_session(
    site: Site, browser: Browser, council: Relying
) -> None:
    online = await council.tokens(browser)
    offline = await council.tokens(browser, scope="openid offline_access")
    async with site.database.transaction() as session:
        await sessions.end_all(
            session, site.jean, SessionKind.RESIDENT, actor=SYSTEM, now=site.clock()
        )
    assert await swept(site) == 2
    assert (await council.asks(online["access_token"])).status_code == 401
    assert (await council.asks(offline["access_token"])).status_code == 200
    form = {"grant_type": "refresh_token", "refresh_token": offline["refresh_token"]}
    assert (await council.posts(Endpoint.TOKEN, form)).status_code == 200


async def test_a_rotated_session_goes_on_for_its_sites(
    site: Site, browser: Browser, told: Relying
) -> None:
    await told.signs_in(browser)
    old = browser.http.cookies[COOKIE]
    async with site.database.transaction() as session:
        new = await sessions.rotate(session, old, now=site.clock())
        assert isinstance(new, str)
        await logout_notices.session_rotated(session, digest(old), digest(new))
    assert await swept(site) == 0
    assert await site.one(select(OidcGrant.logged_out_at)) is None
    async with site.database.transaction() as session:
        await sessions.end(session, new, actor=SYSTEM, now=site.clock())
    assert await swept(site) == 1
