"""From a card in the field to its record: every card that is not ours, and every accident."""

import secrets
from collections.abc import Callable, Sequence

import pytest

from readers.card.channel import Channel
from readers.card.codes import Ins
from readers.contract.reasons import Reason
from readers.contract.services import Service
from readers.contract.wire import ReadKey
from readers.errors import CardMute, CardRemoved, ReaderFault, ReadersError
from readers.terminal.decide import Refused, Tap, TryAgain
from readers.terminal.reading import read_tap
from readers.virtual.card import VirtualCard
from tests.support.issuer import UID, Issuer

ISSUER = Issuer()
TRAVEL = Service.TRAVEL
RECORD = ISSUER.sign(ISSUER.record(TRAVEL))


def read(channel: Channel, *keys: ReadKey) -> Tap | Refused | TryAgain:
    return read_tap(channel, TRAVEL, keys or ISSUER.read_keys(TRAVEL), random=secrets.token_bytes)


class Field:
    """A card in a field where something happens to each answer."""

    def __init__(self, card: Channel, happens: Callable[[int, bytes, bytes], bytes]) -> None:
        self.card = card
        self.happens = happens
        self.commands = 0

    def transmit(self, command: bytes) -> bytes:
        answer = self.card.transmit(command)
        self.commands += 1
        return self.happens(self.commands, command, answer)


def test_a_kent_card_is_read() -> None:
    assert read(ISSUER.card({TRAVEL: RECORD})) == Tap(UID, TRAVEL, RECORD)


def test_a_tap_takes_the_uid_and_four_commands() -> None:
    field = Field(ISSUER.card({TRAVEL: RECORD}), lambda _count, _command, answer: answer)
    read(field)
    assert field.commands == 5


def test_a_card_without_the_service_is_read_as_holding_none() -> None:
    assert read(ISSUER.card({Service.LIBRARY: RECORD})) == Tap(UID, TRAVEL, b"")


def test_a_card_of_an_older_key_generation_is_read_with_the_older_key() -> None:
    newer = ReadKey(generation=2, key=secrets.token_bytes(16))
    card = ISSUER.card({TRAVEL: RECORD})
    assert read(card, newer, *ISSUER.read_keys(TRAVEL)) == Tap(UID, TRAVEL, RECORD)


def test_a_card_that_holds_none_of_our_keys_is_not_genuine() -> None:
    wrong = [ReadKey(generation=number, key=secrets.token_bytes(16)) for number in (2, 1)]
    assert read(ISSUER.card({}), *wrong) == Refused(Reason.CARD_NOT_GENUINE)


def test_a_terminal_without_a_key_for_the_service_confirms_nobody() -> None:
    reading = read_tap(ISSUER.card({TRAVEL: RECORD}), TRAVEL, (), random=secrets.token_bytes)
    assert reading == Refused(Reason.CARD_NOT_GENUINE)


def test_a_blank_card_from_the_factory_is_not_a_kent_card() -> None:
    assert read(VirtualCard(UID)) == Refused(Reason.FOREIGN_CARD)


class Foreign:
    """A card that answers everything alike."""

    def __init__(self, uid: str, answer: str) -> None:
        self.uid = bytes.fromhex(uid)
        self.answer = bytes.fromhex(answer)

    def transmit(self, command: bytes) -> bytes:
        return self.uid if command[0] == 0xFF else self.answer


@pytest.mark.parametrize(
    ("uid", "answer"),
    [
        pytest.param("04A1B2C3D4E5F69000", "6E00", id="a bank card"),
        pytest.param("04A1B2C3D4E5F69000", "6D00", id="another JavaCard"),
        pytest.param("08A1B2C39000", "91A0", id="a random UID"),
        pytest.param("04A1B2C3D4E5F6A1B2C39000", "9100", id="a UID of ten bytes"),
        pytest.param("6A81", "9000", id="no contactless card at all"),
        pytest.param("04A1B2C3D4E5F69000", "9000", id="a card that agrees to everything"),
        pytest.param("04A1B2C3D4E5F69000", "91A0", id="a DESFire card of somebody else"),
    ],
)
def test_a_foreign_card_is_refused_as_such(uid: str, answer: str) -> None:
    assert read(Foreign(uid, answer)) == Refused(Reason.FOREIGN_CARD)


@pytest.mark.parametrize("number", range(1, 6))
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CardRemoved("gone"), Reason.CARD_REMOVED),
        (CardMute("silent"), Reason.CARD_MUTE),
        (ReaderFault("broken"), Reason.READER_FAULT),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_accident_at_any_command_is_try_again(
    number: int, error: ReadersError, reason: Reason
) -> None:
    def happens(count: int, _command: bytes, answer: bytes) -> bytes:
        if count == number:
            raise error
        return answer

    assert read(Field(ISSUER.card({TRAVEL: RECORD}), happens)) == TryAgain(reason)


def test_a_card_pulled_away_at_any_command_is_try_again() -> None:
    for number in range(1, 5):
        card = ISSUER.card({TRAVEL: RECORD})
        card.tear_after(number)
        assert read(card) == TryAgain(Reason.CARD_REMOVED)
        card.reset()
        assert read(card) == Tap(UID, TRAVEL, RECORD)


@pytest.mark.parametrize("answer", ["91AF", "00" * 16 + "91AF"])
def test_a_card_that_never_ends_its_answer_is_try_again(answer: str) -> None:
    def endless(_count: int, command: bytes, genuine: bytes) -> bytes:
        return bytes.fromhex(answer) if command[1] == Ins.READ_DATA_ISO else genuine

    card = Field(ISSUER.card({TRAVEL: RECORD}), endless)
    assert read(card) == TryAgain(Reason.CHAIN_TOO_LONG)


def test_a_tampered_answer_is_not_genuine() -> None:
    def tampered(_count: int, command: bytes, answer: bytes) -> bytes:
        if command[1] == Ins.READ_DATA_ISO:
            return bytes([answer[0] ^ 1]) + answer[1:]
        return answer

    card = Field(ISSUER.card({TRAVEL: RECORD}), tampered)
    assert read(card) == Refused(Reason.CARD_NOT_GENUINE)


class Swapped:
    """Another card for every command."""

    def __init__(self, cards: Sequence[Channel]) -> None:
        self.cards = iter(cards)

    def transmit(self, command: bytes) -> bytes:
        return next(self.cards).transmit(command)


def test_another_card_swapped_in_between_is_never_accepted_as_the_first() -> None:
    first = ISSUER.card({TRAVEL: RECORD})
    second = ISSUER.card({TRAVEL: RECORD}, uid=UID[::-1])
    for number in range(1, 5):
        first.reset()
        second.reset()
        swapped = Swapped([first] * number + [second] * 9)
        assert not isinstance(read(swapped), Tap), f"swapped after command {number}"


def test_a_card_left_half_personalised_cannot_be_read_and_is_not_called_foreign() -> None:
    def no_file(_count: int, command: bytes, answer: bytes) -> bytes:
        return bytes.fromhex("91F0") if command[1] == Ins.READ_DATA_ISO else answer

    card = Field(ISSUER.card({TRAVEL: RECORD}), no_file)
    assert read(card) == Refused(Reason.MALFORMED_RECORD)
