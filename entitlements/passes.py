"""The code on a phone: the signed record of a service, for a minute.

A phone is a carrier as a card is, with places of its own in the status lists. Its rows of
`service_record` say for how long the service is held; each code says a minute of that.
"""

import secrets
from datetime import datetime, time, timedelta
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import grants, issuing
from entitlements.models import Grant, ServiceRecord
from identity import audit
from identity.actors import Actor
from identity.keys import KeyStore, Purpose
from readers.contract import phone_pass
from readers.contract.phone_pass import JTI_BYTES, LIFETIME, PASS_CLASS
from readers.contract.record import Record, binding_for
from readers.contract.services import Service
from readers.contract.windows import LONDON, london_date


class Phone(msgspec.Struct, frozen=True):
    """What shows codes.

    Attributes:
        id: opaque; the carrier id of its records.
    """

    account_id: UUID
    id: UUID


class Shown(msgspec.Struct, frozen=True):
    """A code to show.

    Attributes:
        text: of the QR code.
        until: from when no reader takes it.
    """

    text: str
    until: datetime


class NotHeld(msgspec.Struct, frozen=True):
    """The resident does not hold the service today."""

    service: Service


async def held(session: AsyncSession, account_id: UUID, *, now: datetime) -> tuple[Service, ...]:
    """The services of which a resident can show a code now."""
    return tuple(sorted(await _held(session, account_id, now)))


async def show(
    session: AsyncSession,
    keystore: KeyStore,
    phone: Phone,
    service: Service,
    *,
    institution: str,
    actor: Actor,
    now: datetime,
) -> Shown | NotHeld:
    """A new code for a service. Only the first one, or a changed grant, writes anything.

    Args:
        session: the transaction.
        keystore: signs.
        phone: what shows it.
        service: of those the resident holds.
        institution: four digits of service numbers.
        actor: who asks.
        now: the code is good for a minute from here.
    """
    given = (await _held(session, phone.account_id, now)).get(service)
    if given is None:
        return NotHeld(service)
    row = await _row(session, phone, service)
    if row is None or not _says(row, given):
        row = await _renewed(session, phone, service, given, actor=actor, now=now)
    number = await issuing.number_for(session, phone.account_id, service, institution)
    return _sign(keystore, row, number, _after(given), now)


async def _held(session: AsyncSession, account_id: UUID, now: datetime) -> dict[Service, Grant]:
    today = london_date(now)
    current = await grants.current(session, account_id, today)
    begun = [given for given in current if given.valid_from <= today]
    return dict(grants.best_by_service(begun))


async def _row(session: AsyncSession, phone: Phone, service: Service) -> ServiceRecord | None:
    rows = await issuing.records_of(session, phone.id)
    return next((row for row in rows if row.service is service), None)


async def _renewed(
    session: AsyncSession,
    phone: Phone,
    service: Service,
    given: Grant,
    *,
    actor: Actor,
    now: datetime,
) -> ServiceRecord:
    """The phone's row of the service, saying what the grant says."""
    await grants.lock_holder(session, phone.account_id)
    row = await _row(session, phone, service)  # another request may have made it meanwhile
    if row is None:
        row = await issuing.new_row(session, phone.account_id, phone.id, service)
    if not _says(row, given):
        row.sequence += 1
        row.written_sequence = row.sequence  # a phone is shown anew each time: nothing is owed
        row.entitlement_class = PASS_CLASS
        row.valid_from, row.valid_until = _first(given), _after(given)
        detail = {"services": [service.value]}
        subject = audit.subject_of("carrier", phone.id)
        audit.record(session, "records-issued", subject, actor=actor, now=now, detail=detail)
        await session.flush()
    return row


def _says(row: ServiceRecord, given: Grant) -> bool:
    said = (row.entitlement_class, row.valid_from, row.valid_until)
    return said == (PASS_CLASS, _first(given), _after(given))


def _first(given: Grant) -> datetime:
    return datetime.combine(given.valid_from, time.min, LONDON)


def _after(given: Grant) -> datetime:
    return datetime.combine(given.valid_until + timedelta(days=1), time.min, LONDON)


def _sign(
    keystore: KeyStore, row: ServiceRecord, number: int, service_ends: datetime, now: datetime
) -> Shown:
    jti, made = secrets.token_bytes(JTI_BYTES), now.replace(microsecond=0)
    record = Record(
        service=row.service,
        number=number,
        entitlement_class=PASS_CLASS,
        valid_from=made,
        valid_until=min(made + LIFETIME, service_ends),
        sequence=row.sequence,
        status_index=row.status_index,
        binding=binding_for(jti, row.service),
    )
    key = keystore.current(Purpose.RECORD_SIGN)
    text = phone_pass.encode(
        record, jti, key_id=key.wire, sign=lambda message: keystore.sign(key, message)
    )
    return Shown(text, record.valid_until)
