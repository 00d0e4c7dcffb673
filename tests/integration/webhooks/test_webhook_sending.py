"""Messages leave over a real socket, and nothing a receiver does holds us or leads us astray."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from entitlements import webhook_sending
from entitlements.webhook_addresses import Place, read_url
from entitlements.webhook_sending import Result, Tried, Way
from tests.support.receiver import LOOPBACK, Receiver, certificate_for, closed_port, receiver

BODY = b'{"type":"test.sent"}'
SECONDS = 0.5
"""What a try is given here; in service it is `ANSWER_SECONDS`."""


@pytest.fixture
def partner() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with webhook_sending.connections() as client:
        yield client


def _place(url: str) -> Place:
    place = read_url(url, loopback=True)
    assert isinstance(place, Place)
    return place


async def _send(http: httpx.AsyncClient, url: str) -> Tried:
    way = Way(http, loopback=True, seconds=SECONDS)
    return await webhook_sending.send(way, _place(url), BODY, {"webhook-id": "evt_1"})


async def test_a_message_arrives_whole(http: httpx.AsyncClient, partner: Receiver) -> None:
    tried = await _send(http, partner.url)
    assert (tried.result, tried.status, tried.line) == (Result.TAKEN, 204, "")
    (came,) = partner.received
    assert (came.path, came.body) == ("/hooks?from=kent", BODY)
    assert came.headers["webhook-id"] == "evt_1"
    assert came.headers["content-type"] == "application/json"
    assert came.headers["host"] == f"{LOOPBACK}:{partner.port}"


@pytest.mark.parametrize(
    ("status", "said", "rest"),
    [
        (503, "120", timedelta(minutes=2)),
        (429, "9" * 40, webhook_sending.LONGEST_REST),
        (429, "Sun, 22 Nov 2026 12:00:00 GMT", timedelta(0)),
        (503, "-5", timedelta(0)),
        (503, "", timedelta(0)),
        (500, "120", timedelta(0)),
    ],
)
async def test_who_is_too_busy_may_ask_to_be_left_alone_for_a_while(
    http: httpx.AsyncClient, partner: Receiver, status: int, said: str, rest: timedelta
) -> None:
    partner.status, partner.retry_after = status, said
    tried = await _send(http, partner.url)
    assert (tried.result, tried.status, tried.rest) == (Result.REFUSED, status, rest)


async def test_no_redirect_is_followed(http: httpx.AsyncClient, partner: Receiver) -> None:
    partner.behaves = "redirect"
    tried = await _send(http, partner.url)
    assert (tried.result, tried.status) == (Result.REDIRECT, 302)
    assert [each.path for each in partner.received] == ["/hooks?from=kent"]


@pytest.mark.parametrize("behaves", ["silent", "trickle"])
async def test_who_answers_too_slowly_is_left(
    http: httpx.AsyncClient, partner: Receiver, behaves: str
) -> None:
    partner.behaves = behaves
    tried = await _send(http, partner.url)
    assert (tried.result, tried.status) == (Result.TOO_SLOW, None)


async def test_of_an_answer_without_end_only_the_beginning_is_read(
    http: httpx.AsyncClient, partner: Receiver
) -> None:
    partner.behaves = "endless"
    tried = await _send(http, partner.url)
    assert (tried.result, tried.status) == (Result.REFUSED, 500)
    assert tried.line == ("never ends " * 10)[:100]


async def test_headers_without_end_are_no_answer(
    http: httpx.AsyncClient, partner: Receiver
) -> None:
    partner.behaves = "headers"
    assert (await _send(http, partner.url)).result is Result.BAD_ANSWER


async def test_what_is_no_http_is_no_answer(http: httpx.AsyncClient, partner: Receiver) -> None:
    partner.behaves = "rubbish"
    assert (await _send(http, partner.url)).result is Result.BAD_ANSWER


async def test_where_nobody_listens_there_is_no_connection(http: httpx.AsyncClient) -> None:
    tried = await _send(http, f"http://{LOOPBACK}:{closed_port()}/")
    assert tried.result is Result.NO_CONNECTION


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, Result.TAKEN), (299, Result.TAKEN), (404, Result.REFUSED), (410, Result.GONE)],
)
async def test_the_status_says_whether_it_was_taken(
    http: httpx.AsyncClient, partner: Receiver, status: int, result: Result
) -> None:
    partner.status = status
    assert (await _send(http, partner.url)).result is result


async def test_of_a_refusal_one_harmless_line_is_kept(
    http: httpx.AsyncClient, partner: Receiver
) -> None:
    partner.status, partner.says = 500, b"\x1b[31mOh\x00 n\xc3\xb6\r\nsecond line"
    assert (await _send(http, partner.url)).line == "?[31mOh? n??"


async def test_a_name_that_leads_to_this_machine_is_not_called(
    http: httpx.AsyncClient, partner: Receiver
) -> None:
    place = read_url("https://hooks.example.org/", loopback=False)
    assert isinstance(place, Place)
    way = Way(http, resolve=partner.answers_here, seconds=SECONDS)
    assert (await webhook_sending.send(way, place, BODY, {})).result is Result.NOT_PUBLIC
    assert partner.received == []


async def test_a_name_that_answers_differently_the_second_time_gains_nothing(
    partner: Receiver, http: httpx.AsyncClient
) -> None:
    """DNS that rebinds: a public address for whoever judges, ours for whoever connects."""
    answers = iter([["203.0.114.1"], [LOOPBACK]])

    async def rebinds(_name: str, _port: int) -> Sequence[str]:
        return next(answers)

    place = read_url(f"https://hooks.example.org:{partner.port}/", loopback=False)
    assert isinstance(place, Place)
    connected: list[str] = []

    async def note(request: httpx.Request) -> None:
        connected.append(request.url.host)
        raise httpx.ConnectError("noted, and not called")

    http.event_hooks = {"request": [note]}
    await webhook_sending.send(Way(http, resolve=rebinds), place, BODY, {})
    assert connected == ["203.0.114.1"]
    assert partner.received == []


async def test_the_certificate_must_be_the_names(tmp_path: Path) -> None:
    server, trusts = certificate_for("hooks.example.org", tmp_path)
    with receiver(tls=server) as partner:
        async with webhook_sending.connections(trusts) as http:
            way = Way(http, resolve=partner.answers_here, loopback=True, seconds=5)
            results = {
                name: await webhook_sending.send(
                    way, _place(f"https://{name}:{partner.port}/"), BODY, {}
                )
                for name in ("hooks.example.org", "other.example.org")
            }
    assert results["hooks.example.org"].result is Result.TAKEN
    assert results["other.example.org"].result is Result.NOT_TRUSTED
    assert [each.headers["host"] for each in partner.received] == [
        f"hooks.example.org:{partner.port}"
    ]


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    server, _ = certificate_for("hooks.example.org", tmp_path)
    with receiver(tls=server) as partner:
        async with webhook_sending.connections() as http:
            way = Way(http, resolve=partner.answers_here, loopback=True, seconds=5)
            place = _place(f"https://hooks.example.org:{partner.port}/")
            assert (await webhook_sending.send(way, place, BODY, {})).result is Result.NOT_TRUSTED
    assert partner.received == []


async def test_no_connection_is_handed_to_another_name_at_the_same_address(tmp_path: Path) -> None:
    """Two names at one address and port: the second is checked for itself."""
    server, trusts = certificate_for("hooks.example.org", tmp_path)
    with receiver(tls=server) as partner:
        async with webhook_sending.connections(trusts) as http:
            way = Way(http, resolve=partner.answers_here, loopback=True, seconds=5)
            for name, result in [
                ("hooks.example.org", Result.TAKEN),
                ("other.example.org", Result.NOT_TRUSTED),
                ("hooks.example.org", Result.TAKEN),
            ]:
                place = _place(f"https://{name}:{partner.port}/")
                assert (await webhook_sending.send(way, place, BODY, {})).result is result


async def test_a_proxy_of_the_environment_is_not_used(
    partner: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{LOOPBACK}:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with webhook_sending.connections() as http:
        assert (await _send(http, partner.url)).result is Result.TAKEN
