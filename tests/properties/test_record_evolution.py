"""A reader of today reads what a later issuer adds, and a reader of tomorrow what we sign today."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from readers.contract.record import (
    ALGORITHM,
    COSE_SIGN1_TAG,
    EDDSA,
    EXPIRES,
    KEY_ID,
    NOT_BEFORE,
    RECORD,
    TOKEN_ID,
    Field,
    Record,
    RecordStatus,
    binding_for,
    sign_record,
    verified_claims,
    verify_record,
)
from readers.contract.services import Service
from readers.errors import UnknownRecordVersion

KEPT: Final = Path(__file__).parents[1] / "vectors" / "records-of-version-1.json"
"""Records as they were signed when version 1 was new. Cards carry them for five years: this file
is never made anew, and every later reader reads it."""

KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(32))
ISSUERS: Final = {b"rec.1": KEY.public_key()}
OURS: Final = frozenset(field.value for field in Field)
CLAIMS: Final = frozenset({EXPIRES, NOT_BEFORE, TOKEN_ID, RECORD})
RECORD_OF_TODAY: Final = Record(
    service=Service.TRAVEL,
    number=63359700000012,
    entitlement_class="older",
    valid_from=datetime(2026, 11, 22, tzinfo=UTC),
    valid_until=datetime(2031, 4, 1, tzinfo=UTC),
    sequence=7,
    status_index=41,
    binding=binding_for(bytes.fromhex("04A1B2C3D4E5F6"), Service.TRAVEL),
)

said = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=12) | st.binary(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
later_fields = st.dictionaries(
    st.integers(-100, 1000).filter(lambda number: number not in OURS), said, max_size=4
)
later_claims = st.dictionaries(
    st.integers(-100, 1000).filter(lambda number: number not in CLAIMS), said, max_size=4
)


def signed_later(fields: dict[int, Any], claims: dict[int, Any], *, version: int = 1) -> bytes:
    """The record of today as an issuer signs it that has more to say."""
    ours = verified_claims(sign_record(RECORD_OF_TODAY, key_id=b"rec.1", sign=KEY.sign), ISSUERS)
    record = ours[RECORD]
    assert isinstance(record, dict)
    more = record | fields | {Field.VERSION.value: version}
    protected = cbor2.dumps({ALGORITHM: EDDSA, KEY_ID: b"rec.1"}, canonical=True)
    payload = cbor2.dumps(ours | claims | {RECORD: more}, canonical=True)
    signature = KEY.sign(cbor2.dumps(["Signature1", protected, b"", payload], canonical=True))
    return cbor2.dumps(cbor2.CBORTag(COSE_SIGN1_TAG, [protected, {}, payload, signature]))


@given(fields=later_fields, claims=later_claims)
def test_an_old_reader_reads_a_record_with_more_in_it(
    fields: dict[int, Any], claims: dict[int, Any]
) -> None:
    assert verify_record(signed_later(fields, claims), ISSUERS) == RECORD_OF_TODAY


@given(version=st.integers(-5, 100).filter(lambda version: version != 1))
def test_what_an_old_reader_must_not_skip_it_refuses(version: int) -> None:
    with pytest.raises(UnknownRecordVersion):
        verify_record(signed_later({}, {}, version=version), ISSUERS)


def test_every_record_ever_kept_is_still_read() -> None:
    kept = json.loads(KEPT.read_text())
    issuers = {
        name.encode(): Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        for name, key in kept["issuers"].items()
    }
    for each in kept["records"]:
        record = verify_record(bytes.fromhex(each["signed"]), issuers)
        assert record == _record_of(each), each["what"]


def test_what_is_signed_today_is_byte_for_byte_what_was_kept() -> None:
    kept = json.loads(KEPT.read_text())
    for each in kept["records"]:
        assert sign_record(_record_of(each), key_id=b"rec.1", sign=KEY.sign).hex() == each["signed"]


def _record_of(kept: dict[str, Any]) -> Record:
    return Record(
        service=Service(kept["service"]),
        number=kept["number"],
        entitlement_class=kept["entitlement_class"],
        valid_from=datetime.fromisoformat(kept["valid_from"]),
        valid_until=datetime.fromisoformat(kept["valid_until"]),
        sequence=kept["sequence"],
        status_index=kept["status_index"],
        binding=bytes.fromhex(kept["binding"]),
        status=RecordStatus(kept["status"]),
    )
