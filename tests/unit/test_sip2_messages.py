"""SIP2 messages, byte for byte: whole ones, spoilt ones, and whatever else comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysip2 import (
    LoginRequest,
    PatronInformationRequest,
    PatronStatusRequest,
    RequestACSResend,
    SCStatusRequest,
    SIPMessage,
    encode_message,
    verify_checksum,
)

from cardservice.sip2.messages import (
    FORMS,
    Garbled,
    Request,
    Unsupported,
    checksum,
    parse,
    put_together,
)
from cardservice.sip2.pace import Pace

MOMENT = "20261122    100000"
LOGIN = LoginRequest(
    uid_algorithm="0",
    pwd_algorithm="0",
    login_user_id="maidstone-1",
    login_password="secret",
    location_code="Hall",
)
INFORMATION = PatronInformationRequest(
    language="001",
    transaction_date=MOMENT,
    summary=" " * 10,
    institution_id="KENT",
    patron_identifier="29999000000017",
)
STATUS = PatronStatusRequest(
    language="001",
    transaction_date=MOMENT,
    institution_id="KENT",
    patron_identifier="29999000000017",
    terminal_password="",
    patron_password="",
)
SC = SCStatusRequest(status_code="0", max_print_width="080", protocol_version="2.00")


def line(message: SIPMessage, *, sequence: int = 3) -> bytes:
    return encode_message(message, sequence_number=sequence, checksum=True).removesuffix(b"\r")


def test_a_checksum_is_as_another_server_writes_it() -> None:
    """Source: Koha, C4/SIP/Sip/Constants.pm: 97AZFEF5 and 96AZFEF6."""
    assert checksum(b"97AZ") == "FEF5"
    assert put_together("96", "", (), to=None) == b"96AZFEF6\r"


@pytest.mark.parametrize(
    ("message", "code", "some"),
    [
        pytest.param(LOGIN, "93", {"CN": "maidstone-1", "CO": "secret"}, id="login"),
        pytest.param(SC, "99", {}, id="sc status"),
        pytest.param(STATUS, "23", {"AA": "29999000000017", "AD": ""}, id="patron status"),
        pytest.param(INFORMATION, "63", {"AA": "29999000000017"}, id="patron information"),
        pytest.param(RequestACSResend(), "97", {}, id="resend"),
    ],
)
def test_what_another_codec_writes_is_read(
    message: SIPMessage, code: str, some: dict[str, str]
) -> None:
    read = parse(line(message))
    assert isinstance(read, Request)
    assert (read.code, read.checked) == (code, True)
    assert read.sequence == ("" if code == "97" else "3")
    assert some.items() <= read.fields.items()


def test_a_message_without_error_detection_is_answered_without() -> None:
    read = parse(encode_message(SC).removesuffix(b"\r"))
    assert isinstance(read, Request)
    assert not read.checked
    assert put_together("94", "1", (), to=read) == b"941\r"
    numbered = parse(b"990" + b"0802.00" + b"AY4")
    assert isinstance(numbered, Request)
    assert put_together("94", "1", (), to=numbered) == b"941AY4\r"


@pytest.mark.parametrize("message", [LOGIN, SC, STATUS, INFORMATION], ids=type)
def test_a_message_that_was_cut_short_or_changed_anywhere_is_noticed(message: SIPMessage) -> None:
    whole = line(message)
    for length in range(len(whole)):
        read = parse(whole[:length])
        # Cut between two fields it looks whole, and lacks the checksum that a machine which
        # sends any has to send.
        assert not (isinstance(read, Request) and read.checked), whole[:length]
    for place in range(len(whole) - 4):
        changed = bytearray(whole)
        changed[place] ^= 1
        assert not isinstance(parse(bytes(changed)), Request), bytes(changed)


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        pytest.param(b"", "no code", id="nothing"),
        pytest.param(b"9", "no code", id="half a code"),
        pytest.param(b"xx000", "no code", id="no digits"),
        pytest.param(b"\xb2\xb3000", "no code", id="digits of another alphabet"),
        pytest.param(b"9300CNa|COb|AZ0000", "checksum", id="wrong checksum"),
        pytest.param(b"9300CNa|COb|AY1AZFB", "cut short", id="half a checksum"),
        pytest.param(b"9300CNa|COb", "cut short", id="a field without an end"),
        pytest.param(b"9300CNa|CNb|COb|", "cut short", id="a field twice"),
        pytest.param(b"9300CNa|X|COb|", "cut short", id="a field without an id"),
        pytest.param(b"9300CNa|", "without CO", id="a field that is missing"),
        pytest.param(b"93", "cut short", id="no fixed part"),
        pytest.param(b"9300CNa\x00|COb|", "control characters", id="a null byte"),
        pytest.param(b"9300CNa\x1b[2J|COb|", "control characters", id="an escape"),
    ],
)
def test_a_garbled_message_says_why_in_the_log(spoilt: bytes, why: str) -> None:
    assert parse(spoilt) == Garbled(why)


def test_a_message_about_a_book_is_not_supported() -> None:
    assert parse(b"11YN" + MOMENT.encode() * 2 + b"AOa|AAb|ABc|AC|") == Unsupported("11")


@given(st.binary(max_size=400))
def test_nothing_that_comes_makes_reading_fail(noise: bytes) -> None:
    assert isinstance(parse(noise), Request | Garbled | Unsupported)


@given(st.sampled_from(sorted(FORMS)), st.binary(max_size=200), st.binary(max_size=20))
def test_nor_does_noise_behind_a_code_or_before_a_checksum(
    code: str, noise: bytes, end: bytes
) -> None:
    covered = code.encode() + noise + b"AY1AZ"
    read = parse(covered + checksum(covered).encode())
    assert isinstance(read, Request | Garbled)
    assert isinstance(parse(code.encode() + noise + end), Request | Garbled)


@given(st.text(max_size=400), st.text(max_size=40))
def test_no_text_in_an_answer_can_add_a_field_or_a_message(first: str, second: str) -> None:
    asked = parse(line(SC))
    assert isinstance(asked, Request)
    answer = put_together("98", "", [("AF", first), ("AN", second)], to=asked)
    assert answer.count(b"\r") == 1
    assert answer.isascii()
    assert answer.count(b"|") == 2
    assert verify_checksum(answer.removesuffix(b"\r"))


def test_who_asks_too_fast_waits_and_who_asks_seldom_does_not() -> None:
    pace: Pace[str] = Pace(60)
    assert [pace.wait("a", 1000) for _ in range(60)] == [0] * 60
    assert [pace.wait("a", 1000) for _ in range(3)] == [1, 2, 3]
    assert pace.wait("b", 1000) == 0
    assert pace.wait("a", 1100) == 0
