"""The screen's own web server: to browsers of this machine, the picture and nothing else."""

import json
import threading
from collections.abc import Iterator

import httpx
import pytest

from readers.contract.reasons import Words
from readers.contract.services import Service
from readers.terminal.display import Kind, Picture
from readers.terminal.journal import Counts
from readers.terminal.screen.board import Board, Status
from readers.terminal.screen.server import MAX_LISTENERS, Screen
from tests.integration.terminal.conftest import Ticking

ACCEPTED = Picture(Kind.ACCEPTED, Words("You can travel", "Sit down & enjoy <it>"), "")
STATUS = Status(service=Service.TRAVEL, counts=Counts(3, 2), online=True)


class Switch:
    def __init__(self) -> None:
        self.cuts: list[bool] = []

    def __call__(self, *, cut: bool) -> None:
        self.cuts.append(cut)


@pytest.fixture
def board(clock: Ticking) -> Board:
    return Board(clock)


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
def screen(board: Board, switch: Switch) -> Iterator[Screen]:
    serving = Screen(board, 0, cut_network=switch)
    serving.start()
    yield serving
    serving.stop()


@pytest.fixture
def browser(screen: Screen) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://localhost:{screen.port}", trust_env=False) as client:
        yield client


def test_the_state_is_told_as_data(board: Board, browser: httpx.Client) -> None:
    board.show(ACCEPTED, STATUS)
    assert browser.get("/state").json() == {
        "state": "accepted",
        "title": "You can travel",
        "advice": "Sit down & enjoy <it>",
        "service": "travel",
        "reason": "",
        "at": "2026-12-01T09:31:00Z",
        "taps": 3,
        "uploaded": 2,
        "online": True,
        "clock": "ok",
        "bundle_at": None,
        "pairs": False,
        "listed_at": None,
        "list_is_old": False,
        "doing": [],
    }


def test_changes_are_sent_as_they_happen(board: Board, browser: httpx.Client) -> None:
    with browser.stream("GET", "/events") as events:
        assert events.headers["Content-Type"] == "text/event-stream"
        lines = (line for line in events.iter_lines() if line.startswith("data: "))
        assert json.loads(next(lines)[6:])["title"] == "Starting"
        board.show(ACCEPTED, STATUS)
        assert json.loads(next(lines)[6:])["title"] == "You can travel"
        board.edge(Status(service=Service.TRAVEL, counts=Counts(3, 3), online=True))
        assert json.loads(next(lines)[6:])["uploaded"] == 3
        board.show(ACCEPTED, STATUS)
        assert json.loads(next(lines)[6:])["state"] == "accepted", "the same answer, once more"


def test_a_screen_that_opens_late_sees_the_present_and_then_every_picture_in_order(
    board: Board, browser: httpx.Client
) -> None:
    board.show(ACCEPTED, STATUS)
    with browser.stream("GET", "/events") as events:
        lines = (line for line in events.iter_lines() if line.startswith("data: "))
        assert json.loads(next(lines)[6:])["title"] == "You can travel", "no history"
        for number in range(10):
            board.show(Picture(Kind.REFUSED, Words(f"No {number}", ""), ""), STATUS)
        seen = [json.loads(next(lines)[6:])["title"] for _ in range(10)]
        assert seen == [f"No {number}" for number in range(10)], "however fast they came"


def test_screens_that_listen_are_bounded_and_give_their_place_back(
    board: Board, browser: httpx.Client, screen: Screen
) -> None:
    url = f"http://localhost:{screen.port}/events"
    clients = [httpx.Client(trust_env=False) for _ in range(MAX_LISTENERS)]
    streams = [client.stream("GET", url) for client in clients]
    for stream in streams:
        assert stream.__enter__().status_code == 200
    assert browser.get("/events").status_code == 503
    for stream, client in zip(streams, clients, strict=True):
        stream.__exit__(None, None, None)
        client.close()
    for _ in range(50):
        board.show(ACCEPTED, STATUS)  # writing is how a place is found to be free
        with browser.stream("GET", "/events") as again:
            if again.status_code == 200:
                break
        threading.Event().wait(0.05)
    else:
        pytest.fail("no place was given back")


