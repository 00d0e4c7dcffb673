"""Reading the audit trail. Reading it is itself recorded."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit
from identity.actors import Actor, ActorKind
from identity.models import Account
from identity.numbers import is_account_number
from identity.trail_models import AuditRow

MOST_ROWS: Final = 100
_LONGEST_ASKED: Final = 120
_DISTRICT: Final = "district"


class Row(msgspec.Struct, frozen=True):
    """A row as it is shown; `detail` is that of the audit row, or less."""

    id: int
    at: datetime
    action: str
    subject: str
    actor_kind: ActorKind
    actor_label: str
    detail: Mapping[str, Any]


async def newest(
    session: AsyncSession, about: str, *, actor: Actor, now: datetime
) -> Sequence[Row]:
    """The newest rows, newest first; at most `MOST_ROWS`.

    The district of an account whose address is protected now is left out, although the row has it
    from before: nobody who reads the trail needs it.

    Args:
        session: the transaction.
        about: a subject such as `account:0192...`, an account number, an actor's id or an action,
            each whole; empty for every row.
        actor: who reads.
        now: when.
    """
    about = about.strip()[:_LONGEST_ASKED]
    query = select(AuditRow).order_by(AuditRow.id.desc()).limit(MOST_ROWS)
    if about:
        subject = await _subject(session, about)
        exact = (AuditRow.subject == subject, AuditRow.actor_id == about, AuditRow.action == about)
        query = query.where(or_(*exact))
    rows = await _without_protected_districts(session, (await session.scalars(query)).all())
    reader = audit.subject_of(actor.kind.value, actor.id)
    detail = {"rows": len(rows), "narrowed": bool(about)}
    audit.record(session, "audit-read", reader, actor=actor, now=now, detail=detail)
    return rows


async def _subject(session: AsyncSession, about: str) -> str:
    digits = "".join(about.split())
    if not (digits.isascii() and digits.isdigit() and is_account_number(digits)):
        return about
    account_id = await session.scalar(select(Account.id).where(Account.number == digits))
    return audit.subject_of("account", account_id) if account_id else about


async def _without_protected_districts(
    session: AsyncSession, rows: Sequence[AuditRow]
) -> tuple[Row, ...]:
    of_account = audit.subject_of("account", "")
    accounts = {
        row.subject: UUID(row.subject.removeprefix(of_account))
        for row in rows
        if _DISTRICT in row.detail and row.subject.startswith(of_account)
    }
    protected = set(
        await session.scalars(
            select(Account.id).where(Account.id.in_(accounts.values()), Account.address_protected)
        )
    )
    return tuple(_shown(row, hides=accounts.get(row.subject) in protected) for row in rows)


def _shown(row: AuditRow, *, hides: bool) -> Row:
    kept = {name: value for name, value in row.detail.items() if not hides or name != _DISTRICT}
    return Row(row.id, row.at, row.action, row.subject, row.actor_kind, row.actor_label, kept)
