"""Bus passes of other issuers, linked to an account by their number: kept, and never believed.

What makes a pass genuine are ITSO's seals, which nobody here can check. A link says whose number it
is, as a reader read or somebody typed it, and gives nothing: no rule asks for it.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import lifecycle
from cardservice.bus_pass_models import LinkedBusPass
from entitlements import grants
from identity import audit, person_keys
from identity.actors import Actor
from identity.errors import InvalidDetails
from identity.personal import Vault
from readers.card.itso import check_isrn
from readers.errors import MalformedShell

ISRN_FIELD: Final = "bus-pass.isrn"
MOST: Final = 5
"""Passes of one account: more are a mistake."""
_LONGEST_TYPED: Final = 40
_BETWEEN: Final = str.maketrans("", "", " -\u2010\u2011\u00a0\t")


class LinkedPass(msgspec.Struct, frozen=True):
    """A pass that is linked, opened.

    Attributes:
        isrn: 18 digits.
        read: whether a reader read it; otherwise it was typed.
    """

    id: UUID
    isrn: str
    read: bool
    linked_at: datetime


class NotLinked(Enum):
    """Why a pass was not linked."""

    THEIRS_ALREADY = auto()
    ANOTHER_ACCOUNTS = auto()
    TOO_MANY = auto()


def isrn_of(typed: str) -> str:
    """The number somebody typed, in whatever groups.

    Raises:
        InvalidDetails: under `isrn`, what is wrong with it.
    """
    digits = typed.translate(_BETWEEN)
    if not digits or len(typed) > _LONGEST_TYPED:
        raise InvalidDetails({"isrn": "Enter the 18 digits on the bus pass"})
    try:
        check_isrn(digits)
    except MalformedShell as error:
        words = f"Check the number on the bus pass: {error}"
        raise InvalidDetails({"isrn": words}) from error
    return digits


async def link(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    isrn: str,
    *,
    read: bool,
    actor: Actor,
    now: datetime,
) -> LinkedPass | NotLinked:
    """Note that a bus pass is a resident's. It gives them nothing.

    Args:
        session: the transaction.
        vault: seals the number.
        account_id: whose pass it is.
        isrn: from `isrn_of`, or as a reader read it.
        read: whether a reader read it.
        actor: who says so.
        now: when.

    Raises:
        MoveNotAllowed: the account is closed or erased.
        NoSuchAccount: no account with that id.
    """
    await grants.lock_holder(session, account_id)
    await lifecycle.check_holder(session, account_id)
    refused = await _refused(session, vault, account_id, isrn)
    if refused is not None:
        return refused
    personal = await person_keys.for_writing(session, vault, account_id)
    row = LinkedBusPass(
        account_id=account_id,
        sealed_isrn=b"",
        isrn_index=vault.blind(ISRN_FIELD, isrn),
        read=read,
        linked_at=now,
    )
    row.sealed_isrn = personal.seal(LinkedBusPass.__tablename__, "sealed_isrn", row.id, isrn)
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:  # another desk was linking it at this moment
        return NotLinked.ANOTHER_ACCOUNTS
    _audit(session, "bus-pass-linked", row, actor=actor, now=now)
    return LinkedPass(row.id, isrn, read, now)


async def unlink(
    session: AsyncSession, account_id: UUID, pass_id: UUID, *, actor: Actor, now: datetime
) -> bool:
    """Forget that a bus pass is a resident's. False: it was not, or not any more."""
    row = await session.get(LinkedBusPass, pass_id, with_for_update=True)
    if row is None or row.account_id != account_id:
        return False
    await session.delete(row)
    await session.flush()
    _audit(session, "bus-pass-unlinked", row, actor=actor, now=now)
    return True


async def of_account(session: AsyncSession, vault: Vault, account_id: UUID) -> Sequence[LinkedPass]:
    """The bus passes of a resident, the first linked first."""
    query = select(LinkedBusPass).where(LinkedBusPass.account_id == account_id)
    rows = (await session.scalars(query.order_by(LinkedBusPass.linked_at, LinkedBusPass.id))).all()
    if not rows:
        return ()
    personal = await person_keys.for_reading(session, vault, account_id)
    return tuple(
        LinkedPass(
            row.id,
            personal.open(LinkedBusPass.__tablename__, "sealed_isrn", row.id, row.sealed_isrn),
            row.read,
            row.linked_at,
        )
        for row in rows
    )


async def _refused(
    session: AsyncSession, vault: Vault, account_id: UUID, isrn: str
) -> NotLinked | None:
    indexes = vault.blinds(ISRN_FIELD, isrn)
    owner = await session.scalar(
        select(LinkedBusPass.account_id).where(LinkedBusPass.isrn_index.in_(indexes))
    )
    if owner is not None:
        return NotLinked.THEIRS_ALREADY if owner == account_id else NotLinked.ANOTHER_ACCOUNTS
    own = select(LinkedBusPass.id).where(LinkedBusPass.account_id == account_id)
    return NotLinked.TOO_MANY if len((await session.scalars(own)).all()) >= MOST else None


def _audit(
    session: AsyncSession, action: str, row: LinkedBusPass, *, actor: Actor, now: datetime
) -> None:
    subject = audit.subject_of("account", row.account_id)
    detail: audit.Detail = {"pass": str(row.id), "read": row.read}
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)
