"""The monitor's events reach the reader they belong to; a reader that goes is said to be gone."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from readers.card.channel import CardArrived, CardLeft, Channel, ReaderAppeared, ReaderGone
from readers.contract.products import RemoteSettings, SetUp
from readers.contract.reasons import Reason
from readers.contract.services import Service
from readers.errors import ReaderBusy
from readers.terminal.display import Display
from readers.terminal.loop import Readers, is_meant
from readers.terminal.parts import Terminal
from tests.integration.terminal.conftest import READER, Stand
from tests.support.issuer import Issuer

TRAVEL = Service.TRAVEL


@pytest.mark.parametrize(
    ("setting", "reader", "meant"),
    [
        ("", "Any Reader 00 00", True),
        ("Kent 1", "Kent 1 00 00", True),
        ("Kent 1 00 00", "Kent 1 00 00", True),
        ("Kent 1", "Kent 11 00 00", False),
        ("Kent 2", "Kent 1 00 00", False),
    ],
)
def test_a_reader_is_named_with_or_without_its_numbers(
    setting: str,
    reader: str,
    meant: bool,  # noqa: FBT001  a table
) -> None:
    assert is_meant(setting, reader) is meant


def until(terminal: Terminal, state: str, reason: str = "") -> Display:
    version, shown = terminal.board.look()
    for _ in range(40):
        if (shown.state, shown.reason) == (state, reason):
            return shown
        version, shown = terminal.board.wait(version, 0.5)
    raise AssertionError(f"{state} {reason} did not come up, but {shown}")


def test_each_reader_has_a_thread_and_serves_its_own_cards(
    terminal: Terminal, issuer: Issuer
) -> None:
    good = issuer.card({TRAVEL: issuer.sign(issuer.record(TRAVEL))})
    cards = {"A 00 00": good, "B 00 00": issuer.card({})}

    @contextmanager
    def connect(reader: str) -> Iterator[Channel]:
        yield cards[reader]

    readers = Readers(terminal, connect)
    for reader in cards:
        readers.handle(ReaderAppeared(reader))
    readers.handle(CardArrived("A 00 00"))
    until(terminal, "accepted")
    readers.handle(CardArrived("B 00 00"))
    until(terminal, "refused", Reason.NOT_HELD)
    readers.stop()
    assert [tap.accepted for tap in terminal.journal.pending(limit=9)] == [True, False]


def test_a_reader_that_is_unplugged_is_said_to_be_gone_and_works_when_it_is_back(
    stand: Stand, issuer: Issuer
) -> None:
    stand.reader.tell(ReaderGone(READER))
    assert until(stand.terminal, "fault", "reader-gone").title == "No card reader"
    stand.reader.tell(ReaderAppeared(READER))
    until(stand.terminal, "waiting")
    stand.lay(issuer.card({TRAVEL: issuer.sign(issuer.record(TRAVEL))}))
    stand.seen("accepted")


def test_a_card_taken_away_before_it_could_be_read_is_asked_for_again(stand: Stand) -> None:
    stand.reader.tell(CardArrived(READER))
    stand.reader.tell(CardLeft(READER))
    until(stand.terminal, "try-again", Reason.CARD_REMOVED)


def test_a_swap_without_a_pause_serves_both_cards(stand: Stand, issuer: Issuer) -> None:
    stand.lay(issuer.card({}))
    stand.seen("refused")
    stand.lift()
    stand.lay(issuer.card({TRAVEL: issuer.sign(issuer.record(TRAVEL))}))
    stand.seen("accepted")
    assert stand.terminal.journal.counts().taps == 2


def test_a_reader_another_program_holds_is_the_readers_fault(terminal: Terminal) -> None:
    def connect(_reader: str) -> AbstractContextManager[Channel]:
        raise ReaderBusy("held by another program")

    readers = Readers(terminal, connect)
    readers.handle(CardArrived(READER))
    until(terminal, "fault", Reason.READER_FAULT)
    readers.stop()
    assert terminal.journal.counts().taps == 0


def test_an_answer_gives_way_to_the_invitation_once_the_card_is_gone(
    stand: Stand, issuer: Issuer
) -> None:
    shortly = SetUp(settings=RemoteSettings(show_seconds=1))
    stand.terminal.holdings.set_up = shortly
    stand.lay(issuer.card({}))
    stand.seen("refused")
    stand.lift()
    assert until(stand.terminal, "waiting").title == "Tap your card"
