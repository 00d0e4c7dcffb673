"""The modules of the OpenID Foundation's Basic OP plan, by their names.

The suite itself is not run here: these tests ask what its modules ask. Where the provider deviates
on purpose, the test says so and asserts the refusal.
Source: OpenID Foundation, conformance suite, plan `oidcc-basic-certification-test-plan`.
"""

from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from identity.oidc.models import ClientAuth
from identity.oidc.provider import Endpoint
from identity.oidc.signing import RS256
from tests.support.oidc import COUNCIL, Browser, Relying, Site, answer_of, relying, verified
from tests.support.oidc_pages import PAGES


async def keys_of(site: Site) -> dict[str, list[dict[str, str]]]:
    keys: dict[str, list[dict[str, str]]] = (await site.http.get(site.at(Endpoint.JWKS))).json()
    return keys


async def claims_of(site: Site, client: Relying, id_token: str) -> dict[str, Any]:
    return verified(id_token, await keys_of(site), audience=client.id, issuer=site.url)


async def test_oidcc_server(site: Site, browser: Browser, council: Relying) -> None:
    answer = await council.signs_in(browser)
    assert answer["state"] == "the-state"
    assert answer["iss"] == site.url
    tokens = (await council.redeems(answer["code"])).json()
    assert tokens["token_type"] == "Bearer"
    claims = await claims_of(site, council, tokens["id_token"])
    assert claims["nonce"] == "the-nonce"
    assert claims["sub"]
    assert isinstance(claims["auth_time"], int)


async def test_oidcc_response_type_missing(browser: Browser, council: Relying) -> None:
    answer = answer_of(await browser.goes(council.url(response_type=None)))
    assert answer["error"] == "invalid_request"
    assert answer["state"] == "the-state"


@pytest.mark.parametrize("algorithm", ["ES256", RS256])
async def test_oidcc_idtoken_signature_and_kid(
    site: Site, browser: Browser, algorithm: str
) -> None:
    details = msgspec.structs.replace(COUNCIL, id_token_alg=algorithm)
    client = await relying(site, details)
    token = (await client.tokens(browser))["id_token"]
    assert await claims_of(site, client, token)
    published = await keys_of(site)
    assert algorithm in {key["alg"] for key in published["keys"]}
    assert len({key["kid"] for key in published["keys"]}) == len(published["keys"])
    assert all({"d", "p", "q"}.isdisjoint(key) for key in published["keys"])


async def test_oidcc_idtoken_unsigned_is_not_offered_on_purpose(site: Site) -> None:
    """An unsigned ID token is proof of nothing: no client can be registered for one."""
    with pytest.raises(Exception, match="Unknown algorithms: none"):
        await site.add(msgspec.structs.replace(COUNCIL, id_token_alg="none"))


async def test_oidcc_userinfo_get(site: Site, browser: Browser, council: Relying) -> None:
    tokens = await council.tokens(browser)
    told = await council.asks(tokens["access_token"])
    claims = await claims_of(site, council, tokens["id_token"])
    assert told.json() == {"sub": claims["sub"]}


async def test_oidcc_userinfo_post_header(browser: Browser, council: Relying) -> None:
    token = (await council.tokens(browser))["access_token"]
    told = await council.asks(token, method="POST")
    assert told.status_code == 200
    assert told.json()["sub"]


async def test_oidcc_userinfo_post_body(browser: Browser, council: Relying, site: Site) -> None:
    token = (await council.tokens(browser))["access_token"]
    told = await site.http.post(site.at(Endpoint.USERINFO), data={"access_token": token})
    in_query = await site.http.get(f"{site.at(Endpoint.USERINFO)}?access_token={token}")
    assert told.status_code == 200
    assert told.json()["sub"]
    assert in_query.status_code == 401


async def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(
    site: Site, browser: Browser, council: Relying
) -> None:
    tokens = await council.tokens(browser, nonce=None)
    assert "nonce" not in await claims_of(site, council, tokens["id_token"])


async def test_oidcc_scope_profile_without_a_birth_date_on_purpose(
    browser: Browser, council: Relying
) -> None:
    """`birthdate` is a claim of this scope elsewhere; here no client is told a birth date."""
    token = (await council.tokens(browser, scope="openid profile"))["access_token"]
    told = (await council.asks(token)).json()
    del told["sub"]
    assert told == {
        "name": "Jean O'Malley",
        "given_name": "Jean",
        "family_name": "O'Malley",
    }


