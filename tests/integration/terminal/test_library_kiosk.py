"""A library kiosk tells accepted library cards to the library's software, and to nobody else."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec
import pytest

from readers.contract.products import Product, SetUp
from readers.contract.services import Service
from readers.terminal.counter import Counter
from readers.terminal.parts import Terminal
from readers.terminal.patrons import REMEMBERED, Patrons, patron_of
from readers.terminal.screen.patron_door import MOST_LISTENERS, PATRONS_PATH
from readers.terminal.screen.server import Screen
from readers.terminal.screen.till_door import TILL_PATH
from readers.terminal.settings import Settings
from readers.terminal.state import State
from readers.terminal.till_secret import Secret
from readers.virtual.card import VirtualCard
from tests.integration.terminal.conftest import Stand, Ticking
from tests.support.issuer import NOW, UID, Issuer
from tests.support.patience import PATIENCE
from tests.support.tiny_server import TinyServer

LIBRARY = Service.LIBRARY
SECRET = "library-" + "0123456789" * 4
SHOWN = {"Authorization": f"Bearer {SECRET}"}
NUMBER = "00633000000017"


@pytest.fixture
def server(issuer: Issuer) -> Iterator[TinyServer]:
    with TinyServer(issuer, LIBRARY, Service.TRAVEL, now=NOW) as tiny:
        yield tiny


@pytest.fixture
def product() -> Product:
    return Product.LIBRARY_KIOSK


@pytest.fixture
def service() -> Service:
    return LIBRARY


@pytest.fixture
def terminal(
    server: TinyServer,
    enrolled: State,
    clock: Ticking,
    tmp_path: Path,
    product: Product,
    service: Service,
) -> Iterator[Terminal]:
    secret = tmp_path / "library.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    settings = Settings(
        server_url=server.url,
        state_dir=enrolled.directory,
        service=service,
        product=product,
        till_secret_file=secret,
    )
    opened = Terminal(settings, clock=clock)
    opened.sync.once()
    yield opened
    opened.close()


@pytest.fixture
def url(terminal: Terminal) -> Iterator[str]:
    serving = Screen(terminal.board, 0, counter=terminal.counter)
    serving.start()
    yield f"http://localhost:{serving.port}"
    terminal.counter.close()
    serving.stop()


class Software:
    """What the library runs beside the kiosk."""

    def __init__(self, url: str) -> None:
        self.heard: list[dict[str, Any]] = []
        self.listening = threading.Event()
        self.told = threading.Condition()
        self._url = url
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self.listening.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        pass  # the connection ends with the kiosk

    def _listen(self) -> None:
        with httpx.stream(
            "GET", self._url + PATRONS_PATH, headers=SHOWN, trust_env=False, timeout=PATIENCE
        ) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["Content-Type"] == "text/event-stream"
            for line in answer.iter_lines():
                if line == ": listening":
                    self.listening.set()
                if line.startswith("data: "):
                    with self.told:
                        self.heard.append(msgspec.json.decode(line[6:]))
                        self.told.notify_all()

    def has_heard(self, count: int) -> bool:
        with self.told:
            return self.told.wait_for(lambda: len(self.heard) >= count, PATIENCE)


def tapped(stand: Stand, card: VirtualCard, state: str = "accepted") -> None:
    stand.lay(card)
    stand.seen(state)
    stand.ended()
    stand.lift()


@pytest.fixture
def card(issuer: Issuer) -> VirtualCard:
    return issuer.card({each: issuer.sign(issuer.record(each)) for each in (LIBRARY,)})


def test_each_accepted_library_card_is_told_as_its_number_and_no_more(
    stand: Stand, url: str, card: VirtualCard, issuer: Issuer
) -> None:
    with Software(url) as software:
        tapped(stand, card)
        card.reset()
        tapped(stand, issuer.card({}), "refused")
        tapped(stand, VirtualCard(UID), "refused")
        tapped(stand, card)
        assert software.has_heard(2)
    told = {"number": NUMBER, "at": "2026-12-01T09:31:00Z"}
    assert software.heard == [told, told], "the two that were refused are not told"


def test_who_listens_later_is_not_told_who_was_here_before(
    stand: Stand, url: str, card: VirtualCard
) -> None:
    tapped(stand, card)
    with Software(url) as software:
        assert software.heard == []
        card.reset()
        tapped(stand, card)
        assert software.has_heard(1)
    assert len(software.heard) == 1


@pytest.mark.parametrize("service", [Service.TRAVEL])
def test_a_card_accepted_for_another_service_is_not_told(
    stand: Stand, terminal: Terminal, issuer: Issuer
) -> None:
    card = issuer.card({Service.TRAVEL: issuer.sign(issuer.record(Service.TRAVEL))})
    patrons = terminal.counter.patrons
    assert patrons is not None
    tapped(stand, card)
    assert patrons.wait(0, 0) == (0, None)


@pytest.mark.parametrize("product", [Product.VALIDATOR, Product.FRONT_DESK])
def test_a_terminal_that_is_no_kiosk_tells_no_patron(
    stand: Stand, terminal: Terminal, card: VirtualCard
) -> None:
    patrons = terminal.counter.patrons
    assert patrons is not None
    tapped(stand, card)
    assert patrons.wait(0, 0) == (0, None)


def test_a_kiosk_gives_no_token_to_a_till(
    stand: Stand, terminal: Terminal, card: VirtualCard
) -> None:
    tapped(stand, card)
    assert terminal.counter.till is not None
    assert not isinstance(terminal.counter.till.take(0), msgspec.Struct)


def test_the_server_makes_a_terminal_a_kiosk(
    server: TinyServer, enrolled: State, clock: Ticking
) -> None:
    server.bundle_changes = {"set_up": {"product": "library-kiosk"}}
    opened = Terminal(Settings(server_url=server.url, state_dir=enrolled.directory), clock=clock)
    opened.sync.once()
    said = [opened.product]
    opened.holdings.set_up = SetUp(product=Product.VALIDATOR)
    said.append(opened.product)
    assert said == [Product.LIBRARY_KIOSK, Product.VALIDATOR]
    opened.close()


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", f"Bearer {SECRET[:-1]}", f"Bearer {SECRET}x", SECRET, f"Basic {SECRET}"],
)
def test_whoever_does_not_show_the_secret_is_told_nothing(url: str, shown: str) -> None:
    with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        refused = client.get(PATRONS_PATH, headers={"Authorization": shown})
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        in_address = client.get(f"{PATRONS_PATH}?token={SECRET}")
        assert in_address.status_code == 404


@pytest.mark.parametrize(
    "of_a_page",
    [
        {"Origin": "https://evil.example"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Mode": "cors"},
    ],
)
def test_no_page_is_told_even_with_the_secret(url: str, of_a_page: dict[str, str]) -> None:
    refused = httpx.get(url + PATRONS_PATH, headers=SHOWN | of_a_page, trust_env=False)
    assert refused.status_code == 403
    assert not [name for name in refused.headers if name.startswith("access-control")]


def test_one_program_too_many_is_refused_and_the_first_ones_go_on(
    stand: Stand, url: str, card: VirtualCard
) -> None:
    first, second = Software(url), Software(url)
    assert MOST_LISTENERS == 2
    with first, second:
        third = httpx.get(url + PATRONS_PATH, headers=SHOWN, trust_env=False)
        assert third.status_code == 503
        tapped(stand, card)
        assert first.has_heard(1)
        assert second.has_heard(1)


def test_a_listener_that_fell_far_behind_goes_on_with_what_is_remembered(issuer: Issuer) -> None:
    patrons = Patrons(Secret(SECRET.encode()))
    begun = patrons.now()
    for number in range(REMEMBERED + 10):
        patrons.tapped(issuer.record(LIBRARY, number=number), now=NOW)
    seen, first = patrons.wait(begun, 0)
    assert first is not None
    assert (seen, first.number) == (11, f"{10:014d}")


def test_neither_screen_nor_log_nor_a_till_shows_a_number(
    stand: Stand, url: str, card: VirtualCard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Software(url) as software:
        tapped(stand, card)
        assert software.has_heard(1)
    with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        shown = "".join(client.get(path).text for path in ("/", "/state", "/plain"))
    assert NUMBER not in shown
    assert NUMBER not in caplog.text
    assert NUMBER.lstrip("0") not in caplog.text + repr(patron_of(_record(), now=NOW))
    assert PATRONS_PATH in caplog.text, "the log was looked at"


def _record() -> Any:  # noqa: ANN401  (a record)
    return Issuer().record(LIBRARY)


def test_without_a_secret_there_is_no_such_address(
    server: TinyServer, enrolled: State, clock: Ticking
) -> None:
    settings = Settings(
        server_url=server.url, state_dir=enrolled.directory, product=Product.LIBRARY_KIOSK
    )
    opened = Terminal(settings, clock=clock)
    assert isinstance(opened.counter, Counter)
    screen = Screen(opened.board, 0, counter=opened.counter)
    screen.start()
    try:
        for path in (PATRONS_PATH, TILL_PATH):
            answer = httpx.get(
                f"http://localhost:{screen.port}{path}", headers=SHOWN, trust_env=False
            )
            assert answer.status_code == 404
    finally:
        screen.stop()
        opened.close()
