"""What a thief may try at a reader, each refused for its own reason; see docs/security.md."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from readers.card.channel import Channel
from readers.contract.reasons import TRY_AGAIN, Reason
from readers.contract.record import sign_record
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.terminal.errors import (
    BundleForged,
    BundleKeyUnknown,
    BundleRefused,
    BundleRolledBack,
)
from readers.virtual.card import VirtualCard
from tests.integration.terminal.conftest import Stand, Ticking
from tests.support.cards import Recording
from tests.support.issuer import UID, Issuer
from tests.support.tiny_server import TinyServer

TRAVEL = Service.TRAVEL
OTHER_UID = bytes.fromhex("04A1B2C3D4E5F7")
MINUTE = timedelta(minutes=2)


@pytest.fixture
def card(issuer: Issuer) -> VirtualCard:
    return issuer.card({TRAVEL: issuer.sign(issuer.record(TRAVEL))})


@pytest.fixture
def offline(stand: Stand) -> Stand:
    """What stops a thief must do so without the network."""
    stand.terminal.network.cut(yes=True)
    return stand


def reason_for(stand: Stand, card: Channel) -> Reason:
    """Lay it; why it is refused, as shown and as written down."""
    stand.lay(card)
    shown = stand.seen("refused", "accepted")
    newest = stand.taps()[-1]
    stand.lift()
    assert not newest.accepted
    assert newest.reason == shown["reason"]
    assert newest.reason is not None
    assert newest.reason not in TRY_AGAIN
    return newest.reason


def test_a_card_with_the_number_of_another_and_other_keys_is_refused(offline: Stand) -> None:
    thief = Issuer()
    thief.masters = dict.fromkeys(thief.masters, bytes(16))
    clone = thief.card({TRAVEL: b"copied from somewhere"})
    assert clone.uid == UID
    assert reason_for(offline, clone) is Reason.CARD_NOT_GENUINE


class Replaying:
    """Answers what a genuine card once answered, in the same order."""

    def __init__(self, recorded: Recording) -> None:
        self._answers = [answer for _, answer in recorded.pairs]
        self._next = 0

    def transmit(self, _command: bytes) -> bytes:
        self._next += 1
        return self._answers[self._next - 1]


def test_a_recorded_transcript_is_refused(offline: Stand, card: VirtualCard) -> None:
    genuine = Recording(card)
    offline.lay(genuine)
    offline.seen("accepted")
    offline.ended()
    offline.lift()
    assert len(genuine.pairs) == 5, "UID, select, two of authentication, read"
    assert reason_for(offline, Replaying(genuine)) is Reason.STALE_PROOF


def test_a_record_put_back_in_place_of_a_lesser_one_is_refused(
    stand: Stand, issuer: Issuer, card: VirtualCard, server: TinyServer, clock: Ticking
) -> None:
    clock.now = server.now = clock.now + MINUTE
    server.bundle_changes = {"minima": {TRAVEL.value: {"7": 2}}}
    stand.terminal.sync.once()
    stand.terminal.network.cut(yes=True)
    assert reason_for(stand, card) is Reason.ROLLED_BACK_RECORD
    issuer.write(card, {TRAVEL: issuer.sign(issuer.record(TRAVEL, sequence=2))})
    stand.lay(card)
    stand.seen("accepted")


def test_a_record_of_another_card_is_refused(offline: Stand, issuer: Issuer) -> None:
    record = issuer.sign(issuer.record(TRAVEL))
    assert reason_for(offline, issuer.card({TRAVEL: record}, uid=OTHER_UID)) is Reason.COPIED_RECORD


def test_a_record_moved_to_another_service_is_refused(offline: Stand, issuer: Issuer) -> None:
    leisure = issuer.sign(issuer.record(Service.LEISURE))
    assert reason_for(offline, issuer.card({TRAVEL: leisure})) is Reason.WRONG_SERVICE


def test_the_old_card_after_a_replacement_is_refused(
    stand: Stand, issuer: Issuer, card: VirtualCard, server: TinyServer, clock: Ticking
) -> None:
    issuer.set_status(TRAVEL, 7, Status.INVALID)
    clock.now = server.now = clock.now + MINUTE
    stand.terminal.sync.once()
    stand.terminal.network.cut(yes=True)
    assert reason_for(stand, card) is Reason.REPLACED


def test_a_record_signed_by_a_key_that_is_not_pinned_is_refused(
    offline: Stand, issuer: Issuer
) -> None:
    record = issuer.sign(issuer.record(TRAVEL), key_id=b"rec.9")
    assert reason_for(offline, issuer.card({TRAVEL: record})) is Reason.UNKNOWN_ISSUER_KEY


def test_a_record_forged_under_the_name_of_our_key_is_refused(
    offline: Stand, issuer: Issuer
) -> None:
    forger = Ed25519PrivateKey.generate()
    record = sign_record(issuer.record(TRAVEL), key_id=b"rec.1", sign=forger.sign)
    assert reason_for(offline, issuer.card({TRAVEL: record})) is Reason.BAD_RECORD_SIGNATURE


# -- the bundle ------------------------------------------------------------------------------------


def refused_bundle(stand: Stand) -> BundleRefused:
    """What is fetched is refused, and the terminal goes on with what it has."""
    before = stand.terminal.holdings.bundle
    with pytest.raises(BundleRefused) as refused:
        stand.terminal.sync.once()
    assert stand.terminal.holdings.bundle is before
    return refused.value


def test_a_forged_bundle_is_refused(stand: Stand, server: TinyServer, clock: Ticking) -> None:
    clock.now = server.now = clock.now + MINUTE
    server.issuer.bundles["bun.1"] = Ed25519PrivateKey.generate()
    assert type(refused_bundle(stand)) is BundleForged


def test_a_bundle_signed_by_a_key_that_is_not_pinned_is_refused(
    stand: Stand, server: TinyServer, clock: Ticking
) -> None:
    clock.now = server.now = clock.now + MINUTE
    server.issuer.bundles = {"bun.9": Ed25519PrivateKey.generate()}
    server.bundle_changes = {"signed_by": "bun.9"}
    assert type(refused_bundle(stand)) is BundleKeyUnknown


def no_piece(*asked: object) -> bytes:
    raise AssertionError(f"A bundle with whole lists names no piece: {asked}")


def test_a_bundle_from_before_the_present_one_is_refused(
    stand: Stand, server: TinyServer, clock: Ticking
) -> None:
    clock.now = clock.now + MINUTE
    present = clock.now - timedelta(seconds=50)
    server.now = present
    stand.terminal.sync.once()
    clock.now += MINUTE
    server.now = present - timedelta(seconds=1)
    token = server.bundle(in_shards=False)
    with pytest.raises(BundleRolledBack):
        stand.terminal.holdings.adopt_bundle(token, fetch=no_piece, now=clock.now)
