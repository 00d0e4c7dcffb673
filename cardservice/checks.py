"""The question an online terminal asks before the light: one statement, no transaction."""

from datetime import datetime

from sqlalchemy import Row, Select, case, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cardservice import updates
from cardservice.card_sessions import uid_indexes
from cardservice.models import Card, CardState
from entitlements.models import Holder, ServiceRecord
from entitlements.status import listed
from identity.personal import Vault
from readers.contract.statuslist import Status
from readers.contract.wire import CheckRequest


async def check(
    connection: AsyncConnection, vault: Vault, asked: CheckRequest, *, now: datetime
) -> tuple[int | None, bool]:
    """Status of the record that was read, and whether the card is owed an update.

    A record nobody issued, and one of another card than was laid on the reader, is invalid.
    """
    row = (await connection.execute(_question(vault, asked, now))).one_or_none()
    if row is None:  # no card of ours
        return (Status.INVALID.value if asked.record else None), False
    return _status(row, asked), row.owed


def _status(row: Row[*tuple[object, ...]], asked: CheckRequest) -> int | None:
    if asked.record is None:
        return None
    return Status.INVALID.value if row.status is None else int(row.status)


def _question(vault: Vault, asked: CheckRequest, now: datetime) -> Select[*tuple[object, ...]]:
    index = asked.record.status_index if asked.record else None
    return (
        select(
            updates.is_owed(now).label("owed"),
            case((ServiceRecord.id.is_(None), literal(None)), else_=listed).label("status"),
        )
        .join(Holder, Holder.account_id == Card.account_id)
        .outerjoin(
            ServiceRecord,
            (ServiceRecord.carrier_id == Card.id)
            & (ServiceRecord.service == asked.service)
            & (ServiceRecord.status_index == index),
        )
        .where(Card.uid_index.in_(uid_indexes(vault, asked.uid)), Card.state != CardState.DESTROYED)
    )
