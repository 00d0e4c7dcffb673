"""A machine becomes a terminal once, keeps its secrets to itself, and loses nothing it keeps."""

import os
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from readers.contract import wire
from readers.contract.reasons import Reason
from readers.contract.services import Service
from readers.terminal.decide import TryAgain
from readers.terminal.enrol import enrol
from readers.terminal.errors import (
    AlreadyEnrolled,
    CodeUnusable,
    NotEnrolled,
    ServerNotUnderstood,
    ServerRefused,
    ServerUnreachable,
    StateUnusable,
)
from readers.terminal.holdings import Holdings
from readers.terminal.parts import Terminal
from readers.terminal.server import Network, Server
from readers.terminal.state import State
from tests.integration.terminal.conftest import Ticking
from tests.support.issuer import NOW, TERMINAL
from tests.support.tiny_server import CODE, TinyServer


@pytest.fixture
def client(server: TinyServer) -> Iterator[Server]:
    client = Server(server.url, None)
    yield client
    client.close()


def test_enrolling_pins_the_servers_key_and_keeps_the_private_one_here(
    state: State, client: Server, server: TinyServer
) -> None:
    identity = enrol(state, client, CODE)
    assert (identity.terminal_id, identity.name) == (TERMINAL, "Gateway")
    assert state.identity() == identity
    assert identity.bundle_keys == server.issuer.pinned
    assert server.public_key is not None
    server.public_key.verify(identity.sign(b"it is me"), b"it is me")
    assert state.server_time() == NOW


def test_nobody_else_may_read_what_a_terminal_keeps(terminal: Terminal, enrolled: State) -> None:
    assert terminal.holdings.keys
    assert stat.S_IMODE(enrolled.directory.stat().st_mode) == 0o700
    secrets = [path for path in enrolled.directory.iterdir() if path.suffix == ".json"]
    assert {path.name for path in secrets} == {
        "terminal.json", "bundle.json", "shards.json", "read-keys.json", "server-time.json",
    }  # fmt: skip
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}


def test_the_private_key_shows_itself_in_no_log(enrolled: State) -> None:
    identity = enrolled.identity()
    assert identity.private_key.hex() not in repr(identity)
    assert "private" not in repr(identity)


@pytest.mark.parametrize("code", ["WRNG-WRNG-WRNG-WRNG", "ABCD"])
def test_a_wrong_code_is_refused_in_the_servers_words_and_nothing_is_kept(
    state: State, client: Server, code: str
) -> None:
    with pytest.raises(ServerRefused) as refused:
        enrol(state, client, code)
    assert refused.value.problem == "code-not-accepted"
    assert "because" in str(refused.value)
    assert not state.is_enrolled()


def test_a_code_works_once(tmp_path: Path, client: Server) -> None:
    enrol(State(tmp_path / "first"), client, CODE)
    with pytest.raises(ServerRefused):
        enrol(State(tmp_path / "second"), client, CODE)


def test_what_cannot_be_a_code_is_not_even_sent(
    state: State, client: Server, server: TinyServer
) -> None:
    for text in ("", "abc", "x" * 65):
        with pytest.raises(CodeUnusable):
            enrol(state, client, text)
    assert server.requests == []


def test_a_terminal_is_not_enrolled_twice_because_its_taps_would_be_orphaned(
    enrolled: State, client: Server, server: TinyServer
) -> None:
    server.codes.add("ANOT-HERC-ODEX-YZ23")
    with pytest.raises(AlreadyEnrolled):
        enrol(enrolled, client, "ANOT-HERC-ODEX-YZ23")
    assert "ANOT-HERC-ODEX-YZ23" in server.codes


def test_a_directory_that_cannot_be_written_costs_no_code(
    tmp_path: Path, client: Server, server: TinyServer
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateUnusable):
        enrol(State(tmp_path / "file" / "state"), client, CODE)
    assert CODE in server.codes


def test_a_server_that_does_not_answer(state: State) -> None:
    nobody = Server("http://127.0.0.1:9", None)
    with pytest.raises(ServerUnreachable):
        enrol(state, nobody, CODE)
    nobody.close()
    assert not state.is_enrolled()


def test_a_server_that_is_something_else(enrolled: State, server: TinyServer) -> None:
    client = Server(server.url, enrolled.identity())
    server.refuse = {wire.BUNDLE_PATH: (200, "hello")}
    with pytest.raises(ServerNotUnderstood):
        client.bundle(now=NOW)
    client.close()


def test_a_fault_of_the_server_is_no_refusal(enrolled: State, server: TinyServer) -> None:
    client = Server(server.url, enrolled.identity())
    server.refuse = {wire.BUNDLE_PATH: (503, "busy")}
    with pytest.raises(ServerUnreachable):
        client.bundle(now=NOW)
    client.close()


def test_a_cut_network_opens_no_connection(enrolled: State, server: TinyServer) -> None:
    network = Network()
    client = Server(server.url, enrolled.identity(), network=network)
    before = list(server.requests)
    network.cut(yes=True)
    with pytest.raises(ServerUnreachable):
        client.bundle(now=NOW)
    assert server.requests == before
    network.cut(yes=False)
    client.bundle(now=NOW)
    client.close()


def test_a_request_signed_an_hour_ago_is_worth_nothing(enrolled: State, server: TinyServer) -> None:
    client = Server(server.url, enrolled.identity())
    with pytest.raises(ServerRefused, match="expired"):
        client.bundle(now=NOW - timedelta(hours=1))
    client.close()


# -- what is kept ----------------------------------------------------------------------------------


def test_a_terminal_that_was_never_enrolled_says_so(state: State) -> None:
    with pytest.raises(NotEnrolled):
        Holdings(state)


