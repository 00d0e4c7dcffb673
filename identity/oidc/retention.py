"""How long the provider's rows are kept, in one table, and the work that removes them.

Rows of one parent go with it, children first. What residents agreed to (`oidc_consent`) and the
names sites know them by (`oidc_subject`) are no upkeep: they stay as long as the account.
Source: UK GDPR Article 5(1)(e); RFC 9700 section 4.14.2 (used tokens are kept to notice a replay).
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import delete, inspect, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from identity.db import Base
from identity.oidc.models import (
    OidcCode,
    OidcGrant,
    OidcLogoutNotice,
    OidcRefreshToken,
    OidcRequest,
    OidcSpentId,
)
from identity.oidc.statements import UNSYNCHRONISED

AT_ONCE: Final = 1000
"""Rows of a table that one run removes: no run is long, and the next goes on."""


class Kept(msgspec.Struct, frozen=True):
    """How long rows of one table are kept.

    Attributes:
        table: mapped class.
        since: name of the column with the moment it counts from.
        days: after that moment.
        why: that long.
        children: mapped classes whose `grant_id` names a row; they go with it.
    """

    table: type[Base]
    since: str
    days: int
    why: str
    children: tuple[type[OidcCode] | type[OidcRefreshToken], ...] = ()


RETENTION: Final = (
    Kept(
        OidcRequest,
        "expires_at",
        1,
        "somebody who comes back too late is told which site they came from",
    ),
    Kept(
        OidcSpentId,
        "expires_at",
        0,
        "the token or proof it belongs to is refused by its own time from then on",
    ),
    Kept(
        OidcGrant,
        "expires_at",
        7,
        "codes and refresh tokens that were used up show a replay, which ends the grant",
        (OidcCode, OidcRefreshToken),
    ),
    Kept(
        OidcLogoutNotice,
        "created_at",
        7,
        "a week to ask why a site was not told; the last try is after 15 hours",
    ),
)


async def forget(session: AsyncSession, *, now: datetime) -> int:
    """Remove what was kept long enough. Returns how many rows, children not counted."""
    return sum([await _forget(session, kept, now=now) for kept in RETENTION])


async def _forget(session: AsyncSession, kept: Kept, *, now: datetime) -> int:
    key, since = inspect(kept.table).primary_key, kept.table.__table__.columns[kept.since]
    over = since < now - timedelta(days=kept.days)
    rows = (await session.execute(select(*key).where(over).order_by(since).limit(AT_ONCE))).all()
    if not rows:
        return 0
    for child in kept.children:
        with_parent = child.grant_id.in_([row[0] for row in rows])
        await session.execute(delete(child).where(with_parent), **UNSYNCHRONISED)
    these = tuple_(*key).in_([tuple(row) for row in rows])
    await session.execute(delete(kept.table).where(these), **UNSYNCHRONISED)
    return len(rows)
