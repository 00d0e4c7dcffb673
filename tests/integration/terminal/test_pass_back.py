"""The same card again at once: the same answer, written down as a repetition of the first."""

from datetime import timedelta

import pytest

from readers.contract.reasons import Reason
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.contract.wire import TapEvent
from readers.virtual.card import VirtualCard
from tests.integration.terminal.conftest import Stand, Ticking
from tests.support.issuer import UID, Issuer
from tests.support.tiny_server import TinyServer

TRAVEL = Service.TRAVEL


@pytest.fixture
def card(issuer: Issuer) -> VirtualCard:
    return issuer.card({TRAVEL: issuer.sign(issuer.record(TRAVEL))})


def tapped(stand: Stand, card: VirtualCard, *states: str) -> TapEvent:
    """Lay it, see the answer, lift it; what was written down."""
    stand.lay(card)
    stand.seen(*states)
    newest = stand.taps()[-1]
    stand.lift()
    card.reset()
    return newest


def test_the_same_card_at_once_gets_the_same_answer_and_is_marked(
    stand: Stand, card: VirtualCard, server: TinyServer, clock: Ticking
) -> None:
    assert tapped(stand, card, "accepted").repeats is None
    server.answer = lambda _: (Status.SUSPENDED, False)
    clock.now += timedelta(seconds=9)
    again = tapped(stand, card, "accepted")
    assert (again.sequence, again.accepted, again.repeats) == (2, True, 1)
    assert tapped(stand, card, "accepted").repeats == 1, "of the first, not of each other"


def test_after_the_time_the_card_is_decided_anew(
    stand: Stand, card: VirtualCard, server: TinyServer, clock: Ticking
) -> None:
    tapped(stand, card, "accepted")
    server.answer = lambda _: (Status.SUSPENDED, False)
    clock.now += timedelta(seconds=10)
    later = tapped(stand, card, "refused")
    assert (later.reason, later.repeats) == (Reason.SUSPENDED, None)


def test_a_no_is_repeated_as_well(stand: Stand, card: VirtualCard, server: TinyServer) -> None:
    server.answer = lambda _: (Status.SUSPENDED, False)
    tapped(stand, card, "refused")
    server.answer = lambda _: (Status.VALID, False)
    again = tapped(stand, card, "refused")
    assert (again.reason, again.repeats) == (Reason.SUSPENDED, 1)


def test_a_card_that_was_written_to_is_decided_anew(
    stand: Stand, card: VirtualCard, issuer: Issuer
) -> None:
    tapped(stand, card, "accepted")
    shorter = issuer.record(TRAVEL, sequence=2, valid_until=stand.terminal.clock())
    issuer.write(card, {TRAVEL: issuer.sign(shorter)})
    later = tapped(stand, card, "refused")
    assert (later.reason, later.repeats) == (Reason.EXPIRED, None)


def test_a_copy_of_the_cards_number_does_not_get_its_yes(stand: Stand, card: VirtualCard) -> None:
    tapped(stand, card, "accepted")
    thief = Issuer()
    thief.masters = dict.fromkeys(thief.masters, bytes(16))
    stolen = thief.card({TRAVEL: b"anything"})
    assert stolen.uid == UID
    assert tapped(stand, stolen, "refused").reason is Reason.CARD_NOT_GENUINE


def test_a_bundle_may_set_another_time_or_none(
    stand: Stand, card: VirtualCard, server: TinyServer, clock: Ticking
) -> None:
    clock.now = server.now = clock.now + timedelta(minutes=2)
    bundle = server.issuer.view(TRAVEL, made=server.now)
    assert bundle.services[TRAVEL].pass_back == timedelta(seconds=10)
    settings = {"stale_after_hours": 24, "stale_policy": "refer", "pass_back_seconds": 0}
    server.bundle_changes = {"services": {TRAVEL.value: settings}}
    stand.terminal.sync.once()
    tapped(stand, card, "accepted")
    assert tapped(stand, card, "accepted").repeats is None
