"""Commands and answers as bytes."""

import pytest

from readers.card.apdu import CommandApdu, Procedure, ResponseApdu, run
from readers.errors import CardMute
from tests.support.cards import Answering


def test_a_command_without_data_has_five_bytes() -> None:
    assert CommandApdu(0x60).to_bytes().hex() == "9060000000"


def test_a_command_with_data_says_its_length() -> None:
    assert CommandApdu(0x5A, b"\1\2\3").to_bytes().hex() == "905a00000301020300"


def test_a_command_that_does_not_fit_is_not_cut() -> None:
    assert len(CommandApdu(0x8D, bytes(255)).to_bytes()) == 261
    with pytest.raises(ValueError, match="256 bytes do not fit"):
        CommandApdu(0x8D, bytes(256)).to_bytes()


@pytest.mark.parametrize(
    ("raw", "status", "native"), [("AA91AE", 0xAE, True), ("6A82", 0x6A82, False)]
)
def test_a_status_is_read_in_the_cards_language(raw: str, status: int, *, native: bool) -> None:
    response = ResponseApdu.from_bytes(bytes.fromhex(raw))
    assert (response.status, response.native, response.more) == (status, native, False)


@pytest.mark.parametrize("raw", ["", "91"])
def test_an_answer_without_a_status_is_none(raw: str) -> None:
    with pytest.raises(CardMute):
        ResponseApdu.from_bytes(bytes.fromhex(raw))


def test_a_procedure_that_asks_nothing_has_its_result() -> None:
    def nothing() -> Procedure[int]:
        yield from ()
        return 7

    channel = Answering("9100")
    assert (run(nothing(), channel), channel.asked) == (7, 0)
