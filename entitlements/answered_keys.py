"""Requests that are sent twice: what was answered the first time is answered again.

The row is written in the transaction of the request itself, so that a request that failed leaves
none, and one that is sent again while the first is under way waits for it.
Source: draft-ietf-httpapi-idempotency-key-header-07 sections 2.5 to 2.7.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.callers import Caller
from entitlements.partner_errors import KeyReused
from entitlements.redemption_models import AnsweredKey
from identity import throttle

KEPT: Final = timedelta(hours=24)


class Answer(msgspec.Struct, frozen=True):
    """What a request was answered, as bytes."""

    status: int
    media_type: str
    body: bytes


def fingerprint(method: str, path: str, body: bytes) -> bytes:
    """What tells a repetition from another request."""
    return sha256(b"\0".join((method.encode(), path.encode(), body))).digest()


async def before(
    session: AsyncSession, caller: Caller, key: str, print_: bytes, *, now: datetime
) -> Answer | None:
    """What was answered to the same request before; None: it is new, and to be answered.

    Raises:
        KeyReused: the key was used for another request.
    """
    mine = _mine(caller, key)
    await session.execute(delete(AnsweredKey).where(*mine, AnsweredKey.answered_at <= now - KEPT))
    row = {
        "organisation_id": caller.organisation_id,
        "kind": caller.kind,
        "key": key,
        "fingerprint": print_,
        "status": 0,
        "media_type": "",
        "body": b"",
        "answered_at": now,
    }
    await throttle.insert_missing(session, AnsweredKey, row)
    found = (await session.scalars(select(AnsweredKey).where(*mine).with_for_update())).one()
    if found.fingerprint != print_:
        raise KeyReused("This Idempotency-Key was used for another request. Use a new one.")
    return Answer(found.status, found.media_type, found.body) if found.status else None


async def keep(session: AsyncSession, caller: Caller, key: str, answer: Answer) -> None:
    """Keep what a new request is answered."""
    await session.execute(
        update(AnsweredKey)
        .where(*_mine(caller, key))
        .values(status=answer.status, media_type=answer.media_type, body=answer.body)
        .execution_options(synchronize_session=False)
    )


def _mine(caller: Caller, key: str) -> tuple[ColumnElement[bool], ...]:
    return (
        AnsweredKey.organisation_id == caller.organisation_id,
        AnsweredKey.kind == caller.kind,
        AnsweredKey.key == key,
    )
