"""A reader that hangs is said to hang, and the others go on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from readers.card.channel import CardArrived, Channel, ReaderAppeared, ReaderGone
from readers.contract.health import ReaderState
from readers.contract.services import Service
from readers.terminal.loop import HANG_SECONDS, ReaderNow, Readers, Waiting
from readers.terminal.parts import Terminal
from tests.integration.terminal.test_readers import until
from tests.support.issuer import Issuer
from tests.support.patience import eventually

TRAVEL = Service.TRAVEL
STUCK, SOUND = "Stuck 00 00", "Sound 00 00"


class Hanging:
    """A card, or its reader, that does not answer until it is let go."""

    def __init__(self, card: Channel) -> None:
        self.card = card
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def transmit(self, command: bytes) -> bytes:
        self.asked.set()
        self.let_go.wait()
        return self.card.transmit(command)


class Bench:
    """Two readers, one of which hangs, and a clock to let time go by."""

    def __init__(self, terminal: Terminal, issuer: Issuer) -> None:
        card = issuer.card({TRAVEL: issuer.sign(issuer.record(TRAVEL))})
        self.hanging = Hanging(card)
        self.cards: dict[str, Channel] = {STUCK: self.hanging, SOUND: issuer.card({})}
        self.seconds = 0.0
        self.readers = Readers(terminal, self.connect, monotonic=lambda: self.seconds)

    @contextmanager
    def connect(self, reader: str) -> Iterator[Channel]:
        yield self.cards[reader]

    def hang(self) -> None:
        for reader in self.cards:
            self.readers.handle(ReaderAppeared(reader))
        self.readers.handle(CardArrived(STUCK))
        assert self.hanging.asked.wait(30)
        self.seconds += HANG_SECONDS


def test_a_reader_that_hangs_is_shown_and_the_others_go_on(
    terminal: Terminal, issuer: Issuer
) -> None:
    bench = Bench(terminal, issuer)
    bench.hang()
    until(terminal, "fault", "reader-hangs")
    assert ReaderNow(STUCK, Waiting.ANSWER, hangs=True) in bench.readers.health()
    bench.readers.handle(CardArrived(SOUND))
    until(terminal, "refused", "not-held")
    assert [(each.name, each.state) for each in terminal.health.readers.all()] == [
        (STUCK, ReaderState.HANGS),
        (SOUND, ReaderState.READY),
    ]
    bench.readers.stop()
    bench.hanging.let_go.set()


def test_a_reader_that_answers_after_all_serves_its_card(
    terminal: Terminal, issuer: Issuer
) -> None:
    bench = Bench(terminal, issuer)
    bench.hang()
    until(terminal, "fault", "reader-hangs")
    bench.hanging.let_go.set()
    until(terminal, "accepted")
    eventually(lambda: not any(each.hangs for each in bench.readers.health()))
    eventually(
        lambda: {each.state for each in terminal.health.readers.all()} == {ReaderState.READY}
    )
    bench.readers.stop()


def test_a_reader_that_hung_works_when_it_is_plugged_in_again_and_its_late_answer_is_lost(
    terminal: Terminal, issuer: Issuer
) -> None:
    bench = Bench(terminal, issuer)
    bench.hang()
    until(terminal, "fault", "reader-hangs")
    bench.readers.handle(ReaderGone(STUCK))
    bench.readers.handle(ReaderAppeared(STUCK))
    bench.cards[STUCK] = issuer.card({})
    bench.readers.handle(CardArrived(STUCK))
    until(terminal, "refused", "not-held")
    bench.hanging.let_go.set()
    eventually(lambda: [each.name for each in threading.enumerate()].count(f"reader {STUCK}") == 1)
    bench.readers.stop()
    assert terminal.journal.counts().taps == 1, "the card of the thread that was given up is no tap"


def test_what_a_reader_waits_for_is_told(terminal: Terminal, issuer: Issuer) -> None:
    bench = Bench(terminal, issuer)

    def waits() -> dict[str, Waiting]:
        return {each.reader: each.waiting for each in bench.readers.health()}

    bench.readers.handle(ReaderAppeared(SOUND))
    eventually(lambda: waits() == {SOUND: Waiting.CARD})
    bench.readers.handle(CardArrived(SOUND))
    eventually(lambda: waits() == {SOUND: Waiting.REMOVAL})
    bench.readers.handle(ReaderGone(SOUND))
    eventually(lambda: waits() == {SOUND: Waiting.READER})
    bench.readers.stop()
