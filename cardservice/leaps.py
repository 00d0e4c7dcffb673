"""What has to be moved on after a database was restored: it does not know what it did since.

Cards, terminals, partners and browsers remember more than a restored database: records with higher
sequences, places in status lists, positions in a feed, sign-ins that were ended. So that nothing is
given out a second time and nothing that was over begins again, each moves on by more than can have
been used since. docs/adr/0034 says what cannot be mended here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.models import Card
from cardservice.updates import NOTHING_KNOWN
from entitlements import status
from entitlements.event_models import PartnerFeed
from entitlements.models import KeptStatus, ServiceRecord, StatusListState
from identity import audit, sessions
from identity.actors import Actor
from identity.executors import dialect_of
from readers.contract.services import Service
from readers.contract.statuslist import Status, StatusList

SEQUENCES: Final = 1000
"""A card is written a few times a year; never so often between a backup and the next."""
POSITIONS: Final = 1_000_000
_UNTOUCHED: Final = {"synchronize_session": False}


class Leapt(msgspec.Struct, frozen=True):
    """How much was moved on.

    Attributes:
        records: whose next sequence is higher than any that was signed.
        cards: that are written anew at their next online tap.
        sign_ins: that were ended.
    """

    records: int
    cards: int
    sign_ins: int


class Adopted(msgspec.Struct, frozen=True):
    """What a newer list refused that this database did not: records here, and places of none."""

    records: int
    unknown: int


async def leap(session: AsyncSession, *, made_at: datetime, actor: Actor, now: datetime) -> Leapt:
    """Move everything on, and say so in the audit trail.

    Args:
        session: the transaction.
        made_at: when the backup was made.
        actor: who restored it.
        now: when.
    """
    records = await _count(
        session,
        update(ServiceRecord)
        .where(ServiceRecord.sequence > 0)
        .values(sequence=ServiceRecord.sequence + SEQUENCES)
        .returning(ServiceRecord.id),
    )
    cards = await _count(
        session,
        update(Card)
        .where(Card.uid_index.is_not(None))
        .values(written_version=NOTHING_KNOWN)
        .returning(Card.id),
    )
    places = update(StatusListState).values(
        first_free=StatusListState.size,
        used=StatusListState.size,
        version=StatusListState.version + 1,
    )
    await session.execute(places, execution_options=_UNTOUCHED)
    feeds = update(PartnerFeed).values(last_position=PartnerFeed.last_position + POSITIONS)
    await session.execute(feeds, execution_options=_UNTOUCHED)
    ended = await sessions.end_everybodys(session, actor=actor, now=now)
    detail: audit.Detail = {"made_at": made_at.isoformat(), "records": records, "cards": cards}
    subject = audit.subject_of("database", "all")
    audit.record(session, "database-restored", subject, actor=actor, now=now, detail=detail)
    return Leapt(records, cards, ended)


async def adopt(
    session: AsyncSession,
    service: Service,
    newer: StatusList,
    *,
    actor: Actor,
    now: datetime,
) -> Adopted:
    """Refuse what a list refused that was signed after the backup was made.

    A record that this database knows and would accept takes the list's word. A place it knows no
    record of belongs to a card made since: the list's word about it is kept for ever.

    Args:
        session: the transaction.
        service: whose list.
        newer: genuine; the caller has verified its signature.
        actor: who brought it.
        now: when.
    """
    said = {index: newer[index] for index in range(len(newer)) if newer[index]}
    known = select(ServiceRecord).where(ServiceRecord.service == service)
    records = {row.status_index: row for row in await session.scalars(known)}
    changed = 0
    for index in said.keys() & records.keys():
        row = records[index]
        if row.status == Status.VALID.value and row.held:
            row.status = said[index]
            changed += 1
    unknown = {index: value for index, value in said.items() if index not in records}
    await _keep(session, service, unknown)
    await status.note_changed(session, ((service, place) for place in said))
    detail: audit.Detail = {"service": service.value, "records": changed, "unknown": len(unknown)}
    subject = audit.subject_of("status-list", service.value)
    audit.record(session, "status-list-adopted", subject, actor=actor, now=now, detail=detail)
    return Adopted(changed, len(unknown))


async def _keep(session: AsyncSession, service: Service, places: Mapping[int, int]) -> None:
    if not places:
        return
    dialect = sqlite if dialect_of(session) == "sqlite" else postgresql
    rows = [
        {"service": service, "status_index": index, "status": value}
        for index, value in places.items()
    ]
    await session.execute(dialect.insert(KeptStatus).on_conflict_do_nothing(), rows)


async def _count(session: AsyncSession, statement: object) -> int:
    found = await session.execute(statement, execution_options=_UNTOUCHED)  # type: ignore[call-overload]
    return len(found.all())
