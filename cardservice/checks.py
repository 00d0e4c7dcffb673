"""The question an online terminal asks before the light: one statement, no transaction."""

from datetime import datetime

import msgspec
from sqlalchemy import Row, Select, case, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cardservice import updates
from cardservice.card_sessions import uid_indexes
from cardservice.models import Card, CardState
from entitlements.models import Holder, ServiceRecord
from entitlements.status import least_sequence, listed
from identity.personal import Vault
from readers.contract.statuslist import Status
from readers.contract.wire import CheckRequest


class Checked(msgspec.Struct, frozen=True):
    """What the server knows of a card in the field, as in `CheckAnswer`."""

    status: int | None
    update_owed: bool
    least_sequence: int | None = None


async def check(
    connection: AsyncConnection, vault: Vault, asked: CheckRequest, *, now: datetime
) -> Checked:
    """What is known of the card, and of the record that was read.

    A record nobody issued, and one of another card than was laid on the reader, is invalid.
    """
    row = (await connection.execute(_question(vault, asked, now))).one_or_none()
    if row is None:  # no card of ours
        return Checked(Status.INVALID.value if asked.record else None, update_owed=False)
    return Checked(_status(row, asked), row.owed, row.least_sequence)


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
            least_sequence.label("least_sequence"),
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
