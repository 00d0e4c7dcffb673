"""A tap from the field to the server: decided, written down, shown, uploaded once."""

import secrets
import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pytest

from readers.card.personalise import personalise, update
from readers.contract import wire
from readers.contract.reasons import Reason
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.contract.wire import Ended, Hello, Mode, Purpose, SessionResult
from readers.errors import ReaderFault
from readers.terminal.errors import (
    ServerNotUnderstood,
    ServerRefused,
    ServerUnreachable,
)
from readers.terminal.journal import Journal
from readers.terminal.parts import Terminal
from readers.terminal.sync import upload
from readers.virtual.card import VirtualCard
from tests.integration.terminal.conftest import Stand, Ticking
from tests.support.issuer import UID, Issuer
from tests.support.tiny_server import TinyServer

TRAVEL = Service.TRAVEL


@pytest.fixture
def card(issuer: Issuer) -> VirtualCard:
    return issuer.card({TRAVEL: issuer.sign(issuer.record(TRAVEL))})


# -- the light -------------------------------------------------------------------------------------


def test_a_good_card_is_accepted_offline(stand: Stand, card: VirtualCard) -> None:
    stand.terminal.network.cut(yes=True)
    stand.lay(card)
    assert stand.seen("accepted")["title"] == "Your travel concession is accepted"
    (tap,) = stand.taps()
    assert (tap.sequence, tap.accepted, tap.mode, tap.reason) == (1, True, Mode.OFFLINE, None)
    assert (tap.number, tap.status_index, tap.record_sequence) == (633_000_000_017, 7, 1)


def test_the_server_is_asked_before_the_light(
    stand: Stand, card: VirtualCard, server: TinyServer
) -> None:
    server.answer = lambda _: (Status.SUSPENDED, False)
    stand.lay(card)
    assert stand.seen("refused")["reason"] == Reason.SUSPENDED
    (tap,) = stand.taps()
    assert (tap.accepted, tap.mode, tap.reason) == (False, Mode.ONLINE, Reason.SUSPENDED)
    (asked,) = server.asked
    assert asked.uid == UID
    assert asked.record == wire.SeenRecord(
        number=633_000_000_017, status_index=7, record_sequence=1
    )


def test_a_late_answer_is_thrown_away_and_the_list_decides(
    stand: Stand, card: VirtualCard, server: TinyServer
) -> None:
    server.answer = lambda _: (Status.SUSPENDED, False)
    server.delay = 0.8
    stand.lay(card)
    stand.seen("accepted")
    (tap,) = stand.taps()
    assert (tap.accepted, tap.mode) == (True, Mode.OFFLINE)


def test_a_card_without_the_entitlement_is_refused_as_not_held(
    stand: Stand, issuer: Issuer
) -> None:
    stand.lay(issuer.card({}))
    assert stand.seen("refused")["reason"] == Reason.NOT_HELD
    (tap,) = stand.taps()
    assert (tap.accepted, tap.reason, tap.number) == (False, Reason.NOT_HELD, None)


def test_a_foreign_card_is_refused_and_written_down_without_a_number(stand: Stand) -> None:
    stand.lay(VirtualCard(UID))
    assert stand.seen("refused")["title"] == "This is not a Kent Card"
    (tap,) = stand.taps()
    assert (tap.reason, tap.number) == (Reason.FOREIGN_CARD, None)


def test_a_card_pulled_away_is_asked_for_again_and_is_no_tap(
    stand: Stand, card: VirtualCard
) -> None:
    card.tear_after(3)
    stand.lay(card)
    assert stand.seen("try-again")["reason"] == Reason.CARD_REMOVED
    assert stand.terminal.journal.counts().taps == 0


def test_a_tap_that_cannot_be_written_down_is_never_accepted(
    stand: Stand, card: VirtualCard
) -> None:
    stand.terminal.journal.close()
    stand.lay(card)
    shown = stand.seen("fault", "accepted")
    assert shown["reason"] == Reason.JOURNAL_FULL
    stand.terminal.journal = Journal(stand.terminal.journal.path)
    stand.lift()
    stand.lay(card)
    stand.seen("accepted")
    assert stand.terminal.journal.counts().taps == 1


