"""The OpenID provider where residents meet it: beside the pages, and in the worker."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import func, select

from cardservice import jobs
from cardservice.app import provider_of
from identity import sessions
from identity.actors import SYSTEM
from identity.oidc import clients, consents
from identity.oidc.clients import Registered
from identity.oidc.models import OidcRequest
from identity.oidc.onward import with_request
from identity.oidc.provider import Endpoint
from identity.oidc.registration import NewClient
from identity.signin_models import SessionKind, SignInMethod
from tests.support.oidc import COUNCIL, PARTNER, VERIFIER, Relying, verified
from tests.support.people import JEAN
from tests.support.server import World
from tests.support.visitor import RESIDENT_COOKIE

BROWSERS = {Endpoint.AUTHORIZE, Endpoint.RESUME, Endpoint.LOGOUT}
NOTICES = "https://library.example/signed-out"


async def asked(world: World, method: str, path: str, **more: object) -> httpx.Response:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as http:
        return await http.request(method, path, **more)  # type: ignore[arg-type]  # httpx's own


async def add(world: World, details: NewClient) -> Registered:
    async with world.database.transaction() as session:
        return await clients.add(session, details, actor=SYSTEM, now=world.clock())


async def signed_in(world: World, account: UUID) -> dict[str, str]:
    """The headers of a resident's browser."""
    async with world.database.transaction() as session:
        token = await sessions.open_session(
            session,
            account,
            SessionKind.RESIDENT,
            methods=[SignInMethod.PASSWORD],
            now=world.clock(),
        )
    return {"cookie": f"{RESIDENT_COOKIE}={token}"}


def request_of(client: Registered, details: NewClient) -> str:
    known = Relying(None, client, details)  # type: ignore[arg-type]  # only its address is used
    return known.url(scope="openid email")


async def test_discovery_tells_of_this_server_and_its_addresses_answer(served: World) -> None:
    told = (await asked(served, "GET", Endpoint.DISCOVERY)).json()
    assert told["issuer"] == served.url
    assert told["token_endpoint"] == f"{served.url}{Endpoint.TOKEN}"
    keys = (await asked(served, "GET", urlsplit(told["jwks_uri"]).path)).json()["keys"]
    assert keys
    assert not any("d" in key for key in keys)


async def test_a_whole_code_flow_with_the_pages_cookie(served: World) -> None:
    client = await add(served, COUNCIL)
    browser = await signed_in(served, await served.register())
    answer = await asked(served, "GET", request_of(client, COUNCIL), headers=browser)
    assert answer.status_code == 303, answer.text
    returned = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    form = {
        "grant_type": "authorization_code",
        "code": returned["code"],
        "redirect_uri": COUNCIL.redirect_uris[0],
        "code_verifier": VERIFIER,
    }
    auth = (client.client_id, client.secret or "")
    tokens = (await asked(served, "POST", Endpoint.TOKEN, data=form, auth=auth)).json()
    keys = (await asked(served, "GET", Endpoint.JWKS)).json()
    claims = verified(tokens["id_token"], keys, audience=client.client_id, issuer=served.url)
    assert (claims["nonce"], claims["amr"]) == ("the-nonce", ["pwd"])
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    person = (await asked(served, "GET", Endpoint.USERINFO, headers=bearer)).json()
    assert (person["sub"], person["email"]) == (claims["sub"], "jean@example.com")
    token = {"token": tokens["access_token"]}
    seen = (await asked(served, "POST", Endpoint.INTROSPECT, data=token, auth=auth)).json()
    assert seen["active"] is True


async def test_somebody_not_signed_in_is_led_to_the_sign_in_page(served: World) -> None:
    client = await add(served, COUNCIL)
    answer = await asked(served, "GET", request_of(client, COUNCIL))
    assert answer.status_code == 303
    path, _, query = answer.headers["location"].partition("?request=")
    assert (path, bool(query)) == ("/sign-in", True)
    page = await asked(served, "GET", answer.headers["location"])
    assert f'action="/sign-in?request={query}"' in page.text


