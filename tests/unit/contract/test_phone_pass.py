"""The pass on a phone: a record for a minute, bound to itself, and refused when anything is off."""

import base64
from datetime import timedelta
from typing import Any

import cbor2
import cwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from cardservice.web.qr import drawing
from readers.contract import phone_pass
from readers.contract.phone_pass import JTI_BYTES, LIFETIME, PhonePass, decode, in_groups, verify
from readers.contract.record import Record, binding_for, sign_record, verify_record
from readers.contract.services import Service
from readers.errors import (
    BadRecordSignature,
    ForeignCode,
    MalformedRecord,
    PassExpired,
    PassFromTheFuture,
    RecordError,
    UnknownIssuerKey,
    UnknownRecordVersion,
)
from tests.support.issuer import NOW, UID

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ISSUERS = {b"rec.1": KEY.public_key()}
JTI = bytes(range(JTI_BYTES))
RECORD = Record(
    service=Service.LEISURE,
    number=24_000_123_456_789,
    entitlement_class="holder",
    valid_from=NOW,
    valid_until=NOW + LIFETIME,
    sequence=1,
    status_index=815,
    binding=binding_for(JTI, Service.LEISURE),
)

TEXT = (
    "KC1.2KCEVIQBE4CEK4TFMMXDDICYJGSAIGTLB2KBABI2NMHJHVAHJQAACAQDAQCQMBYIBEFAWOQAAEAABKAAAEAQGAQ3"
    "AAABLU7W2VGRKA3GNBXWYZDFOICAABIBAYMQGLYHJCBAVPFEEPWXJSSYIANYTJQ7I3NVZNVZMAIWGVR46VE6Q6XWALYU"
    "THAXFW3KDKXHPTML4R2YLN7VPOWFIILJQOP4BW6XSE3LHDVUOGGYQ44BV3FDQGO7BWAK"
)
"""Made on 22 November 2026. Venues read it with the program they have: it must not change."""


def pass_of(record: Record = RECORD, jti: bytes = JTI) -> str:
    return phone_pass.encode(record, jti, key_id=b"rec.1", sign=KEY.sign)


def text_of(data: bytes) -> str:
    """A pass around any bytes, made without the checks of ours."""
    whole = pass_of()
    empty = whole[: whole.index(".") + 1]
    return empty + base64.b32encode(data).decode().rstrip("=")


def changed(**changes: Any) -> str:  # noqa: ANN401  fields of a record
    record = msgspec.structs.replace(RECORD, **changes)
    return text_of(sign_record(record, key_id=b"rec.1", sign=KEY.sign, token_id=JTI))


def test_a_pass_is_read_back_as_it_was_made() -> None:
    assert verify(pass_of(), ISSUERS, now=NOW) == PhonePass(RECORD, JTI)


def test_the_text_is_what_it_was_when_venues_began_to_read_it() -> None:
    assert pass_of() == TEXT
    assert verify(TEXT, ISSUERS, now=NOW) == PhonePass(RECORD, JTI)


def test_an_independent_cwt_library_verifies_the_pass() -> None:
    key = cwt.COSEKey.new(
        {1: 1, -1: 6, 3: -8, 2: b"rec.1", -2: KEY.public_key().public_bytes_raw()}
    )
    claims = cwt.COSE.new().decode(decode(TEXT), key)
    read = cbor2.loads(claims)
    assert read[7] == JTI
    assert read[4] - read[5] == 60
    assert read[-65537] == {
        0: 1, 1: 3, 2: 24_000_123_456_789, 3: "holder", 4: 0, 5: 1, 6: 815, 7: RECORD.binding,
    }  # fmt: skip


def test_a_pass_an_independent_cwt_library_signed_is_read() -> None:
    key = cwt.COSEKey.new(
        {
            1: 1, -1: 6, 3: -8, 2: b"rec.1",
            -2: KEY.public_key().public_bytes_raw(), -4: KEY.private_bytes_raw(),
        }
    )  # fmt: skip
    fields = cbor2.loads(cbor2.loads(decode(pass_of())).value[2])
    header: dict[str | int, object] = {1: -8, 4: b"rec.1"}
    data = cwt.COSE.new().encode_and_sign(cbor2.dumps(fields), key, protected=header)
    assert verify(text_of(data), ISSUERS, now=NOW) == PhonePass(RECORD, JTI)


def test_the_largest_pass_is_a_code_that_a_cheap_camera_reads() -> None:
    largest = msgspec.structs.replace(RECORD, number=10**14 - 1, sequence=2**53, status_index=2**32)
    text = phone_pass.encode(largest, JTI, key_id=b"rec.9999", sign=KEY.sign)
    quiet_zone = 8
    assert drawing(text).size - quiet_zone <= 61  # version 11