def test_the_tap_is_on_disk_before_the_light(stand: Stand, card: VirtualCard) -> None:
    at_the_light: list[int] = []
    show = stand.terminal.board.show

    def looking(picture: object, status: object) -> None:
        with sqlite3.connect(stand.terminal.journal.path) as db:
            at_the_light.append(db.execute("SELECT count(*) FROM taps").fetchone()[0])
        db.close()
        show(picture, status)  # type: ignore[arg-type]  # passed on as they came

    stand.terminal.board.show = looking  # type: ignore[method-assign]  # only looks, then shows
    stand.lay(card)
    stand.seen("accepted")
    assert at_the_light == [0, 1], "reading, then the light"


def test_a_terminal_whose_clock_is_behind_says_so_and_refuses_nobody(
    stand: Stand, card: VirtualCard, clock: Ticking
) -> None:
    clock.now -= timedelta(hours=2)
    stand.lay(card)
    assert stand.seen("fault")["reason"] == Reason.CLOCK_BEHIND
    assert stand.terminal.board.look()[1].clock == "behind"
    assert stand.terminal.journal.counts().taps == 0


def test_a_fault_of_ours_costs_one_tap_and_not_the_terminal(
    stand: Stand, card: VirtualCard
) -> None:
    class Broken:
        def transmit(self, command: bytes) -> bytes:
            raise ZeroDivisionError(command)

    stand.lay(Broken())
    assert stand.seen("fault")["title"] == "Something went wrong here"
    stand.lift()
    stand.lay(card)
    stand.seen("accepted")


def test_a_broken_reader_is_the_readers_fault_and_not_the_cards(stand: Stand) -> None:
    class Faulty:
        def transmit(self, _command: bytes) -> bytes:
            raise ReaderFault("unplugged")

    stand.lay(Faulty())
    assert stand.seen("fault")["reason"] == Reason.READER_FAULT
    assert stand.terminal.journal.counts().taps == 0


# -- after a restart -------------------------------------------------------------------------------


def test_a_restarted_terminal_decides_without_any_network(
    terminal: Terminal,
    open_terminal: Callable[[], Terminal],
    card: VirtualCard,
) -> None:
    terminal.journal.close()
    again = open_terminal()
    again.network.cut(yes=True)
    assert again.holdings.bundle is not None
    stand = Stand(again)
    stand.start()
    stand.lay(card)
    stand.seen("accepted")
    stand.reader.stop()


def test_a_terminal_that_never_reached_the_server_is_not_ready(
    open_terminal: Callable[[], Terminal], card: VirtualCard
) -> None:
    stand = Stand(open_terminal())
    stand.start()
    stand.lay(card)
    assert stand.seen("fault")["reason"] == Reason.NOT_READY
    stand.reader.stop()


def test_a_lost_card_is_refused_once_the_bundle_has_it(
    stand: Stand, card: VirtualCard, issuer: Issuer, clock: Ticking, server: TinyServer
) -> None:
    issuer.set_status(TRAVEL, 7, Status.SUSPENDED)
    clock.now = server.now = clock.now + timedelta(minutes=2)
    stand.terminal.sync.once()
    stand.terminal.network.cut(yes=True)
    stand.lay(card)
    assert stand.seen("refused")["reason"] == Reason.SUSPENDED


# -- upload ----------------------------------------------------------------------------------------


def taps(terminal: Terminal, count: int) -> None:
    for _ in range(count):
        made = terminal.journal.append(
            lambda sequence: wire.TapEvent(
                sequence=sequence,
                taken_at=terminal.clock(),
                service=TRAVEL,
                accepted=True,
                mode=Mode.OFFLINE,
            )
        )
        terminal.journal.note_shown(made.sequence, shown=True)


def test_taps_made_without_the_network_are_all_uploaded_once_it_is_back(
    terminal: Terminal, server: TinyServer
) -> None:
    terminal.network.cut(yes=True)
    taps(terminal, 7)
    with pytest.raises(ServerUnreachable):
        terminal.sync.once()
    terminal.network.cut(yes=False)
    assert upload(terminal.journal, terminal.server, clock=terminal.clock, batch=3) == 7
    assert server.batches == [[1, 2, 3], [4, 5, 6], [7]]
    assert sorted(server.taps) == list(range(1, 8))
    assert terminal.journal.pending(limit=9) == []
    terminal.sync.once()
    assert len(server.batches) == 3, "nothing is sent twice"


