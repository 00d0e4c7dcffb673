"""What every answer says to the browser that gets it, page or not."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from cardservice.app import create_app
from cardservice.settings import Settings
from identity.keys import FileKeyStore
from identity.oidc.provider import Endpoint
from tests.support.people import JEAN
from tests.support.visitor import RESIDENT_COOKIE, Visitor
from tests.support.web import LiveServer, MovableClock

EVERYWHERE: Final = (
    "/",
    "/nothing",
    "/sign-in",
    "/account",
    "/staff",
    "/healthz",
    "/metrics",
    "/problems/no-such-card",
    "/status-lists/travel",
    "/api/terminal/bundle",
    Endpoint.DISCOVERY,
    Endpoint.JWKS,
    Endpoint.USERINFO,
    Endpoint.AUTHORIZE,
)
PUBLIC: Final = {Endpoint.DISCOVERY, Endpoint.JWKS, "/status-lists/travel"}
ORIGIN: Final = {"origin": "https://evil.example"}


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_carries_every_defence(live: LiveServer, path: str) -> None:
    headers = Visitor(live).get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert headers["cache-control"] == "no-store" or path in PUBLIC
    policy = set(headers["content-security-policy"].split("; "))
    assert {"default-src 'none'", "object-src 'none'", "base-uri 'none'"} <= policy
    assert "frame-ancestors 'none'" in policy
    is_page = headers.get("content-type", "").startswith("text/html")
    assert ("sandbox" in policy) != is_page


@pytest.mark.parametrize("path", EVERYWHERE)
def test_no_answer_is_lent_to_another_origin(live: LiveServer, path: str) -> None:
    answer = httpx.get(f"{live.url}{path}", headers=ORIGIN)
    asked = {**ORIGIN, "access-control-request-method": "POST"}
    preflight = httpx.options(f"{live.url}{path}", headers=asked)
    for each in (answer, preflight):
        assert not [name for name in each.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_body_says_what_it_is_and_text_in_which_letters(live: LiveServer, path: str) -> None:
    answer = Visitor(live).get(path)
    kind = answer.headers.get("content-type", "")
    assert kind or not answer.content
    if kind.startswith("text/"):
        assert "charset=utf-8" in kind
    if kind.startswith(("application/json", "application/problem+json")):
        answer.json()


@pytest.fixture(params=["https://card.example", "http://localhost:8000"])
def application(
    request: pytest.FixtureRequest, keystore: FileKeyStore, tmp_path: Path
) -> Iterator[tuple[Settings, TestClient[Litestar]]]:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/kentcard.db", base_url=request.param)
    with TestClient(create_app(settings, keystore, MovableClock())) as client:
        yield settings, client


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing"])
def test_browsers_are_told_to_stay_with_https_for_two_years_where_it_is_spoken(
    application: tuple[Settings, TestClient[Litestar]], path: str
) -> None:
    settings, client = application
    said = client.get(path).headers.get("strict-transport-security")
    https = urlsplit(settings.base_url).scheme == "https"
    assert said == ("max-age=63072000; includeSubDomains" if https else None)


@pytest.mark.parametrize("header", ["x-http-method-override", "x-method-override", "x-http-method"])
def test_a_header_changes_no_get_into_a_post(live: LiveServer, header: str) -> None:
    resident = Visitor(live)
    live.register(msgspec.structs.replace(JEAN, email=f"{header}@example.com"))
    resident.sign_in_as_resident(f"{header}@example.com")
    cookie = {"cookie": f"{RESIDENT_COOKIE}={resident.cookies[RESIDENT_COOKIE]}"}
    answer = httpx.get(f"{live.url}/account/sign-out", headers={**cookie, header: "POST"})
    assert answer.status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert resident.get("/account").status_code == httpx.codes.OK


def test_what_another_says_in_forwarding_headers_changes_no_address(live: LiveServer) -> None:
    forged = {
        "host": "evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        "forwarded": "host=evil.example;proto=https",
    }
    told = httpx.get(f"{live.url}{Endpoint.DISCOVERY}", headers=forged)
    assert told.json()["issuer"] == live.url
    assert "evil.example" not in told.text
    page = httpx.get(f"{live.url}/account", headers=forged)
    assert page.headers["location"] == "/sign-in"


def test_a_request_with_two_lengths_is_one_request_or_none(live: LiveServer) -> None:
    """What a proxy and the server would cut differently."""
    inner = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
    outer = (
        b"POST /sign-in HTTP/1.1\r\nhost: localhost\r\n"
        b"content-type: application/x-www-form-urlencoded\r\n"
        b"content-length: %d\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    port = urlsplit(live.url).port or 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as opened:
        opened.sendall(outer % (len(inner) + 5) + inner)
        opened.shutdown(socket.SHUT_WR)
        said = b""
        while some := opened.recv(65536):
            said += some
    statuses = re.findall(rb"HTTP/1.1 (\d{3})", said)
    assert statuses[:1] == [b"400"] or statuses[1:] == [b"200"]