def test_the_page_without_javascript_has_the_words_in_it_escaped(
    board: Board, browser: httpx.Client
) -> None:
    board.show(ACCEPTED, STATUS)
    plain = browser.get("/plain")
    assert "You can travel" in plain.text
    assert "Sit down &amp; enjoy &lt;it&gt;" in plain.text
    assert 'data-state="accepted"' in plain.text
    assert plain.headers["Refresh"] == "1"
    assert "[" not in plain.text


@pytest.mark.parametrize("path", ["/", "/plain", "/state", "/screen.css", "/screen.js", "/none"])
def test_every_answer_carries_the_policy(browser: httpx.Client, path: str) -> None:
    answer = browser.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Python" not in answer.headers["Server"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "localhost"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_page_from_elsewhere_is_answered_nothing(
    browser: httpx.Client, headers: dict[str, str], switch: Switch
) -> None:
    for path in ("/", "/state", "/events"):
        assert browser.get(path, headers=headers).status_code == 403
    answer = browser.post("/network", json={"cut": True}, headers=headers)
    assert answer.status_code == 403
    assert switch.cuts == []


@pytest.mark.parametrize("path", ["/../server.py", "/static/index.html", "/%2e%2e/", "/index.html"])
def test_no_other_file_is_served(browser: httpx.Client, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_the_network_is_cut_and_joined_in_a_demonstration(
    browser: httpx.Client, switch: Switch
) -> None:
    assert browser.post("/network", json={"cut": True}).json() == {"cut": True}
    assert browser.post("/network", json={"cut": False}).json() == {"cut": False}
    assert switch.cuts == [True, False]


@pytest.mark.parametrize("body", [b"", b"{", b'{"cut": "yes"}', b'{"cut": true, "x": 1}', b"[]"])
def test_a_switch_that_is_told_nonsense_stays_as_it_is(
    browser: httpx.Client, switch: Switch, body: bytes
) -> None:
    assert browser.post("/network", content=body).status_code == 400
    assert browser.post("/network", content=b"x" * 2000).status_code == 400
    assert switch.cuts == []


def test_outside_a_demonstration_there_is_no_switch(board: Board) -> None:
    screen = Screen(board, 0)
    screen.start()
    url = f"http://localhost:{screen.port}/network"
    assert httpx.post(url, json={"cut": True}, trust_env=False).status_code == 404
    screen.stop()


def test_a_button_asks_for_a_code_that_pairs_the_reader(board: Board) -> None:
    pressed: list[str] = []
    screen = Screen(board, 0, show_code=lambda: pressed.append("code"))
    screen.start()
    with httpx.Client(base_url=f"http://localhost:{screen.port}", trust_env=False) as browser:
        back = {path: browser.post(path) for path in ("/pair", "/plain/pair")}
        foreign = browser.post("/pair", headers={"Origin": "https://elsewhere.example"})
        board.show(ACCEPTED, STATUS)
        assert 'action="/plain/pair" hidden>' in browser.get("/plain").text
        board.show(ACCEPTED, Status(pairs=True))
        assert 'action="/plain/pair" >' in browser.get("/plain").text
    screen.stop()
    assert [answer.status_code for answer in back.values()] == [303, 303]
    assert [answer.headers["location"] for answer in back.values()] == ["/", "/plain"]
    assert foreign.status_code == 403
    assert pressed == ["code", "code"]


def test_a_screen_without_pairing_has_no_such_address(browser: httpx.Client) -> None:
    assert browser.post("/pair").status_code == 404


def test_a_port_that_is_taken_is_an_error_at_once(board: Board, screen: Screen) -> None:
    with pytest.raises(OSError, match="in use"):
        Screen(board, screen.port)
