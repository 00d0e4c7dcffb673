"""What was done, by whom, to whom. There is no way to change or remove a row here.

Rows wait in the session and are written as the last thing before it commits: the chain is locked
for that moment only, and a transaction that holds it waits for no other lock, so two can never wait
for each other.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Connection, Insert, LargeBinary, bindparam, event, insert, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from identity.actors import Actor
from identity.chain import ACTS, begin, digest_of, locked_head, move_head, moving
from identity.trail_models import AuditRow

Detail = Mapping[str, str | int | bool | list[str] | None]
COVERED: Final = ("at", "action", "subject", "actor_kind", "actor_id", "actor_label", "detail")
"""The columns a row's hash covers, besides its number."""
_WAITING: Final = "identity.audit"


class _Waiting(msgspec.Struct, frozen=True):
    row: Mapping[str, Any]
    within: SessionTransaction | None


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

    The row can be read once the transaction has committed, not before. What was recorded within a
    savepoint that is rolled back goes with it.

    Args:
        session: the transaction of the change.
        action: what was done, a permanent kebab-case word such as `account-registered`.
        subject: from `subject_of`.
        actor: who did it; what they do for a resident carries its basis (`basis_*` of `detail`).
        now: when.
        detail: facts about the change. Never personal data: codes, ids, counts and kinds only.
    """
    own = session.sync_session
    row = {
        "at": now,
        "action": action,
        "subject": subject,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_label": actor.label,
        "detail": {**(detail or {}), **_basis(actor)},
    }
    within = own.get_nested_transaction() or own.get_transaction()
    own.info.setdefault(_WAITING, []).append(_Waiting(row, within))


def basis_of(assisted_id: UUID) -> str:
    """How the basis of an audit row is written: `assisted:0192...`, in `detail["basis"]`."""
    return f"assisted:{assisted_id}"


def _basis(actor: Actor) -> Detail:
    """For whom and why a member of staff acts, in the row itself, whatever its subject is."""
    basis = actor.basis
    if basis is None:
        return {}
    return {
        "basis": basis_of(basis.assisted_id),
        "basis_resident": subject_of("account", basis.account_id),
        "basis_reason": basis.reason,
        "basis_presence": basis.presence,
    }


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    if session.in_nested_transaction() or not session.info.get(_WAITING):
        return
    session.flush()  # every other lock first
    rows = [waiting.row for waiting in session.info.pop(_WAITING)]
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _chain_in_one_statement(connection, rows)
    else:
        _chain_in_turn(connection, rows)


def _chain_in_turn(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Hold the head, add the rows, move the head."""
    link = locked_head(connection, ACTS)
    chained = []
    for row in rows:
        link = link.then(link.number + 1, row)
        chained.append({**row, "id": link.number, "hash": link.hash})
    connection.execute(insert(AuditRow), chained)
    move_head(connection, ACTS, link)


def _chain_in_one_statement(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """The same by the database, which has SHA-256: nobody waits while answers travel."""
    for row in rows:
        values = {**row, "content_digest": digest_of(row)}
        if not connection.execute(_CHAIN_ONE, values).rowcount:
            begin(connection, ACTS)
            connection.execute(_CHAIN_ONE, values)


def _chain_one() -> Insert:
    columns = inspect(AuditRow).columns
    moved = moving(ACTS, bindparam("content_digest", type_=LargeBinary())).cte("moved")
    values = [bindparam(name, type_=columns[name].type) for name in COVERED]
    row = select(moved.c.number, moved.c.hash, *values)
    return insert(AuditRow).from_select(["id", "hash", *COVERED], row)


_CHAIN_ONE: Final = _chain_one()


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, rolled_back: SessionTransaction) -> None:
    """Nothing was done within what is rolled back, so nothing is said of it."""
    waiting = session.info.get(_WAITING, [])
    waiting[:] = [one for one in waiting if not _is_within(one.within, rolled_back)]


@event.listens_for(Session, "after_transaction_end")
def _end(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:
        session.info.pop(_WAITING, None)


def _is_within(transaction: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while transaction is not None and transaction is not outer:
        transaction = transaction.parent
    return transaction is outer
