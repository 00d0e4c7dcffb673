"""The doctor names every fault with its remedy, and calls a terminal in order only if it is."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from readers.contract import wire
from readers.contract.products import Product
from readers.contract.services import Service
from readers.errors import ReaderFault, ReaderServiceDown
from readers.terminal.doctor import Finding, Level, examine
from readers.terminal.parts import Terminal
from readers.terminal.settings import Settings
from readers.terminal.state import State
from tests.integration.terminal.conftest import Ticking
from tests.support.issuer import NOW
from tests.support.tiny_server import TinyServer

READERS = ("Kent Reader 1 00 00", "Kent Reader 2 00 00")


@pytest.fixture
def look(server: TinyServer, state: State) -> Callable[..., dict[str, Finding]]:
    def looking(
        *,
        now: datetime = NOW,
        readers: Callable[[], Sequence[str]] = lambda: READERS,
        **changes: object,
    ) -> dict[str, Finding]:
        values: dict[str, object] = {"server_url": server.url, "state_dir": state.directory}
        settings = Settings(**(values | changes))  # type: ignore[arg-type]  # settings by name
        return {finding.code: finding for finding in examine(settings, readers, now=now)}

    return looking


Look = Callable[..., dict[str, Finding]]


def test_a_terminal_in_order(terminal: Terminal, look: Look) -> None:
    assert terminal.holdings.bundle
    findings = look()
    assert set(findings) == {"reader", "journal", "server", "clock", "bundle"}
    assert {finding.level for finding in findings.values()} == {Level.OK}


def faults(findings: dict[str, Finding]) -> dict[str, Level]:
    wrong = {code: finding for code, finding in findings.items() if finding.level}
    assert all(finding.remedy.endswith((".", "enrol", "FILE)")) for finding in wrong.values())
    return {code: finding.level for code, finding in wrong.items()}


def raising(error: Exception) -> Callable[[], Sequence[str]]:
    def listing() -> Sequence[str]:
        raise error

    return listing


def test_pcscd_is_not_running(terminal: Terminal, look: Look) -> None:
    assert terminal.holdings.bundle
    assert faults(look(readers=raising(ReaderServiceDown("no")))) == {"pcscd-down": Level.FAULT}


def test_pcscd_has_a_fault(terminal: Terminal, look: Look) -> None:
    assert terminal.holdings.bundle
    assert faults(look(readers=raising(ReaderFault("no")))) == {"pcscd-fault": Level.FAULT}


def test_there_is_no_reader(terminal: Terminal, look: Look) -> None:
    assert terminal.holdings.bundle
    assert faults(look(readers=lambda: ())) == {"no-reader": Level.FAULT}


def test_the_reader_that_was_set_is_not_there(terminal: Terminal, look: Look) -> None:
    assert terminal.holdings.bundle
    findings = look(reader="Kent Reader 3")
    assert faults(findings) == {"reader-not-found": Level.FAULT}
    assert "Kent Reader 2" in findings["reader-not-found"].text
    assert faults(look(reader="Kent Reader 2")) == {}


def test_the_tills_secret_is_looked_at_if_a_till_was_set(
    terminal: Terminal, look: Look, tmp_path: Path
) -> None:
    assert terminal.holdings.bundle
    secret = tmp_path / "till.secret"
    assert faults(look(till_secret_file=secret)) == {"till-secret-unusable": Level.FAULT}
    secret.write_text("0123456789" * 4)
    secret.chmod(0o644)
    assert "mode 0644" in look(till_secret_file=secret)["till-secret-unusable"].text
    secret.chmod(0o600)
    findings = look(till_secret_file=secret)
    assert faults(findings) == {}
    assert "0123" not in findings["till"].text


def test_what_the_server_set_and_what_is_set_here_do_not_agree(
    terminal: Terminal, look: Look, server: TinyServer, clock: Ticking
) -> None:
    server.bundle_changes = {"set_up": {"product": "front-desk"}}
    clock.now += timedelta(minutes=1)
    server.now = clock.now
    terminal.sync.once()
    assert faults(look(now=clock.now, product=Product.VALIDATOR)) == {
        "product-differs": Level.TO_DO
    }
    assert faults(look(now=clock.now, product=Product.FRONT_DESK)) == {}
    server.bundle_changes = {"set_up": {"settings": {"show_seconds": 99}}}
    clock.now += timedelta(minutes=1)
    server.now = clock.now
    terminal.sync.once()
    findings = look(now=clock.now)
    assert faults(findings) == {"settings-refused": Level.TO_DO}
    assert "show_seconds" in findings["settings-refused"].text


def test_a_terminal_that_is_not_enrolled(look: Look, state: State) -> None:
    assert faults(look()) == {"not-enrolled": Level.TO_DO}
    assert not state.directory.exists(), "looking makes nothing"


def test_a_terminal_without_a_bundle(enrolled: State, look: Look) -> None:
    assert enrolled.is_enrolled()
    assert faults(look()) == {"bundle-missing": Level.TO_DO}


@pytest.mark.parametrize(
    ("age", "code"),
    [(timedelta(hours=24), "bundle-stale"), (timedelta(days=30), "bundle-expired")],
)
def test_a_bundle_that_has_grown_old(
    terminal: Terminal, look: Look, server: TinyServer, age: timedelta, code: str
) -> None:
    assert terminal.holdings.bundle
    server.now = NOW + age
    assert faults(look(now=NOW + age)) == {code: Level.TO_DO}


def test_a_clock_that_is_behind(terminal: Terminal, look: Look, server: TinyServer) -> None:
    assert terminal.holdings.bundle
    server.now = NOW - timedelta(hours=1)
    assert faults(look(now=NOW - timedelta(hours=1))) == {"clock-behind": Level.FAULT}


def test_a_clock_that_was_never_set(look: Look) -> None:
    wrong = faults(look(now=NOW.replace(year=1970)))
    assert wrong == {"clock-unset": Level.FAULT, "not-enrolled": Level.TO_DO}


def test_a_server_that_cannot_be_reached(terminal: Terminal, look: Look) -> None:
    assert terminal.holdings.bundle
    wrong = faults(look(server_url="http://127.0.0.1:9"))
    assert wrong == {"server-unreachable": Level.FAULT}


def test_a_terminal_that_was_revoked(terminal: Terminal, look: Look, server: TinyServer) -> None:
    assert terminal.holdings.bundle
    server.refuse = {wire.BUNDLE_PATH: (403, "terminal-revoked")}
    assert faults(look()) == {"server-refused": Level.FAULT}


def test_a_service_the_server_did_not_give(terminal: Terminal, look: Look) -> None:
    assert terminal.holdings.bundle
    findings = look(service=Service.LIBRARY)
    assert faults(findings) == {"service-not-given": Level.FAULT}
    assert "travel" in findings["service-not-given"].remedy


def test_read_keys_that_are_missing(terminal: Terminal, look: Look, enrolled: State) -> None:
    assert terminal.holdings.bundle
    (enrolled.directory / "read-keys.json").unlink()
    assert faults(look()) == {"read-keys-missing": Level.TO_DO}


def test_a_state_directory_that_cannot_be_written(look: Look, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    wrong = faults(look(state_dir=tmp_path / "state"))
    assert wrong == {"state-unusable": Level.FAULT}


def test_a_journal_that_cannot_be_read(look: Look, enrolled: State) -> None:
    enrolled.journal.write_bytes(b"this is no journal" * 100)
    wrong = faults(look())
    assert wrong == {"journal-unreadable": Level.FAULT, "bundle-missing": Level.TO_DO}


def test_several_faults_are_all_named(look: Look, clock: Ticking) -> None:
    wrong = faults(look(now=clock.now.replace(year=1970), readers=lambda: ()))
    assert set(wrong) == {"no-reader", "clock-unset", "not-enrolled"}
