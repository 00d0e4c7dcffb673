"""Any record the issuer can sign is read back unchanged; no bytes at all bring a reader down."""

import contextlib
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from readers.contract.record import (
    LENGTH_BYTES,
    Record,
    RecordStatus,
    binding_for,
    frame,
    sign_record,
    unframe,
    verify_record,
)
from readers.contract.services import Service
from readers.errors import RecordError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
ISSUERS = {b"rec.1": KEY.public_key()}
instants = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  Hypothesis wants naive bounds
    max_value=datetime(9999, 1, 1),  # noqa: DTZ001  likewise
    timezones=st.just(UTC),
).map(lambda instant: instant.replace(microsecond=0))
records = st.builds(
    Record,
    service=st.sampled_from(Service),
    number=st.integers(0, 10**14 - 1),
    entitlement_class=st.text(min_size=1, max_size=24).filter(lambda text: text.isprintable()),
    valid_from=instants,
    valid_until=instants,
    sequence=st.integers(1, 2**53),
    status_index=st.integers(0, 2**32),
    binding=st.builds(binding_for, st.binary(min_size=7, max_size=7), st.sampled_from(Service)),
    status=st.sampled_from(RecordStatus),
)


@given(record=records)
def test_a_record_is_read_back_as_signed(record: Record) -> None:
    assert verify_record(sign_record(record, key_id=b"rec.1", sign=KEY.sign), ISSUERS) == record


@given(data=st.binary(max_size=250))
def test_no_bytes_at_all_bring_the_reader_down(data: bytes) -> None:
    with contextlib.suppress(RecordError):
        verify_record(data, ISSUERS)


@given(record=st.binary(max_size=190))
def test_what_was_framed_is_found_again(record: bytes) -> None:
    content = frame(record, 190 + LENGTH_BYTES)
    assert len(content) == 192
    assert unframe(content) == record
