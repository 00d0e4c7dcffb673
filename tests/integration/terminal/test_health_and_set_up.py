"""A terminal says how it is, and takes what the server sets of it: whole, in bounds, or not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from readers.card.channel import CardArrived, ReaderAppeared, ReaderGone
from readers.contract.health import HEALTH_PATH, MOST_READERS, ReaderState
from readers.contract.products import Product
from readers.contract.wire import WIRE_VERSION, Purpose
from readers.terminal import display
from readers.terminal.bundle import TOO_OLD_HERE, TOO_OLD_THERE
from readers.terminal.errors import BundleRefused, ServerRefused
from readers.terminal.health import ASK_AGAIN_AFTER, SOFTWARE
from readers.terminal.holdings import Holdings
from readers.terminal.parts import Terminal
from readers.terminal.reader_states import ReaderStates
from readers.terminal.state import State
from tests.integration.terminal.conftest import READER, Stand, Ticking
from tests.support.issuer import NOW, Issuer
from tests.support.tiny_server import TinyServer

MINUTE = timedelta(minutes=1)


def told(server: TinyServer, **set_up: object) -> None:
    server.bundle_changes = {"set_up": set_up}


def again(terminal: Terminal, server: TinyServer, clock: Ticking) -> None:
    """A minute later the terminal asks anew."""
    clock.now += MINUTE
    server.now = clock.now
    terminal.sync.online = False
    terminal.sync.once()


def test_a_terminal_says_how_it_is(
    terminal: Terminal, stand: Stand, issuer: Issuer, clock: Ticking
) -> None:
    terminal.health.readers.note(ReaderAppeared(READER), now=NOW)
    terminal.health.readers.note(ReaderAppeared("Another 01"), now=NOW)
    terminal.health.readers.note(ReaderGone("Another 01"), now=NOW + MINUTE)
    stand.lay(issuer.card({}))
    stand.seen("refused")
    clock.now = NOW + MINUTE
    said = terminal.health.report(now=clock.now)
    assert [(each.name, each.state) for each in said.readers] == [
        ("Another 01", ReaderState.GONE),
        (READER, ReaderState.READY),
    ]
    assert (said.readers[0].since, said.readers[1].since) == (NOW + MINUTE, NOW)
    assert (said.taps_waiting, said.at, said.started_at) == (1, clock.now, NOW)
    assert (said.software, said.wire_version) == (SOFTWARE, WIRE_VERSION)
    assert (said.bundle_at, said.lists_at) == (NOW, NOW)
    assert said.product == Product.VALIDATOR


def test_it_says_so_with_the_first_bundle_then_each_minute_and_when_a_reader_goes(
    terminal: Terminal, server: TinyServer, clock: Ticking
) -> None:
    assert len(server.healths) == 1
    clock.now += MINUTE / 2
    terminal.sync.once()
    assert len(server.healths) == 1
    terminal.health.readers.note(ReaderGone(READER), now=clock.now)
    terminal.sync.once()
    assert [each.state for each in server.healths[-1].readers] == [ReaderState.GONE]
    clock.now += MINUTE
    server.now = clock.now
    terminal.sync.once()
    assert len(server.healths) == 3


def test_a_server_that_knows_no_reports_is_left_alone_for_an_hour(
    open_terminal: Callable[[], Terminal], server: TinyServer, clock: Ticking
) -> None:
    server.refuse[HEALTH_PATH] = (404, "not-found")
    older = open_terminal()
    for _ in range(3):
        again(older, server, clock)
    assert server.requests.count(HEALTH_PATH) == 1
    clock.now += ASK_AGAIN_AFTER
    again(older, server, clock)
    assert server.requests.count(HEALTH_PATH) == 2


def test_a_report_that_is_refused_holds_up_no_bundle_and_no_tap(
    open_terminal: Callable[[], Terminal], server: TinyServer
) -> None:
    server.refuse[HEALTH_PATH] = (422, "malformed")
    opened = open_terminal()
    with pytest.raises(ServerRefused, match="malformed"):
        opened.sync.once()
    assert opened.holdings.bundle is not None


def test_no_report_holds_more_readers_than_one_may() -> None:
    states = ReaderStates()
    for number in range(MOST_READERS + 5):
        states.note(CardArrived(f"{'x' * 200} {number:02}"), now=NOW)
    assert len(states.all()) == MOST_READERS
    assert all(len(each.name) == 128 for each in states.all())


def test_what_the_server_sets_is_taken_and_survives_a_start(
    terminal: Terminal, server: TinyServer, clock: Ticking, enrolled: State
) -> None:
    told(server, product="library-kiosk", settings={"show_seconds": 7, "title": "Borrow here"})
    again(terminal, server, clock)
    assert terminal.product is Product.LIBRARY_KIOSK
    assert terminal.settings_from_afar.show_seconds == 7
    terminal.show_idle()
    assert terminal.board.look()[1].title == "Borrow here"
    assert Holdings(enrolled).set_up == terminal.holdings.set_up


@pytest.mark.parametrize(
    "set_up",
    [
        pytest.param({"product": "coffee-machine"}, id="a product of a newer server"),
        pytest.param({"settings": {"show_seconds": 0}}, id="below"),
        pytest.param({"settings": {"show_seconds": 31}}, id="above"),
        pytest.param({"settings": {"pass_back_seconds": -1}}, id="negative"),
        pytest.param({"settings": {"refresh_seconds": 1}}, id="too often"),
        pytest.param({"settings": {"refresh_seconds": 10**30}}, id="for ever"),
        pytest.param({"settings": {"show_seconds": "4"}}, id="text for a number"),
        pytest.param({"settings": {"title": "x" * 41}}, id="a long title"),
        pytest.param({"settings": {"advice": "a\nb"}}, id="a line end"),
        pytest.param({"settings": {"title": "a\x1b[2J"}}, id="an escape"),
        pytest.param({"settings": {"title": None}}, id="none"),
        pytest.param({"settings": []}, id="a list"),
    ],
)
def test_settings_out_of_bounds_are_refused_whole_and_the_old_ones_kept(
    terminal: Terminal, server: TinyServer, clock: Ticking, set_up: dict[str, Any]
) -> None:
    told(server, settings={"show_seconds": 9})
    again(terminal, server, clock)
    good = {"settings": {"show_seconds": 5}}
    spoilt = good | set_up if "settings" not in set_up else set_up
    told(server, **spoilt)
    again(terminal, server, clock)
    assert terminal.settings_from_afar.show_seconds == 9
    assert terminal.holdings.bundle is not None
    assert terminal.holdings.bundle.issued_at == clock.now, "its lists are taken all the same"
    assert terminal.health.report(now=clock.now).settings_refused
    told(server, **good)
    again(terminal, server, clock)
    assert terminal.settings_from_afar.show_seconds == 5
    assert terminal.health.report(now=clock.now).settings_refused == ""


def test_settings_of_a_newer_server_are_ignored_where_they_are_not_known(
    terminal: Terminal, server: TinyServer, clock: Ticking
) -> None:
    told(server, colour="green", settings={"show_seconds": 6, "volume": 11})
    again(terminal, server, clock)
    assert terminal.settings_from_afar.show_seconds == 6
    assert terminal.holdings.settings_refused == ""


def test_a_bundle_cannot_make_a_terminal_ask_without_a_pause(
    terminal: Terminal, server: TinyServer, clock: Ticking
) -> None:
    for asked, kept in ((0, 15), (-5, 15), (10**9, 3600)):
        server.bundle_changes = {"refresh_seconds": asked}
        again(terminal, server, clock)
        assert terminal.holdings.bundle is not None
        assert terminal.holdings.bundle.refresh == timedelta(seconds=kept)


@pytest.mark.parametrize(
    ("version", "words"), [(WIRE_VERSION + 1, TOO_OLD_HERE), (WIRE_VERSION - 1, TOO_OLD_THERE)]
)
def test_who_is_too_old_is_said_and_the_old_bundle_kept(
    terminal: Terminal, server: TinyServer, clock: Ticking, version: int, words: str
) -> None:
    before = terminal.holdings.bundle
    server.bundle_changes = {"wire_version": version}
    with pytest.raises(BundleRefused) as refused:
        again(terminal, server, clock)
    assert words in str(refused.value)
    assert terminal.holdings.bundle is before


def test_a_damaged_set_up_is_taken_again_from_the_bundle(
    terminal: Terminal, server: TinyServer, clock: Ticking, enrolled: State
) -> None:
    told(server, settings={"show_seconds": 9})
    again(terminal, server, clock)
    (enrolled.directory / "set-up.json").write_bytes(b"{")
    assert Holdings(enrolled).set_up.settings.show_seconds == 9


@pytest.mark.parametrize(
    ("purposes", "product"),
    [
        ([Purpose.VALIDATE], Product.VALIDATOR),
        ([Purpose.PERSONALISE], Product.DESK_ENCODER),
        ([Purpose.PERSONALISE, Purpose.VALIDATE], Product.DESK_ENCODER),
    ],
)
def test_a_terminal_nobody_set_up_is_what_it_may_do(
    terminal: Terminal,
    server: TinyServer,
    clock: Ticking,
    purposes: list[Purpose],
    product: Product,
) -> None:
    server.bundle_changes = {"purposes": [each.value for each in purposes]}
    again(terminal, server, clock)
    assert terminal.product is product
    terminal.show_idle()
    assert terminal.board.look()[1].title == display.IDLE[product].title
