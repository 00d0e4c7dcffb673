"""The signed record: read back, bound to its card, and refused when anything is wrong with it."""

from datetime import UTC, datetime, timedelta

import cbor2
import cwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from readers.contract.record import (
    MEANINGS,
    Field,
    Record,
    RecordStatus,
    binding_for,
    frame,
    sign_record,
    unframe,
    verify_record,
)
from readers.contract.services import Service
from readers.errors import (
    BadRecordSignature,
    MalformedRecord,
    RecordError,
    UnknownIssuerKey,
    UnknownRecordVersion,
)

UID = bytes.fromhex("04112233445566")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ISSUERS = {b"rec.1": KEY.public_key()}
RECORD = Record(
    service=Service.LIBRARY,
    number=633_000_000_017,
    entitlement_class="adult",
    valid_from=datetime(2026, 11, 1, tzinfo=UTC),
    valid_until=datetime(2031, 4, 1, tzinfo=UTC),
    sequence=3,
    status_index=1_048_575,
    binding=binding_for(UID, Service.LIBRARY),
)
FIELDS = cbor2.loads(cbor2.loads(sign_record(RECORD, key_id=b"rec.1", sign=KEY.sign)).value[2])[
    -65537
]


def signed(claims: object, header: object = None) -> bytes:
    """A COSE_Sign1 over any claims, made without our own code."""
    protected = cbor2.dumps({1: -8, 4: b"rec.1"} if header is None else header)
    payload = claims if isinstance(claims, bytes) else cbor2.dumps(claims)
    signature = KEY.sign(cbor2.dumps(["Signature1", protected, b"", payload]))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))


def with_fields(**changes: object) -> bytes:
    fields = FIELDS | {Field[name.upper()].value: value for name, value in changes.items()}
    return signed({4: 1_932_768_000, 5: 1_793_491_200, -65537: fields})


def test_a_record_is_read_back_as_it_was_signed() -> None:
    data = sign_record(RECORD, key_id=b"rec.1", sign=KEY.sign)
    assert verify_record(data, ISSUERS) == RECORD


def test_an_independent_cwt_library_verifies_our_record() -> None:
    data = sign_record(RECORD, key_id=b"rec.1", sign=KEY.sign)
    key = cwt.COSEKey.new(
        {1: 1, -1: 6, 3: -8, 2: b"rec.1", -2: KEY.public_key().public_bytes_raw()}
    )
    claims = cwt.decode(data, key)
    assert isinstance(claims, dict)
    assert claims[4] == int(RECORD.valid_until.timestamp())
    assert claims[5] == int(RECORD.valid_from.timestamp())
    assert claims[-65537] == {
        0: 1, 1: 2, 2: 633_000_000_017, 3: "adult", 4: 0, 5: 3, 6: 1_048_575, 7: RECORD.binding,
    }  # fmt: skip


def test_our_code_verifies_a_record_an_independent_cwt_library_signed() -> None:
    key = cwt.COSEKey.new(
        {
            1: 1, -1: 6, 3: -8, 2: b"rec.1",
            -2: KEY.public_key().public_bytes_raw(), -4: KEY.private_bytes_raw(),
        }
    )  # fmt: skip
    claims = {4: 1_932_768_000, 5: 1_793_491_200, -65537: FIELDS}
    header: dict[str | int, object] = {1: -8, 4: b"rec.1"}
    data = cwt.COSE.new().encode_and_sign(cbor2.dumps(claims), key, protected=header)
    assert verify_record(data, ISSUERS).number == RECORD.number


def test_a_record_of_the_largest_values_fits_its_file() -> None:
    largest = msgspec.structs.replace(
        RECORD,
        number=10**14 - 1,
        entitlement_class="w" * 24,
        sequence=2**53,
        status_index=2**32,
        valid_until=datetime(9999, 12, 31, tzinfo=UTC),
    )
    data = sign_record(largest, key_id=b"rec.9999", sign=KEY.sign)
    assert unframe(frame(data, 192)) == data


def test_a_later_field_is_skipped() -> None:
    fields = FIELDS | {8: "of a later time"}
    data = signed({4: 1_932_768_000, 5: 1_793_491_200, -65537: fields, 99: "and a later claim"})
    assert verify_record(data, ISSUERS).number == RECORD.number


def test_every_field_has_its_meaning_and_its_permanent_number() -> None:
    assert set(MEANINGS) == set(Field)
    assert [field.value for field in Field] == list(range(8))


def test_a_record_signed_by_an_unknown_key_is_refused() -> None:
    data = sign_record(RECORD, key_id=b"rec.2", sign=KEY.sign)
    with pytest.raises(UnknownIssuerKey):
        verify_record(data, ISSUERS)


def test_a_record_signed_by_another_key_of_the_same_name_is_refused() -> None:
    other = Ed25519PrivateKey.generate()
    data = sign_record(RECORD, key_id=b"rec.1", sign=other.sign)
    with pytest.raises(BadRecordSignature):
        verify_record(data, ISSUERS)


