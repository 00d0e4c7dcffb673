"""A site of somebody else that residents sign in to, on another port."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from identity.actors import SYSTEM
from identity.oidc import clients
from identity.oidc.clients import Registered
from identity.oidc.provider import Endpoint
from tests.support.oidc import PARTNER, VERIFIER, challenge, verified
from tests.support.web import LiveServer


class RelyingSite:
    """A small site on another port, which redeems the codes that browsers bring it."""

    def __init__(self, live: LiveServer, url: str) -> None:
        self.live = live
        self.url = url
        self.callback = f"{url}/callback"
        self.after = f"{url}/bye"
        details = msgspec.structs.replace(
            PARTNER, redirect_uris=(self.callback,), post_logout_redirect_uris=(self.after,)
        )

        async def work(session: AsyncSession) -> Registered:
            return await clients.add(session, details, actor=SYSTEM, now=live.clock())

        self.client = live.do(work)
        self.tokens: dict[str, str] = {}

    def begins(self, **more: str) -> str:
        """Where its sign-in link leads. `more`: other parameters of the request."""
        asked = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.callback,
            "scope": "openid profile email",
            "state": "the-state",
            "nonce": "the-nonce",
            "code_challenge": challenge(VERIFIER),
            "code_challenge_method": "S256",
        }
        return f"{self.live.url}{Endpoint.AUTHORIZE}?{urlencode(asked | more)}"

    def answers(self, address: str) -> str:
        """What it says to a browser that comes back."""
        parts = urlsplit(address)
        brought = dict(parse_qsl(parts.query))
        if parts.path == "/bye":
            return "Goodbye"
        if "code" not in brought:
            return f"Not signed in: {brought.get('error')}"
        form = {
            "grant_type": "authorization_code",
            "code": brought["code"],
            "redirect_uri": self.callback,
            "code_verifier": VERIFIER,
        }
        auth = (self.client.client_id, self.client.secret or "")
        answer = httpx.post(f"{self.live.url}{Endpoint.TOKEN}", data=form, auth=auth)
        self.tokens = answer.json()
        return f"Welcome, {self.person()['name']}"

    def person(self) -> dict[str, str]:
        """What the server tells it of the resident; empty when it is told nothing."""
        bearer = {"authorization": f"Bearer {self.tokens['access_token']}"}
        answer = httpx.get(f"{self.live.url}{Endpoint.USERINFO}", headers=bearer)
        told: dict[str, str] = answer.json() if answer.status_code == httpx.codes.OK else {}
        return told

    def claims(self) -> dict[str, object]:
        """Of the ID token, verified."""
        keys = httpx.get(f"{self.live.url}{Endpoint.JWKS}").json()
        return verified(self.tokens["id_token"], keys, audience=self.client.client_id)


@contextmanager
def relying_site(live: LiveServer) -> Iterator[RelyingSite]:
    """Such a site, answering."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = known.answers(self.path) if self.path != "/favicon.ico" else ""
            body = f"<!doctype html><title>Leisure</title><p>{said}".encode()
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: a code is in the address."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    known = RelyingSite(live, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield known
    server.shutdown()
    thread.join(10)
    server.server_close()