async def test_oidcc_scope_email(browser: Browser, council: Relying) -> None:
    token = (await council.tokens(browser, scope="openid email"))["access_token"]
    told = (await council.asks(token)).json()
    assert told["email"] == "jean@example.com"
    assert told["email_verified"] is False  # nobody has used a code sent there yet
    assert "name" not in told


async def test_oidcc_scope_address(browser: Browser, council: Relying) -> None:
    token = (await council.tokens(browser, scope="openid address"))["access_token"]
    told = (await council.asks(token)).json()
    assert told["address"] == {
        "formatted": "1 Example Street\nMaidstone\nME14 1XQ",
        "street_address": "1 Example Street\nMaidstone",
        "postal_code": "ME14 1XQ",
    }


async def test_oidcc_scope_phone_is_not_offered_on_purpose(
    browser: Browser, council: Relying
) -> None:
    """The account holds no telephone number, so the scope is unknown, and ignored as such."""
    tokens = await council.tokens(browser, scope="openid phone")
    assert tokens["scope"] == "openid"
    told = (await council.asks(tokens["access_token"])).json()
    assert set(told) == {"sub"}


async def test_oidcc_scope_all(browser: Browser, council: Relying) -> None:
    token = (await council.tokens(browser, scope="openid profile email address phone"))[
        "access_token"
    ]
    told = (await council.asks(token)).json()
    assert {"sub", "name", "email", "address"} <= set(told)


async def test_oidcc_ensure_other_scope_order_succeeds(browser: Browser, council: Relying) -> None:
    tokens = await council.tokens(browser, scope="email openid")
    assert set(tokens["scope"].split()) == {"openid", "email"}


@pytest.mark.parametrize("display", ["page", "popup"])
async def test_oidcc_display(browser: Browser, council: Relying, display: str) -> None:
    assert "code" in await council.signs_in(browser, display=display)


async def test_oidcc_prompt_login(site: Site, browser: Browser, council: Relying) -> None:
    first = await claims_of(site, council, (await council.tokens(browser))["id_token"])
    site.clock.ahead += timedelta(seconds=5)
    page = await browser.goes(council.url(prompt="login"))
    assert page.url.path == PAGES.sign_in
    code = answer_of(await browser.signs_in(page))["code"]
    second = await claims_of(site, council, (await council.redeems(code)).json()["id_token"])
    assert second["sub"] == first["sub"]
    assert second["auth_time"] >= first["auth_time"] + 5


async def test_oidcc_prompt_none_not_logged_in(browser: Browser, council: Relying) -> None:
    answer = answer_of(await browser.goes(council.url(prompt="none")))
    assert answer["error"] == "login_required"
    assert answer["state"] == "the-state"


async def test_oidcc_prompt_none_logged_in(site: Site, browser: Browser, council: Relying) -> None:
    first = await claims_of(site, council, (await council.tokens(browser))["id_token"])
    code = answer_of(await browser.goes(council.url(prompt="none")))["code"]
    second = await claims_of(site, council, (await council.redeems(code)).json()["id_token"])
    assert (second["sub"], second["auth_time"]) == (first["sub"], first["auth_time"])


async def test_oidcc_max_age_1(site: Site, browser: Browser, council: Relying) -> None:
    await council.signs_in(browser)
    site.clock.ahead += timedelta(seconds=2)
    page = await browser.goes(council.url(max_age="1"))
    assert page.url.path == PAGES.sign_in
    assert "code" in answer_of(await browser.signs_in(page))


async def test_oidcc_max_age_10000(site: Site, browser: Browser, council: Relying) -> None:
    await council.signs_in(browser)
    site.clock.ahead += timedelta(seconds=2)
    code = answer_of(await browser.goes(council.url(max_age="10000")))["code"]
    tokens = (await council.redeems(code)).json()
    assert "auth_time" in await claims_of(site, council, tokens["id_token"])


async def test_oidcc_ensure_request_with_unknown_parameter_succeeds(
    browser: Browser, council: Relying
) -> None:
    assert "code" in await council.signs_in(browser, extra="foobar")


async def test_oidcc_id_token_hint(site: Site, browser: Browser, council: Relying) -> None:
    hint = (await council.tokens(browser))["id_token"]
    site.clock.ahead += timedelta(minutes=10)  # long expired, and still a hint
    answer = answer_of(await browser.goes(council.url(prompt="none", id_token_hint=hint)))
    assert "code" in answer


async def test_oidcc_login_hint(browser: Browser, council: Relying) -> None:
    assert "code" in await council.signs_in(browser, login_hint="jean@example.com")


@pytest.mark.parametrize("name", ["ui_locales", "claims_locales"])
async def test_oidcc_locales(browser: Browser, council: Relying, name: str) -> None:
    assert "code" in await council.signs_in(browser, **{name: "se en-GB"})


