"""Deciding for residents: gather what is known, decide every scheme, grant and end by rule."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import grants
from entitlements.decision import Decision, Eligible, NeedsEvidence, NeedsFacts, NotEligible
from entitlements.facts import Evidence, ResidentFacts
from entitlements.grants import EndReason
from entitlements.models import Assessment, Grant
from entitlements.schemes.engine import Decide, compile_traced
from entitlements.schemes.rule import ResidentIn, Scheme
from entitlements.schemes.rulefiles import load_schemes
from identity import accounts, addresses, person_keys
from identity.actors import Actor
from identity.addresses import AddressChange
from identity.db import new_id
from identity.evidence import Proof, SeenDocument
from identity.models import Account, AccountState, SightedDocument
from identity.personal import PersonVault, Vault
from identity.rekeying import PersonalTable
from readers.contract.windows import london_date

_TABLE: Final = Assessment.__tablename__
PERSONAL: Final = (PersonalTable(Assessment, "account_id"),)
"""The tables of this package whose sealed columns belong to one person."""

_EVIDENCE: Final = frozenset({Proof.BENEFIT, Proof.DISABILITY})
"""Documents that rules may ask for; what shows a name or an address is a fact of its own."""


class Explained(msgspec.Struct, frozen=True):
    """One scheme as a page shows it: what the rule says today, and what is held."""

    title: str
    decision: Decision
    held: Grant | None


@cache
def built_in_schemes() -> Mapping[str, Scheme]:
    """The schemes that come with the software, read once."""
    return load_schemes()


@cache
def _deciders() -> Mapping[str, Decide]:
    return {name: compile_traced(scheme) for name, scheme in built_in_schemes().items()}


def tells_district(scheme: str) -> bool:
    """Whether the answer of a scheme tells which district somebody lives in, or does not."""
    return any(
        isinstance(condition.operator, ResidentIn) and condition.operator.area.is_one_district
        for rule in built_in_schemes()[scheme].rules
        for condition in rule.conditions
    )


async def gather_facts(session: AsyncSession, vault: Vault, account_id: UUID) -> ResidentFacts:
    """What the council accepts as proved about a resident.

    A resident is registered in person on two documents, so birth date and address are known. An
    account is closed when its resident dies.

    Raises:
        NoSuchAccount: no account with that id.
    """
    known = await accounts.known_facts(session, vault, account_id)
    sighted = await session.scalars(
        select(SightedDocument.sighted_at)
        .where(SightedDocument.account_id == account_id)
        .order_by(SightedDocument.sighted_at, SightedDocument.id)
    )
    evidence = (
        _evidence(document, london_date(at))
        for document, at in zip(known.documents, sighted, strict=True)
    )
    return ResidentFacts(
        birth_date=known.birth_date,
        district=known.district_code,
        deceased=known.deceased,
        evidence=tuple(item for item in evidence if item is not None),
    )


def decide_all(facts: ResidentFacts, on: date) -> Sequence[Decision]:
    """What every scheme says about these facts on a day."""
    return [decide(facts, on) for decide in _deciders().values()]


async def assess(
    session: AsyncSession, vault: Vault, account_id: UUID, *, actor: Actor, now: datetime
) -> Sequence[Decision]:
    """Decide every scheme for a resident; grant what is due and end what ran out or is lost.

    Nothing is asked of the resident. What needs evidence is stored, so that pages can say so.

    Raises:
        NoSuchAccount: no account with that id.
    """
    await grants.lock_holder(session, account_id)
    facts = await gather_facts(session, vault, account_id)
    on = london_date(now)
    decisions = decide_all(facts, on)
    await grants.end_run_out(session, account_id, on, actor=actor, now=now)
    held = await grants.open_by_scheme(session, account_id)
    for decision in decisions:
        await _act(session, account_id, decision, held.get(decision.scheme), actor=actor, now=now)
    await _store(session, vault, account_id, decisions, now)
    return decisions


async def move_home(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    asked: AddressChange,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Change a resident's address; decide every scheme anew, and owe their card an update.

    Raises:
        InvalidDetails: every fault of the form; nothing is stored.
        NoSuchAccount: no account with that id.
    """
    await addresses.change(session, vault, account_id, asked, actor=actor, now=now)
    await grants.owe_update(session, account_id)
    await assess(session, vault, account_id, actor=actor, now=now)


