"""Taps that do not add up, one finding of each kind, for tests of the pages."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import reconciling, taps, terminals
from cardservice.terminals import KnownTerminal, Role
from entitlements.models import ServiceRecord
from identity import audit_batches
from identity.db import new_id
from readers.contract.chain import GENESIS
from readers.contract.services import Service
from readers.contract.wire import Purpose
from tests.support.people import CLERK
from tests.support.server import tap
from tests.support.web import LiveServer


def find_odd_taps(live: LiveServer, account: str) -> None:
    """A gap, a broken chain, a wrong clock, a duplicate, and one card at two places."""
    now = live.clock()

    async def known(session: AsyncSession, place: str) -> KnownTerminal:
        services, purposes = (Service.LIBRARY,), (Purpose.VALIDATE,)
        role = Role(name=f"{place} kiosk", place=place, services=services, purposes=purposes)
        made = await terminals.create(session, role, actor=CLERK, now=now)
        return KnownTerminal(
            id=made.id,
            name=made.name,
            place=place,
            authority=made.authority,
            services=frozenset(services),
            purposes=frozenset(purposes),
            revoked=False,
            last_seen_at=None,
        )

    async def work(session: AsyncSession) -> None:
        session.add(
            ServiceRecord(
                account_id=UUID(account),
                carrier_id=new_id(),
                service=Service.LIBRARY,
                status_index=16_000,
            )
        )
        ashford, dover = await known(session, "Ashford Library"), await known(session, "Dover")
        seen = {"taken_at": now - timedelta(minutes=3), "status_index": 16_000}
        batch = [
            tap(1, **seen),
            tap(4, taken_at=now, link=GENESIS),
            tap(5, taken_at=now, link=GENESIS),
            tap(6, taken_at=now + timedelta(minutes=9)),
        ]
        await taps.ingest(session, ashford, batch, now=now)
        await taps.ingest(session, ashford, [tap(4, taken_at=now, accepted=False)], now=now)
        seen["taken_at"] = now - timedelta(minutes=1)
        await taps.ingest(session, dover, [tap(1, **seen)], now=now)
        await audit_batches.seal(session, taps.STREAM, now=now)
        await reconciling.look_at_next(session, now=now + reconciling.SETTLED_AFTER)

    live.do(work)
