"""What a terminal does with a card that must be refused: the answer first, then the card itself."""

import secrets

import msgspec
import pytest

from readers.card.layout import WRITE_KEY
from readers.card.personalise import update
from readers.contract.reasons import Reason
from readers.contract.record import RecordStatus
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.contract.wire import Ended, Hello, SessionResult, UpdateKind
from readers.terminal.display import Display
from readers.virtual.card import VirtualCard
from tests.integration.terminal.conftest import Stand
from tests.support.issuer import UID, Issuer
from tests.support.tiny_server import TinyServer

TRAVEL = Service.TRAVEL
STOPPED = Ended(result=SessionResult.DONE, title="This card is stopped", usable=False)


@pytest.fixture
def card(issuer: Issuer) -> VirtualCard:
    return issuer.card({TRAVEL: issuer.sign(issuer.record(TRAVEL))})


def _writes(issuer: Issuer, server: TinyServer, status: RecordStatus, kind: UpdateKind) -> None:
    """The server owes the card a record of that status."""
    data = issuer.sign(issuer.record(TRAVEL, sequence=2, status=status))
    key = issuer.card_keys(UID).application[WRITE_KEY].key

    def session(_: Hello) -> object:
        return update(key, {TRAVEL: data}, random=secrets.token_bytes)

    server.session = session  # type: ignore[assignment]  # a procedure
    server.doing = [kind.value, "of-a-later-version"]


def _shown(stand: Stand) -> list[Display]:
    """Every picture from now on."""
    pictures: list[Display] = []
    show = stand.terminal.board.show

    def keeping(picture: object, status: object) -> None:
        show(picture, status)  # type: ignore[arg-type]  # passed on as they came
        pictures.append(stand.terminal.board.look()[1])

    stand.terminal.board.show = keeping  # type: ignore[method-assign]  # only looks
    return pictures


def _states(pictures: list[Display]) -> list[str]:
    return [each.state.value for each in pictures]


def test_a_lost_card_is_refused_first_then_held_then_stopped(
    stand: Stand, card: VirtualCard, issuer: Issuer, server: TinyServer
) -> None:
    server.answer = lambda _: (Status.SUSPENDED, True)
    server.ended = STOPPED
    _writes(issuer, server, RecordStatus.BLOCKED, UpdateKind.BLOCK)
    pictures = _shown(stand)
    stand.lay(card)
    stand.ended()
    assert _states(pictures) == ["reading", "refused", "hold-card", "hold-card", "refused"]
    assert pictures[1].reason == Reason.SUSPENDED
    assert pictures[3].doing == [UpdateKind.BLOCK]
    assert pictures[3].advice == "We are stopping this card."
    assert pictures[4].title == "This card is stopped"

    # and a terminal that never heard of it refuses it too
    card.reset()
    server.answer = lambda _: (Status.VALID, False)
    stand.terminal.network.cut(yes=True)
    stand.lift()
    stand.lay(card)
    assert stand.seen("refused")["reason"] == Reason.BLOCKED


def test_a_lost_card_torn_away_while_it_is_blocked_stays_refused_on_the_screen(
    stand: Stand, card: VirtualCard, issuer: Issuer, server: TinyServer
) -> None:
    server.answer = lambda _: (Status.SUSPENDED, True)
    _writes(issuer, server, RecordStatus.BLOCKED, UpdateKind.BLOCK)
    pictures = _shown(stand)
    card.tear_after(7)
    stand.lay(card)
    stand.ended()
    assert _states(pictures) == ["reading", "refused", "hold-card", "hold-card", "refused"]
    assert pictures[-1].reason == Reason.SUSPENDED


def test_an_offline_terminal_refuses_a_lost_card_and_does_nothing_to_it(
    stand: Stand, card: VirtualCard, issuer: Issuer, server: TinyServer
) -> None:
    issuer.set_status(TRAVEL, 7, Status.SUSPENDED)
    stand.terminal.sync.once()
    _writes(issuer, server, RecordStatus.BLOCKED, UpdateKind.BLOCK)
    stand.terminal.network.cut(yes=True)
    pictures = _shown(stand)
    before = card.dump()
    stand.lay(card)
    stand.ended()
    assert _states(pictures) == ["reading", "refused"]
    assert pictures[-1].reason == Reason.SUSPENDED
    assert server.said == []
    card.reset()
    assert msgspec.json.encode(before) == msgspec.json.encode(card.dump())


def test_a_found_card_that_is_blocked_works_again_at_its_next_tap_online(
    stand: Stand, card: VirtualCard, issuer: Issuer, server: TinyServer
) -> None:
    blocked = issuer.record(TRAVEL, status=RecordStatus.BLOCKED)
    issuer.write(card, {TRAVEL: issuer.sign(blocked)})
    server.answer = lambda _: (Status.VALID, True)
    server.ended = Ended(result=SessionResult.DONE, title="Done: your card works again")
    _writes(issuer, server, RecordStatus.ACTIVE, UpdateKind.UNBLOCK)
    pictures = _shown(stand)
    stand.lay(card)
    stand.ended()
    assert _states(pictures) == ["reading", "refused", "hold-card", "hold-card", "updated"]
    assert pictures[1].reason == Reason.BLOCKED
    assert pictures[3].advice == "We are making it work again."

    card.reset()
    server.answer = lambda _: (Status.VALID, False)
    stand.lift()
    stand.lay(card)
    stand.seen("accepted")
