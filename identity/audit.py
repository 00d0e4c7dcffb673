"""What was done, by whom, to whom. There is no way to change or remove a row here."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from identity.actors import Actor
from identity.models import AuditRow

Detail = Mapping[str, str | int | bool | list[str] | None]


def subject_of(kind: str, row_id: UUID | str) -> str:
    """How the subject of an audit row is written: `account:0192...`."""
    return f"{kind}:{row_id}"


def record(
    session: AsyncSession,
    action: str,
    subject: str,
    *,
    actor: Actor,
    now: datetime,
    detail: Detail | None = None,
) -> None:
    """Add a row in the caller's transaction: the change and its row are stored together or not.

    Args:
        session: the transaction of the change.
        action: what was done, a permanent kebab-case word such as `account-registered`.
        subject: from `subject_of`.
        actor: who did it.
        now: when.
        detail: facts about the change. Never personal data: codes, ids, counts and kinds only.
    """
    session.add(
        AuditRow(
            at=now,
            action=action,
            subject=subject,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_label=actor.label,
            detail=dict(detail or {}),
        )
    )
