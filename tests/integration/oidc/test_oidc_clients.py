"""Clients: registered by staff, proving who they are, acting on their own behalf."""

import asyncio
import base64
from datetime import timedelta
from urllib.parse import quote

import httpx
import msgspec
import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from identity.actors import SYSTEM
from identity.errors import InvalidDetails, NoSuchClient
from identity.oidc import clients
from identity.oidc.client_auth import ASSERTION_TYPE
from identity.oidc.models import Basis, ClientAuth, OidcClient
from identity.oidc.provider import Endpoint
from identity.oidc.registration import MACHINE, NewClient
from identity.trail_models import AuditRow
from tests.support.oidc import COUNCIL, Browser, Relying, Site, assertion, new_key, relying

CHECK = "entitlements:check"
MACHINE_FORM = {"grant_type": "client_credentials"}


def machine(**changed: object) -> NewClient:
    details = NewClient(
        name="Example Pool",
        basis=Basis.CONSENT,
        auth=ClientAuth.CLIENT_SECRET_BASIC,
        grant_types=(MACHINE,),
        scopes=(CHECK,),
    )
    return msgspec.structs.replace(details, **changed)


class Keyed:
    """A client that signs."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.key, self.jwk = new_key()
        self.id = ""

    async def registered(self) -> "Keyed":
        details = machine(auth=ClientAuth.PRIVATE_KEY_JWT, keys=(self.jwk,))
        self.id = (await self.site.add(details)).client_id
        return self

    async def asks(self, signed: str, **more: str) -> httpx.Response:
        form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed, **more}
        return await self.site.http.post(self.site.at(Endpoint.TOKEN), data=MACHINE_FORM | form)


async def test_a_client_gets_a_token_on_its_own_behalf(site: Site) -> None:
    client = await relying(site, machine())
    answer = await client.posts(Endpoint.TOKEN, MACHINE_FORM)
    body = answer.json()
    assert (answer.status_code, body["scope"], body["token_type"]) == (200, CHECK, "Bearer")
    assert answer.headers["cache-control"] == "no-store"
    assert {"id_token", "refresh_token"}.isdisjoint(body)
    told = (await client.posts(Endpoint.INTROSPECT, {"token": body["access_token"]})).json()
    assert (told["active"], told["sub"], told["client_id"]) == (True, client.id, client.id)
    assert (await client.asks(body["access_token"])).status_code == 403


@pytest.mark.parametrize("scope", ["openid", "profile", f"{CHECK} email", "made-up"])
async def test_on_its_own_behalf_a_client_gets_nothing_about_residents(
    site: Site, scope: str
) -> None:
    client = await relying(site, machine(scopes=(CHECK, "openid", "email")))
    answer = await client.posts(Endpoint.TOKEN, MACHINE_FORM | {"scope": scope})
    assert answer.json()["error"] == "invalid_scope"


async def test_a_client_that_signs_proves_itself_once_by_each_assertion(site: Site) -> None:
    client = await Keyed(site).registered()
    signed = assertion(site, client.id, client.key)
    assert (await client.asks(signed)).status_code == 200
    again = await client.asks(signed)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    at_endpoint = assertion(site, client.id, client.key, aud=site.at(Endpoint.TOKEN))
    assert (await client.asks(at_endpoint, client_id=client.id)).status_code == 200


async def test_of_many_that_send_one_assertion_at_once_exactly_one_gets_a_token(
    site: Site,
) -> None:
    client = await Keyed(site).registered()
    signed = assertion(site, client.id, client.key)
    answers = await asyncio.gather(*(client.asks(signed) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5


async def test_assertions_that_prove_nothing_are_refused(site: Site) -> None:
    client = await Keyed(site).registered()
    other, _ = new_key()
    mixed_up = [site.url, "https://another.example"]
    for signed in (
        assertion(site, client.id, other),
        assertion(site, client.id, client.key, aud="https://another.example"),
        assertion(site, client.id, client.key, aud=mixed_up),
        assertion(site, client.id, client.key, header={"typ": "dpop+jwt"}),
        assertion(site, client.id, client.key, exp=int(site.clock().timestamp()) + 3700),
        "garbage",
    ):
        answer = await client.asks(signed)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    signed = assertion(site, client.id, client.key)
    named_otherwise = await client.asks(signed, client_id="another")
    assert named_otherwise.json()["error"] == "invalid_client"


async def test_one_proof_at_a_time(site: Site, council: Relying) -> None:
    client = await Keyed(site).registered()
    form = {
        **MACHINE_FORM,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion(site, client.id, client.key),
    }
    answer = await council.posts(Endpoint.TOKEN, form)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!!",
        "Basic " + base64.b64encode(b"no-colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Bearer abc",
        "Digest x",
    ],
)
async def test_a_header_that_proves_nothing_is_refused(site: Site, header: str) -> None:
    answer = await site.http.post(
        site.at(Endpoint.TOKEN), data=MACHINE_FORM, headers={"authorization": header}
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_a_wrong_secret_and_an_unknown_client_are_answered_alike(
    site: Site, council: Relying
) -> None:
    wrong = await site.http.post(
        site.at(Endpoint.TOKEN), data=MACHINE_FORM, auth=(council.id, "wrong")
    )
    unknown = await site.http.post(
        site.at(Endpoint.TOKEN), data=MACHINE_FORM, auth=("kc-unknown", "wrong")
    )
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


async def test_the_halves_of_a_basic_header_are_form_encoded(site: Site) -> None:
    client = await relying(site, machine())
    pair = f"{quote(client.id, safe='')}:{quote(client.secret, safe='')}".replace("-", "%2D")
    header = {"authorization": "basic " + base64.b64encode(pair.encode()).decode()}
    answer = await site.http.post(site.at(Endpoint.TOKEN), data=MACHINE_FORM, headers=header)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "unauthorized_client"),
    ],
)
async def test_other_ways_to_ask_for_a_token_are_refused(
    site: Site, form: dict[str, str], error: str
) -> None:
    client = await relying(site, machine())
    answer = await client.posts(Endpoint.TOKEN, form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_a_form_said_twice_or_no_form_at_all_is_refused(site: Site) -> None:
    client = await relying(site, machine())
    url = site.at(Endpoint.TOKEN)
    form = {"content-type": "application/x-www-form-urlencoded"}
    twice = "grant_type=client_credentials&grant_type=client_credentials"
    answer = await site.http.post(url, content=twice, headers=form, auth=client.auth)
    assert answer.json()["error"] == "invalid_request"
    as_json = await site.http.post(url, json=MACHINE_FORM, auth=client.auth)
    assert as_json.status_code == 400
    huge = await site.http.post(url, content="a=" + "x" * 70_000, headers=form, auth=client.auth)
    assert huge.status_code == 400
    bytes_ = await site.http.post(url, content=b"grant_type=\xff", headers=form, auth=client.auth)
    assert bytes_.json()["error"] == "invalid_request"


async def test_only_its_own_client_and_resource_servers_learn_about_a_token(
    site: Site, browser: Browser, council: Relying, partner: Relying
) -> None:
    token = {"token": (await council.tokens(browser, scope="openid email"))["access_token"]}
    own = (await council.posts(Endpoint.INTROSPECT, token)).json()
    assert (own["active"], own["scope"], own["acr"]) == (True, "openid email", "aal1")
    assert "grant" not in own
    assert (await partner.posts(Endpoint.INTROSPECT, token)).json() == {"active": False}
    server = await relying(site, machine(introspects=True))
    assert (await server.posts(Endpoint.INTROSPECT, token)).json()["active"]
    site.clock.ahead += timedelta(minutes=6)
    assert (await server.posts(Endpoint.INTROSPECT, token)).json() == {"active": False}
    for other in ("", "made-up", token["token"] + "x"):
        answer = await server.posts(Endpoint.INTROSPECT, {"token": other})
        assert answer.json() == {"active": False}


async def test_an_access_token_given_up_stops_alone_and_a_refresh_token_with_its_grant(
    browser: Browser, council: Relying, partner: Relying
) -> None:
    tokens = await council.tokens(browser, scope="openid offline_access")
    foreign = await partner.posts(Endpoint.REVOKE, {"token": tokens["access_token"]})
    assert foreign.json()["error"] == "unauthorized_client"
    foreign = await partner.posts(Endpoint.REVOKE, {"token": tokens["refresh_token"]})
    assert foreign.json()["error"] == "unauthorized_client"
    assert (await council.asks(tokens["access_token"])).status_code == 200
    for _ in range(2):
        given_up = await council.posts(Endpoint.REVOKE, {"token": tokens["access_token"]})
        assert given_up.status_code == 200
    assert (await council.asks(tokens["access_token"])).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    renewed = (await council.posts(Endpoint.TOKEN, form)).json()
    await council.posts(Endpoint.REVOKE, {"token": renewed["refresh_token"]})
    assert (await council.asks(renewed["access_token"])).status_code == 401
    unknown = await council.posts(Endpoint.REVOKE, {"token": "made-up"})
    assert unknown.status_code == 200


async def test_a_new_secret_takes_the_place_of_the_old(site: Site) -> None:
    client = await relying(site, machine())
    async with site.database.transaction() as session:
        secret = await clients.change_secret(session, client.id, actor=SYSTEM, now=site.clock())
    assert (await client.posts(Endpoint.TOKEN, MACHINE_FORM)).status_code == 401
    client.secret = secret
    assert (await client.posts(Endpoint.TOKEN, MACHINE_FORM)).status_code == 200
    keyed = await Keyed(site).registered()
    async with site.database.transaction() as session:
        for nobody in (keyed.id, "kc-unknown"):
            with pytest.raises(NoSuchClient):
                await clients.change_secret(session, nobody, actor=SYSTEM, now=site.clock())


async def test_staff_see_clients_by_name_and_each_change_is_recorded(site: Site) -> None:
    await site.add(machine(name="Zoo"))
    registered = await site.add(machine(name="Archive"))
    async with site.database.transaction() as session:
        await clients.disable(session, registered.client_id, actor=SYSTEM, now=site.clock())
        with pytest.raises(NoSuchClient):
            await clients.disable(session, registered.client_id, actor=SYSTEM, now=site.clock())
        listed = await clients.listed(session)
    async with site.database.transaction() as session:  # rows are chained at the commit
        actions = list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))
    assert [(client.name, client.disabled) for client in listed] == [
        ("Archive", True),
        ("Zoo", False),
    ]
    assert actions[-3:] == ["client-added", "client-added", "client-disabled"]


_RSA_SMALL = {"kty": "RSA", "e": "AQAB", "n": "AQAB" * 32}


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "x" * 121}),
        ("name", {"name": "a\nb"}),
        ("grant_types", {"grant_types": ("implicit",)}),
        ("scopes", {"scopes": ("openid", "everything")}),
        ("redirect_uris", {"redirect_uris": ()}),
        ("redirect_uris", {"redirect_uris": ("http://example.org/callback",)}),
        ("redirect_uris", {"redirect_uris": ("https://*.example.org/callback",)}),
        ("redirect_uris", {"redirect_uris": ("https://example.org/#top",)}),
        ("redirect_uris", {"redirect_uris": ("https://user@example.org/",)}),
        ("redirect_uris", {"redirect_uris": ("https://example.org:port/",)}),
        ("redirect_uris", {"redirect_uris": ("https://[::1/",)}),
        ("redirect_uris", {"redirect_uris": ("javascript:alert(1)",)}),
        ("redirect_uris", {"redirect_uris": ("/callback",)}),
        ("redirect_uris", {"redirect_uris": ("https://example.org/" + "x" * 2000,)}),
        ("post_logout_redirect_uris", {"post_logout_redirect_uris": ("http://example.org/",)}),
        ("backchannel_logout_uri", {"backchannel_logout_uri": "http://10.0.0.1/"}),
        ("keys", {"auth": ClientAuth.PRIVATE_KEY_JWT}),
        ("keys", {"keys": ({"kty": "EC"},)}),
        ("keys", {"auth": ClientAuth.PRIVATE_KEY_JWT, "keys": ({"kty": "oct", "k": "AA"},)}),
        ("keys", {"auth": ClientAuth.PRIVATE_KEY_JWT, "keys": (_RSA_SMALL,)}),
        ("sector", {"redirect_uris": ("https://a.example/", "https://b.example/")}),
        ("id_token_alg", {"id_token_alg": "HS256"}),
        ("auth", {"auth": ClientAuth.NONE, "pkce_required": False}),
        ("auth", {"auth": ClientAuth.NONE, "grant_types": ("client_credentials",)}),
    ],
)
async def test_a_registration_with_a_fault_says_which_and_stores_nothing(
    site: Site, field: str, changed: dict[str, object]
) -> None:
    with pytest.raises(InvalidDetails) as refused:
        await site.add(msgspec.structs.replace(COUNCIL, **changed))
    assert field in refused.value.faults
    assert await site.count(OidcClient) == 0


async def test_a_private_key_is_never_taken_for_a_public_one(site: Site) -> None:
    _, jwk = new_key()
    with pytest.raises(InvalidDetails, match="public JWK"):
        await site.add(machine(auth=ClientAuth.PRIVATE_KEY_JWT, keys=({**jwk, "d": "AA"},)))


async def test_the_database_keeps_a_secret_to_clients_that_use_one(site: Site) -> None:
    client = await relying(site, machine())
    async with site.database.engine.connect() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(
                update(OidcClient).where(OidcClient.id == client.id).values(secret_hash=None)
            )
