"""A page behind Debian's mod_auth_openidc: sign in, sign out, and be signed out from here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import httpx
import pytest

from identity import sessions
from identity.actors import SYSTEM
from identity.oidc import logout_notices
from identity.oidc.provider import Endpoint
from identity.signin_models import SessionKind
from tests.support import apache
from tests.support.apache import ProtectedPage
from tests.support.oidc import Browser, Site
from tests.support.oidc_pages import PAGES


@pytest.fixture
async def page(site: Site) -> AsyncIterator[ProtectedPage]:
    if not apache.is_installed():
        pytest.skip(apache.MISSING)
    page = ProtectedPage(apache.free_port())
    client = await site.add(page.as_client())
    with ExitStack() as stack:
        serving = apache.serving(page.port, page.settings(site.url, client))
        await asyncio.to_thread(stack.enter_context, serving)
        try:
            yield page
        finally:
            await asyncio.to_thread(stack.close)


async def visit(browser: Browser, url: str) -> httpx.Response:
    """Follow redirects between the two sites until a page; sign in where that page asks for it."""
    for _ in range(12):
        answer = await browser.goes(url)
        if answer.status_code in {302, 303}:
            url = answer.headers["location"]
        elif answer.url.path == PAGES.sign_in:
            signed_in = await browser.signs_in(answer)
            url = signed_in.headers["location"]
        else:
            return answer
    raise AssertionError(f"round and round, at last to {url}")


async def test_a_resident_signs_in_to_a_page_that_apache_protects_and_out_again(
    site: Site, browser: Browser, page: ProtectedPage
) -> None:
    shown = await visit(browser, page.protected)
    assert (shown.status_code, "<h1>Protected</h1>" in shown.text) == (200, True)
    assert shown.headers["x-name"] == "Jean O'Malley"
    assert len(shown.headers["x-subject"]) > 20

    left = await visit(browser, f"{page.redirect_uri}?logout={page.goodbye}")
    assert str(left.url).startswith(page.goodbye)
    asked = await browser.http.get(page.protected)
    assert asked.headers["location"].startswith(site.at(Endpoint.AUTHORIZE))
    assert (await browser.goes(asked.headers["location"])).url.path == PAGES.sign_in


async def test_ending_the_session_here_signs_out_of_the_page_that_apache_protects(
    site: Site, browser: Browser, page: ProtectedPage
) -> None:
    assert (await visit(browser, page.protected)).status_code == 200
    assert (await browser.http.get(page.protected)).status_code == 200
    async with site.database.transaction() as session:
        await sessions.end_all(
            session, site.jean, SessionKind.RESIDENT, actor=SYSTEM, now=site.clock()
        )
        await logout_notices.note_ended_sessions(session, now=site.clock())
    told = await logout_notices.deliver(
        site.database.transaction, site.provider, site.http, now=site.clock()
    )
    assert told == 1
    assert (await browser.http.get(page.protected)).status_code == 302