def test_a_receipt_that_was_lost_means_the_same_taps_are_sent_again(
    terminal: Terminal, server: TinyServer
) -> None:
    taps(terminal, 2)
    terminal.server.upload(terminal.journal.pending(limit=9), now=terminal.clock())
    assert upload(terminal.journal, terminal.server, clock=terminal.clock) == 2
    assert server.batches == [[1, 2], [1, 2]]
    assert terminal.journal.counts().uploaded == 2


def test_one_tap_the_server_will_not_take_holds_up_no_other(
    terminal: Terminal, server: TinyServer
) -> None:
    server.unacceptable = {3}
    taps(terminal, 6)
    assert upload(terminal.journal, terminal.server, clock=terminal.clock) == 5
    assert [tap.sequence for tap in terminal.journal.pending(limit=9)] == [3]
    assert sorted(server.taps) == [1, 2, 4, 5, 6]


def test_a_revoked_terminal_keeps_its_taps(terminal: Terminal, server: TinyServer) -> None:
    server.refuse = {wire.TAPS_PATH: (403, "terminal-revoked")}
    taps(terminal, 2)
    with pytest.raises(ServerRefused) as refused:
        terminal.sync.once()
    assert refused.value.problem == "terminal-revoked"
    assert len(terminal.journal.pending(limit=9)) == 2


def test_a_receipt_for_taps_that_were_not_sent_marks_nothing(
    terminal: Terminal, server: TinyServer
) -> None:
    taps(terminal, 1)
    server.refuse = {wire.TAPS_PATH: (200, "anything")}
    with pytest.raises(ServerNotUnderstood):
        terminal.sync.once()
    assert len(terminal.journal.pending(limit=9)) == 1


def test_a_bundle_that_cannot_be_trusted_holds_up_no_tap_and_changes_nothing(
    terminal: Terminal, server: TinyServer, clock: Ticking
) -> None:
    before = terminal.holdings.bundle
    clock.now = server.now = clock.now + timedelta(minutes=2)
    server.bundle_changes = {"terminal_id": "t-2"}
    taps(terminal, 1)
    with pytest.raises(Exception, match="for terminal t-2"):
        terminal.sync.once()
    assert terminal.holdings.bundle is before
    assert sorted(server.taps) == [1]


def test_the_thread_uploads_by_itself_when_the_network_is_back(terminal: Terminal) -> None:
    terminal.network.cut(yes=True)
    terminal.sync.start()
    taps(terminal, 3)
    terminal.cut_network(cut=False)
    version, shown = terminal.board.look()
    for _ in range(100):
        if shown.uploaded == 3:
            break
        version, shown = terminal.board.wait(version, 0.5)
    assert (shown.uploaded, shown.online) == (3, True)
    terminal.sync.stop()


# -- card sessions ---------------------------------------------------------------------------------


def owed(server: TinyServer, issuer: Issuer) -> None:
    """The server owes this card a travel record until a session has run."""
    record = issuer.sign(issuer.record(TRAVEL))

    def session(hello: Hello) -> object:
        key = issuer.card_keys(hello.uid).application[2].key
        return update(key, {TRAVEL: record}, random=secrets.token_bytes)

    server.answer = lambda asked: (Status.VALID if asked.record else None, asked.record is None)
    server.session = session  # type: ignore[assignment]  # a procedure


def test_an_entitlement_reaches_the_card_at_the_tap_and_the_next_tap_is_accepted(
    stand: Stand, issuer: Issuer, server: TinyServer
) -> None:
    owed(server, issuer)
    card = issuer.card({})
    stand.lay(card)
    assert stand.seen("updated")["title"] == "Your card is up to date"
    (hello, *answers) = server.said
    assert hello == Hello(purpose=Purpose.UPDATE, uid=UID)
    assert {type(answer) for answer in answers} == {wire.Answer}
    stand.lift()
    card.reset()
    stand.lay(card)
    stand.seen("accepted")
    first, second = stand.taps()
    assert (first.reason, second.accepted) == (Reason.NOT_HELD, True)


def test_a_slow_server_is_asked_again_after_the_light(
    stand: Stand, issuer: Issuer, server: TinyServer
) -> None:
    owed(server, issuer)
    server.delay = 0.4
    stand.lay(issuer.card({}))
    stand.seen("updated")
    assert len(server.asked) == 2
    (tap,) = stand.taps()
    assert tap.mode is Mode.OFFLINE