def test_a_damaged_identity_is_named(enrolled: State) -> None:
    (enrolled.directory / "terminal.json").write_text("{")
    with pytest.raises(StateUnusable, match=r"terminal\.json"):
        Holdings(enrolled)


@pytest.mark.parametrize("name", ["bundle.json", "read-keys.json", "server-time.json"])
def test_what_is_damaged_is_left_out_and_fetched_again(
    terminal: Terminal,
    open_terminal: Callable[[], Terminal],
    enrolled: State,
    name: str,
) -> None:
    (enrolled.directory / name).write_bytes(b'{"cut short')
    again = open_terminal()
    assert again.holdings.identity.terminal_id == terminal.holdings.identity.terminal_id
    again.sync.once()
    assert again.problem(NOW) is None


def test_a_bundle_that_cannot_be_stored_is_not_used(
    terminal: Terminal, enrolled: State, server: TinyServer, clock: Ticking
) -> None:
    before = terminal.holdings.bundle
    clock.now = server.now = NOW + timedelta(minutes=2)
    blocked = enrolled.directory / "bundle.new"
    blocked.mkdir()
    with pytest.raises(StateUnusable):
        terminal.sync.once()
    assert terminal.holdings.bundle is before
    blocked.rmdir()
    terminal.sync.once()
    assert terminal.holdings.bundle is not before


def test_a_half_written_file_of_an_earlier_crash_is_in_nobodys_way(enrolled: State) -> None:
    (enrolled.directory / "server-time.new").write_bytes(b"half")
    later = NOW + timedelta(days=1)
    enrolled.keep_server_time(later)
    assert enrolled.server_time() == later
    assert not (enrolled.directory / "server-time.new").exists()


def test_the_servers_time_is_kept_and_never_goes_back(enrolled: State) -> None:
    holdings = Holdings(enrolled)
    holdings.hear_server_time(NOW + timedelta(hours=1))
    holdings.hear_server_time(NOW)
    assert Holdings(enrolled).server_time == NOW + timedelta(hours=1)


def test_keys_of_the_next_generation_come_with_the_bundle_and_survive_a_restart(
    terminal: Terminal,
    open_terminal: Callable[[], Terminal],
    server: TinyServer,
    clock: Ticking,
) -> None:
    server.issuer.bundles["bun.2"] = Ed25519PrivateKey.generate()
    for signed_by in ("bun.1", "bun.2"):
        clock.now = server.now = clock.now + timedelta(minutes=2)
        server.bundle_changes = {"signed_by": signed_by}
        terminal.sync.once()
    again = open_terminal()
    assert again.holdings.bundle is not None
    assert again.holdings.bundle.issued_at == server.now


def test_read_keys_are_fetched_again_when_the_services_change(
    terminal: Terminal, server: TinyServer, clock: Ticking
) -> None:
    assert set(terminal.holdings.keys) == {Service.TRAVEL}
    clock.now = server.now = NOW + timedelta(minutes=2)
    terminal.sync.once()
    assert server.requests.count(wire.READ_KEYS_PATH) == 1
    server.services = (Service.TRAVEL, Service.LIBRARY)
    clock.now = server.now = NOW + timedelta(minutes=4)
    terminal.sync.once()
    assert set(terminal.holdings.keys) == {Service.TRAVEL, Service.LIBRARY}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_of_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StateUnusable):
        State(tmp_path / "state").prepare()


# -- revoked, and back -----------------------------------------------------------------------------


def test_a_revoked_terminal_destroys_its_keys_keeps_its_taps_and_comes_back_by_a_new_code(
    terminal: Terminal,
    open_terminal: Callable[[], Terminal],
    client: Server,
    server: TinyServer,
    enrolled: State,
    clock: Ticking,
) -> None:
    terminal.journal.append(
        lambda sequence: wire.TapEvent(
            sequence=sequence,
            taken_at=NOW,
            service=Service.TRAVEL,
            accepted=True,
            mode=wire.Mode.OFFLINE,
        )
    )
    terminal.journal.note_shown(1, shown=True)
    server.refuse = dict.fromkeys((wire.BUNDLE_PATH, wire.TAPS_PATH), (403, "terminal-revoked"))
    clock.now = server.now = NOW + timedelta(minutes=2)
    turned = threading.Event()
    terminal.sync.start()
    terminal.sync.wake()
    for _ in range(100):
        if terminal.problem(clock.now) is not None:
            break
        turned.wait(0.05)
    terminal.sync.stop()
    assert terminal.problem(clock.now) == TryAgain(Reason.NOT_READY)
    assert not (enrolled.directory / "read-keys.json").exists()
    assert len(terminal.journal.pending(limit=9)) == 1

    server.refuse = {}
    server.codes.add("ANOT-HERC-ODEX-YZ23")
    before = enrolled.identity()
    enrol(enrolled, client, "ANOT-HERC-ODEX-YZ23", again=True)
    assert enrolled.identity().private_key != before.private_key
    again = open_terminal()
    again.sync.once()
    assert again.problem(clock.now) is None
    assert sorted(server.taps) == [1]


def test_the_code_of_another_terminal_does_not_take_over_the_taps_of_this_one(
    enrolled: State, client: Server, server: TinyServer
) -> None:
    server.codes.add("ANOT-HERC-ODEX-YZ23")
    server.terminal_id = "t-2"
    before = enrolled.identity()
    with pytest.raises(AlreadyEnrolled, match="taps of Gateway"):
        enrol(enrolled, client, "ANOT-HERC-ODEX-YZ23", again=True)
    assert enrolled.identity() == before
