"""Uses of offers: held, then confirmed or cancelled; what is left alone ends by itself.

Everything that decides about a holder's uses happens while the organisation's name for them is
locked, so that of two who ask for the last one exactly one gets it.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import events, sandbox
from entitlements.callers import Caller
from entitlements.card_questions import given_on
from entitlements.event_models import EventType
from entitlements.models import ServiceRecord
from entitlements.partner_checks import rule_for
from entitlements.partner_errors import (
    Fault,
    NoSuchRedemption,
    OfferUnknown,
    RedemptionEnded,
    RedemptionRefused,
)
from entitlements.partner_models import CredentialKind
from entitlements.redemption_models import PartnerSubject, Redemption, RedemptionState
from entitlements.redemption_rules import (
    Batch,
    BatchAnswer,
    Item,
    Ledger,
    RedemptionAnswer,
    Stands,
    judge,
)
from entitlements.schemes.rule import Rule, Scheme
from entitlements.status import listed
from identity import audit
from identity.models import Account, AccountState
from readers.contract.statuslist import Status
from readers.contract.windows import london_date

HELD_FOR: Final = timedelta(minutes=15)


async def hold(
    session: AsyncSession,
    caller: Caller,
    schemes: Mapping[str, Scheme],
    batch: Batch,
    *,
    now: datetime,
) -> BatchAnswer | RedemptionRefused:
    """Hold every use that is asked for, or none: then every item that cannot be held is named."""
    subjects = await _locked(session, caller, {item.subject for item in batch.items})
    ledgers: dict[tuple[str, str], Ledger] = {}
    held: list[Redemption] = []
    faults: list[Fault] = []
    for place, item in enumerate(batch.items):
        rule = _rule(caller, schemes, item, london_date(now))
        which, subject = (item.subject, item.offer), subjects.get(item.subject)
        if isinstance(rule, Rule) and subject is not None and which not in ledgers:
            ledgers[which] = await _ledger(session, subject, rule, item.offer, now=now)
        judged = (
            rule
            if isinstance(rule, Fault)
            else judge(rule.offer if rule else None, ledgers.get(which), item)
        )
        if isinstance(judged, Fault):
            pointer = f"/items/{place}{judged.pointer}"
            faults.append(msgspec.structs.replace(judged, pointer=pointer))
            continue
        ledgers[which] = ledgers[which].with_one_more()
        held.append(
            Redemption(
                organisation_id=caller.organisation_id,
                subject=item.subject,
                scheme=item.offer,
                year=london_date(now).year,
                first=judged.first,
                percent_off=judged.percent_off,
                companions=item.companions,
                held_at=now,
                expires_at=now + HELD_FOR,
            )
        )
    if faults:
        return RedemptionRefused("Nothing is held: `errors` says why.", faults=faults)
    session.add_all(held)
    await session.flush()
    for each in held:
        _audit(session, "redemption-held", caller, each, now=now)
    return BatchAnswer(tuple(told(each, now=now) for each in held))


async def confirm(
    session: AsyncSession, caller: Caller, redemption_id: UUID, *, now: datetime
) -> RedemptionAnswer:
    """The use has happened. To say it twice changes nothing.

    Raises:
        NoSuchRedemption: the organisation has none with that id.
        RedemptionEnded: it was cancelled, or its time was over.
    """
    found = await _one(session, caller, redemption_id)
    match stands(found, now=now):
        case Stands.HELD:
            found.state, found.ended_at = RedemptionState.CONFIRMED, now
            confirmed = EventType.REDEMPTION_CONFIRMED
            await events.redemption(session, found, caller.kind, confirmed, now=now)
            _audit(session, "redemption-confirmed", caller, found, now=now)
        case Stands.CANCELLED | Stands.EXPIRED as ended:
            raise RedemptionEnded(f"This redemption is {ended}. Hold another.")
        case Stands.CONFIRMED:
            pass
    return told(found, now=now)


async def cancel(
    session: AsyncSession, caller: Caller, redemption_id: UUID, *, now: datetime
) -> RedemptionAnswer:
    """Give a use back, also one that was confirmed. To say it twice changes nothing.

    Raises:
        NoSuchRedemption: the organisation has none with that id.
    """
    found = await _one(session, caller, redemption_id)
    if stands(found, now=now) in {Stands.HELD, Stands.CONFIRMED}:
        found.state, found.ended_at = RedemptionState.CANCELLED, now
        cancelled = EventType.REDEMPTION_CANCELLED
        await events.redemption(session, found, caller.kind, cancelled, now=now)
        _audit(session, "redemption-cancelled", caller, found, now=now)
    return told(found, now=now)


async def shown(
    session: AsyncSession, caller: Caller, redemption_id: UUID, *, now: datetime
) -> RedemptionAnswer:
    """A redemption of the organisation.

    Raises:
        NoSuchRedemption: it has none with that id.
    """
    return told(await _one(session, caller, redemption_id), now=now)


def stands(redemption: Redemption, *, now: datetime) -> Stands:
    """How a redemption stands; one that is held too long has expired."""
    if redemption.state is RedemptionState.HELD and redemption.expires_at <= now:
        return Stands.EXPIRED
    return Stands(redemption.state.value)


def told(redemption: Redemption, *, now: datetime) -> RedemptionAnswer:
    """A redemption as its partner sees it."""
    return RedemptionAnswer(
        id=redemption.id,
        offer=redemption.scheme,
        subject=redemption.subject,
        state=stands(redemption, now=now),
        first_free=redemption.first,
        percent_off=redemption.percent_off,
        companions=redemption.companions,
        held_at=redemption.held_at,
        expires_at=redemption.expires_at,
    )


def _rule(
    caller: Caller, schemes: Mapping[str, Scheme], item: Item, on: date
) -> Rule | Fault | None:
    try:
        return rule_for(caller, schemes, item.offer, on)
    except OfferUnknown as error:
        return Fault("/offer", error.code, str(error))


async def _locked(
    session: AsyncSession, caller: Caller, names: set[str]
) -> Mapping[str, PartnerSubject]:
    """The organisation's names among those sent, locked in one order for everybody.

    A credential of the sandbox has names of test cards alone, a live one none of those.
    """
    of_residents = caller.kind is CredentialKind.LIVE
    query = (
        select(PartnerSubject)
        .where(
            PartnerSubject.organisation_id == caller.organisation_id,
            PartnerSubject.subject.in_(names),
            PartnerSubject.account_id.is_not(None) == of_residents,
        )
        .order_by(PartnerSubject.subject)
        .with_for_update()
    )
    return {each.subject: each for each in await session.scalars(query)}


async def _ledger(
    session: AsyncSession, subject: PartnerSubject, rule: Rule, scheme: str, *, now: datetime
) -> Ledger:
    on = london_date(now)
    query = select(Redemption).where(
        Redemption.subject == subject.subject, Redemption.scheme == scheme
    )
    alive = [
        each
        for each in await session.scalars(query)
        if stands(each, now=now) in {Stands.HELD, Stands.CONFIRMED}
    ]
    this_year = sum(1 for each in alive if each.year == on.year)
    if subject.test_card is None:
        entitled = await _is_entitled(session, subject, scheme, on)
        return Ledger(entitled=entitled, this_year=this_year, ever=len(alive))
    card = sandbox.BY_NUMBER[subject.test_card]
    has = sandbox.holds_of(card, rule, on, used=0)
    gone = has.used if has else 0
    return Ledger(entitled=has is not None, this_year=this_year + gone, ever=len(alive) + gone)


async def _is_entitled(
    session: AsyncSession, subject: PartnerSubject, scheme: str, on: date
) -> bool:
    """They have it today, and a card that is not blocked."""
    if subject.account_id is None:
        return False
    has = exists().where(given_on(subject.account_id, scheme, on))
    carries = exists().where(
        ServiceRecord.account_id == subject.account_id, listed == Status.VALID.value
    )
    query = select(Account.id).where(
        Account.id == subject.account_id, Account.state == AccountState.ACTIVE, has, carries
    )
    return await session.scalar(query) is not None


async def _one(session: AsyncSession, caller: Caller, redemption_id: UUID) -> Redemption:
    """Locked; of a test card for a credential of the sandbox, of a resident for a live one."""
    of_residents = caller.kind is CredentialKind.LIVE
    query = (
        select(Redemption)
        .join(PartnerSubject, PartnerSubject.subject == Redemption.subject)
        .where(
            Redemption.id == redemption_id,
            Redemption.organisation_id == caller.organisation_id,
            PartnerSubject.account_id.is_not(None) == of_residents,
        )
        .with_for_update(of=Redemption)
    )
    found = await session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NoSuchRedemption("Your organisation has no redemption with that id.")
    return found


def _audit(
    session: AsyncSession, action: str, caller: Caller, redemption: Redemption, *, now: datetime
) -> None:
    subject = audit.subject_of("redemption", redemption.id)
    detail = {"offer": redemption.scheme, "kind": caller.kind.value}
    audit.record(session, action, subject, actor=caller.actor, now=now, detail=detail)