@pytest.mark.parametrize(
    "carried", ["https://evil.example/", "//evil.example", "a b", "%22%3E%3Cb", ""]
)
async def test_nothing_but_a_handle_is_carried_through_the_sign_in(
    served: World, carried: str
) -> None:
    page = await asked(served, "GET", with_request("/sign-in", carried))
    assert page.status_code == 200
    assert 'action="/sign-in"' in page.text
    assert "evil" not in page.text


@pytest.mark.parametrize("endpoint", sorted(Endpoint))
async def test_machines_get_json_and_people_get_pages_when_something_is_wrong(
    served: World, endpoint: Endpoint
) -> None:
    answer = await asked(served, "DELETE", endpoint)
    assert answer.status_code == 405
    wanted = "text/html" if endpoint in BROWSERS else "application/problem+json"
    assert answer.headers["content-type"].partition(";")[0] == wanted


@pytest.mark.parametrize(
    "path", [Endpoint.AUTHORIZE, Endpoint.RESUME, f"{Endpoint.LOGOUT}?client_id=kc-unknown"]
)
async def test_a_request_that_cannot_be_answered_is_explained_in_plain_words(
    served: World, path: str
) -> None:
    answer = await asked(served, "GET", path)
    assert answer.status_code == 400
    assert "The service you came from could not sign you in or out" in answer.text


async def test_the_worker_tells_sites_of_a_sign_out_and_forgets_old_requests_at_night(
    served: World, tmp_path: Path
) -> None:
    details = NewClient(
        name="Kent Libraries",
        basis=COUNCIL.basis,
        auth=COUNCIL.auth,
        redirect_uris=COUNCIL.redirect_uris,
        scopes=COUNCIL.scopes,
        backchannel_logout_uri=NOTICES,
    )
    client = await add(served, details)
    account = await served.register()
    browser = await signed_in(served, account)
    await asked(served, "GET", request_of(client, details), headers=browser)
    await asked(served, "GET", request_of(client, details))  # waits for a sign-in
    taken: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        taken.append(request)
        return httpx.Response(200)

    now = served.clock()
    provider = provider_of(served.settings, served.keystore)
    async with httpx.AsyncClient(transport=httpx.MockTransport(take)) as http:
        assert await jobs.tell_sites(served.database, provider, http, now=now) == 0
        async with served.database.transaction() as session:
            await sessions.end_all(session, account, SessionKind.RESIDENT, actor=SYSTEM, now=now)
        assert await jobs.tell_sites(served.database, provider, http, now=now) == 1
    assert [str(request.url) for request in taken] == [NOTICES]
    await jobs.apply_retention(served.database, tmp_path, now=now)
    waiting = select(func.count()).select_from(OidcRequest)
    assert await served.do(lambda session: session.scalar(waiting)) == 1
    await jobs.apply_retention(served.database, tmp_path, now=now + timedelta(days=2))
    assert await served.do(lambda session: session.scalar(waiting)) == 0


async def test_only_the_resident_withdraws_what_they_agreed_to(served: World) -> None:
    client = await add(served, PARTNER)
    account = await served.register()
    other = await served.register(msgspec.structs.replace(JEAN, email="other@example.com"))
    async with served.database.transaction() as session:
        known = await clients.find(session, client.client_id)
        assert known is not None
        await consents.record(
            session, account, known, ("openid",), actor=SYSTEM, now=served.clock()
        )

    async def withdraws(headers: dict[str, str]) -> tuple[httpx.Response, bool]:
        path = f"/account/sharing/{client.client_id}/withdraw"
        token = headers.get("cookie", "=").partition("=")[2]
        form = {"csrf_token": sessions.csrf_token(token)}
        answer = await asked(served, "POST", path, data=form, headers=headers)
        async with served.database.transaction() as session:
            return answer, bool(await consents.standing(session, account, client.client_id))

    answer, stands = await withdraws({})
    assert (answer.headers.get("location"), stands) == ("/sign-in", True)
    answer, stands = await withdraws(await signed_in(served, other))
    assert (answer.status_code, stands) == (303, True)
    answer, stands = await withdraws(await signed_in(served, account))
    assert (answer.status_code, stands) == (303, False)
