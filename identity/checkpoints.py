"""Signed statements of where the audit chains ended, to be kept off the machine.

A chain shows what was changed inside it. Rows cut off its end leave no trace in what is left; only
a checkpoint kept elsewhere tells that there was more.
"""

import base64
import binascii
import os
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from sqlalchemy.ext.asyncio import AsyncSession

from identity.chain import Link, heads
from identity.errors import BadCheckpoint, UnknownKey
from identity.keys import KeyId, KeyStore, Purpose
from identity.trail_models import AuditCheckpoint

_SIGNED_AS: Final = b"kent-card-audit-checkpoint-1\0"


class ChainEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one chain ended: the number of its last row, and that row's hash in hexadecimal."""

    chain: str
    number: int
    hash: str


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where every chain ended at a moment.

    Attributes:
        at: when it was taken.
        ends: of each chain, by name.
        key: id of the key that signed it, such as `aud.1`.
        signature: Ed25519 over everything else, in base64.
    """

    at: datetime
    ends: tuple[ChainEnd, ...]
    key: str
    signature: str = ""


async def take(session: AsyncSession, keystore: KeyStore, *, now: datetime) -> Checkpoint:
    """Sign where the chains end now. It is stored too; what counts is a copy elsewhere.

    Raises:
        UnknownKey: the key store has no key for `audit.sign`.
    """
    key = keystore.current(Purpose.AUDIT_SIGN)
    connection = await session.connection()
    found = await connection.run_sync(heads)
    ends = tuple(_end(chain, link) for chain, link in sorted(found.items()))
    unsigned = Checkpoint(at=now, ends=ends, key=key.wire.decode())
    signature = base64.b64encode(keystore.sign(key, _covered(unsigned))).decode()
    checkpoint = msgspec.structs.replace(unsigned, signature=signature)
    session.add(AuditCheckpoint(at=now, signed=as_line(checkpoint)))
    await session.flush()
    return checkpoint


def is_genuine(checkpoint: Checkpoint, keystore: KeyStore) -> bool:
    """Whether it was signed by a key for `audit.sign` of this store."""
    try:
        key = KeyId.from_wire(checkpoint.key.encode())
        if key.purpose is not Purpose.AUDIT_SIGN:
            return False
        signature = base64.b64decode(checkpoint.signature, validate=True)
        keystore.public_key(key).verify(signature, _covered(checkpoint))
    except (UnknownKey, binascii.Error, InvalidSignature):
        return False
    return True


def as_line(checkpoint: Checkpoint) -> str:
    """One line of JSON, without its end."""
    return msgspec.json.encode(checkpoint).decode()


def from_line(line: str) -> Checkpoint:
    """Read a line; whether it is genuine is another question.

    Raises:
        BadCheckpoint: it is not a checkpoint.
    """
    try:
        return msgspec.json.decode(line, type=Checkpoint)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise BadCheckpoint("This is not a whole checkpoint.") from error


def append_to(path: Path, checkpoint: Checkpoint) -> None:
    """Add it to a file, made if need be; it is on the disk when this returns.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(f"{as_line(checkpoint)}\n".encode())
        file.flush()
        os.fsync(file.fileno())


def read_from(path: Path) -> tuple[Checkpoint, ...]:
    """Every checkpoint in a file, in its order.

    Raises:
        BadCheckpoint: a line is not one; its number is named.
        OSError: the file cannot be read.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return tuple(_numbered(path, number, line) for number, line in enumerate(lines, start=1))


def _numbered(path: Path, number: int, line: str) -> Checkpoint:
    try:
        return from_line(line)
    except BadCheckpoint as error:
        raise BadCheckpoint(f"Line {number} of {path} is not a whole checkpoint.") from error


def _end(chain: str, link: Link) -> ChainEnd:
    return ChainEnd(chain, link.number, link.hash.hex())


def _covered(checkpoint: Checkpoint) -> bytes:
    unsigned = msgspec.structs.replace(checkpoint, signature="")
    return _SIGNED_AS + msgspec.json.encode(unsigned, order="deterministic")
