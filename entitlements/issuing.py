"""Signed records for a carrier: what each service's file shall say, and what it was shown to say.

A record that was signed counts as written only when a card session confirms it. Until then it is
signed again, with the next sequence, whenever it is asked for: a session may break after the card
changed and before we learnt of it.

A carrier that readers are told to refuse is owed one thing: records that say so themselves. What
was given or taken meanwhile waits until the carrier is in use again.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import grants, status
from entitlements.models import Grant, ServiceNumber, ServiceRecord
from entitlements.numbers import new_number
from identity import audit
from identity.actors import Actor
from identity.keys import KeyStore, Purpose
from readers.contract.record import Record, RecordStatus, binding_for, sign_record
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.contract.windows import LONDON, london_date
from readers.contract.wire import UpdateKind

TRIES: Final = 20
IDENTITY_CLASS: Final = "holder"
IDENTITY_LASTS: Final = timedelta(days=5 * 365)
"""Every card says who holds it, to a front desk, for as long as a card may last."""


class Carrier(msgspec.Struct, frozen=True):
    """What carries records.

    Attributes:
        id: opaque; the records of a carrier belong together.
        uid: of the chip; records are bound to it.
        last: the last day on which it may be used; None if it has none.
    """

    account_id: UUID
    id: UUID
    uid: bytes
    last: date | None = None


class Issued(msgspec.Struct, frozen=True):
    """A record to write.

    Attributes:
        data: signed; `b""` empties the service's file.
        sequence: to be confirmed by `mark_written`.
        kind: what writing it does to the carrier.
    """

    data: bytes
    sequence: int
    kind: UpdateKind


class Content(msgspec.Struct, frozen=True):
    """What a record says, its place and its numbers aside; `valid_until` is exclusive."""

    entitlement_class: str
    valid_from: datetime
    valid_until: datetime
    blocked: bool = False


class Due(msgspec.Struct, frozen=True):
    """A record to be signed.

    Attributes:
        row: what is known of the service on this carrier; None if it never had a record.
        content: what it shall say; None empties the file.
    """

    kind: UpdateKind
    row: ServiceRecord | None
    content: Content | None


class Otherwise(NamedTuple):
    """Of the records of a carrier, as SQL: see `otherwise`."""

    is_stopped: ColumnElement[bool]
    is_not_known_to_say_so: ColumnElement[bool]


def otherwise(record: type[ServiceRecord]) -> Otherwise:
    """What `due` goes by, for who only asks whether anything is, of a record or an alias of it.

    Whether readers must refuse it; and whether the carrier is not known to carry what was signed
    last, or that does not say whether to refuse it.
    """
    stopped = record.status != Status.VALID.value
    return Otherwise(
        stopped,
        (record.sequence != record.written_sequence)
        | (record.entitlement_class.is_not(None) & (stopped != record.blocked)),
    )


async def issue_records(
    session: AsyncSession,
    keystore: KeyStore,
    carrier: Carrier,
    *,
    institution: str,
    everything: bool,
    actor: Actor,
    now: datetime,
) -> Mapping[Service, Issued]:
    """Sign what a carrier is owed.

    Args:
        session: the transaction.
        keystore: signs.
        carrier: what is to be written.
        institution: four digits of service numbers.
        everything: sign each service anew, whatever the carrier is known to say.
        actor: who caused it.
        now: decides what is held.
    """
    await grants.lock_holder(session, carrier.account_id)
    asked = (carrier.account_id, carrier.id)
    dues = await due(session, *asked, last=carrier.last, everything=everything, now=now)
    issued = {
        service: await _issue(session, keystore, service, each, carrier, institution)
        for service, each in dues.items()
    }
    await session.flush()
    _audit(session, carrier.id, issued, actor=actor, now=now)
    return issued


async def due(
    session: AsyncSession,
    account_id: UUID,
    carrier_id: UUID,
    *,
    last: date | None = None,
    everything: bool,
    now: datetime,
) -> Mapping[Service, Due]:
    """What a carrier is owed, by service; nothing is changed.

    Args:
        session: the transaction.
        account_id: the holder's.
        carrier_id: what would be written.
        last: the last day on which that may be used; no record on it says a later one, so that a
            reader without a network knows too. None if it has none.
        everything: each service, whatever the carrier is known to say.
        now: decides what is held.
    """
    rows = {row.service: row for row in await records_of(session, carrier_id)}
    if any(row.status != Status.VALID for row in rows.values()):
        return _to_block(rows, everything=everything)
    wanted = await _wanted(session, account_id, rows.get(Service.IDENTITY), now)
    if last is not None:
        wanted = _cut(wanted, _after(last))
    found = {
        service: _due(rows.get(service), wanted.get(service), everything=everything)
        for service in Service
    }
    return {service: each for service, each in found.items() if each is not None}


async def mark_written(
    session: AsyncSession, carrier_id: UUID, sequences: Mapping[Service, int]
) -> None:
    """Record that a carrier was shown to carry these records."""
    for service, sequence in sequences.items():
        await session.execute(
            update(ServiceRecord)
            .where(
                ServiceRecord.carrier_id == carrier_id,
                ServiceRecord.service == service,
                ServiceRecord.sequence >= sequence,
                ServiceRecord.written_sequence < sequence,
            )
            .values(written_sequence=sequence)
        )


async def records_of(session: AsyncSession, carrier_id: UUID) -> Sequence[ServiceRecord]:
    """The records of a carrier."""
    query = select(ServiceRecord).where(ServiceRecord.carrier_id == carrier_id)
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def numbers_of(session: AsyncSession, account_id: UUID) -> Mapping[Service, int]:
    """A resident's numbers, by service."""
    query = select(ServiceNumber).where(ServiceNumber.account_id == account_id)
    return {row.service: row.number for row in await session.scalars(query)}


