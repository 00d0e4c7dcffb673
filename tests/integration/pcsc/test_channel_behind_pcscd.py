"""The channel, through a real pcscd, against cards that behave and cards that do not."""

from collections.abc import Iterator

import pytest

from readers.errors import (
    CardMute,
    CardRemoved,
    ReaderBusy,
    ReaderFault,
    ReaderNotFound,
    ReadersError,
    ReaderServiceDown,
)
from readers.pcsc.channel import connect, list_readers
from readers.virtual.errors import NoSuchSocket, ReaderOccupied
from readers.virtual.pcscd import MOST_READERS, Pcscd
from readers.virtual.plug import Plug
from tests.support.patience import eventually
from tests.support.pcsc import EchoCard, MuteCard, Watch, laid

pytestmark = pytest.mark.pcsc

COMMAND = bytes.fromhex("905A000003010203 00")
ANSWER = COMMAND + b"\x90\x00"


@pytest.fixture
def reader(pcscd: Pcscd) -> str:
    return pcscd.readers[0]


def test_a_card_answers_a_command(pcscd: Pcscd, reader: str) -> None:
    with laid(pcscd, reader, EchoCard()), connect(reader) as channel:
        assert channel.transmit(COMMAND) == ANSWER


def test_the_longest_short_answer_comes_whole(pcscd: Pcscd, reader: str) -> None:
    card = EchoCard(prefix=bytes(256 - len(COMMAND)))
    with laid(pcscd, reader, card), connect(reader) as channel:
        assert channel.transmit(COMMAND) == card.prefix + ANSWER


def test_a_command_reaches_the_card_even_if_it_is_one_byte(pcscd: Pcscd, reader: str) -> None:
    with laid(pcscd, reader, EchoCard()), connect(reader) as channel:
        assert channel.transmit(b"\x60") == b"\x60\x90\x00"


@pytest.mark.parametrize("command", [b"\x00", b"\x01", b"\x02", b"\x04"])
def test_a_byte_that_would_read_as_a_control_never_reaches_the_card(
    pcscd: Pcscd, reader: str, command: bytes
) -> None:
    card = EchoCard()
    with laid(pcscd, reader, card), connect(reader) as channel:
        resets = card.resets
        with pytest.raises(ReadersError):
            channel.transmit(command)
        assert card.resets == resets
        assert channel.transmit(COMMAND) == ANSWER


def test_whoever_connects_next_finds_the_card_reset(pcscd: Pcscd, reader: str) -> None:
    card = EchoCard()
    with laid(pcscd, reader, card):
        with connect(reader) as channel:
            channel.transmit(COMMAND)
            resets = card.resets
        assert card.resets == resets + 1


def test_no_card_is_card_removed(reader: str) -> None:
    with pytest.raises(CardRemoved), connect(reader):
        pass


@pytest.mark.usefixtures("pcscd")
def test_a_reader_that_does_not_exist_is_named() -> None:
    with pytest.raises(ReaderNotFound, match="Kent nowhere"), connect("Kent nowhere 00 00"):
        pass


def test_a_card_pulled_between_two_commands_is_card_removed(pcscd: Pcscd, reader: str) -> None:
    with laid(pcscd, reader, EchoCard()) as plug, connect(reader) as channel:
        channel.transmit(COMMAND)
        plug.remove()
        for _ in range(3):  # the first answer differs from the later ones in its code
            with pytest.raises(CardRemoved):
                channel.transmit(COMMAND)


def test_a_card_torn_away_in_a_command_is_card_removed(pcscd: Pcscd, reader: str) -> None:
    card = EchoCard()
    with laid(pcscd, reader, card) as plug, connect(reader) as channel:
        channel.transmit(COMMAND)
        card.tears = True
        with pytest.raises(CardRemoved):
            channel.transmit(COMMAND)
        eventually(lambda: not plug.occupied)


def test_a_swap_between_two_commands_never_reaches_the_second_card(
    pcscd: Pcscd, reader: str
) -> None:
    first, second = EchoCard(b"first"), EchoCard(b"second")
    with laid(pcscd, reader, first) as plug, connect(reader) as channel:
        channel.transmit(COMMAND)
        plug.remove()
        plug.insert(second)
        for _ in range(3):
            with pytest.raises(CardRemoved):
                channel.transmit(COMMAND)
    with laid(pcscd, reader, second), connect(reader) as channel:
        assert channel.transmit(COMMAND) == b"second" + ANSWER


