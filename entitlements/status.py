"""The status of records: changed here; `status_lists` tells readers."""

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import case, not_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import events
from entitlements.carrier_models import CarrierFace
from entitlements.event_models import EventType
from entitlements.models import ServiceRecord, StatusListState
from entitlements.shard_models import StatusShard
from identity import audit
from identity.actors import Actor
from readers.contract.services import Service
from readers.contract.shards import shard_of
from readers.contract.statuslist import Status

LEAST_SIZE: Final = 2**14
"""Places in the smallest list: an index tells nothing about how many records there are."""

listed: Final = case(
    (ServiceRecord.status != Status.VALID.value, ServiceRecord.status),
    (not_(ServiceRecord.held), Status.SUSPENDED.value),
    else_=Status.VALID.value,
)
"""What the list says about a record."""
_TOLD: Final = {
    Status.VALID: EventType.CARD_RESUMED,
    Status.SUSPENDED: EventType.CARD_STOPPED,
    Status.INVALID: EventType.CARD_ENDED,
}


async def set_carrier_status(
    session: AsyncSession, carrier_id: UUID, status: Status, *, actor: Actor, now: datetime
) -> None:
    """Set the status of a carrier and every record on it. What is invalid stays so for ever."""
    changing = (
        update(ServiceRecord)
        .where(
            ServiceRecord.carrier_id == carrier_id,
            ServiceRecord.status.not_in((status.value, Status.INVALID.value)),
        )
        .values(status=status.value)
        .returning(ServiceRecord.service, ServiceRecord.status_index, ServiceRecord.account_id)
    )
    changed = (await session.execute(changing)).all()
    await note_changed(session, ((service, place) for service, place, _ in changed))
    await session.execute(
        update(CarrierFace)
        .where(CarrierFace.id == carrier_id, CarrierFace.status != Status.INVALID.value)
        .values(status=status.value)
    )
    for holder in {account_id for _, _, account_id in changed}:
        await events.card(session, holder, _TOLD[status], now=now)
    subject, detail = audit.subject_of("carrier", carrier_id), {"status": status.name.lower()}
    audit.record(session, "carrier-status-set", subject, actor=actor, now=now, detail=detail)


async def set_held(
    session: AsyncSession, account_id: UUID, service: Service, *, held: bool
) -> None:
    """Say whether a resident holds a service, for the records that are out on their carriers."""
    changed = await session.execute(
        update(ServiceRecord)
        .where(
            ServiceRecord.account_id == account_id,
            ServiceRecord.service == service,
            ServiceRecord.held != held,
        )
        .values(held=held)
        .returning(ServiceRecord.service, ServiceRecord.status_index)
    )
    await note_changed(session, ((service, place) for service, place in changed))


least_sequence: Final = case(
    (
        (ServiceRecord.lessened_at_sequence > 0)
        & (ServiceRecord.written_sequence >= ServiceRecord.lessened_at_sequence),
        ServiceRecord.lessened_at_sequence,
    ),
    else_=None,
)
"""The lowest sequence that a record can honestly have, where one that gave more was replaced."""


async def minima(session: AsyncSession, service: Service) -> dict[int, int]:
    """Place in the list -> lowest sequence, for records that the list itself does not refuse."""
    query = select(ServiceRecord.status_index, ServiceRecord.lessened_at_sequence).where(
        ServiceRecord.service == service, least_sequence.is_not(None), listed == Status.VALID.value
    )
    return dict((await session.execute(query)).all())


async def new_index(session: AsyncSession, service: Service) -> int:
    """A random place in the service's list that no record ever had; it is never given out again."""
    state = await state_of(session, service, lock=True)
    if 2 * (state.used + 1) > state.size:
        state.size *= 2
        state.version += 1
    state.used += 1
    while True:
        index = state.first_free + secrets.randbelow(state.size - state.first_free)
        taken = select(ServiceRecord.id).where(
            ServiceRecord.service == service, ServiceRecord.status_index == index
        )
        if await session.scalar(taken) is None:
            return index


async def note_changed(session: AsyncSession, changed: Iterable[tuple[Service, int]]) -> None:
    """The lists say something else about these places: whoever kept them reads them again."""
    places = defaultdict[Service, list[int]](list)
    for service, place in changed:
        places[service].append(place)
    for service in sorted(places):  # always in one order, so that no two requests lock crosswise
        state = await state_of(session, service, lock=True)
        state.version += 1
        await _note_changes(session, service, places[service])
    await session.flush()


async def _note_changes(session: AsyncSession, service: Service, places: Collection[int]) -> None:
    """The pieces with these places would come out differently; the list's state is locked."""
    for number in sorted({shard_of(place) for place in places}):
        found = await session.get(StatusShard, (service, number), populate_existing=True)
        if found is None:
            session.add(StatusShard(service=service, number=number))
        else:
            found.version += 1


async def state_of(session: AsyncSession, service: Service, *, lock: bool) -> StatusListState:
    """A service's list as far as it is not in the records; made when there is none yet."""
    query = select(StatusListState).where(StatusListState.service == service)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = await session.scalar(query)
    if found is not None:
        return found
    try:
        async with session.begin_nested():
            session.add(StatusListState(service=service, size=LEAST_SIZE))
    except IntegrityError:  # another request made it meanwhile
        pass
    return (await session.scalars(query)).one()