async def test_oidcc_ensure_request_with_acr_values_succeeds(
    site: Site, browser: Browser, council: Relying
) -> None:
    tokens = await council.tokens(browser, acr_values="aal2 aal1")
    claims = await claims_of(site, council, tokens["id_token"])
    assert (claims["acr"], claims["amr"]) == ("aal1", ["otp"])


async def test_oidcc_codereuse(browser: Browser, council: Relying) -> None:
    code = (await council.signs_in(browser))["code"]
    first = (await council.redeems(code)).json()
    second = await council.redeems(code)
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    assert (await council.asks(first["access_token"])).status_code == 401


async def test_oidcc_codereuse_30seconds(site: Site, browser: Browser, council: Relying) -> None:
    code = (await council.signs_in(browser))["code"]
    first = (await council.redeems(code)).json()
    site.clock.ahead += timedelta(seconds=30)
    assert (await council.redeems(code)).json()["error"] == "invalid_grant"
    assert (await council.asks(first["access_token"])).status_code == 401


async def test_oidcc_ensure_registered_redirect_uri(browser: Browser, council: Relying) -> None:
    page = await browser.goes(council.url(redirect_uri="http://localhost:9/another"))
    assert page.status_code == 400
    assert "location" not in page.headers


async def test_oidcc_ensure_post_request_succeeds(browser: Browser, council: Relying) -> None:
    query = dict(httpx.URL(council.url()).params)
    page = await browser.goes(Endpoint.AUTHORIZE.value, query)
    assert "code" in answer_of(await browser.signs_in(page))


async def test_oidcc_server_client_secret_post_is_refused_on_purpose(
    site: Site, browser: Browser, council: Relying
) -> None:
    """A secret belongs in one place, and forms are logged more often than headers."""
    code = (await council.signs_in(browser))["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": council.redirect_uri,
        "client_id": council.id,
        "client_secret": council.secret,
    }
    answer = await site.http.post(site.at(Endpoint.TOKEN), data=form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert {way.value for way in ClientAuth}.isdisjoint({"client_secret_post"})


async def test_oidcc_request_uri_unsigned_is_refused_on_purpose(
    browser: Browser, council: Relying
) -> None:
    """We fetch nothing from an address that anybody gives us; PAR does the same safely."""
    answer = answer_of(await browser.goes(council.url(request_uri="https://example.org/request")))
    assert answer["error"] == "request_uri_not_supported"


@pytest.mark.parametrize("redirect_uri", ["http://localhost:9/callback", None])
async def test_oidcc_unsigned_request_object_is_refused_on_purpose(
    browser: Browser, council: Relying, redirect_uri: str | None
) -> None:
    """Also with the redirect_uri inside it: nothing in an unsigned object is looked at."""
    unsigned = "eyJhbGciOiJub25lIn0.eyJyZWRpcmVjdF91cmkiOiJodHRwOi8vZXZpbC5leGFtcGxlIn0."
    page = await browser.goes(council.url(request=unsigned, redirect_uri=redirect_uri))
    if redirect_uri is None:
        assert page.status_code == 400
        assert "location" not in page.headers
    else:
        assert answer_of(page)["error"] == "request_not_supported"


async def test_oidcc_claims_essential_is_ignored_on_purpose(
    browser: Browser, council: Relying
) -> None:
    """What is told is decided by scope, for residents agree to scopes."""
    wanted = '{"userinfo":{"name":{"essential":true}}}'
    token = (await council.tokens(browser, claims=wanted))["access_token"]
    assert set((await council.asks(token)).json()) == {"sub"}


async def test_oidcc_refresh_token(site: Site, browser: Browser, council: Relying) -> None:
    tokens = await council.tokens(browser, scope="openid offline_access")
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    renewed = (await council.posts(Endpoint.TOKEN, form)).json()
    first = await claims_of(site, council, tokens["id_token"])
    second = await claims_of(site, council, renewed["id_token"])
    kept = ("iss", "sub", "aud", "auth_time")
    assert [second[name] for name in kept] == [first[name] for name in kept]
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert (await council.asks(renewed["access_token"])).status_code == 200


async def test_oidcc_ensure_request_with_valid_pkce_succeeds(
    browser: Browser, council: Relying
) -> None:
    assert "id_token" in await council.tokens(browser)


async def test_oidcc_request_without_pkce_is_refused_on_purpose(
    browser: Browser, council: Relying
) -> None:
    """The plan sends most requests without PKCE; here only a client registered so may, by nonce."""
    bare = {"code_challenge": None, "code_challenge_method": None}
    answer = answer_of(await browser.goes(council.url(**bare)))
    assert answer["error"] == "invalid_request"


async def test_a_client_registered_without_pkce_signs_in_with_a_nonce(
    site: Site, browser: Browser
) -> None:
    client = await relying(site, msgspec.structs.replace(COUNCIL, pkce_required=False))
    bare = {"code_challenge": None, "code_challenge_method": None}
    refused = answer_of(await browser.goes(client.url(**bare, nonce=None)))
    assert refused["error"] == "invalid_request"
    code = (await client.signs_in(browser, **bare))["code"]
    assert (await client.redeems(code)).json()["error"] == "invalid_grant"  # a verifier alone
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri}
    assert "id_token" in (await client.posts(Endpoint.TOKEN, form)).json()


