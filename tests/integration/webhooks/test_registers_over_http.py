"""A register is asked over a real socket, and nothing it answers but a clear yes is one."""

from collections.abc import AsyncIterator, Iterator
from datetime import date

import httpx
import msgspec
import pytest

from entitlements import register_https
from entitlements.references import Answer, Found, NotFound, NotNow, Subject
from entitlements.register_https import MOST_READ, HttpsRegister
from tests.support.people import NOW
from tests.support.receiver import LOOPBACK, Receiver, closed_port, receiver

SECONDS = 0.5
TOKEN = "a-token-of-ours"
SUBJECT = Subject("Winters", birth_date=date(1980, 5, 5))
YES = {"answer": "found", "kind": "blue-badge", "dated": "2026-01-05", "until": "2028-01-04"}


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as running:
        running.status, running.media = 200, "application/json"
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with register_https.connections() as client:
        yield client


async def ask(http: httpx.AsyncClient, url: str) -> Answer:
    register = HttpsRegister("blue-badge", url, TOKEN, http, seconds=SECONDS)
    return await register.look_up("KT4417QX09", SUBJECT, now=NOW)


async def test_what_is_found_comes_back_with_its_days(
    http: httpx.AsyncClient, there: Receiver
) -> None:
    there.says = msgspec.json.encode(YES)
    assert await ask(http, there.url) == Found("blue-badge", date(2026, 1, 5), date(2028, 1, 4))


async def test_the_question_holds_the_least_and_the_token_is_no_part_of_it(
    http: httpx.AsyncClient, there: Receiver
) -> None:
    there.says = msgspec.json.encode(YES)
    await ask(http, there.url)
    (came,) = there.received
    assert msgspec.json.decode(came.body) == {
        "kind": "blue-badge",
        "reference": "KT4417QX09",
        "family_name": "Winters",
        "birth_date": "1980-05-05",
    }
    assert came.headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in came.path


async def test_a_no_is_a_no(http: httpx.AsyncClient, there: Receiver) -> None:
    there.says = b'{"answer":"not-found"}'
    assert await ask(http, there.url) == NotFound()


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (b"", "not-understood"),
        (b"yes", "not-understood"),
        (b"[]", "not-understood"),
        (b"{}", "not-understood"),
        (b"\xff\xfe{", "not-understood"),
        (b'{"answer":"unknown"}', "not-understood"),
        (b'{"answer":"found"}', "not-understood"),
        (msgspec.json.encode(YES)[:-1], "not-understood"),
        (msgspec.json.encode(YES | {"answer": True}), "not-understood"),
        (msgspec.json.encode(YES | {"name": "Jean"}), "not-understood"),
        (msgspec.json.encode(YES | {"until": "2028-02-30"}), "not-understood"),
        (msgspec.json.encode(YES | {"dated": 20260105}), "not-understood"),
        (msgspec.json.encode(YES | {"kind": "passport"}), "of-something-else"),
        (msgspec.json.encode(YES) + b" " * MOST_READ, "too-long"),
    ],
)
async def test_what_is_not_understood_is_no_yes(
    http: httpx.AsyncClient, there: Receiver, says: bytes, why: str
) -> None:
    there.says = says
    assert await ask(http, there.url) == NotNow(why)


@pytest.mark.parametrize("status", [201, 204, 401, 404, 429, 500])
async def test_another_status_is_no_yes_whatever_it_says(
    http: httpx.AsyncClient, there: Receiver, status: int
) -> None:
    there.status, there.says = status, msgspec.json.encode(YES) if status != 204 else b""
    assert await ask(http, there.url) == NotNow(f"status-{status}")


async def test_a_page_is_no_yes(http: httpx.AsyncClient, there: Receiver) -> None:
    there.says, there.media = msgspec.json.encode(YES), "text/html"
    assert await ask(http, there.url) == NotNow("not-json")


@pytest.mark.parametrize(
    ("behaves", "why"),
    [
        ("silent", "too-slow"),
        ("trickle", "too-slow"),
        ("redirect", "status-302"),
        ("endless", "status-500"),
        ("headers", "not-http"),
        ("rubbish", "not-http"),
    ],
)
async def test_a_register_that_behaves_badly_holds_nobody_up(
    http: httpx.AsyncClient, there: Receiver, behaves: str, why: str
) -> None:
    there.says, there.behaves = msgspec.json.encode(YES), behaves
    assert await ask(http, there.url) == NotNow(why)
    assert len(there.received) == 1


async def test_where_nobody_listens_there_is_no_answer(http: httpx.AsyncClient) -> None:
    assert await ask(http, f"http://{LOOPBACK}:{closed_port()}/") == NotNow("no-connection")
