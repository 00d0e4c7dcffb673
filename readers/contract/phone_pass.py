"""The pass on a phone: the record a card carries, for a minute, as a text that fits a QR code.

The record is signed as on a card, with three differences. It is valid for :data:`LIFETIME`. It
carries `cti`, a random identifier, and is bound to that as a card's record is bound to the chip: no
card can carry it and nobody's card can be shown as one. And its class is :data:`PASS_CLASS`: what
is shown to every camera in the room does not say why somebody holds a service.

The text is :data:`PREFIX`, a version, a full stop, and the COSE_Sign1 in Base32 without padding:
capital letters and digits, which a QR code packs well, which a scanner that types sends right on
every keyboard, and which a page may show in groups.

Source: RFC 8392 section 3.1.7 (cti), RFC 4648 section 6 (Base32), ISO/IEC 18004 (alphanumeric
mode).
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from readers.contract.record import (
    TOKEN_ID,
    Record,
    binding_for,
    record_in,
    sign_record,
    verified_claims,
)
from readers.contract.tokens import SKEW
from readers.errors import (
    ForeignCode,
    MalformedRecord,
    PassExpired,
    PassFromTheFuture,
    UnknownRecordVersion,
)

LIFETIME: Final = timedelta(seconds=60)
PREFIX: Final = "KC"
PASS_VERSION: Final = 1
JTI_BYTES: Final = 12
"""More than any chip's UID has, so that a binding to one is never a binding to the other."""
PASS_CLASS: Final = "holder"  # noqa: S105  a word on a pass, not a password
MAX_TEXT: Final = 1024
"""Characters of a text that is looked at; a pass has about 255."""

_FORM: Final = re.compile(rf"{PREFIX}(?P<version>[1-9][0-9]{{0,3}})\.(?P<body>[A-Z2-7]+)")
_GROUP: Final = 8
_PADDED: Final = 8


class PhonePass(msgspec.Struct, frozen=True):
    """A pass that was verified.

    Attributes:
        record: as a card would carry it; valid for at most :data:`LIFETIME`.
        jti: tells this code from every other; a venue takes it once.
    """

    record: Record
    jti: bytes


def encode(record: Record, jti: bytes, *, key_id: bytes, sign: Callable[[bytes], bytes]) -> str:
    """The text of a pass, about 255 characters.

    Args:
        record: what to say; its `binding` is :func:`binding_for` of ``jti`` and the service.
        jti: :data:`JTI_BYTES` random bytes.
        key_id: names the issuer's key.
        sign: Ed25519 over the bytes it is given (64 bytes back).

    Raises:
        MalformedRecord: no reader would accept it.
    """
    _refuse_what_is_no_pass(record, jti)
    signed = sign_record(record, key_id=key_id, sign=sign, token_id=jti)
    return f"{PREFIX}{PASS_VERSION}.{base64.b32encode(signed).decode().rstrip('=')}"


def decode(text: str) -> bytes:
    """The COSE_Sign1 in a text; nothing is verified yet.

    Spaces, line ends and small letters are taken as a person or a scanner may send them.

    Raises:
        ForeignCode: it is no pass at all.
        UnknownRecordVersion: a pass of a version this code does not know.
        MalformedRecord: a pass that is damaged or cut short.
    """
    if len(text) > MAX_TEXT or not text.isascii():
        raise ForeignCode("a text that is too long, or not of plain letters and digits")
    found = _FORM.fullmatch("".join(text.split()).upper())
    if found is None:
        raise ForeignCode("a text that does not begin as a pass does, or goes on otherwise")
    if int(found["version"]) != PASS_VERSION:
        raise UnknownRecordVersion(f"pass version {found['version']}")
    body = found["body"]
    try:
        data = base64.b32decode(body + "=" * (-len(body) % _PADDED))
    except binascii.Error as error:
        raise MalformedRecord("the Base32 of a pass is cut short") from error
    if base64.b32encode(data).decode().rstrip("=") != body:
        raise MalformedRecord("the Base32 of a pass has stray bits at its end")
    return data


def verify(text: str, issuer_keys: Mapping[bytes, Ed25519PublicKey], *, now: datetime) -> PhonePass:
    """The pass in ``text``, if it is genuine and its minute is not over at ``now``.

    The caller still asks whether ``jti`` was shown to it before, and what the status list says.
    Each error's `code` is a value of :class:`readers.contract.reasons.Reason`.

    Args:
        text: as read from a QR code or typed.
        issuer_keys: key id -> key that signs records.
        now: aware UTC; a clock may run up to :data:`~readers.contract.tokens.SKEW` behind.

    Raises:
        ForeignCode, MalformedRecord, UnknownRecordVersion: it is no pass this code can read.
        UnknownIssuerKey, BadRecordSignature: it is not ours.
        PassExpired: its last second has passed.
        PassFromTheFuture: it is ours and was not made yet, so ``now`` is wrong.
    """
    claims = verified_claims(decode(text), issuer_keys)
    record, jti = record_in(claims), claims.get(TOKEN_ID)
    if not isinstance(jti, bytes):
        raise MalformedRecord("a record without an identifier: of a card, not a pass")
    _refuse_what_is_no_pass(record, jti)
    if now >= record.valid_until:
        raise PassExpired("the pass has run out")
    if now + SKEW < record.valid_from:
        raise PassFromTheFuture("the pass was made after now")
    return PhonePass(record, jti)


def in_groups(text: str) -> str:
    """The text as a page shows it to be read out or copied; :func:`decode` takes it."""
    return " ".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def _refuse_what_is_no_pass(record: Record, jti: bytes) -> None:
    if len(jti) != JTI_BYTES:
        raise MalformedRecord(f"an identifier of {len(jti)} bytes, not {JTI_BYTES}")
    if record.binding != binding_for(jti, record.service):
        raise MalformedRecord("a pass that is not bound to its identifier")
    if not timedelta(0) < record.valid_until - record.valid_from <= LIFETIME:
        raise MalformedRecord("a pass that lives longer than a pass may")