@pytest.mark.parametrize("torn_at", range(1, 6))
def test_a_card_torn_away_in_an_update_is_whole_and_is_updated_at_the_next_tap(
    stand: Stand, issuer: Issuer, server: TinyServer, torn_at: int
) -> None:
    owed(server, issuer)
    card = issuer.card({})
    card.tear_after(4 + torn_at)
    stand.lay(card)
    shown = stand.seen("try-again")
    assert shown["title"] == "Your card was not updated"
    assert server.said[-1] == wire.Broken(reason=Reason.CARD_REMOVED)
    stand.lift()
    card.reset()
    stand.lay(card)
    stand.seen("updated")
    stand.lift()
    card.reset()
    stand.lay(card)
    stand.seen("accepted")


def test_a_server_that_hangs_up_in_an_update_leaves_the_card_to_the_next_tap(
    stand: Stand, issuer: Issuer, server: TinyServer
) -> None:
    owed(server, issuer)
    server.hang_up_at_step = 4
    card = issuer.card({})
    stand.lay(card)
    assert stand.seen("try-again")["reason"] == "server-unreachable"
    server.hang_up_at_step = 0
    stand.lift()
    card.reset()
    stand.lay(card)
    stand.seen("updated")


def test_nothing_owed_after_all_leaves_the_light_as_it_was(
    stand: Stand, card: VirtualCard, server: TinyServer
) -> None:
    server.answer = lambda _: (Status.VALID, True)
    server.session = lambda _: Ended(result=SessionResult.NOTHING_OWED, title="Nothing to do")
    stand.lay(card)
    stand.ended()
    assert stand.seen("accepted")["title"] == "Your travel concession is accepted"
    assert wire.CARD_SESSION_PATH in server.requests


def test_a_terminal_that_may_not_update_opens_no_card_session(
    stand: Stand, card: VirtualCard, server: TinyServer, clock: Ticking
) -> None:
    clock.now = server.now = clock.now + timedelta(minutes=2)
    server.bundle_changes = {"purposes": ["validate"]}
    stand.terminal.sync.once()
    server.answer = lambda _: (Status.VALID, True)
    stand.lay(card)
    stand.ended()
    stand.seen("accepted")
    assert wire.CARD_SESSION_PATH not in server.requests


@pytest.fixture
def desk(open_terminal: Callable[[], Terminal], server: TinyServer) -> Stand:
    server.services = ()
    server.bundle_changes = {"purposes": ["personalise"]}
    terminal = open_terminal()
    terminal.sync.once()
    return Stand(terminal)


def test_a_desk_makes_a_card_of_a_blank_one(
    desk: Stand, issuer: Issuer, server: TinyServer
) -> None:
    record = issuer.sign(issuer.record(TRAVEL))
    server.session = lambda hello: personalise(
        issuer.card_keys(hello.uid), {TRAVEL: record}, random=secrets.token_bytes
    )
    desk.start()
    assert desk.seen("waiting")["title"] == "Ready to make a card"
    desk.lay(VirtualCard(UID))
    desk.seen("updated")
    assert server.said[0] == Hello(purpose=Purpose.PERSONALISE, uid=UID)
    assert desk.terminal.journal.counts().taps == 0, "a card that is made is no tap"
    desk.reader.stop()


def test_a_desk_without_an_order_shows_the_servers_words(desk: Stand, server: TinyServer) -> None:
    server.session = lambda _: Ended(
        result=SessionResult.NO_ORDER, title="No card is waiting to be made", advice="Order one."
    )
    desk.start()
    desk.lay(VirtualCard(UID))
    shown = desk.seen("refused")
    assert (shown["title"], shown["reason"]) == ("No card is waiting to be made", "no-order")
    desk.reader.stop()


def test_a_desk_that_cannot_reach_the_server_says_so(desk: Stand) -> None:
    desk.terminal.network.cut(yes=True)
    desk.start()
    desk.lay(VirtualCard(UID))
    assert desk.seen("try-again")["title"] == "We cannot reach the server"
    desk.reader.stop()


def test_a_card_that_is_silent_on_the_desk_is_asked_for_again(desk: Stand) -> None:
    class Mute:
        def transmit(self, _command: bytes) -> bytes:
            return b""

    desk.start()
    desk.lay(Mute())
    assert desk.seen("try-again")["reason"] == Reason.CARD_MUTE
    desk.reader.stop()
