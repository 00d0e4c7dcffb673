"""Requests that wait: pushed ones for their browser, and those of people who first sign in."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity.db import new_id
from identity.oidc.models import OidcRequest, RequestStage
from identity.oidc.parameters import Parameters
from identity.oidc.spent import digest
from identity.oidc.statements import UNSYNCHRONISED
from identity.personal import Vault

PUSHED_LIFE: Final = timedelta(seconds=60)
WAITING_LIFE: Final = timedelta(minutes=30)
_TABLE: Final = OidcRequest.__tablename__
_COLUMN: Final = "sealed_parameters"


class Waiting(msgspec.Struct, frozen=True):
    """A stored request.

    Attributes:
        id: of its row.
        client_id: whose it is; None for a logout that names none.
        parameters: as they came.
        pushed: whether they came by PAR, from the client itself.
        asked_at: when the browser (or the client) first brought it.
    """

    id: UUID
    client_id: str | None
    parameters: Parameters
    pushed: bool
    asked_at: datetime


async def store(
    session: AsyncSession,
    vault: Vault,
    stage: RequestStage,
    values: Mapping[str, str],
    *,
    client_id: str | None,
    pushed: bool = False,
    now: datetime,
) -> str:
    """Keep a request. Returns its handle: random, kept only as a hash, of use once."""
    handle, row_id = secrets.token_urlsafe(32), new_id()
    life = PUSHED_LIFE if stage is RequestStage.PUSHED else WAITING_LIFE
    text = msgspec.json.encode(dict(values)).decode()
    session.add(
        OidcRequest(
            id=row_id,
            handle_hash=digest(handle),
            stage=stage,
            client_id=client_id,
            sealed_parameters=vault.seal(_TABLE, _COLUMN, row_id, text),
            pushed=pushed,
            created_at=now,
            expires_at=now + life,
        )
    )
    await session.flush()
    return handle


async def waiting(
    session: AsyncSession,
    vault: Vault,
    stage: RequestStage,
    handle: str,
    *,
    held: bool = True,
    now: datetime,
) -> Waiting | None:
    """The request of a handle, not used up. None when it is unknown, used or too old.

    Args:
        session: the caller's transaction.
        vault: opens its parameters.
        stage: what it must wait for.
        handle: as it was given out.
        held: until the transaction ends nobody else answers it; for looking only, False.
        now: when.
    """
    open_one = select(OidcRequest).where(
        OidcRequest.handle_hash == digest(handle),
        OidcRequest.stage == stage,
        OidcRequest.consumed_at.is_(None),
        OidcRequest.expires_at > now,
    )
    row = await session.scalar(open_one.with_for_update() if held else open_one)
    if row is None:
        return None
    text = vault.open(_TABLE, _COLUMN, row.id, row.sealed_parameters)
    parameters = Parameters(msgspec.json.decode(text, type=dict[str, str]))
    return Waiting(row.id, row.client_id, parameters, row.pushed, row.created_at)


async def client_of(session: AsyncSession, handle: str) -> str:
    """Whose request a handle is or was, for as long as we remember; empty for nobody's."""
    asking = select(OidcRequest.client_id).where(OidcRequest.handle_hash == digest(handle))
    return await session.scalar(asking) or ""


async def use_up(session: AsyncSession, request_id: UUID, *, now: datetime) -> bool:
    """Use a request up. False: another request of the browser did so first."""
    consuming = (
        update(OidcRequest)
        .where(OidcRequest.id == request_id, OidcRequest.consumed_at.is_(None))
        .values(consumed_at=now)
        .returning(OidcRequest.id)
    )
    done = await session.execute(consuming, **UNSYNCHRONISED)
    return done.one_or_none() is not None
