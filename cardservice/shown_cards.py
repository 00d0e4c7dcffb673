"""Tokens of terminals that partners send: which terminal made one, and for which record."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import bindparam, select

from cardservice.models import Terminal
from entitlements.showing import Record
from identity.executors import Executor
from readers.contract import tap_tokens
from readers.contract.tokens import key_id_of
from readers.errors import TokenRefused

_IN_USE: Final = select(Terminal.public_key, Terminal.services).where(
    Terminal.id == bindparam("terminal_id"),
    Terminal.revoked_at.is_(None),
    Terminal.public_key.is_not(None),
)


async def tapped(executor: Executor, token: str, now: datetime) -> Record | None:
    """The record a terminal in use has just read; None for a token that is not good now."""
    try:
        terminal_id = UUID(key_id_of(token))
    except (TokenRefused, ValueError):
        return None
    row = (await executor.execute(_IN_USE, {"terminal_id": terminal_id})).one_or_none()
    if row is None:
        return None
    try:
        found = tap_tokens.verify(
            token, Ed25519PublicKey.from_public_bytes(row.public_key), now=now
        )
    except TokenRefused:
        return None
    if found.sub != str(terminal_id) or found.service.value not in row.services:
        return None
    once = sha256(f"tap\0{found.sub}\0{found.jti}".encode()).digest()
    return Record(found.service, found.index, once, datetime.fromtimestamp(found.exp, UTC))
