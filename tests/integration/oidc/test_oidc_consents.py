"""Partners are told what residents agreed to; council services rest on public task and say so."""

import asyncio
from datetime import timedelta

from sqlalchemy import func, select

from identity import accounts
from identity.actors import SYSTEM
from identity.oidc import clients, consents
from identity.oidc.models import Basis, OidcConsent
from identity.oidc.provider import Endpoint
from identity.trail_models import AuditRow
from tests.support.oidc import Browser, Relying, Site, answer_of
from tests.support.oidc_pages import PAGES


async def test_a_partner_is_asked_for_and_a_council_service_is_not(
    browser: Browser, council: Relying, partner: Relying
) -> None:
    await council.signs_in(browser, scope="openid profile")
    assert PAGES.consent not in browser.pages
    page = await browser.goes(partner.url(scope="openid profile email"))
    assert page.url.path == PAGES.consent
    assert "Example Leisure" in page.text
    assert "your name, your e-mail address" in page.text


async def test_what_was_agreed_is_not_asked_again_but_more_is(
    browser: Browser, partner: Relying
) -> None:
    await partner.signs_in(browser, scope="openid email")
    assert "code" in answer_of(await browser.goes(partner.url(scope="openid email")))
    more = await browser.goes(partner.url(scope="openid email profile"))
    assert more.url.path == PAGES.consent


async def test_a_resident_who_declines_is_sent_back_and_nothing_is_recorded(
    site: Site, browser: Browser, partner: Relying
) -> None:
    page = await browser.signs_in(await browser.goes(partner.url()))
    declined = answer_of(await browser.answers(page, "decline"))
    assert (declined["error"], declined["state"]) == ("access_denied", "the-state")
    assert declined["iss"] == site.url
    assert await site.count(OidcConsent) == 0
    late = await browser.answers(page, "agree")
    assert late.status_code == 400


async def test_prompt_none_without_consent_says_so(browser: Browser, partner: Relying) -> None:
    await browser.signs_in(await browser.goes(partner.url()))
    answer = answer_of(await browser.goes(partner.url(prompt="none")))
    assert answer["error"] == "consent_required"


async def test_prompt_consent_asks_anew(site: Site, browser: Browser, partner: Relying) -> None:
    await partner.signs_in(browser)
    site.clock.ahead += timedelta(seconds=1)
    page = await browser.goes(partner.url(prompt="consent"))
    assert page.url.path == PAGES.consent
    assert "code" in answer_of(await browser.answers(page))
    given = select(func.count()).where(AuditRow.action == "consent-given")
    assert await site.one(given) == 2


async def test_a_double_click_on_agree_brings_one_code(browser: Browser, partner: Relying) -> None:
    page = await browser.signs_in(await browser.goes(partner.url()))
    twice = await asyncio.gather(browser.answers(page), browser.answers(page))
    assert sorted(answer.status_code for answer in twice) == [303, 400]


async def test_withdrawn_consent_stops_every_token_and_is_asked_for_again(
    site: Site, browser: Browser, partner: Relying
) -> None:
    tokens = await partner.tokens(browser, scope="openid email offline_access")
    async with site.database.transaction() as session:
        assert await consents.withdraw(
            session, site.jean, partner.id, actor=SYSTEM, now=site.clock()
        )
        assert not await consents.withdraw(
            session, site.jean, partner.id, actor=SYSTEM, now=site.clock()
        )
    assert (await partner.asks(tokens["access_token"])).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await partner.posts(Endpoint.TOKEN, form)).json()["error"] == "invalid_grant"
    page = await browser.goes(partner.url(scope="openid email"))
    assert page.url.path == PAGES.consent


async def test_a_code_given_before_the_withdrawal_is_worth_nothing_after_it(
    site: Site, browser: Browser, partner: Relying
) -> None:
    code = (await partner.signs_in(browser))["code"]
    async with site.database.transaction() as session:
        await consents.withdraw(session, site.jean, partner.id, actor=SYSTEM, now=site.clock())
    assert (await partner.redeems(code)).json()["error"] == "invalid_grant"


async def test_the_list_says_who_may_see_what_and_why(
    site: Site, browser: Browser, council: Relying, partner: Relying
) -> None:
    await council.signs_in(browser, scope="openid address")
    await council.signs_in(browser, scope="openid profile")
    await partner.signs_in(browser, scope="openid email")
    async with site.database.transaction() as session:
        listed = await consents.sharing_of(session, site.jean)
    assert [sharing.name for sharing in listed] == ["Example Leisure", "Kent Libraries"]
    leisure, libraries = listed
    assert (leisure.basis, leisure.sees) == (Basis.CONSENT, ("your e-mail address",))
    assert leisure.may_withdraw
    assert "withdraw" in leisure.basis_words
    assert set(libraries.sees) == {"your home address", "your name"}
    assert not libraries.may_withdraw
    assert "does not need consent" in libraries.basis_words


async def test_a_resident_sees_which_site_read_their_record_and_what(
    site: Site, browser: Browser, partner: Relying
) -> None:
    tokens = await partner.tokens(browser, scope="openid profile email")
    await partner.asks(tokens["access_token"])
    async with site.database.transaction() as session:
        reads = await accounts.reads_of(session, site.jean)
    assert [(read.who, read.reason) for read in reads] == [
        ("Example Leisure", "Sign-in: your name, your e-mail address")
    ]


async def test_a_sign_in_alone_opens_no_record(
    site: Site, browser: Browser, partner: Relying
) -> None:
    await partner.asks((await partner.tokens(browser))["access_token"])
    async with site.database.transaction() as session:
        assert await accounts.reads_of(session, site.jean) == ()


async def test_a_stopped_client_is_stopped_everywhere(
    site: Site, browser: Browser, partner: Relying
) -> None:
    tokens = await partner.tokens(browser, scope="openid offline_access")
    async with site.database.transaction() as session:
        await clients.disable(session, partner.id, actor=SYSTEM, now=site.clock())
    assert (await partner.asks(tokens["access_token"])).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await partner.posts(Endpoint.TOKEN, form)).status_code == 401
    page = await browser.goes(partner.url())
    assert page.status_code == 400
    assert "location" not in page.headers
