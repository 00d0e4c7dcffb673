"""When cards were last used, as far as it is known. Who is not here may use theirs every day."""

from collections.abc import Collection, Mapping
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.models import Tap
from entitlements.models import ServiceNumber, ServiceRecord
from readers.contract.windows import london_date


async def last_uses(session: AsyncSession, people: Collection[UUID]) -> Mapping[UUID, date]:
    """Resident -> day of their last accepted tap: of taps that are kept, or that were forgotten.

    A tap of a terminal that was revoked does not count: it may have been made up.
    """
    kept = (
        select(ServiceRecord.account_id, func.max(Tap.taken_at))
        .join(
            Tap,
            (Tap.service == ServiceRecord.service)
            & (Tap.status_index == ServiceRecord.status_index),
        )
        .where(ServiceRecord.account_id.in_(people), Tap.accepted, Tap.after_revocation.is_(False))
        .group_by(ServiceRecord.account_id)
    )
    forgotten = (
        select(ServiceNumber.account_id, func.max(ServiceNumber.last_used_on))
        .where(ServiceNumber.account_id.in_(people), ServiceNumber.last_used_on.is_not(None))
        .group_by(ServiceNumber.account_id)
    )
    found = {account: london_date(at) for account, at in (await session.execute(kept)).all()}
    for account, day in (await session.execute(forgotten)).all():
        if day is not None:
            found[account] = max(found.get(account, day), day)
    return found
