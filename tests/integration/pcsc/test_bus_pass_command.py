"""`kentcard-terminal bus-pass` with a real pcscd: what it prints, and its exit codes."""

import json

import pytest

from readers.cli import main
from readers.virtual.card import VirtualCard
from readers.virtual.pcscd import Pcscd
from tests.support.bus_passes import ISRN, bus_pass, directory_of, shell_of
from tests.support.cards import kent_card
from tests.support.pcsc import laid

pytestmark = pytest.mark.pcsc


@pytest.fixture
def reader(pcscd: Pcscd, monkeypatch: pytest.MonkeyPatch) -> str:
    name = pcscd.readers[0]
    monkeypatch.setenv("KENTCARD_TERMINAL_READER", name)
    return name


def test_a_pass_on_the_reader_is_read_and_called_not_verified(
    pcscd: Pcscd, reader: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with laid(pcscd, reader, bus_pass(shell_of() + bytes(24), directory_of(blocked=True))):
        assert main(["bus-pass"]) == 0
        assert main(["bus-pass", "--json"]) == 0
    line, _, answer = capsys.readouterr().out.partition("\n")
    assert line.startswith("633597 0289 0100001 6. Expire")
    assert line.endswith("Marked as blocked. Read, not verified.")
    assert json.loads(answer) == {
        "status": "Read, not verified",
        "isrn": ISRN,
        "expires_on": "2028-03-31",
        "blocked": True,
    }


@pytest.mark.parametrize(
    "card", [kent_card(), bus_pass(shell_of()[:-1] + b"\0")], ids=["Kent Card", "misread"]
)
def test_another_card_is_told_to_be_none(
    pcscd: Pcscd, reader: str, card: VirtualCard, capsys: pytest.CaptureFixture[str]
) -> None:
    with laid(pcscd, reader, card):
        assert main(["bus-pass"]) == 1
    assert "This is no bus pass that can be read here" in capsys.readouterr().err


def test_no_card_and_no_reader_are_faults(reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reader
    assert main(["bus-pass"]) == 3
    monkeypatch.setenv("KENTCARD_TERMINAL_READER", "Another reader")
    assert main(["bus-pass"]) == 3
