"""The status of records: changed here, told to readers as one signed list per service.

Source: draft-ietf-oauth-status-list-21 sections 5.1 and 8.
"""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import case, not_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import events
from entitlements.carrier_models import CarrierFace
from entitlements.event_models import EventType
from entitlements.models import KeptStatus, ServiceRecord, StatusListState
from identity import audit
from identity.actors import Actor
from identity.keys import KeyStore, Purpose
from readers.contract.services import Service
from readers.contract.statuslist import (
    EXPIRY_DAYS,
    TOKEN_TYPE,
    TTL_SECONDS,
    Status,
    StatusList,
    to_claim,
)
from readers.contract.tokens import sign_token

LEAST_SIZE: Final = 2**14
"""Places in the smallest list: an index tells nothing about how many records there are."""
SIGN_AGAIN_AFTER: Final = timedelta(seconds=30)
"""A list that did not change is signed anew when its `iat` is older, so that it does not age."""

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
        .returning(ServiceRecord.service, ServiceRecord.account_id)
    )
    changed = (await session.execute(changing)).all()
    await _raise_versions(session, {service for service, _ in changed})
    await session.execute(
        update(CarrierFace)
        .where(CarrierFace.id == carrier_id, CarrierFace.status != Status.INVALID.value)
        .values(status=status.value)
    )
    for holder in {account_id for _, account_id in changed}:
        await events.card(session, holder, _TOLD[status], now=now)
    subject, detail = audit.subject_of("carrier", carrier_id), {"status": status.name.lower()}
    audit.record(session, "carrier-status-set", subject, actor=actor, now=now, detail=detail)


async def set_held(
    session: AsyncSession, account_id: UUID, service: Service, *, held: bool
) -> None:
    """Say whether a resident holds a service, for the records that are out on their carriers."""
    changed = await session.scalars(
        update(ServiceRecord)
        .where(
            ServiceRecord.account_id == account_id,
            ServiceRecord.service == service,
            ServiceRecord.held != held,
        )
        .values(held=held)
        .returning(ServiceRecord.service)
    )
    await _raise_versions(session, set(changed))


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
    state = await _state(session, service, lock=True)
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


class _Kept(msgspec.Struct, frozen=True):
    version: int
    claim: dict[str, Any]
    token: str
    issued_at: datetime


class StatusLists:
    """Builds the lists and keeps each until it changes.

    Args:
        keystore: signs them.
        base_url: of the server; `sub` of a list is where it can be fetched.
    """

    def __init__(self, keystore: KeyStore, base_url: str) -> None:
        self._keystore = keystore
        self._base_url = base_url
        self._kept: dict[Service, _Kept] = {}

    async def token(self, session: AsyncSession, service: Service, *, now: datetime) -> str:
        """The service's list as a signed JWT (`statuslist+jwt`), at most half a minute old."""
        state = await _state(session, service, lock=False)
        kept = self._kept.get(service)
        if kept is None or kept.version != state.version:
            kept = self._sign(service, state.version, await _claim(session, state), now)
        elif not timedelta(0) <= now - kept.issued_at < SIGN_AGAIN_AFTER:
            kept = self._sign(service, kept.version, kept.claim, now)
        return kept.token

    def _sign(self, service: Service, version: int, claim: dict[str, Any], now: datetime) -> _Kept:
        key = self._keystore.current(Purpose.STATUS_SIGN)
        claims = {
            "sub": f"{self._base_url}/status-lists/{service.value}",
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(days=EXPIRY_DAYS)).timestamp()),
            "ttl": TTL_SECONDS,
            "status_list": claim,
        }
        token = sign_token(
            TOKEN_TYPE,
            claims,
            key_id=key.wire.decode(),
            sign=lambda message: self._keystore.sign(key, message),
        )
        kept = _Kept(version, claim, token, now)
        self._kept[service] = kept
        return kept


async def _claim(session: AsyncSession, state: StatusListState) -> dict[str, Any]:
    marked = select(ServiceRecord.status_index, listed).where(
        ServiceRecord.service == state.service,
        (ServiceRecord.status != Status.VALID.value) | not_(ServiceRecord.held),
    )
    kept = select(KeptStatus.status_index, KeptStatus.status).where(
        KeptStatus.service == state.service
    )
    status_list = StatusList.of_size(state.size)
    for index, status in (*await session.execute(kept), *await session.execute(marked)):
        status_list[index] = status
    return to_claim(status_list)


async def _raise_versions(session: AsyncSession, services: Collection[Service]) -> None:
    for service in sorted(services):  # always in one order, so that no two requests lock crosswise
        state = await _state(session, service, lock=True)
        state.version += 1
    await session.flush()


async def _state(session: AsyncSession, service: Service, *, lock: bool) -> StatusListState:
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
