"""A provider on loopback, a resident's browser, and clients as developers write them."""

import asyncio
import html
import json
import re
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import httpx
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from jwt import PyJWK, PyJWT
from jwt.algorithms import ECAlgorithm
from sqlalchemy import Select, select

from cardservice.database import Database
from identity import accounts
from identity.actors import SYSTEM
from identity.keys import FileKeyStore
from identity.oidc import clients
from identity.oidc.clients import Registered
from identity.oidc.jose import encoded
from identity.oidc.models import Basis, ClientAuth
from identity.oidc.parameters import Parameters
from identity.oidc.provider import Endpoint, Provider
from identity.oidc.registration import CODE, REFRESH, NewClient
from identity.oidc.signing import Signer
from identity.personal import Vault
from tests.support.oidc_pages import PAGES, ShiftedClock, provider_app
from tests.support.people import CLERK, JEAN, OWN, tables

OIDC_TABLES: Final = OWN | {"identity.oidc.models"}
CALLBACK: Final = "http://localhost:9/callback"
SIGNED_OUT: Final = "http://localhost:9/signed-out"
VERIFIER: Final = "a-verifier-of-the-tests-that-is-long-enough-0123456789"

COUNCIL: Final = NewClient(
    name="Kent Libraries",
    basis=Basis.PUBLIC_TASK,
    auth=ClientAuth.CLIENT_SECRET_BASIC,
    grant_types=(CODE, REFRESH),
    scopes=("openid", "profile", "email", "address", "offline_access"),
    redirect_uris=(CALLBACK,),
    post_logout_redirect_uris=(SIGNED_OUT,),
)
PARTNER: Final = NewClient(
    name="Example Leisure",
    basis=Basis.CONSENT,
    auth=ClientAuth.CLIENT_SECRET_BASIC,
    grant_types=(CODE, REFRESH),
    scopes=("openid", "profile", "email", "offline_access"),
    redirect_uris=("http://127.0.0.1:9/callback",),
)


class Site:
    """A provider on loopback and what a test does with it and behind it."""

    def __init__(
        self, url: str, database: Database, keystore: FileKeyStore, clock: ShiftedClock
    ) -> None:
        self.url = url
        self.database = database
        self.clock = clock
        self.provider = Provider(url, Signer(keystore), Vault(keystore))
        self.jean = UUID(int=0)
        self.http = httpx.AsyncClient(timeout=20)

    async def prepare(self) -> None:
        """Register Jean."""
        async with self.database.transaction() as session:
            account = await accounts.register(
                session, self.provider.vault, JEAN, actor=CLERK, now=self.clock()
            )
            self.jean = account.id

    async def add(self, details: NewClient) -> Registered:
        """Register a client."""
        async with self.database.transaction() as session:
            return await clients.add(session, details, actor=SYSTEM, now=self.clock())

    async def one(self, statement: Select[Any]) -> Any:  # noqa: ANN401  (whatever was asked for)
        """One value from the database."""
        async with self.database.transaction() as session:
            return await session.scalar(statement)

    async def count(self, model: Any) -> int:  # noqa: ANN401  (a mapped class)
        async with self.database.transaction() as session:
            return len((await session.scalars(select(model))).all())

    def at(self, endpoint: Endpoint) -> str:
        return self.provider.url(endpoint)


