"""How surely and when somebody signed in: what sites are told, and what they may demand."""

from datetime import timedelta
from typing import Any

import pytest

from identity import sessions
from identity.oidc import logout_notices
from identity.oidc.spent import digest
from identity.signin_models import SignInMethod
from tests.support.oidc import Browser, Relying, Site, answer_of, verified
from tests.support.oidc_pages import COOKIE, PAGES

HOUR = timedelta(hours=1)


async def claims(site: Site, client: Relying, code: str) -> dict[str, Any]:
    token = (await client.redeems(code)).json()["id_token"]
    keys = (await site.http.get(f"{site.url}/oidc/jwks")).json()
    return verified(token, keys, audience=client.id)


async def proves(site: Site, browser: Browser, proof: SignInMethod | None) -> None:
    """The session gets a new token, after a fresh proof or without one."""
    old = browser.http.cookies[COOKIE]
    async with site.database.transaction() as session:
        new = await sessions.rotate(session, old, proof=proof, now=site.clock())
        assert isinstance(new, str)
        await logout_notices.session_rotated(session, digest(old), digest(new))
    browser.http.cookies.set(COOKIE, new, domain="localhost.local")


@pytest.mark.parametrize(
    ("by", "acr", "amr"),
    [
        ("email-code", "aal1", ["otp"]),
        ("password", "aal1", ["pwd"]),
        ("email-code password", "aal1", ["otp", "pwd"]),
        ("passkey", "aal2", ["pop", "mfa"]),
        ("email-code passkey", "aal2", ["otp", "pop", "mfa"]),
        ("password app", "aal2", ["pwd", "otp", "mfa"]),
    ],
)
async def test_a_site_is_told_how_surely_and_by_what(
    site: Site, browser: Browser, council: Relying, by: str, acr: str, amr: list[str]
) -> None:
    page = await browser.goes(council.url())
    answer = answer_of(await browser.signs_in(page, by=by))
    told = await claims(site, council, answer["code"])
    assert (told["acr"], told["amr"]) == (acr, amr)


async def test_the_time_of_a_sign_in_is_that_of_the_proof_and_not_of_a_new_token(
    site: Site, browser: Browser, council: Relying
) -> None:
    await council.signs_in(browser)
    signed_in = site.clock()
    site.clock.ahead += timedelta(minutes=20)
    await proves(site, browser, None)
    told = await claims(site, council, (await council.signs_in(browser))["code"])
    assert told["auth_time"] == pytest.approx(signed_in.timestamp(), abs=5)
    await proves(site, browser, SignInMethod.EMAIL_CODE)
    told = await claims(site, council, (await council.signs_in(browser))["code"])
    assert told["auth_time"] == pytest.approx(site.clock().timestamp(), abs=5)


async def test_max_age_is_counted_from_the_proof(
    site: Site, browser: Browser, council: Relying
) -> None:
    await council.signs_in(browser)
    site.clock.ahead += timedelta(minutes=20)
    await proves(site, browser, None)
    answer = answer_of(await browser.goes(council.url(max_age="600", prompt="none")))
    assert answer["error"] == "login_required"
    await proves(site, browser, SignInMethod.EMAIL_CODE)
    answer = answer_of(await browser.goes(council.url(max_age="600", prompt="none")))
    told = await claims(site, council, answer["code"])
    assert told["auth_time"] == pytest.approx(site.clock().timestamp(), abs=5)


async def test_a_new_token_is_no_answer_to_a_demand_for_a_new_sign_in(
    site: Site, browser: Browser, council: Relying
) -> None:
    await council.signs_in(browser)
    site.clock.ahead += timedelta(minutes=1)
    page = await browser.goes(council.url(prompt="login"))
    assert page.url.path == PAGES.sign_in
    site.clock.ahead += timedelta(minutes=1)
    await proves(site, browser, None)
    page = await browser.goes(f"/oidc/resume?{page.url.query.decode()}")
    assert page.url.path == PAGES.sign_in
    await proves(site, browser, SignInMethod.EMAIL_CODE)
    assert "code" in answer_of(await browser.goes(f"/oidc/resume?{page.url.query.decode()}"))


async def test_choosing_another_account_is_signing_in_anew(
    site: Site, browser: Browser, council: Relying
) -> None:
    await council.signs_in(browser)
    site.clock.ahead += timedelta(seconds=1)
    page = await browser.goes(council.url(prompt="select_account"))
    assert page.url.path == PAGES.sign_in
    assert "code" in answer_of(await browser.signs_in(page))


async def test_a_weaker_proof_does_not_make_a_strong_sign_in_fresh(
    site: Site, browser: Browser, council: Relying
) -> None:
    page = await browser.goes(council.url())
    await browser.signs_in(page, by="passkey")
    strong = site.clock()
    site.clock.ahead += timedelta(minutes=20)
    await proves(site, browser, SignInMethod.EMAIL_CODE)
    told = await claims(site, council, (await council.signs_in(browser))["code"])
    assert told["acr"] == "aal2"
    assert told["auth_time"] == pytest.approx(strong.timestamp(), abs=5)
    site.clock.ahead += timedelta(minutes=1)
    await proves(site, browser, SignInMethod.PASSKEY)
    told = await claims(site, council, (await council.signs_in(browser))["code"])
    assert told["auth_time"] == pytest.approx(site.clock().timestamp(), abs=5)


async def test_a_site_that_demands_two_factors_brings_a_stronger_sign_in(
    site: Site, browser: Browser, council: Relying
) -> None:
    await council.signs_in(browser)
    site.clock.ahead += timedelta(seconds=1)
    page = await browser.goes(council.url(acr_values="aal2"))
    assert page.url.path == PAGES.sign_in
    answer = answer_of(await browser.signs_in(page, by="passkey"))
    assert (await claims(site, council, answer["code"]))["acr"] == "aal2"
    assert "code" in answer_of(await browser.goes(council.url(acr_values="aal2", prompt="none")))


@pytest.mark.parametrize("prompt", [None, "none"])
async def test_a_site_that_demands_two_factors_never_gets_one(
    site: Site, browser: Browser, council: Relying, prompt: str | None
) -> None:
    await council.signs_in(browser)
    site.clock.ahead += timedelta(seconds=1)
    page = await browser.goes(council.url(acr_values="aal2", prompt=prompt))
    if prompt is None:
        page = await browser.signs_in(page, by="password")
    answer = answer_of(page)
    assert answer["error"] == "unmet_authentication_requirements"
    assert answer["iss"] == site.url
    assert "code" not in answer


@pytest.mark.parametrize("wished", ["aal1 aal2", "aal2 aal1", "1 2", "aal2x"])
async def test_a_level_that_is_reached_or_unknown_asks_nothing_more(
    browser: Browser, council: Relying, wished: str
) -> None:
    assert "code" in await council.signs_in(browser, acr_values=wished)