def test_a_record_of_an_unknown_version_is_refused_by_that_name() -> None:
    with pytest.raises(UnknownRecordVersion):
        verify_record(with_fields(version=2), ISSUERS)


def test_a_signature_of_another_algorithm_is_refused() -> None:
    for algorithm in (-7, 5, None, "EdDSA"):
        with pytest.raises(MalformedRecord):
            verify_record(signed({}, {1: algorithm, 4: b"rec.1"}), ISSUERS)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0" * 64, id="zeros"),
        pytest.param(bytes.fromhex("d28440a04040"), id="empty parts"),
        pytest.param(signed({})[:-1], id="cut short"),
        pytest.param(signed({}) + b"\0", id="more follows"),
        pytest.param(signed({4: 1, 5: 1}), id="no record in it"),
        pytest.param(signed({-65537: FIELDS}), id="no dates"),
        pytest.param(signed({4: 2**62, 5: 1, -65537: FIELDS}), id="a date beyond all calendars"),
        pytest.param(signed({4: 2**80, 5: 1, -65537: FIELDS}), id="a date beyond the machine"),
        pytest.param(signed({4: 1.5, 5: 1, -65537: FIELDS}), id="half a second"),
        pytest.param(signed({4: True, 5: 1, -65537: FIELDS}), id="a date that is true"),
        pytest.param(signed([1]), id="claims are a list"),
        pytest.param(signed(b"\x81" * 3000), id="nested without end"),
        pytest.param(bytes.fromhex("d82300"), id="a pattern that is none"),
        pytest.param(bytes.fromhex("c4821b7fffffffffffffff03"), id="a decimal beyond measure"),
        pytest.param(bytes.fromhex("5b7fffffffffffffff"), id="a length beyond memory"),
        pytest.param(with_fields(service=9), id="service"),
        pytest.param(with_fields(number=-1), id="negative number"),
        pytest.param(with_fields(number=10**14), id="number of 15 digits"),
        pytest.param(with_fields(entitlement_class=""), id="no class"),
        pytest.param(with_fields(entitlement_class="x" * 25), id="long class"),
        pytest.param(with_fields(status=9), id="status"),
        pytest.param(with_fields(sequence=0), id="sequence 0"),
        pytest.param(with_fields(status_index=-1), id="index"),
        pytest.param(with_fields(binding=b"short"), id="binding"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_record_are_malformed_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(MalformedRecord):
        verify_record(data, ISSUERS)


def test_every_single_changed_bit_is_refused() -> None:
    data = sign_record(RECORD, key_id=b"rec.1", sign=KEY.sign)
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            read = verify_record(bytes(changed), ISSUERS)
        except RecordError:
            continue
        pytest.fail(f"bit {bit} changed, and yet: {read}")


@pytest.mark.parametrize(
    "change",
    [
        {"valid_from": datetime(2026, 11, 1, 0, 0, 0, 1, tzinfo=UTC)},
        {"valid_until": datetime(2026, 11, 1)},  # noqa: DTZ001  a naive time is the point
        {"number": 10**14},
        {"entitlement_class": ""},
        {"binding": b""},
    ],
)
def test_what_no_reader_could_read_back_is_not_signed(change: dict[str, object]) -> None:
    with pytest.raises(MalformedRecord):
        sign_record(msgspec.structs.replace(RECORD, **change), key_id=b"rec.1", sign=KEY.sign)


def test_the_binding_differs_for_every_service_and_every_card() -> None:
    bindings = {binding_for(uid, service) for uid in (UID, UID[::-1]) for service in Service}
    assert len(bindings) == 2 * len(Service)
    assert all(len(binding) == 8 for binding in bindings)


def test_a_blocked_record_says_so() -> None:
    blocked = msgspec.structs.replace(RECORD, status=RecordStatus.BLOCKED)
    data = sign_record(blocked, key_id=b"rec.1", sign=KEY.sign)
    assert verify_record(data, ISSUERS).status is RecordStatus.BLOCKED


def test_a_time_of_another_zone_is_the_same_instant() -> None:
    from_london = RECORD.valid_from.astimezone(tz=None) + timedelta(0)
    data = sign_record(
        msgspec.structs.replace(RECORD, valid_from=from_london), key_id=b"rec.1", sign=KEY.sign
    )
    assert verify_record(data, ISSUERS) == RECORD


def test_a_file_without_a_record_is_zeros_and_reads_as_none() -> None:
    assert frame(b"", 8) == bytes(8)
    assert unframe(bytes(8)) == b""


@pytest.mark.parametrize("content", [b"\0\x07abcdef", b"\xff\xff" + bytes(190)])
def test_a_length_that_points_outside_the_file_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedRecord):
        unframe(content)


def test_a_record_too_large_for_its_file_is_not_cut() -> None:
    assert frame(b"abcdef", 8) == b"\0\x06abcdef"
    with pytest.raises(MalformedRecord):
        frame(b"abcdefg", 8)