async def new_row(
    session: AsyncSession, account_id: UUID, carrier_id: UUID, service: Service
) -> ServiceRecord:
    """A record of a service that a carrier had none of, with a place in the service's list."""
    row = ServiceRecord(
        account_id=account_id,
        carrier_id=carrier_id,
        service=service,
        status_index=await status.new_index(session, service),
    )
    session.add(row)
    await session.flush()
    return row


async def number_for(
    session: AsyncSession, account_id: UUID, service: Service, institution: str
) -> int:
    """The resident's number with a service: theirs for ever, and random the first time.

    Args:
        session: the transaction.
        account_id: whose.
        service: with which.
        institution: four digits of the number.
    """
    query = select(ServiceNumber.number).where(
        ServiceNumber.account_id == account_id, ServiceNumber.service == service
    )
    for _ in range(TRIES):
        if (number := await session.scalar(query)) is not None:
            return number
        number = new_number(institution)
        try:
            async with session.begin_nested():
                session.add(ServiceNumber(account_id=account_id, service=service, number=number))
        except IntegrityError:  # somebody has that number
            continue
        return number
    raise RuntimeError(f"no free {service} number was found in {TRIES} tries")


async def _wanted(
    session: AsyncSession, account_id: UUID, identity: ServiceRecord | None, now: datetime
) -> Mapping[Service, Content]:
    held = grants.best_by_service(await grants.current(session, account_id, london_date(now)))
    wanted = {service: _content(given) for service, given in held.items()}
    return wanted | {Service.IDENTITY: _identity(identity, now)}


def _to_block(rows: Mapping[Service, ServiceRecord], *, everything: bool) -> Mapping[Service, Due]:
    if all(_says(row, _blocked(row)) for row in rows.values()):
        return {}
    found = {
        service: Due(UpdateKind.BLOCK, row, _blocked(row))
        for service, row in rows.items()
        if everything or not _says(row, _blocked(row))
    }
    if everything:
        empty = Due(UpdateKind.BLOCK, None, None)
        found |= {service: empty for service in Service if service not in rows}
    return found


def _blocked(row: ServiceRecord) -> Content | None:
    """What the record says already, and that it must be refused; an empty file stays empty."""
    said = _said(row)
    return said and msgspec.structs.replace(said, blocked=True)


def _due(row: ServiceRecord | None, content: Content | None, *, everything: bool) -> Due | None:
    if row is None and content is None:
        return Due(UpdateKind.REMOVE, None, None) if everything else None
    if row is not None and not everything and _says(row, content):
        return None
    return Due(_kind(row, content), row, content)


