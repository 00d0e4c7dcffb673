"""A resident signs in to another site with their account, sees what it may see, and stops it."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy.ext.asyncio import AsyncSession

from identity.actors import SYSTEM
from identity.oidc import clients, logout_notices
from identity.oidc.clients import Registered
from identity.oidc.provider import Endpoint
from identity.sessions import PROOF_LIFE
from tests.support.browser import Reader
from tests.support.oidc import PARTNER, VERIFIER, challenge, verified
from tests.support.people import JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
SHARE = f"Share your information with {PARTNER.name}"
INFORMATION = "Your information"


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

    def begins(self) -> str:
        """Where its sign-in link leads."""
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
        return f"{self.live.url}{Endpoint.AUTHORIZE}?{urlencode(asked)}"

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


@pytest.fixture
def site(live_server: LiveServer) -> Iterator[RelyingSite]:
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

    live_server.register(JEAN)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    known = RelyingSite(live_server, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield known
    server.shutdown()
    thread.join(10)
    server.server_close()


def sign_in(reader: Reader, live: LiveServer) -> None:
    reader.page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    reader.page.get_by_label("Code").fill(live.newest_code())
    reader.press("Sign in")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_resident_signs_in_to_a_partner_sees_it_and_stops_it(
    browser: Browser, live_server: LiveServer, site: RelyingSite, *, scripts: bool
) -> None:
    reader = Reader(browser, live_server.url, javascript=scripts)
    page = reader.page
    page.goto(site.begins())
    sign_in(reader, live_server)
    expect(page).to_have_title(f"{SHARE} – Kent Card")
    if scripts:
        reader.check(SHARE)
    assert reader.says("Example Leisure will see: your name your e-mail address")
    reader.press("Agree and continue")
    expect(page.get_by_text("Welcome, Jean O'Malley")).to_be_visible()
    assert (site.claims()["nonce"], site.claims()["amr"]) == ("the-nonce", ["otp"])
    reader.fetched.clear()
    page.goto("/account/information")
    assert reader.says("Example Leisure This service can see: your name your e-mail address")
    if scripts:
        reader.check(INFORMATION)
    page.get_by_role("button", name="Stop sharing with Example Leisure").click()
    assert reader.says("The service cannot see your information from Kent Card any more")
    assert reader.says("You do not share information with any other service.")
    if scripts:
        reader.check(INFORMATION)
    assert site.person() == {}
    page.goto(site.begins())
    expect(page).to_have_title(f"{SHARE} – Kent Card")
    reader.press("Do not share")
    expect(page.get_by_text("Not signed in: access_denied")).to_be_visible()


def test_a_partner_asks_to_sign_a_resident_out(
    reader: Reader, live_server: LiveServer, site: RelyingSite
) -> None:
    page = reader.page
    page.goto("/sign-in")
    sign_in(reader, live_server)
    asked = {"client_id": site.client.client_id, "post_logout_redirect_uri": site.after}
    leaving = f"{Endpoint.LOGOUT}?{urlencode(asked)}"
    page.goto(leaving)
    reader.check("Do you want to sign out of Kent Card?")
    reader.press("Yes, sign out")
    expect(page.get_by_text("Goodbye")).to_be_visible()
    page.goto("/account")
    expect(page).to_have_title("Sign in to your Kent Card account – Kent Card")
    reader.fetched.clear()
    page.goto(Endpoint.LOGOUT)
    reader.check("You are signed out")
    page.goto(leaving.replace("kc-", "kc-un"))
    reader.check("The service you came from could not sign you in or out")


def test_a_fresh_proof_does_not_sign_a_resident_out_of_sites(
    reader: Reader, live_server: LiveServer, site: RelyingSite
) -> None:
    page = reader.page
    page.goto(site.begins())
    sign_in(reader, live_server)
    reader.press("Agree and continue")
    expect(page.get_by_text("Welcome, Jean O'Malley")).to_be_visible()
    live_server.clock.move(PROOF_LIFE)
    page.goto("/account/password")
    reader.press("Send me a code")
    page.get_by_label("Code").fill(live_server.newest_code())
    reader.press("Continue")
    expect(page).to_have_title("Choose a password – Kent Card")

    async def ended(session: AsyncSession) -> int:
        return await logout_notices.note_ended_sessions(session, now=live_server.clock())

    assert live_server.do(ended) == 0
    reader.press("Sign out")
    expect(page).to_have_title("Sign in to your Kent Card account – Kent Card")
    assert live_server.do(ended) == 1


def test_a_sign_in_by_password_page_keeps_the_way_back(
    reader: Reader, live_server: LiveServer, site: RelyingSite
) -> None:
    page = reader.page
    page.goto(site.begins())
    page.get_by_role("link", name="Sign in with a password").click()
    reader.press("Sign in")
    page.get_by_role("link", name="Sign in with a code").click()
    page.get_by_label("E-mail address").fill("not an address")
    reader.press("Send me a code")
    sign_in(reader, live_server)
    expect(page).to_have_title(f"{SHARE} – Kent Card")