def test_a_card_that_stops_answering_is_mute_and_the_reader_goes_on(
    pcscd: Pcscd, reader: str
) -> None:
    card = MuteCard()
    with laid(pcscd, reader, card), connect(reader) as channel:
        with pytest.raises(CardMute):
            channel.transmit(b"\x90\x01")
        card.speak.set()
        # The late answer to the first command is not taken for that to the second.
        assert channel.transmit(COMMAND) == ANSWER


def test_a_card_mute_from_the_start_is_mute(pcscd: Pcscd, reader: str) -> None:
    plug = Plug(pcscd.socket_of(reader))
    with Watch().running(len(pcscd.readers)) as watch:
        plug.insert(EchoCard(), atr=b"")
        watch.next()
        with pytest.raises(CardMute), connect(reader):
            pass
        plug.remove()


FOREIGN_ATRS = {
    "a bank card": "3B6E000080318066B0840C016E0183009000",
    "an ITSO microprocessor card": "3B8F8001804F0CA0000003060300030000000068",
    "a T=1 contact card": "3BDF18008131FE588031B05202046405C903AC73B7B1D422",
    "two bytes only": "3B00",
    "inverse convention": "3F6525082204689000",
}


@pytest.mark.parametrize("atr", FOREIGN_ATRS.values(), ids=FOREIGN_ATRS.keys())
def test_a_foreign_card_can_be_talked_to_whatever_its_atr(
    pcscd: Pcscd, reader: str, atr: str
) -> None:
    card = EchoCard()
    with laid(pcscd, reader, card, atr=bytes.fromhex(atr)), connect(reader) as channel:
        assert channel.transmit(COMMAND) == ANSWER


def test_another_program_that_holds_the_card_is_reader_busy(pcscd: Pcscd, reader: str) -> None:
    with laid(pcscd, reader, EchoCard()), connect(reader) as channel:
        with pytest.raises(ReaderBusy), connect(reader):
            pass
        assert channel.transmit(COMMAND) == ANSWER


def test_a_second_card_is_told_that_the_reader_is_occupied(pcscd: Pcscd, reader: str) -> None:
    with laid(pcscd, reader, EchoCard()), connect(reader) as channel:
        with pytest.raises(ReaderOccupied):
            Plug(pcscd.socket_of(reader)).insert(EchoCard())
        assert channel.transmit(COMMAND) == ANSWER


def test_a_plug_takes_one_card_at_a_time(pcscd: Pcscd, reader: str) -> None:
    with laid(pcscd, reader, EchoCard()) as plug, pytest.raises(ReaderOccupied):
        plug.insert(EchoCard())


@pytest.fixture
def cards_on_all_readers(pcscd: Pcscd) -> Iterator[None]:
    plugs = [Plug(pcscd.socket_of(reader)) for reader in pcscd.readers]
    with Watch().running(len(pcscd.readers)) as watch:
        for number, plug in enumerate(plugs):
            plug.insert(EchoCard(bytes([number])))
        for _ in plugs:
            watch.next()
    yield
    for plug in plugs:
        plug.remove()


@pytest.mark.usefixtures("cards_on_all_readers")
def test_sixteen_readers_each_speak_to_their_own_card(pcscd: Pcscd) -> None:
    assert len(pcscd.readers) == MOST_READERS
    assert list_readers() == pcscd.readers
    for number, reader in enumerate(pcscd.readers):
        with connect(reader) as channel:
            assert channel.transmit(COMMAND) == bytes([number]) + ANSWER


def test_the_sockets_are_closed_to_other_users(pcscd: Pcscd, reader: str) -> None:
    assert pcscd.socket_of(reader).stat().st_mode & 0o777 == 0o600


def test_a_connection_from_before_a_restart_is_a_reader_fault_and_a_new_one_works(
    pcscd: Pcscd, reader: str
) -> None:
    with laid(pcscd, reader, EchoCard()), connect(reader) as channel:
        pcscd.kill()
        with pytest.raises(ReaderServiceDown):
            channel.transmit(COMMAND)
        with pytest.raises(ReaderServiceDown), connect(reader):
            pass
        assert list_readers() == ()
        with pytest.raises(NoSuchSocket):
            Plug(pcscd.socket_of(reader)).insert(EchoCard())
        pcscd.start()
        with pytest.raises(ReaderFault):
            channel.transmit(COMMAND)
    with laid(pcscd, reader, EchoCard()), connect(reader) as channel:
        assert channel.transmit(COMMAND) == ANSWER
