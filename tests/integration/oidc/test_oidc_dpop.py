"""Tokens bound to a key: of no use to whoever steals them."""

import secrets
from hashlib import sha256
from typing import Any

import httpx
import msgspec

from identity.oidc.jose import encoded, thumbprint
from identity.oidc.provider import Endpoint
from tests.support.oidc import COUNCIL, Browser, Relying, Site, answer_of, new_key, relying, signed

OFFLINE = "openid offline_access"


class Holder:
    """Somebody with a key."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.key, jwk = new_key()
        self.jwk = {name: jwk[name] for name in ("kty", "crv", "x", "y")}

    def proof(
        self,
        endpoint: Endpoint,
        method: str = "POST",
        *,
        token: str = "",
        **changed: Any,  # noqa: ANN401  (claims)
    ) -> str:
        claims = {
            "htm": method,
            "htu": self.site.at(endpoint),
            "iat": int(self.site.clock().timestamp()),
            "jti": secrets.token_urlsafe(),
        }
        if token:
            claims["ath"] = encoded(sha256(token.encode()).digest())
        return signed(self.key, claims | changed, typ="dpop+jwt", jwk=self.jwk)

    async def asks(self, token: str, proof: str | None, scheme: str = "DPoP") -> httpx.Response:
        headers = {"authorization": f"{scheme} {token}"}
        if proof is not None:
            headers["dpop"] = proof
        return await self.site.http.get(self.site.at(Endpoint.USERINFO), headers=headers)


async def redeemed(client: Relying, holder: Holder, code: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": "a-verifier-of-the-tests-that-is-long-enough-0123456789",
    }
    return await client.posts(Endpoint.TOKEN, form, dpop=holder.proof(Endpoint.TOKEN))


async def renewed(client: Relying, token: str, **headers: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return await client.posts(Endpoint.TOKEN, form, **headers)


async def test_a_bound_token_works_for_its_holder_only(
    site: Site, browser: Browser, council: Relying
) -> None:
    holder, thief = Holder(site), Holder(site)
    code = (await council.signs_in(browser))["code"]
    tokens = (await redeemed(council, holder, code)).json()
    assert tokens["token_type"] == "DPoP"
    token = tokens["access_token"]
    told = (await council.posts(Endpoint.INTROSPECT, {"token": token})).json()
    assert told["cnf"] == {"jkt": thumbprint(holder.jwk)}
    proof = holder.proof(Endpoint.USERINFO, "GET", token=token)
    assert (await holder.asks(token, proof)).status_code == 200
    assert (await holder.asks(token, proof)).status_code == 401  # the same proof again
    assert (await holder.asks(token, None, "Bearer")).status_code == 401
    assert (await holder.asks(token, None)).status_code == 401
    stolen = thief.proof(Endpoint.USERINFO, "GET", token=token)
    assert (await thief.asks(token, stolen)).status_code == 401
    for proof in (
        holder.proof(Endpoint.USERINFO, "GET"),  # for no token
        holder.proof(Endpoint.USERINFO, "GET", token="another"),
        holder.proof(Endpoint.USERINFO, "POST", token=token),
        holder.proof(Endpoint.TOKEN, "GET", token=token),
        "garbage",
    ):
        answer = await holder.asks(token, proof)
        assert answer.status_code == 401


async def test_a_bearer_token_is_not_taken_with_a_proof(
    site: Site, browser: Browser, council: Relying
) -> None:
    holder = Holder(site)
    token = (await council.tokens(browser))["access_token"]
    proof = holder.proof(Endpoint.USERINFO, "GET", token=token)
    assert (await holder.asks(token, proof)).status_code == 401


async def test_a_refresh_token_stays_with_its_key(
    site: Site, browser: Browser, council: Relying
) -> None:
    holder, thief = Holder(site), Holder(site)
    code = (await council.signs_in(browser, scope=OFFLINE))["code"]
    refresh = (await redeemed(council, holder, code)).json()["refresh_token"]
    bare = await renewed(council, refresh)
    assert bare.json()["error"] == "invalid_dpop_proof"
    stolen = await renewed(council, refresh, dpop=thief.proof(Endpoint.TOKEN))
    assert stolen.json()["error"] == "invalid_dpop_proof"
    own = await renewed(council, refresh, dpop=holder.proof(Endpoint.TOKEN))
    assert (own.status_code, own.json()["token_type"]) == (200, "DPoP")


async def test_a_code_promised_to_a_key_goes_to_no_other(
    site: Site, browser: Browser, council: Relying
) -> None:
    holder, thief = Holder(site), Holder(site)
    code = (await council.signs_in(browser, dpop_jkt=thumbprint(holder.jwk)))["code"]
    assert (await council.redeems(code)).json()["error"] == "invalid_dpop_proof"
    assert (await redeemed(council, thief, code)).json()["error"] == "invalid_dpop_proof"
    assert (await redeemed(council, holder, code)).status_code == 200


async def test_a_pushed_request_with_a_proof_promises_the_code_to_its_key(
    site: Site, browser: Browser, council: Relying
) -> None:
    holder, thief = Holder(site), Holder(site)
    form = dict(httpx.URL(council.url()).params)
    pushed = await council.posts(Endpoint.PUSH, form, dpop=holder.proof(Endpoint.PUSH))
    bring = {"client_id": council.id, "request_uri": pushed.json()["request_uri"]}
    url = str(browser.http.build_request("GET", Endpoint.AUTHORIZE.value, params=bring).url)
    code = answer_of(await browser.signs_in(await browser.goes(url)))["code"]
    assert (await redeemed(council, thief, code)).json()["error"] == "invalid_dpop_proof"
    assert (await redeemed(council, holder, code)).status_code == 200
    torn = await council.posts(
        Endpoint.PUSH,
        form | {"dpop_jkt": thumbprint(thief.jwk)},
        dpop=holder.proof(Endpoint.PUSH),
    )
    assert torn.json()["error"] == "invalid_dpop_proof"


async def test_a_client_agreed_to_use_dpop_gets_no_bearer_token(
    site: Site, browser: Browser
) -> None:
    client = await relying(site, msgspec.structs.replace(COUNCIL, dpop_required=True))
    code = (await client.signs_in(browser))["code"]
    assert (await client.redeems(code)).json()["error"] == "invalid_dpop_proof"
    assert (await redeemed(client, Holder(site), code)).status_code == 200


async def test_two_proofs_at_once_are_refused(
    site: Site, browser: Browser, council: Relying
) -> None:
    holder = Holder(site)
    code = (await council.signs_in(browser))["code"]
    form = {"grant_type": "authorization_code", "code": code}
    headers = [("dpop", holder.proof(Endpoint.TOKEN)), ("dpop", holder.proof(Endpoint.TOKEN))]
    answer = await site.http.post(
        site.at(Endpoint.TOKEN), data=form, headers=httpx.Headers(headers), auth=council.auth
    )
    assert answer.json()["error"] == "invalid_dpop_proof"