class Browser:
    """Jean's browser: follows redirects on the provider's site and stops where they leave it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.http = httpx.AsyncClient(base_url=site.url, timeout=20)
        self.pages: list[str] = []

    async def goes(self, url: str, data: dict[str, str] | None = None) -> httpx.Response:
        """Follow redirects until a page here, or an address elsewhere."""
        answer = await self._ask(url, data)
        while answer.status_code == 303:
            onward = answer.headers["location"]
            if not onward.startswith(("/", self.site.url)):
                return answer
            answer = await self._ask(onward, None)
        return answer

    async def signs_in(
        self, page: httpx.Response, account: UUID | None = None, by: str = "email-code"
    ) -> httpx.Response:
        """Fill in the sign-in page. `by`: values of `SignInMethod`, with spaces between."""
        assert page.url.path == PAGES.sign_in, (page.url, page.text)
        form = {
            "request": self._handle(page),
            "account": str(account or self.site.jean),
            "methods": by,
        }
        return await self.goes(PAGES.sign_in, form)

    async def answers(self, page: httpx.Response, answer: str = "agree") -> httpx.Response:
        """Answer the consent page."""
        assert page.url.path == PAGES.consent, (page.url, page.text)
        return await self.goes(PAGES.consent, {"request": self._handle(page), "answer": answer})

    async def confirms(self, page: httpx.Response) -> httpx.Response:
        """Answer the sign-out page."""
        assert page.url.path == PAGES.sign_out, (page.url, page.text)
        return await self.goes(PAGES.sign_out, {"request": self._handle(page)})

    async def _ask(self, url: str, data: dict[str, str] | None) -> httpx.Response:
        self.pages.append(urlsplit(url).path)
        if data is None:
            return await self.http.get(url)
        return await self.http.post(url, data=data)

    @staticmethod
    def _handle(page: httpx.Response) -> str:
        found = re.search(r'name="request" value="([^"]*)"', page.text)
        assert found, page.text
        return html.unescape(found.group(1))


def answer_of(response: httpx.Response) -> dict[str, str]:
    """The parameters with which a browser was sent back to a client."""
    assert response.status_code == 303, (response.status_code, response.text)
    return dict(parse_qsl(urlsplit(response.headers["location"]).query))


def parameters(**values: str) -> Parameters:
    return Parameters(values)


def new_key(name: str = "key-1") -> tuple[ec.EllipticCurvePrivateKey, dict[str, str]]:
    """A P-256 key of a client, and its public JWK."""
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return key, {**jwk, "kid": name, "alg": "ES256", "use": "sig"}


def signed(
    key: Any,  # noqa: ANN401  (any private key that PyJWT takes)
    claims: dict[str, Any],
    *,
    algorithm: str = "ES256",
    **header: Any,  # noqa: ANN401  (members of a JOSE header)
) -> str:
    """A JWT by a key of the tests."""
    return PyJWT().encode(claims, key, algorithm=algorithm, headers=header)


def verified(token: str, jwks: dict[str, Any], **options: Any) -> dict[str, Any]:  # noqa: ANN401  (PyJWT's)
    """The claims of a token of the provider, verified with its published keys."""
    kid = PyJWT().decode_complete(token, options={"verify_signature": False})["header"]["kid"]
    key = next(key for key in jwks["keys"] if key["kid"] == kid)
    claims: dict[str, Any] = PyJWT().decode(
        token,
        PyJWK.from_dict(key),
        algorithms=[key["alg"]],
        options={"verify_exp": False, "verify_iat": False},  # the provider's clock may be moved
        **options,
    )
    return claims


def assertion(
    site: Site,
    client_id: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    header: dict[str, Any] | None = None,
    **changed: Any,  # noqa: ANN401  (claims)
) -> str:
    """A client assertion in order, but for what a test changes."""
    now = int(site.clock().timestamp())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": site.url,
        "iat": now,
        "exp": now + 60,
        "jti": secrets.token_urlsafe(),
    }
    claims |= changed
    claims = {name: value for name, value in claims.items() if value is not None}
    return signed(key, claims, **{"kid": "key-1", **(header or {})})


@asynccontextmanager
async def running(url: str, keystore: FileKeyStore) -> AsyncIterator[Site]:
    """A provider on loopback, over an empty database with one resident."""
    clock = ShiftedClock()
    async with tables(url, OIDC_TABLES) as database:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            own = f"http://localhost:{listener.getsockname()[1]}"
            app = provider_app(own, database, keystore, clock)
            server = uvicorn.Server(
                uvicorn.Config(app, log_level="warning", lifespan="off", ws="none")
            )
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:
                assert not serving.done(), "the provider did not start"
                await asyncio.sleep(0.01)
            site = Site(own, database, keystore, clock)
            await site.prepare()
            try:
                yield site
            finally:
                await site.http.aclose()
                server.should_exit = True
                await serving


class Relying:
    """A client with a secret, as a careful developer would write it."""

    def __init__(self, site: Site, registered: Registered, details: NewClient) -> None:
        self.site = site
        self.id = registered.client_id
        self.secret = registered.secret or ""
        self.redirect_uri = details.redirect_uris[0] if details.redirect_uris else ""

    @property
    def auth(self) -> tuple[str, str]:
        return self.id, self.secret

    def url(self, **changed: str | None) -> str:
        """An authorization request in order, but for what a test changes; None leaves out."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": challenge(VERIFIER),
            "code_challenge_method": "S256",
        }
        asked |= changed
        sent = {name: value for name, value in asked.items() if value is not None}
        return f"{Endpoint.AUTHORIZE}?{urlencode(sent)}"

    async def signs_in(self, browser: Browser, **changed: str | None) -> dict[str, str]:
        """What the browser brings back after Jean signed in (and agreed where asked)."""
        page = await browser.goes(self.url(**changed))
        if page.status_code == 200 and page.url.path == PAGES.sign_in:
            page = await browser.signs_in(page)
        if page.status_code == 200 and page.url.path == PAGES.consent:
            page = await browser.answers(page)
        return answer_of(page)

    async def redeems(self, code: str, **changed: str) -> httpx.Response:
        """Ask for tokens with a code."""
        form = {
            "grant_type": CODE,
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
        }
        return await self.posts(Endpoint.TOKEN, form | changed)

    async def posts(
        self, endpoint: Endpoint, form: dict[str, str], **headers: str
    ) -> httpx.Response:
        """A request of the client itself, with its secret."""
        return await self.site.http.post(
            self.site.at(endpoint), data=form, auth=self.auth, headers=headers
        )

    async def tokens(self, browser: Browser, **changed: str | None) -> dict[str, Any]:
        """Tokens of a whole sign-in."""
        answer = await self.redeems((await self.signs_in(browser, **changed))["code"])
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def asks(self, token: str, **more: Any) -> httpx.Response:  # noqa: ANN401  (httpx's)
        """The userinfo answer."""
        headers = {"authorization": f"Bearer {token}", **more.pop("headers", {})}
        method = more.pop("method", "GET")
        return await self.site.http.request(
            method, self.site.at(Endpoint.USERINFO), headers=headers, **more
        )


def challenge(verifier: str) -> str:
    return encoded(sha256(verifier.encode()).digest())


async def relying(site: Site, details: NewClient) -> Relying:
    """Register a client and be it."""
    return Relying(site, await site.add(details), details)
