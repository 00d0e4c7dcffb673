"""The addresses that machines ask all day skip objects of the framework, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from identity.actors import SYSTEM
from identity.oidc import clients
from identity.oidc.clients import Registered
from identity.oidc.provider import Endpoint
from identity.oidc.registration import MACHINE, NewClient
from tests.support.oidc import PARTNER
from tests.support.partners import CHECKS
from tests.support.server import World

SCOPE = "entitlements:check"
LEAN = (Endpoint.TOKEN, Endpoint.INTROSPECT)
ADDRESSES = (*LEAN, CHECKS)
FORM = "application/x-www-form-urlencoded"
MEBIBYTE = 1024 * 1024


@pytest.fixture
async def http(served: World) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        yield http


@pytest.fixture
async def machine(served: World) -> Registered:
    details = NewClient(
        name="Example Leisure",
        basis=PARTNER.basis,
        auth=PARTNER.auth,
        grant_types=(MACHINE,),
        scopes=(SCOPE,),
    )
    async with served.database.transaction() as session:
        return await clients.add(session, details, actor=SYSTEM, now=served.clock())


async def ask(http: httpx.AsyncClient, machine: Registered, **more: str) -> httpx.Response:
    auth = (machine.client_id, machine.secret or "")
    return await http.post(
        Endpoint.TOKEN, data={"grant_type": MACHINE, "scope": SCOPE, **more}, auth=auth
    )


async def introspected(http: httpx.AsyncClient, machine: Registered, token: str) -> httpx.Response:
    auth = (machine.client_id, machine.secret or "")
    return await http.post(Endpoint.INTROSPECT, data={"token": token}, auth=auth)


def counted(metrics: str, endpoint: str, method: str, status: int) -> float:
    labels = f'{{method="{method}",route="{endpoint}",status="{status}"}}'
    for line in metrics.splitlines():
        if line.startswith(f"kentcard_requests_total{labels}"):
            return float(line.rpartition(" ")[2])
    return 0.0


async def test_every_answer_has_the_headers_of_all_others(
    http: httpx.AsyncClient, machine: Registered
) -> None:
    token = await ask(http, machine)
    told = await introspected(http, machine, token.json()["access_token"])
    assert told.json()["active"] is True
    refused = await ask(http, machine, grant_type="password")
    unknown = await http.post(Endpoint.INTROSPECT, data={"token": "a"})
    wrong = await http.delete(Endpoint.TOKEN)
    usual = (await http.get("/healthz")).headers
    assert [each.status_code for each in (token, told, refused, unknown, wrong)] == [
        200,
        200,
        400,
        401,
        405,
    ]
    defences = {
        name: value
        for name, value in usual.items()
        if name not in {"content-type", "content-length", "date"}
    }
    assert "content-security-policy" in defences
    for each in (token, told, refused, unknown, wrong):
        assert defences.items() <= dict(each.headers).items()
        assert each.headers["cache-control"] == "no-store"
        assert len(each.headers.get_list("cache-control")) == 1
        assert each.headers["content-type"].startswith("application/")


async def test_every_answer_is_counted_under_its_route(
    http: httpx.AsyncClient, machine: Registered
) -> None:
    before = (await http.get("/metrics")).text
    token = (await ask(http, machine)).json()["access_token"]
    await introspected(http, machine, token)
    await http.post(Endpoint.INTROSPECT, data={"token": token})
    after = (await http.get("/metrics")).text
    for endpoint, status in (
        (Endpoint.TOKEN, 200),
        (Endpoint.INTROSPECT, 200),
        (Endpoint.INTROSPECT, 401),
    ):
        more = [counted(each, endpoint, "POST", status) for each in (before, after)]
        assert more[1] == more[0] + 1, (endpoint, status)


@pytest.mark.parametrize("endpoint", ADDRESSES)
async def test_options_says_what_may_be_sent(http: httpx.AsyncClient, endpoint: str) -> None:
    answer = await http.options(endpoint)
    assert answer.status_code == 204
    assert set(answer.headers["allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("endpoint", ADDRESSES)
async def test_nothing_but_post_is_answered(
    http: httpx.AsyncClient, endpoint: str, method: str
) -> None:
    answer = await http.request(method, endpoint)
    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")


@pytest.mark.parametrize("endpoint", LEAN)
@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_that_is_too_large_is_refused(
    http: httpx.AsyncClient, endpoint: Endpoint, *, chunked: bool
) -> None:
    large = b"a" * (MEBIBYTE + 1)
    body = _in_pieces(large) if chunked else large
    answer = await http.post(endpoint, content=body, headers={"content-type": FORM})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


@pytest.mark.parametrize("endpoint", LEAN)
async def test_a_form_longer_than_a_form_can_be_is_no_form(
    http: httpx.AsyncClient, endpoint: Endpoint
) -> None:
    answer = await http.post(endpoint, data={"token": "a" * (64 * 1024)})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_form_that_comes_in_pieces_is_put_together(
    http: httpx.AsyncClient, machine: Registered
) -> None:
    form = urlencode({"grant_type": MACHINE, "scope": SCOPE}).encode()
    answer = await http.post(
        Endpoint.TOKEN,
        content=_in_pieces(form),
        headers={"content-type": f"{FORM}; charset=utf-8"},
        auth=(machine.client_id, machine.secret or ""),
    )
    assert (answer.status_code, answer.json()["scope"]) == (200, SCOPE)


async def test_who_hangs_up_in_mid_form_disturbs_nobody(
    served: World, http: httpx.AsyncClient, machine: Registered
) -> None:
    port = urlsplit(served.url).port
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {Endpoint.TOKEN} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {FORM}\r\n"
    writer.write(f"{head}content-length: 500\r\n\r\ngrant_type=".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await ask(http, machine)).status_code == 200


async def test_what_staff_change_about_a_client_holds_at_its_next_request(
    served: World, http: httpx.AsyncClient, machine: Registered
) -> None:
    token = (await ask(http, machine)).json()["access_token"]
    assert (await introspected(http, machine, token)).json()["active"] is True
    async with served.database.transaction() as session:
        secret = await clients.change_secret(
            session, machine.client_id, actor=SYSTEM, now=served.clock()
        )
    assert (await ask(http, machine)).status_code == 401
    renewed = Registered(machine.client_id, secret)
    assert (await ask(http, renewed)).status_code == 200
    assert (await introspected(http, renewed, token)).json()["active"] is True
    async with served.database.transaction() as session:
        await clients.disable(session, machine.client_id, actor=SYSTEM, now=served.clock())
    assert (await ask(http, renewed)).status_code == 401


async def test_a_token_read_before_is_refused_when_one_letter_differs(
    http: httpx.AsyncClient, machine: Registered
) -> None:
    token = (await ask(http, machine)).json()["access_token"]
    assert (await introspected(http, machine, token)).json()["active"] is True
    head, claims, signature = token.split(".")
    other = "A" if signature[0] != "A" else "B"
    forged = f"{head}.{claims}.{other}{signature[1:]}"
    for _ in range(2):
        assert (await introspected(http, machine, forged)).json() == {"active": False}
    assert (await introspected(http, machine, token)).json()["active"] is True


def _in_pieces(body: bytes) -> "_Pieces":
    return _Pieces(body)


class _Pieces:
    """A body that the client does not know the length of."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._cut():
            yield piece
            await asyncio.sleep(0)

    def _cut(self) -> Iterator[bytes]:
        size = max(1, len(self._body) // 7)
        for at in range(0, len(self._body), size):
            yield self._body[at : at + size]
