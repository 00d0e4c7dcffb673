"""Authlib and joserfc, which are not ours, as a client and as a verifier of what we sign."""

import warnings
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from identity.oidc.models import ClientAuth
from identity.oidc.provider import Endpoint
from identity.oidc.registration import CODE, MACHINE, REFRESH
from tests.support.oidc import CALLBACK, COUNCIL, VERIFIER, Browser, Site, relying

with warnings.catch_warnings():
    # It says that its own use of httpx is to be replaced.
    from authlib.deprecate import (  # type: ignore[import-untyped]  # it ships no types
        AuthlibDeprecationWarning,
    )

    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import (  # type: ignore[import-untyped]  # likewise
        AsyncOAuth2Client,
        OAuthError,
    )
    from authlib.oauth2.rfc7523 import (  # type: ignore[import-untyped]  # likewise
        PrivateKeyJWT,
    )

SCOPE = "openid profile offline_access"


async def authorised(client: Any, site: Site, browser: Browser) -> dict[str, Any]:  # noqa: ANN401  (Authlib has no types)
    """Through the browser, as Authlib asks for it."""
    url, state = client.create_authorization_url(
        site.at(Endpoint.AUTHORIZE), code_verifier=VERIFIER, nonce="the-nonce"
    )
    page = await browser.goes(url)
    if page.status_code == 200:
        page = await browser.signs_in(page)
    tokens: dict[str, Any] = await client.fetch_token(
        site.at(Endpoint.TOKEN),
        authorization_response=page.headers["location"],
        code_verifier=VERIFIER,
        state=state,
    )
    return tokens


async def keys_of(site: Site) -> KeySet:
    return KeySet.import_key_set((await site.http.get(site.at(Endpoint.JWKS))).json())


@pytest.fixture
async def basic(site: Site) -> AsyncIterator[Any]:
    known = await relying(site, COUNCIL)
    client = AsyncOAuth2Client(
        known.id,
        known.secret,
        scope=SCOPE,
        redirect_uri=CALLBACK,
        token_endpoint_auth_method="client_secret_basic",
        code_challenge_method="S256",
    )
    yield client
    await client.aclose()


async def test_authlib_signs_in_renews_asks_and_gives_up(
    site: Site,
    browser: Browser,
    basic: Any,  # noqa: ANN401  (Authlib has no types)
) -> None:
    tokens = await authorised(basic, site, browser)
    claims = jwt.decode(tokens["id_token"], await keys_of(site), algorithms=["ES256"]).claims
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": site.url},
        aud={"essential": True, "value": basic.client_id},
        nonce={"essential": True, "value": "the-nonce"},
    )
    registry.validate(claims)
    told = (await basic.get(site.at(Endpoint.USERINFO))).json()
    assert (told["sub"], told["family_name"]) == (claims["sub"], "O'Malley")
    renewed = await basic.refresh_token(site.at(Endpoint.TOKEN))
    assert renewed["refresh_token"] != tokens["refresh_token"]
    inside = await basic.introspect_token(
        site.at(Endpoint.INTROSPECT), token=renewed["access_token"]
    )
    assert inside.json()["active"]
    await basic.revoke_token(site.at(Endpoint.REVOKE), token=renewed["refresh_token"])
    again = await basic.introspect_token(
        site.at(Endpoint.INTROSPECT), token=renewed["access_token"]
    )
    assert again.json() == {"active": False}
    with pytest.raises(OAuthError, match="invalid_grant"):
        await basic.refresh_token(site.at(Endpoint.TOKEN), renewed["refresh_token"])


async def test_authlib_refuses_an_answer_to_another_state(
    site: Site,
    browser: Browser,
    basic: Any,  # noqa: ANN401  (likewise)
) -> None:
    url, _ = basic.create_authorization_url(site.at(Endpoint.AUTHORIZE), code_verifier=VERIFIER)
    page = await browser.signs_in(await browser.goes(url))
    location = httpx.URL(page.headers["location"]).copy_set_param("state", "another")
    with pytest.raises(Exception, match="state"):
        await basic.fetch_token(
            site.at(Endpoint.TOKEN),
            authorization_response=str(location),
            code_verifier=VERIFIER,
            state="the-state",
        )


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_authlib_proves_itself_by_key_and_acts_on_its_own_behalf(
    site: Site, algorithm: str
) -> None:
    made = ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)
    public = {str(name): str(value) for name, value in made.as_dict(private=False).items()}
    details = msgspec.structs.replace(
        COUNCIL,
        auth=ClientAuth.PRIVATE_KEY_JWT,
        keys=(public,),
        grant_types=(CODE, REFRESH, MACHINE),
        scopes=("openid", "entitlements:check"),
    )
    registered = await site.add(details)
    async with AsyncOAuth2Client(
        registered.client_id, made, token_endpoint_auth_method="private_key_jwt"
    ) as client:
        client.register_client_auth_method(PrivateKeyJWT(site.at(Endpoint.TOKEN), alg=algorithm))
        tokens = await client.fetch_token(
            site.at(Endpoint.TOKEN), grant_type="client_credentials", scope="entitlements:check"
        )
    claims = jwt.decode(tokens["access_token"], await keys_of(site), algorithms=["ES256"]).claims
    assert claims["sub"] == claims["client_id"] == registered.client_id
