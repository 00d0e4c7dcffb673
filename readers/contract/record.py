"""The signed record a service file carries: a CWT in a COSE_Sign1, bound to one card.

Fields are tagged by number. A number is never reused or given another meaning; a new field gets a
new number, and a reader skips the numbers it does not know. Only a change that an old reader must
not skip raises :data:`RECORD_VERSION`.

Source: RFC 8392 (CWT), RFC 9052 (COSE_Sign1), RFC 9053 section 2.2 (EdDSA).
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Final

import cbor2
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from readers.contract.services import Service
from readers.errors import (
    BadRecordSignature,
    MalformedRecord,
    UnknownIssuerKey,
    UnknownRecordVersion,
)

RECORD_VERSION: Final = 1
BINDING_BYTES: Final = 8
LENGTH_BYTES: Final = 2

Number = Annotated[int, Meta(ge=0, lt=10**14)]
Sequence = Annotated[int, Meta(ge=1, le=2**53)]
Index = Annotated[int, Meta(ge=0, le=2**32)]

# CWT claim keys (RFC 8392 section 4) and our private one (below -65536: private use).
EXPIRES: Final = 4
NOT_BEFORE: Final = 5
TOKEN_ID: Final = 7
RECORD: Final = -65537

# COSE header parameters (RFC 9052 section 3.1).
ALGORITHM: Final = 1
KEY_ID: Final = 4
EDDSA: Final = -8
COSE_SIGN1_TAG: Final = 18


class Field(IntEnum):
    """The numbers of the record's fields inside claim -65537."""

    VERSION = 0
    SERVICE = 1
    NUMBER = 2
    ENTITLEMENT_CLASS = 3
    STATUS = 4
    SEQUENCE = 5
    STATUS_INDEX = 6
    BINDING = 7


MEANINGS: Final[Mapping[Field, str]] = {
    Field.VERSION: "version of the record; a reader refuses one it does not know",
    Field.SERVICE: "code of the service, so that a record cannot be moved to another file",
    Field.NUMBER: "number of the holder with this service alone (14 digits)",
    Field.ENTITLEMENT_CLASS: "what the holder is entitled to, as the service's scheme names it",
    Field.STATUS: "0 active, 1 blocked on the card",
    Field.SEQUENCE: "rises with every record written for this card and service",
    Field.STATUS_INDEX: "place of this record, and of no other, in the service's status list",
    Field.BINDING: "first 8 bytes of SHA-256 over service code and card UID",
}