MODULES = {
    "oidcc-server": "oidcc_server",
    "oidcc-response-type-missing": "oidcc_response_type_missing",
    "oidcc-idtoken-signature": "oidcc_idtoken_signature_and_kid",
    "oidcc-idtoken-unsigned": "oidcc_idtoken_unsigned_is_not_offered_on_purpose",
    "oidcc-userinfo-get": "oidcc_userinfo_get",
    "oidcc-userinfo-post-header": "oidcc_userinfo_post_header",
    "oidcc-userinfo-post-body": "oidcc_userinfo_post_body",
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow": (
        "oidcc_ensure_request_without_nonce_succeeds_for_code_flow"
    ),
    "oidcc-scope-profile": "oidcc_scope_profile_without_a_birth_date_on_purpose",
    "oidcc-scope-email": "oidcc_scope_email",
    "oidcc-scope-address": "oidcc_scope_address",
    "oidcc-scope-phone": "oidcc_scope_phone_is_not_offered_on_purpose",
    "oidcc-scope-all": "oidcc_scope_all",
    "oidcc-ensure-other-scope-order-succeeds": "oidcc_ensure_other_scope_order_succeeds",
    "oidcc-display-page": "oidcc_display",
    "oidcc-display-popup": "oidcc_display",
    "oidcc-prompt-login": "oidcc_prompt_login",
    "oidcc-prompt-none-not-logged-in": "oidcc_prompt_none_not_logged_in",
    "oidcc-prompt-none-logged-in": "oidcc_prompt_none_logged_in",
    "oidcc-max-age-1": "oidcc_max_age_1",
    "oidcc-max-age-10000": "oidcc_max_age_10000",
    "oidcc-ensure-request-with-unknown-parameter-succeeds": (
        "oidcc_ensure_request_with_unknown_parameter_succeeds"
    ),
    "oidcc-id-token-hint": "oidcc_id_token_hint",
    "oidcc-login-hint": "oidcc_login_hint",
    "oidcc-ui-locales": "oidcc_locales",
    "oidcc-claims-locales": "oidcc_locales",
    "oidcc-ensure-request-with-acr-values-succeeds": (
        "oidcc_ensure_request_with_acr_values_succeeds"
    ),
    "oidcc-codereuse": "oidcc_codereuse",
    "oidcc-codereuse-30seconds": "oidcc_codereuse_30seconds",
    "oidcc-ensure-registered-redirect-uri": "oidcc_ensure_registered_redirect_uri",
    "oidcc-ensure-post-request-succeeds": "oidcc_ensure_post_request_succeeds",
    "oidcc-server-client-secret-post": "oidcc_server_client_secret_post_is_refused_on_purpose",
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported": (
        "oidcc_request_uri_unsigned_is_refused_on_purpose"
    ),
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": (
        "oidcc_unsigned_request_object_is_refused_on_purpose"
    ),
    "oidcc-claims-essential": "oidcc_claims_essential_is_ignored_on_purpose",
    "oidcc-ensure-request-object-with-redirect-uri": (
        "oidcc_unsigned_request_object_is_refused_on_purpose"
    ),
    "oidcc-refresh-token": "oidcc_refresh_token",
    "oidcc-ensure-request-with-valid-pkce-succeeds": (
        "oidcc_ensure_request_with_valid_pkce_succeeds"
    ),
}
"""Every module of the plan, and the test here that asks the same."""


def test_every_module_of_the_plan_is_asked_and_every_test_belongs_to_one() -> None:
    own = {name for name in globals() if name.startswith("test_oidcc_")}
    beside = {"test_oidcc_request_without_pkce_is_refused_on_purpose"}
    assert {f"test_{name}" for name in MODULES.values()} == own - beside
    assert len(MODULES) == 38
