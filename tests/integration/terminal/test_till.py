"""A till beside the terminal: each accepted tap once, to the till's program and to nobody else."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from readers.contract import tap_tokens
from readers.contract.services import Service
from readers.terminal.parts import Terminal
from readers.terminal.screen.server import Screen
from readers.terminal.screen.till_door import TILL_PATH
from readers.terminal.settings import Settings
from readers.terminal.state import State
from readers.terminal.till import NoTap, Till, TillTap
from readers.virtual.card import VirtualCard
from tests.integration.terminal.conftest import Stand, Ticking
from tests.support.issuer import NOW, TERMINAL, UID, Issuer
from tests.support.patience import PATIENCE
from tests.support.tiny_server import TinyServer

TRAVEL = Service.TRAVEL
SECRET = "till-" + "0123456789" * 4
SHOWN = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
def terminal(
    server: TinyServer, enrolled: State, clock: Ticking, tmp_path: Path
) -> Iterator[Terminal]:
    """Enrolled, in touch with the server once, and with a till."""
    secret = tmp_path / "till.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    settings = Settings(
        server_url=server.url, state_dir=enrolled.directory, till_secret_file=secret
    )
    opened = Terminal(settings, clock=clock)
    opened.sync.once()
    yield opened
    opened.close()


@pytest.fixture
def till(terminal: Terminal) -> Till:
    assert terminal.counter.till is not None
    return terminal.counter.till


@pytest.fixture
def screen(terminal: Terminal) -> Iterator[Screen]:
    serving = Screen(terminal.board, 0, counter=terminal.counter)
    serving.start()
    yield serving
    serving.stop()


@pytest.fixture
def counter(screen: Screen) -> Iterator[httpx.Client]:
    url = f"http://localhost:{screen.port}"
    with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def card(issuer: Issuer) -> VirtualCard:
    return issuer.card({TRAVEL: issuer.sign(issuer.record(TRAVEL))})


def tapped(stand: Stand, card: VirtualCard, state: str = "accepted") -> None:
    stand.lay(card)
    stand.seen(state)
    stand.ended()
    stand.lift()


def test_an_accepted_tap_is_told_once_with_a_token_the_terminal_signed(
    stand: Stand, counter: httpx.Client, card: VirtualCard, server: TinyServer, till: Till
) -> None:
    tapped(stand, card)
    answer = counter.get(TILL_PATH, headers=SHOWN)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    told = answer.json()
    assert set(told) == {"service", "token", "at", "expires"}
    assert (told["service"], told["at"]) == ("travel", "2026-12-01T09:31:00Z")
    assert told["expires"] == "2026-12-01T09:32:00Z"
    assert server.public_key is not None
    token = tap_tokens.verify(told["token"], server.public_key, now=NOW)
    assert (token.sub, token.service, token.index) == (TERMINAL, TRAVEL, 7)
    assert till.take(0) is NoTap.NONE_CAME, "once"


def test_a_till_that_waits_is_told_as_soon_as_the_card_is_accepted(
    stand: Stand, counter: httpx.Client, card: VirtualCard
) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(counter.get, TILL_PATH, headers=SHOWN)
        tapped(stand, card)
        assert waiting.result(PATIENCE).json()["service"] == "travel"


def test_a_terminal_without_a_network_tells_its_till_too(
    stand: Stand, till: Till, card: VirtualCard
) -> None:
    stand.terminal.network.cut(yes=True)
    tapped(stand, card)
    assert isinstance(till.take(PATIENCE), TillTap)


def test_a_refused_tap_and_one_that_was_not_decided_are_not_told(
    stand: Stand, till: Till, issuer: Issuer, card: VirtualCard
) -> None:
    tapped(stand, issuer.card({}), "refused")
    assert till.take(0) is NoTap.NONE_CAME
    tapped(stand, VirtualCard(UID), "refused")
    assert till.take(0) is NoTap.NONE_CAME
    card.tear_after(3)
    tapped(stand, card, "try-again")
    assert till.take(0) is NoTap.NONE_CAME


def test_a_tap_that_could_not_be_written_down_is_not_told(
    stand: Stand, till: Till, card: VirtualCard
) -> None:
    stand.terminal.journal.close()
    stand.lay(card)
    stand.seen("fault")
    stand.ended()
    assert till.take(0) is NoTap.NONE_CAME


def test_the_next_card_takes_the_tap_before_it_away_even_if_it_is_refused(
    stand: Stand, till: Till, issuer: Issuer, card: VirtualCard
) -> None:
    tapped(stand, card)
    tapped(stand, issuer.card({}), "refused")
    assert till.take(0) is NoTap.NONE_CAME


def test_a_tap_is_gone_when_its_token_has_expired(
    stand: Stand, till: Till, card: VirtualCard, clock: Ticking
) -> None:
    tapped(stand, card)
    clock.now = NOW + tap_tokens.LIFETIME - timedelta(seconds=1)
    assert isinstance(till.take(PATIENCE), TillTap)
    clock.now = NOW
    tapped(stand, card)
    clock.now = NOW + tap_tokens.LIFETIME
    assert till.take(0) is NoTap.NONE_CAME
    clock.now = NOW
    assert till.take(0) is NoTap.NONE_CAME, "for good"


@pytest.mark.parametrize(
    "shown",
    [
        "", "Bearer", f"Bearer {SECRET[:-1]}", f"Bearer {SECRET}x", SECRET,
        f"Basic {SECRET}", f"Bearer {SECRET.upper()}", "Bearer \xe9",
    ],
)  # fmt: skip
def test_whoever_does_not_show_the_secret_is_told_nothing_and_takes_nothing(
    stand: Stand, counter: httpx.Client, till: Till, card: VirtualCard, shown: str
) -> None:
    tapped(stand, card)
    refused = counter.get(TILL_PATH, headers=[(b"Authorization", shown.encode("latin-1"))])
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert isinstance(till.take(PATIENCE), TillTap)


@pytest.mark.parametrize(
    "of_a_page",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:{port}"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Mode": "navigate"},
    ],
)
def test_no_page_is_told_a_tap_even_with_the_secret_and_from_the_screen_itself(
    stand: Stand,
    screen: Screen,
    counter: httpx.Client,
    till: Till,
    card: VirtualCard,
    of_a_page: dict[str, str],
) -> None:
    tapped(stand, card)
    headers = {name: value.format(port=screen.port) for name, value in of_a_page.items()}
    refused = counter.get(TILL_PATH, headers=SHOWN | headers)
    assert refused.status_code == 403
    assert not [name for name in refused.headers if name.startswith("access-control")]
    assert isinstance(till.take(PATIENCE), TillTap)


def test_the_secret_is_not_taken_from_an_address(counter: httpx.Client) -> None:
    assert counter.get(f"{TILL_PATH}?access_token={SECRET}").status_code == 404
    assert counter.get(f"{TILL_PATH}?a=1", headers=SHOWN).status_code == 404
    assert counter.post(TILL_PATH, headers=SHOWN).status_code == 404


def test_a_terminal_without_a_till_makes_no_tokens_and_has_no_such_address(
    open_terminal: Callable[[], Terminal],
) -> None:
    without = open_terminal()
    assert without.counter.till is None
    screen = Screen(without.board, 0, counter=without.counter)
    screen.start()
    try:
        url = f"http://localhost:{screen.port}{TILL_PATH}"
        assert httpx.get(url, headers=SHOWN, trust_env=False).status_code == 404
    finally:
        screen.stop()


def test_a_till_that_asks_again_overtakes_its_first_request(
    stand: Stand, counter: httpx.Client, card: VirtualCard
) -> None:
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(counter.get, TILL_PATH, headers=SHOWN) for _ in range(2)]
        first_done = threading.Event()
        for each in asked:
            each.add_done_callback(lambda _: first_done.set())
        assert first_done.wait(PATIENCE), "one of the two gave way before any tap"
        tapped(stand, card)
        answers = sorted(each.result(PATIENCE).status_code for each in asked)
    assert answers == [200, 409]


def test_a_till_that_waits_when_the_terminal_stops_is_let_go_with_nothing(
    counter: httpx.Client, till: Till
) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(counter.get, TILL_PATH, headers=SHOWN)
        till.close()
        answer = waiting.result(PATIENCE)
    assert (answer.status_code, answer.content) == (204, b"")


def test_neither_the_screen_nor_the_log_shows_a_token_or_the_secret(
    stand: Stand,
    counter: httpx.Client,
    card: VirtualCard,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    tapped(stand, card)
    shown = "".join(counter.get(path).text for path in ("/", "/state", "/plain"))
    token = counter.get(TILL_PATH, headers=SHOWN).json()["token"]
    for text in (shown, caplog.text):
        assert token not in text
        assert SECRET not in text
    assert "accepted" in shown
    assert TILL_PATH in caplog.text, "the log was looked at"