def _kind(row: ServiceRecord | None, content: Content | None) -> UpdateKind:
    if content is None:
        return UpdateKind.REMOVE
    if row is None or row.entitlement_class is None:
        return UpdateKind.ADD
    return UpdateKind.UNBLOCK if row.blocked else UpdateKind.CHANGE


def _identity(row: ServiceRecord | None, now: datetime) -> Content:
    """What the carrier says already, while that holds; else anew from today."""
    if row is not None and row.valid_from and row.valid_until and row.valid_until > now:
        return Content(IDENTITY_CLASS, row.valid_from, row.valid_until)
    today = datetime.combine(london_date(now), time.min, LONDON)
    return Content(IDENTITY_CLASS, today, today + IDENTITY_LASTS)


def _content(given: Grant) -> Content:
    first = datetime.combine(given.valid_from, time.min, LONDON)
    return Content(given.entitlement_class, first, _after(given.valid_until))


def _after(last: date) -> datetime:
    """The moment at which a day is over."""
    return datetime.combine(last + timedelta(days=1), time.min, LONDON)


def _cut(wanted: Mapping[Service, Content], end: datetime) -> Mapping[Service, Content]:
    """What is wanted, until a moment at the latest; what begins later is left out."""
    return {
        service: msgspec.structs.replace(each, valid_until=min(each.valid_until, end))
        for service, each in wanted.items()
        if each.valid_from < end
    }


def _says(row: ServiceRecord, content: Content | None) -> bool:
    """Whether the carrier is known to say just this."""
    return row.written_sequence == row.sequence and _said(row) == content


def _said(row: ServiceRecord) -> Content | None:
    if row.entitlement_class is None or row.valid_from is None or row.valid_until is None:
        return None
    return Content(row.entitlement_class, row.valid_from, row.valid_until, row.blocked)


async def _issue(
    session: AsyncSession,
    keystore: KeyStore,
    service: Service,
    each: Due,
    carrier: Carrier,
    institution: str,
) -> Issued:
    row, content = each.row, each.content
    if row is None and content is None:
        return Issued(b"", 0, each.kind)
    if row is None:
        row = await new_row(session, carrier.account_id, carrier.id, service)
    row.sequence += 1
    if _gives_less(row, content):
        row.lessened_at_sequence = row.sequence
    row.blocked = content is not None and content.blocked
    if content is None:
        row.entitlement_class = row.valid_from = row.valid_until = None
        return Issued(b"", row.sequence, each.kind)
    row.entitlement_class = content.entitlement_class
    row.valid_from, row.valid_until = content.valid_from, content.valid_until
    record = Record(
        service=row.service,
        number=await number_for(session, row.account_id, row.service, institution),
        entitlement_class=content.entitlement_class,
        valid_from=content.valid_from,
        valid_until=content.valid_until,
        sequence=row.sequence,
        status_index=row.status_index,
        binding=binding_for(carrier.uid, row.service),
        status=RecordStatus.BLOCKED if content.blocked else RecordStatus.ACTIVE,
    )
    key = keystore.current(Purpose.RECORD_SIGN)
    signed = sign_record(record, key_id=key.wire, sign=lambda message: keystore.sign(key, message))
    return Issued(signed, row.sequence, each.kind)


def _gives_less(row: ServiceRecord, content: Content | None) -> bool:
    """Whether an older record, put back on the carrier, would give what is no longer held."""
    if row.valid_until is None:  # the one before gave nothing
        return False
    if content is None or content.entitlement_class != row.entitlement_class:
        return True
    if content.blocked and not row.blocked:
        return True
    return content.valid_until < row.valid_until


def _audit(
    session: AsyncSession,
    carrier_id: UUID,
    issued: Mapping[Service, Issued],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    subject = audit.subject_of("carrier", carrier_id)
    detail = {
        "services": sorted(service.value for service in issued),
        "kinds": sorted({each.kind.value for each in issued.values()}),
    }
    audit.record(session, "records-issued", subject, actor=actor, now=now, detail=detail)