async def due(
    session: AsyncSession, on: date, *, after: UUID | None = None, limit: int = 500
) -> Sequence[UUID]:
    """Residents for whom time alone may have changed something by that day, in order of their id.

    That is an answer, or a grant that ran out: a pass outlasts the evidence it was given on, and
    once the evidence has aged no answer is due to change.

    Args:
        session: the transaction.
        on: the day.
        after: the last id of the page before.
        limit: length of a page.
    """
    changing = select(Assessment.account_id).where(
        Assessment.superseded_at.is_(None), Assessment.next_change_on <= on
    )
    either = changing.union(grants.run_out(on).with_only_columns(Grant.account_id))
    query = (
        select(Account.id)
        .where(Account.state == AccountState.ACTIVE, Account.id.in_(either))
        .order_by(Account.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(Account.id > after)
    return (await session.scalars(query)).all()


async def explain(
    session: AsyncSession, vault: Vault, account_id: UUID, *, on: date
) -> Sequence[Explained]:
    """Every scheme for a page: why, why not, what is needed, what is held.

    Raises:
        NoSuchAccount: no account with that id.
    """
    facts = await gather_facts(session, vault, account_id)
    held = {each.scheme: each for each in await grants.current(session, account_id, on)}
    titles = built_in_schemes()
    return [
        Explained(titles[decision.scheme].title, decision, held.get(decision.scheme))
        for decision in decide_all(facts, on)
    ]


def _evidence(document: SeenDocument, sighted: date) -> Evidence | None:
    if document.proof not in _EVIDENCE or document.dated_on is None:
        return None
    return Evidence(
        kind=document.kind,
        dated=document.dated_on,
        sighted=sighted,
        stated_until=document.expires_on,
    )


async def _act(
    session: AsyncSession,
    account_id: UUID,
    decision: Decision,
    held: Grant | None,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    match decision:
        case Eligible():
            if held is not None and held.entitlement_class == decision.entitlement_class:
                return
            if held is not None:
                await grants.end(session, held, EndReason.CHANGED, actor=actor, now=now)
            await grants.grant(session, account_id, decision, actor=actor, now=now)
        case NotEligible():
            if held is not None:
                await grants.end(session, held, EndReason.NOT_ELIGIBLE, actor=actor, now=now)
        case NeedsFacts() | NeedsEvidence():
            pass  # what is not known neither gives nor takes


async def _store(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    decisions: Sequence[Decision],
    now: datetime,
) -> None:
    query = select(Assessment).where(
        Assessment.account_id == account_id, Assessment.superseded_at.is_(None)
    )
    stored = {row.scheme: row for row in await session.scalars(query)}
    personal = await person_keys.for_writing(session, vault, account_id)
    for decision in decisions:
        row = stored.get(decision.scheme)
        if row is not None and _same(row, decision):
            continue
        if row is not None:
            row.superseded_at = now
            await session.flush()
        session.add(_row(personal, account_id, decision, now))
    await session.flush()


def _same(row: Assessment, decision: Decision) -> bool:
    said = (row.outcome, row.rule, row.next_change_on)
    return said == (_outcome(decision), decision.rule, decision.next_change_on)


def _outcome(decision: Decision) -> str:
    return str(type(decision).__struct_config__.tag)


def _row(personal: PersonVault, account_id: UUID, decision: Decision, now: datetime) -> Assessment:
    row_id = new_id()
    as_json = msgspec.json.encode(decision).decode()
    return Assessment(
        id=row_id,
        account_id=account_id,
        scheme=decision.scheme,
        outcome=_outcome(decision),
        rule=decision.rule,
        decided_at=now,
        decided_on=decision.on,
        next_change_on=decision.next_change_on,
        sealed_decision=personal.seal(_TABLE, "sealed_decision", row_id, as_json),
    )
