"""A terminal's lists: in pieces or whole, fetched once, whole or not at all on its disk."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from readers.contract import shards, wire
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.errors import ShardRefused
from readers.terminal.bundle import ServiceRules
from readers.terminal.errors import (
    BundleRefused,
    ListRolledBack,
    ServerRefused,
    StateUnusable,
)
from readers.terminal.holdings import Holdings
from readers.terminal.parts import Terminal
from readers.terminal.state import State
from tests.integration.terminal.conftest import Ticking
from tests.support.issuer import NOW, Issuer
from tests.support.tiny_server import TinyServer

TRAVEL = Service.TRAVEL


def _rules(holdings: Holdings) -> ServiceRules:
    assert holdings.bundle is not None
    return holdings.bundle.services[TRAVEL]


def _pieces_asked(server: TinyServer) -> int:
    return sum(path.startswith(wire.STATUS_SHARDS_PATH) for path in server.requests)


def _later(server: TinyServer, clock: Ticking) -> None:
    clock.now += timedelta(seconds=61)
    server.now = clock.now


def test_only_pieces_that_changed_are_fetched(
    terminal: Terminal, server: TinyServer, issuer: Issuer, clock: Ticking
) -> None:
    assert isinstance(_rules(terminal.holdings).statuses, shards.ShardedList)
    assert _pieces_asked(server) == 1
    _later(server, clock)
    terminal.sync.once()
    assert _pieces_asked(server) == 1, "nothing changed"
    issuer.set_status(TRAVEL, 7, Status.SUSPENDED)
    _later(server, clock)
    terminal.sync.once()
    assert _pieces_asked(server) == 2
    assert _rules(terminal.holdings).statuses[7] == Status.SUSPENDED
    assert _rules(terminal.holdings).listed_at == server.now


def test_a_server_of_before_sends_the_list_whole(
    open_terminal: Callable[[], Terminal], server: TinyServer, issuer: Issuer
) -> None:
    server.knows_shards = False
    issuer.set_status(TRAVEL, 7, Status.INVALID)
    terminal = open_terminal()
    terminal.sync.once()
    assert _rules(terminal.holdings).statuses[7] == Status.INVALID
    assert _pieces_asked(server) == 0


def test_after_a_restart_the_list_is_there_without_the_network(
    terminal: Terminal, enrolled: State, server: TinyServer, issuer: Issuer, clock: Ticking
) -> None:
    issuer.set_status(TRAVEL, 7, Status.SUSPENDED)
    _later(server, clock)
    terminal.sync.once()
    again = Holdings(enrolled)
    assert _rules(again).statuses[7] == Status.SUSPENDED
    assert _rules(again).listed_at == server.now


@pytest.mark.parametrize("fault", ["forged", "of before", "cut short", "gone"])
def test_a_piece_that_is_not_the_signed_one_leaves_the_list_of_before(
    terminal: Terminal, server: TinyServer, issuer: Issuer, clock: Ticking, fault: str
) -> None:
    old = dict(server.shards)
    issuer.set_status(TRAVEL, 7, Status.SUSPENDED)
    _later(server, clock)
    server.bundle(in_shards=True)
    (fresh,) = server.shards.keys() - old.keys()
    spoilt = {
        "forged": shards.deflated(shards.pack({})),
        "of before": next(iter(old.values())),
        "cut short": server.shards[fresh][:-1],
    }
    server.shards = dict(old)
    server.handed_out = {fresh: spoilt[fault]} if fault in spoilt else {}
    with pytest.raises(ServerRefused if fault == "gone" else ShardRefused) as refused:
        terminal.sync.once()
    assert refused.value.code in {"shard-refused", "server-refused"}
    assert _rules(terminal.holdings).listed_at == NOW
    assert _rules(terminal.holdings).statuses[7] == Status.VALID

    server.handed_out = None
    terminal.sync.once()
    assert _rules(terminal.holdings).statuses[7] == Status.SUSPENDED


def test_a_manifest_of_before_is_refused_for_its_own_reason(
    terminal: Terminal, server: TinyServer, issuer: Issuer, clock: Ticking
) -> None:
    old = issuer.manifest_token(TRAVEL, made=NOW - timedelta(minutes=1))
    issuer.set_status(TRAVEL, 7, Status.SUSPENDED)
    _later(server, clock)
    terminal.sync.once()
    _later(server, clock)
    server.bundle_changes = {"hotlists": {"travel": old}}
    with pytest.raises(ListRolledBack) as refused:
        terminal.sync.once()
    assert refused.value.code == "list-rolled-back"
    assert _rules(terminal.holdings).statuses[7] == Status.SUSPENDED


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: Issuer().manifest_token(TRAVEL, made=NOW),
        lambda issuer: issuer.manifest_token(Service.LIBRARY, made=NOW),
        lambda issuer: issuer.list_token(TRAVEL, made=NOW),
        lambda issuer: issuer.manifest_token(TRAVEL, made=NOW, hotlist=None),
        lambda issuer: issuer.manifest_token(
            TRAVEL, made=NOW, hotlist={"places": 2**40, "shards": []}
        ),
        lambda _: "nonsense",
    ],
    ids=["another signer", "another service", "another kind", "no list", "no shards", "no token"],
)
def test_a_manifest_that_was_not_signed_for_this_is_refused(
    open_terminal: Callable[[], Terminal],
    server: TinyServer,
    issuer: Issuer,
    forge: Callable[[Issuer], str],
) -> None:
    server.bundle_changes = {"hotlists": {"travel": forge(issuer)}}
    terminal = open_terminal()
    with pytest.raises(BundleRefused):
        terminal.sync.once()
    assert terminal.holdings.bundle is None
    assert _pieces_asked(server) == 0


@pytest.mark.parametrize("write", range(1, 3))
def test_a_write_that_is_cut_short_leaves_a_whole_list(
    terminal: Terminal,
    enrolled: State,
    server: TinyServer,
    issuer: Issuer,
    clock: Ticking,
    monkeypatch: pytest.MonkeyPatch,
    write: int,
) -> None:
    """The power goes in the first file that is written, or in the second."""
    issuer.set_status(TRAVEL, 7, Status.SUSPENDED)
    _later(server, clock)
    left, sync = [write], os.fsync
    terminal.holdings.hear_server_time(server.now)

    def failing(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink().suffix == ".new":
            left[0] -= 1
            if left[0] == 0:
                os.ftruncate(handle, 10)
                raise OSError(5, "Input/output error")
        sync(handle)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StateUnusable):
        terminal.sync.once()
    monkeypatch.undo()

    after_the_cut = Holdings(enrolled)
    assert _rules(after_the_cut).statuses[7] == Status.VALID, "the list of before, whole"
    assert _rules(after_the_cut).listed_at == NOW
    terminal.sync.once()
    assert _rules(Holdings(enrolled)).statuses[7] == Status.SUSPENDED


@pytest.mark.parametrize("damage", [b"", b"{", b"{}", b'{"a": 7}'])
def test_pieces_that_are_damaged_on_disk_decide_nothing_and_are_fetched_again(
    terminal: Terminal,
    enrolled: State,
    open_terminal: Callable[[], Terminal],
    damage: bytes,
) -> None:
    assert terminal.holdings.bundle is not None
    (enrolled.directory / "shards.json").write_bytes(damage)
    again = open_terminal()
    assert (again.holdings.bundle, bool(again.holdings.keys)) == (None, True)
    again.sync.once()
    assert _rules(again.holdings).listed_at == NOW
    kept = msgspec.json.decode((enrolled.directory / "shards.json").read_bytes())
    assert len(kept) == 1