class RecordStatus(IntEnum):
    """Whether the record itself says that it may be used."""

    ACTIVE = 0
    BLOCKED = 1


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What one service says about one card.

    Attributes:
        number: the holder's number with this service (at most 14 digits); no other service has it.
        entitlement_class: the scheme's word, for example ``adult`` or ``older``; 1 to 24 letters.
        valid_from: aware UTC, whole seconds, inclusive.
        valid_until: aware UTC, whole seconds, **exclusive**.
        sequence: from 1, rising with every record written for this card and service.
        status_index: place in the service's status list.
        binding: :func:`binding_for` of the card that carries it.
    """

    service: Service
    number: Number
    entitlement_class: Annotated[str, Meta(min_length=1, max_length=24)]
    valid_from: datetime
    valid_until: datetime
    sequence: Sequence
    status_index: Index
    binding: Annotated[bytes, Meta(min_length=BINDING_BYTES, max_length=BINDING_BYTES)]
    status: RecordStatus = RecordStatus.ACTIVE


def binding_for(uid: bytes, service: Service) -> bytes:
    """What ties a record to a card without carrying the UID: 8 bytes, another for every service."""
    seen = b"kent-card record binding 1\0" + bytes([service.code]) + uid
    return hashlib.sha256(seen).digest()[:BINDING_BYTES]


def sign_record(
    record: Record, *, key_id: bytes, sign: Callable[[bytes], bytes], token_id: bytes | None = None
) -> bytes:
    """The record as tagged COSE_Sign1, about 130 bytes.

    Args:
        record: what to say.
        key_id: names the issuer's key; 1 to 8 bytes.
        sign: Ed25519 over the bytes it is given (64 bytes back).
        token_id: claim `cti`, for what is shown once; a card's record has none.

    Raises:
        MalformedRecord: a reader could not read this record back as it is (a value out of range,
            a fraction of a second).
    """
    if record_in(_claims(record)) != record:
        raise MalformedRecord("the record would not be read back as it is")
    protected = cbor2.dumps({ALGORITHM: EDDSA, KEY_ID: key_id}, canonical=True)
    claims = _claims(record) | ({} if token_id is None else {TOKEN_ID: token_id})
    payload = cbor2.dumps(claims, canonical=True)
    signature = sign(_to_be_signed(protected, payload))
    message = cbor2.CBORTag(COSE_SIGN1_TAG, [protected, {}, payload, signature])
    return cbor2.dumps(message, canonical=True)


def verify_record(data: bytes, issuer_keys: Mapping[bytes, Ed25519PublicKey]) -> Record:
    """The record in ``data``, once its signature is shown to be one of ``issuer_keys``.

    The caller still compares service and binding with the card it came from.

    Raises:
        MalformedRecord: these bytes are no record.
        UnknownIssuerKey: signed by a key that is not among ``issuer_keys``.
        BadRecordSignature: the signature does not fit.
        UnknownRecordVersion: of a version this code does not know.
    """
    return record_in(verified_claims(data, issuer_keys))


def verified_claims(
    data: bytes, issuer_keys: Mapping[bytes, Ed25519PublicKey]
) -> dict[object, object]:
    """The claims in ``data``, once its signature is shown to be one of ``issuer_keys``.

    Raises:
        MalformedRecord: these bytes are no signed claims.
        UnknownIssuerKey: signed by a key that is not among ``issuer_keys``.
        BadRecordSignature: the signature does not fit.
    """
    protected, payload, signature = _open(data)
    header = _map(protected)
    if header.get(ALGORITHM) != EDDSA:
        raise MalformedRecord(f"signature algorithm {header.get(ALGORITHM)!r} is not EdDSA")
    key_id = header.get(KEY_ID)
    key = issuer_keys.get(key_id) if isinstance(key_id, bytes) else None
    if key is None:
        raise UnknownIssuerKey(f"no pinned issuer key is named {key_id!r}")
    try:
        key.verify(signature, _to_be_signed(protected, payload))
    except InvalidSignature as error:
        raise BadRecordSignature("the record's signature does not fit") from error
    return _map(payload)


def record_in(claims: dict[object, object]) -> Record:
    """The record among claims whose signature was verified.

    Raises:
        MalformedRecord: there is none, or a field is missing or of the wrong kind.
        UnknownRecordVersion: of a version this code does not know.
    """
    fields = claims.get(RECORD)
    if not isinstance(fields, dict):
        raise MalformedRecord("the token carries no Kent Card record")
    if fields.get(Field.VERSION) != RECORD_VERSION:
        raise UnknownRecordVersion(f"record version {fields.get(Field.VERSION)!r}")
    try:
        return msgspec.convert(
            {
                "service": Service.of_code(fields[Field.SERVICE]),
                "number": fields[Field.NUMBER],
                "entitlement_class": fields[Field.ENTITLEMENT_CLASS],
                "status": RecordStatus(fields[Field.STATUS]),
                "sequence": fields[Field.SEQUENCE],
                "status_index": fields[Field.STATUS_INDEX],
                "binding": fields[Field.BINDING],
                "valid_from": _instant(claims[NOT_BEFORE]),
                "valid_until": _instant(claims[EXPIRES]),
            },
            Record,
        )
    except (KeyError, ValueError, TypeError, OverflowError, OSError) as error:
        raise MalformedRecord(f"a field is missing or of the wrong kind: {error!r}") from error


def frame(record: bytes, size: int) -> bytes:
    """A file's content: two bytes of length (big endian), the record, zeros up to ``size``.

    No record (``b""``) is a file of zeros.

    Raises:
        MalformedRecord: if the record does not fit.
    """
    if len(record) + LENGTH_BYTES > size:
        raise MalformedRecord(f"a record of {len(record)} bytes does not fit a file of {size}")
    return (len(record).to_bytes(LENGTH_BYTES, "big") + record).ljust(size, b"\0")


def unframe(content: bytes) -> bytes:
    """The record in a file's content; ``b""`` when the file holds none.

    Raises:
        MalformedRecord: if the length points outside the file.
    """
    length = int.from_bytes(content[:LENGTH_BYTES], "big")
    if len(content) < LENGTH_BYTES + length:
        raise MalformedRecord(f"length {length} points outside a file of {len(content)} bytes")
    return content[LENGTH_BYTES : LENGTH_BYTES + length]


def _claims(record: Record) -> dict[object, object]:
    return {
        EXPIRES: int(record.valid_until.timestamp()),
        NOT_BEFORE: int(record.valid_from.timestamp()),
        RECORD: {
            Field.VERSION.value: RECORD_VERSION,
            Field.SERVICE.value: record.service.code,
            Field.NUMBER.value: record.number,
            Field.ENTITLEMENT_CLASS.value: record.entitlement_class,
            Field.STATUS.value: record.status.value,
            Field.SEQUENCE.value: record.sequence,
            Field.STATUS_INDEX.value: record.status_index,
            Field.BINDING.value: record.binding,
        },
    }


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """RFC 9052 section 4.4: the Sig_structure of a COSE_Sign1."""
    return cbor2.dumps(["Signature1", protected, b"", payload], canonical=True)


def _open(data: bytes) -> tuple[bytes, bytes, bytes]:
    match _decode(data):
        case cbor2.CBORTag(
            tag=18, value=[bytes() as protected, {}, bytes() as payload, bytes() as signature]
        ):
            return protected, payload, signature
        case _:
            raise MalformedRecord("no COSE_Sign1 message")


def _decode(data: bytes) -> object:
    stream = io.BytesIO(data)
    try:
        decoded: object = cbor2.load(stream)
    except Exception as error:
        # Not only CBOR errors: a hostile tag (a pattern, a decimal) raises what its type raises.
        raise MalformedRecord(f"no CBOR: {type(error).__name__}") from error
    if stream.read(1):
        raise MalformedRecord("bytes follow the CBOR item")
    return decoded


def _map(data: bytes) -> dict[object, object]:
    decoded = _decode(data)
    if not isinstance(decoded, dict):
        raise MalformedRecord("a CBOR map was expected")
    return decoded


def _instant(seconds: object) -> datetime:
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise MalformedRecord("a date in the record is no whole number of seconds")
    return datetime.fromtimestamp(seconds, UTC)