@pytest.mark.parametrize("shown", [str.lower, in_groups, lambda text: f" {text}\r\n"])
def test_what_a_person_or_a_scanner_makes_of_the_text_is_taken(shown: Any) -> None:  # noqa: ANN401
    assert decode(shown(pass_of())) == decode(pass_of())


def test_a_pass_ends_with_its_minute() -> None:
    last = NOW + LIFETIME - timedelta(microseconds=1)
    assert verify(pass_of(), ISSUERS, now=last).jti == JTI
    with pytest.raises(PassExpired):
        verify(pass_of(), ISSUERS, now=NOW + LIFETIME)


def test_a_clock_may_be_a_minute_behind_and_no_more() -> None:
    assert verify(pass_of(), ISSUERS, now=NOW - timedelta(seconds=60)).jti == JTI
    with pytest.raises(PassFromTheFuture):
        verify(pass_of(), ISSUERS, now=NOW - timedelta(seconds=60, microseconds=1))


def test_the_record_of_a_card_is_no_pass() -> None:
    card = msgspec.structs.replace(RECORD, binding=binding_for(UID, Service.LEISURE))
    with pytest.raises(MalformedRecord):
        verify(text_of(sign_record(card, key_id=b"rec.1", sign=KEY.sign)), ISSUERS, now=NOW)


def test_a_pass_on_a_card_is_bound_to_another() -> None:
    record = verify_record(decode(pass_of()), ISSUERS)
    assert record.binding != binding_for(UID, Service.LEISURE)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(changed(valid_until=NOW + timedelta(seconds=61)), id="lives longer"),
        pytest.param(changed(valid_until=NOW), id="lives not at all"),
        pytest.param(changed(binding=bytes(8)), id="bound to another identifier"),
        pytest.param(changed(service=Service.TRAVEL), id="moved to another service"),
        pytest.param(pass_of()[:-2], id="cut short"),
        pytest.param(pass_of()[:100], id="cut in half"),
        pytest.param(text_of(bytes(40)), id="no COSE"),
        pytest.param(text_of(cbor2.dumps(cbor2.CBORTag(18, [b"", {}, b"", b""]))), id="empty"),
    ],
)
def test_what_no_issuer_makes_is_malformed(text: str) -> None:
    with pytest.raises(MalformedRecord):
        verify(text, ISSUERS, now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "https://example.org/KC1.AAAA", "KC1.", "KC.AAAA", "KC1AAAA", "KC01.AAAA",
        "KC1.AAAA=", "KC1.A1A0", "KC1.\N{LATIN SMALL LETTER DOTLESS I}AAA", "KC1." + "A" * 1024,
        "A" * 10**6, "HC1:NCFOXN",
    ],
)  # fmt: skip
def test_the_code_of_something_else_is_foreign(text: str) -> None:
    with pytest.raises(ForeignCode):
        decode(text)


def test_a_pass_of_another_version_is_refused_by_that_name() -> None:
    with pytest.raises(UnknownRecordVersion):
        decode(pass_of().replace("KC1.", "KC2."))


def test_stray_bits_make_no_second_text_of_one_pass() -> None:
    text = pass_of(msgspec.structs.replace(RECORD, sequence=1000))
    assert (len(text) - 4) % 8  # else there are no stray bits
    others = [text[:-1] + letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"]
    taken = []
    for other in others:
        try:
            taken.append(verify(other, ISSUERS, now=NOW))
        except RecordError:
            continue
    assert len(taken) == 1


def _bound(jti: bytes) -> Record:
    return msgspec.structs.replace(RECORD, binding=binding_for(jti, RECORD.service))


def test_a_pass_of_an_unknown_or_another_key_is_refused() -> None:
    with pytest.raises(UnknownIssuerKey):
        verify(pass_of(), {b"rec.2": KEY.public_key()}, now=NOW)
    with pytest.raises(BadRecordSignature):
        verify(pass_of(), {b"rec.1": Ed25519PrivateKey.generate().public_key()}, now=NOW)


@pytest.mark.parametrize("jti", [b"", UID, bytes(JTI_BYTES - 1), bytes(JTI_BYTES + 1)])
def test_a_pass_is_not_made_with_an_identifier_that_a_chip_could_have(jti: bytes) -> None:
    with pytest.raises(MalformedRecord):
        pass_of(_bound(jti), jti)


@settings(deadline=None)
@given(st.text(max_size=400))
def test_no_text_does_anything_worse_than_being_refused(text: str) -> None:
    with pytest.raises(RecordError):
        verify(text, ISSUERS, now=NOW)


@settings(deadline=None)
@given(st.integers(min_value=0), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_no_changed_letter_is_taken(place: int, letter: str) -> None:
    text = pass_of()
    at = 4 + place % (len(text) - 4)
    other = text[:at] + letter + text[at + 1 :]
    if other != text:
        with pytest.raises(RecordError):
            verify(other, ISSUERS, now=NOW)
