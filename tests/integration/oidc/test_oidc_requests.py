"""Requests to sign in: where nobody is sent, what is pushed, what waits."""

import asyncio
import base64
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from identity import accounts, sessions
from identity.models import StaffMember, StaffRole
from identity.oidc.models import ClientAuth
from identity.oidc.provider import Endpoint
from identity.signin_models import SessionKind
from tests.support.oidc import (
    CALLBACK,
    COUNCIL,
    VERIFIER,
    Browser,
    Relying,
    Site,
    answer_of,
    challenge,
    relying,
)
from tests.support.oidc_pages import COOKIE, PAGES
from tests.support.people import CLERK, JEAN

PUSHED = {
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "scope": "openid",
    "state": "pushed-state",
    "code_challenge": challenge(VERIFIER),
    "code_challenge_method": "S256",
}


@pytest.mark.parametrize(
    "redirect_uri",
    [
        None,
        "",
        "https://evil.example/callback",
        "http://localhost:9/callback/",
        "http://localhost:9/callback?x=1",
        "http://localhost:9/callback#x",
        "http://localhost:9/Callback",
        "http://localhost:9/x/../callback",
        "http://localhost:90/callback",
        "https://localhost:9/callback",
        "http://localhost:9@evil.example/callback",
        "http://localhost:9\\@evil.example/callback",
        "//evil.example",
        "javascript:alert(1)",
        "http://localhost:9/callback\r\nSet-Cookie: a=b",
        "http://localhost:9/callback%20",
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    browser: Browser, council: Relying, redirect_uri: str | None
) -> None:
    faults: tuple[dict[str, str], ...] = ({}, {"prompt": "none"}, {"response_type": "token"})
    for more in faults:
        page = await browser.goes(council.url(redirect_uri=redirect_uri, **more))
        assert page.status_code == 400
        assert "location" not in page.headers


async def test_nobody_is_sent_anywhere_for_an_unknown_client_or_two_addresses(
    browser: Browser, council: Relying
) -> None:
    for url in (
        council.url(client_id="kc-unknown"),
        council.url(client_id=None),
        council.url() + "&redirect_uri=https%3A%2F%2Fevil.example",
        council.url() + "&client_id=another",
    ):
        page = await browser.goes(url)
        assert page.status_code == 400
        assert "location" not in page.headers


@pytest.mark.parametrize("client_id", ["%00", "kc-%00", "%FF%FE", "%ED%A0%80", "%F0%9F%9A%8C"])
async def test_a_client_id_that_no_database_should_meet_is_unknown(
    site: Site, browser: Browser, council: Relying, client_id: str
) -> None:
    for endpoint in (Endpoint.AUTHORIZE, Endpoint.LOGOUT):
        page = await browser.goes(f"{endpoint}?client_id={client_id}&scope=openid")
        assert page.status_code == 400
    header = base64.b64encode(f"{client_id}:x".encode()).decode()
    answer = await site.http.post(
        site.at(Endpoint.TOKEN),
        data={"grant_type": "client_credentials"},
        headers={"authorization": f"Basic {header}"},
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "code" in await council.signs_in(browser)


async def test_every_answer_names_the_provider_and_keeps_the_state(
    site: Site, browser: Browser, council: Relying
) -> None:
    odd = "a&b=c d/é?#" * 20
    refused = answer_of(await browser.goes(council.url(scope="profile", state=odd)))
    assert (refused["error"], refused["state"], refused["iss"]) == ("invalid_scope", odd, site.url)
    granted = await council.signs_in(browser, state=odd)
    assert (granted["state"], granted["iss"]) == (odd, site.url)


async def test_a_query_in_the_registered_address_is_kept(site: Site, browser: Browser) -> None:
    address = f"{CALLBACK}?tenant=7"
    details = msgspec.structs.replace(COUNCIL, redirect_uris=(address,))
    answer = await (await relying(site, details)).signs_in(browser)
    assert (answer["tenant"], "code" in answer) == ("7", True)


@pytest.mark.parametrize("value", ["a\x00b", "a\nb", "x" * 9000, "\ud800"])
async def test_text_that_no_database_or_header_should_meet_is_refused(
    browser: Browser, council: Relying, value: str
) -> None:
    encoded = value.encode("utf-8", "surrogatepass")
    url = council.url(nonce=None) + "&nonce=" + "".join(f"%{byte:02X}" for byte in encoded)
    page = await browser.goes(url)
    answered = page.status_code == 303 and answer_of(page)["error"] == "invalid_request"
    assert answered or (page.status_code == 400 and "location" not in page.headers)


async def test_an_abandoned_sign_in_can_be_resumed_for_half_an_hour(
    site: Site, browser: Browser, council: Relying
) -> None:
    page = await browser.goes(council.url())
    site.clock.ahead += timedelta(minutes=29)
    assert "code" in answer_of(await browser.signs_in(page))
    page = await browser.goes(council.url(prompt="login"))
    site.clock.ahead += timedelta(minutes=31)
    late = await browser.signs_in(page)
    assert late.status_code == 400
    assert "too long" in late.text


async def test_a_waiting_request_is_answered_once(browser: Browser, council: Relying) -> None:
    page = await browser.goes(council.url())
    assert "code" in answer_of(await browser.signs_in(page))
    again = await browser.signs_in(page)
    assert again.status_code == 400


async def test_an_unknown_handle_leads_nowhere(browser: Browser) -> None:
    for handle in ("", "made-up", "%00", "x" * 5000):
        page = await browser.goes(f"{Endpoint.RESUME}?request={handle}")
        assert page.status_code == 400


async def test_somebody_else_signing_in_than_was_hinted_is_told_to_the_site(
    site: Site, browser: Browser, council: Relying
) -> None:
    hint = (await council.tokens(browser))["id_token"]
    async with site.database.transaction() as session:
        other = await accounts.register(
            session,
            site.provider.vault,
            msgspec.structs.replace(JEAN, given_names="Ali", email="ali@example.com"),
            actor=CLERK,
            now=site.clock(),
        )
    page = await browser.goes(council.url(prompt="login", id_token_hint=hint))
    answer = answer_of(await browser.signs_in(page, other.id))
    assert answer["error"] == "login_required"


async def test_a_hint_of_another_client_or_a_forged_one_is_refused(
    browser: Browser, council: Relying, partner: Relying
) -> None:
    foreign = (await partner.tokens(browser))["id_token"]
    for hint in (foreign, foreign[:-4] + "AAAA", "e30.e30.e30"):
        answer = answer_of(await browser.goes(council.url(id_token_hint=hint)))
        assert answer["error"] == "invalid_request"


async def test_a_pushed_request_is_brought_once_within_a_minute(
    site: Site, browser: Browser, council: Relying
) -> None:
    pushed = await council.posts(Endpoint.PUSH, PUSHED)
    assert pushed.status_code == 201
    body = pushed.json()
    assert body["expires_in"] == 60
    bring = {"client_id": council.id, "request_uri": body["request_uri"]}
    url = str(browser.http.build_request("GET", Endpoint.AUTHORIZE.value, params=bring).url)
    page = await browser.goes(url)
    answer = answer_of(await browser.signs_in(page))
    assert answer["state"] == "pushed-state"
    assert (await council.redeems(answer["code"])).status_code == 200
    assert (await browser.goes(url)).status_code == 400

    late = (await council.posts(Endpoint.PUSH, PUSHED)).json()
    site.clock.ahead += timedelta(seconds=61)
    bring["request_uri"] = late["request_uri"]
    url = str(browser.http.build_request("GET", Endpoint.AUTHORIZE.value, params=bring).url)
    assert (await browser.goes(url)).status_code == 400


async def test_a_pushed_request_brought_by_two_is_answered_once(
    browser: Browser, council: Relying
) -> None:
    await council.signs_in(browser)
    body = (await council.posts(Endpoint.PUSH, PUSHED)).json()
    bring = {"client_id": council.id, "request_uri": body["request_uri"]}
    url = str(browser.http.build_request("GET", Endpoint.AUTHORIZE.value, params=bring).url)
    answers = await asyncio.gather(*(browser.goes(url) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400]


async def test_a_pushed_request_is_of_no_use_to_another_client(
    browser: Browser, council: Relying, partner: Relying
) -> None:
    body = (await council.posts(Endpoint.PUSH, PUSHED)).json()
    bring = {"client_id": partner.id, "request_uri": body["request_uri"]}
    url = str(browser.http.build_request("GET", Endpoint.AUTHORIZE.value, params=bring).url)
    page = await browser.goes(url)
    assert page.status_code == 400


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "request_uri_not_supported"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_a_pushed_request_with_a_fault_is_refused_when_it_is_pushed(
    council: Relying, changed: dict[str, str], error: str
) -> None:
    answer = await council.posts(Endpoint.PUSH, PUSHED | changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_a_push_needs_the_clients_proof(council: Relying) -> None:
    council.secret = "wrong"
    answer = await council.posts(Endpoint.PUSH, PUSHED)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_client_agreed_to_push_may_not_send_by_the_browser(
    site: Site, browser: Browser
) -> None:
    client = await relying(site, msgspec.structs.replace(COUNCIL, par_required=True))
    assert answer_of(await browser.goes(client.url()))["error"] == "invalid_request"
    body = (await client.posts(Endpoint.PUSH, PUSHED)).json()
    bring = {"client_id": client.id, "request_uri": body["request_uri"]}
    url = str(browser.http.build_request("GET", Endpoint.AUTHORIZE.value, params=bring).url)
    assert "code" in answer_of(await browser.signs_in(await browser.goes(url)))


async def test_a_public_client_signs_in_with_pkce_alone(site: Site, browser: Browser) -> None:
    details = msgspec.structs.replace(COUNCIL, auth=ClientAuth.NONE)
    client = await relying(site, details)
    code = (await client.signs_in(browser))["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": client.id,
    }
    bare = await site.http.post(site.at(Endpoint.TOKEN), data=form)
    assert bare.json()["error"] == "invalid_grant"
    whole = await site.http.post(site.at(Endpoint.TOKEN), data=form | {"code_verifier": VERIFIER})
    assert whole.status_code == 200
    about = {"token": whole.json()["access_token"], "client_id": client.id}
    inside = await site.http.post(site.at(Endpoint.INTROSPECT), data=about)
    assert inside.json() == {"active": False}  # it proved nothing, so it learns nothing


async def test_a_member_of_staff_is_nobody_to_a_site(
    site: Site, browser: Browser, council: Relying
) -> None:
    async with site.database.transaction() as session:
        member = StaffMember(
            username="priya",
            name="Priya Shah",
            role=StaffRole.ADVISER,
            password_hash="not used here",
            created_at=site.clock(),
        )
        session.add(member)
        await session.flush()
        token = await sessions.open_session(session, member.id, SessionKind.STAFF, now=site.clock())
    browser.http.cookies.set(COOKIE, token)
    assert (await browser.goes(council.url())).url.path == PAGES.sign_in


async def test_the_metadata_says_what_the_provider_does(site: Site) -> None:
    told = (await site.http.get(site.at(Endpoint.DISCOVERY))).json()
    assert told == (await site.http.get(site.at(Endpoint.METADATA))).json()
    assert told["issuer"] == site.url
    assert told["response_types_supported"] == ["code"]
    assert told["subject_types_supported"] == ["pairwise"]
    assert set(told["id_token_signing_alg_values_supported"]) == {"ES256", "RS256"}
    for name, url in told.items():
        if name.endswith(("_endpoint", "jwks_uri")):
            answer = await site.http.request("OPTIONS", url)
            assert answer.status_code != 404, (name, url)
            assert urlsplit(url).netloc == urlsplit(site.url).netloc
    assert parse_qs(urlsplit(told["token_endpoint"]).query) == {}
