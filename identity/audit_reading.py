"""Reading the audit trail. Reading it is itself recorded."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit
from identity.actors import Actor
from identity.models import Account
from identity.numbers import is_account_number
from identity.trail_models import AuditRow

MOST_ROWS: Final = 100
_LONGEST_ASKED: Final = 120


async def newest(
    session: AsyncSession, about: str, *, actor: Actor, now: datetime
) -> Sequence[AuditRow]:
    """The newest rows, newest first; at most `MOST_ROWS`.

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
    rows = (await session.scalars(query)).all()
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
