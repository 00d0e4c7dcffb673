"""A terminal as a real process behind a real pcscd: taps, swaps, faults, a restart and an end."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from readers.contract import tap_tokens
from readers.contract.services import Service
from readers.errors import CardRemoved
from readers.terminal.enrol import enrol
from readers.terminal.journal import Journal
from readers.terminal.screen.till_door import TILL_PATH
from readers.terminal.server import Server
from readers.terminal.state import State
from readers.virtual.card import VirtualCard
from readers.virtual.pcscd import Pcscd
from readers.virtual.plug import Plug
from tests.support.issuer import NOW, UID, Issuer
from tests.support.patience import PATIENCE, eventually
from tests.support.tiny_server import CODE, TinyServer

pytestmark = pytest.mark.pcsc

TRAVEL = Service.TRAVEL
SECRET = "0123456789" * 4


class Running:
    """A terminal's process and what its screen says."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self._log = log
        self._screen = httpx.Client(trust_env=False)
        self._url = ""

    def state(self) -> dict[str, object]:
        if not self._url:
            self._url = self.log.partition("screen at ")[2].partition("\n")[0]
        if not self._url:
            return {}
        shown: dict[str, object] = self._screen.get(f"{self._url}/state").json()
        return shown

    def shows(self, **wanted: object) -> None:
        try:
            eventually(lambda: wanted.items() <= self.state().items())
        except AssertionError as error:
            raise AssertionError(f"{wanted} did not come up, but {self.state()}") from error

    def at_the_till(self, secret: str) -> httpx.Response:
        shown = {"Authorization": f"Bearer {secret}"}
        return self._screen.get(f"{self._url}{TILL_PATH}", headers=shown, timeout=PATIENCE)

    def cut_network(self) -> None:
        self._screen.post(f"{self._url}/network", json={"cut": True}).raise_for_status()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> int:
        self._screen.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def server(issuer: Issuer) -> Iterator[TinyServer]:
    with TinyServer(issuer, TRAVEL, now=NOW) as tiny:
        yield tiny


@pytest.fixture
def reader(pcscd: Pcscd) -> str:
    return pcscd.readers[3]


@pytest.fixture
def plug(pcscd: Pcscd, reader: str) -> Iterator[Plug]:
    plug = Plug(pcscd.socket_of(reader))
    yield plug
    plug.remove()


@pytest.fixture
def terminal(server: TinyServer, reader: str, tmp_path: Path) -> Iterator[Running]:
    state = State(tmp_path / "state")
    client = Server(server.url, None)
    enrol(state, client, CODE)
    client.close()
    secret = tmp_path / "till.secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    environ = {
        **os.environ,
        "KENTCARD_TERMINAL_SERVER_URL": server.url,
        "KENTCARD_TERMINAL_STATE_DIR": str(state.directory),
        "KENTCARD_TERMINAL_READER": reader.removesuffix(" 00 00"),
        "KENTCARD_TERMINAL_SCREEN_PORT": str(free_port()),
        "KENTCARD_TERMINAL_TILL_SECRET_FILE": str(secret),
        "KENTCARD_DEMO": "1",
        "KENTCARD_CLOCK": (NOW + timedelta(seconds=1)).isoformat(),
    }
    log = tmp_path / "log"
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "readers.cli", "run"],
                env=environ,
                stderr=stack.enter_context(log.open("w")),
                text=True,
            )
        )
        running = Running(process, log)
        stack.callback(process.kill)
        running.shows(state="waiting", online=True)
        yield running


@pytest.fixture
def card(issuer: Issuer) -> VirtualCard:
    return issuer.card({TRAVEL: issuer.sign(issuer.record(TRAVEL))})


def test_a_tap_is_accepted_uploaded_and_the_next_card_invited(
    terminal: Running, plug: Plug, card: VirtualCard, server: TinyServer
) -> None:
    plug.insert(card)
    terminal.shows(state="accepted", taps=1, uploaded=1)
    plug.remove()
    terminal.shows(state="waiting")
    assert sorted(server.taps) == [1]
    assert terminal.stop() == 0
    assert UID.hex() not in terminal.log.lower()
    assert "633000000017" not in terminal.log


def test_cards_that_are_not_ours_each_have_their_answer(
    terminal: Running, plug: Plug, issuer: Issuer, card: VirtualCard
) -> None:
    other = Issuer()
    other.masters = dict.fromkeys(other.masters, bytes(16))
    laid = {
        "foreign-card": VirtualCard(UID),
        "card-not-genuine": other.card({}),
        "not-held": issuer.card({}),
        "": card,
    }
    for taps, (reason, each) in enumerate(laid.items(), start=1):
        plug.insert(each)
        terminal.shows(state="refused" if reason else "accepted", reason=reason, taps=taps)
        plug.remove()
    assert terminal.stop() == 0


def test_a_card_torn_away_is_asked_for_again_at_once(
    terminal: Running, plug: Plug, card: VirtualCard
) -> None:
    card.tear_after(3)
    plug.insert(card)
    terminal.shows(state="try-again", reason=CardRemoved.code, taps=0)
    plug.remove()
    plug.insert(card)
    terminal.shows(state="accepted", taps=1)
    assert terminal.stop() == 0


def test_the_terminal_survives_a_restart_of_pcscd(
    terminal: Running, plug: Plug, pcscd: Pcscd, card: VirtualCard
) -> None:
    pcscd.kill()
    terminal.shows(state="fault", reason="reader-gone")
    pcscd.restart()
    terminal.shows(state="waiting")
    plug.insert(card)
    terminal.shows(state="accepted", taps=1)
    assert terminal.stop() == 0


def test_a_terminal_killed_between_two_taps_has_lost_none(
    terminal: Running, plug: Plug, card: VirtualCard, tmp_path: Path
) -> None:
    terminal.cut_network()
    plug.insert(card)
    terminal.shows(state="accepted", taps=1, uploaded=0)
    terminal.process.kill()
    terminal.process.wait()
    journal = Journal(tmp_path / "state" / "taps.db")
    (tap,) = journal.pending(limit=9)
    assert (tap.sequence, tap.accepted) == (1, True)
    journal.close()


def test_the_till_is_given_the_token_of_a_tap_without_the_network(
    terminal: Running, plug: Plug, card: VirtualCard, server: TinyServer
) -> None:
    terminal.cut_network()
    plug.insert(card)
    terminal.shows(state="accepted", taps=1)
    assert terminal.at_the_till("x" * 40).status_code == 401
    told = terminal.at_the_till(SECRET).json()
    at = datetime.fromisoformat(told["at"])
    assert server.public_key is not None
    assert tap_tokens.verify(told["token"], server.public_key, now=at).service is TRAVEL
    assert terminal.stop() == 0
    assert told["token"] not in terminal.log
    assert SECRET not in terminal.log
