"""Deciding for residents: gather what is known, decide every scheme, grant and end by rule."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import Select, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import answers, conclusions, gathering, grants, offers, rulebooks
from entitlements.decision import Decision, Eligible, Terms
from entitlements.facts import ResidentFacts
from entitlements.gathering import Gathered
from entitlements.grant_states import GrantState
from entitlements.grants import EndReason
from entitlements.models import Assessment, FedFact, Grant, Holder
from entitlements.offers import Due
from entitlements.schemes.dates import NEVER, day_after
from entitlements.schemes.locality import tells_district
from entitlements.schemes.notes import last_day_shown, notes_of
from entitlements.schemes.rule import Given
from entitlements.schemes.rulebook import RuleBook
from identity import addresses, person_keys
from identity.actors import Actor
from identity.addresses import AddressChange
from identity.db import new_id
from identity.models import Account, AccountState
from identity.personal import PersonVault, Vault
from identity.rekeying import PersonalTable
from readers.contract.windows import london_date

_TABLE: Final = Assessment.__tablename__
PERSONAL: Final = (
    PersonalTable(Assessment, "account_id"),
    PersonalTable(FedFact, "account_id"),
)
"""The tables of this package whose sealed columns belong to one person."""

ELIGIBLE: Final = str(Eligible.__struct_config__.tag)
"""What the table calls a yes."""


class Explained(msgspec.Struct, frozen=True):
    """One scheme as a page shows it: what the rule says today, and what is held.

    Attributes:
        title: of the scheme.
        decision: what its rule says.
        held: what was given and may be used.
        stands: how far it is otherwise: offered, declined, applied for or suspended.
        given: how somebody who is eligible comes to have it.
        notes: sentences about its terms, its charges and what an offer gives.
        shown_until: the last day of what others gave and staff have seen; None if there is nothing.
        tells_district: whether the answer alone tells where the resident lives.
    """

    title: str
    decision: Decision
    held: Grant | None
    given: Given = Given.AUTOMATICALLY
    notes: tuple[str, ...] = ()
    shown_until: date | None = None
    tells_district: bool = False
    stands: Grant | None = None


def decide_all(book: RuleBook, facts: ResidentFacts, on: date) -> Sequence[Decision]:
    """What every scheme of a book says about these facts on a day."""
    return [decide(facts, on) for decide in rulebooks.deciders(book).values()]


async def assess(
    session: AsyncSession, vault: Vault, account_id: UUID, *, actor: Actor, now: datetime
) -> Sequence[Decision]:
    """Decide every scheme for a resident; give or offer what is due, end what ran out or is lost.

    Nothing is asked of the resident. What needs evidence is stored, so that pages can say so. An
    application that waits for what the rule now answers by itself is decided with it.

    Raises:
        NoSuchAccount: no account with that id.
    """
    holder = await grants.lock_holder(session, account_id)
    book = await rulebooks.in_force(session)
    gathered = await gathering.gather(session, vault, account_id)
    on = london_date(now)
    decisions = decide_all(book, gathered.facts, on)
    await grants.end_run_out(session, account_id, on, actor=actor, now=now)
    held = await grants.open_by_scheme(session, account_id)
    offered = []
    for decision in decisions:
        if gathered.facts.deceased is True and isinstance(decision, Eligible):
            continue  # nothing is given to the dead
        scheme, has = book.schemes[decision.scheme], held.get(decision.scheme)
        if has is not None and has.state is GrantState.APPLIED:
            following = conclusions.follow(
                session, vault, account_id, decision, actor=actor, now=now
            )
            if await following:
                continue
        due = offers.due_of(decision, scheme, holder.giving, has)
        await _act(session, account_id, decision, due, has, actor=actor, now=now)
        offered += [scheme.title] if due is Due.OFFER else []
    await _store(session, vault, holder, book, gathered, decisions, now)
    await offers.tell(session, vault, account_id, offered, now=now)
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
    ran_out = grants.run_out(on).with_only_columns(Grant.account_id)
    # Each part is cut off by itself: on a day on which everybody is due, no page reads them all.
    parts = [_page(query.join(Account), after, limit).subquery() for query in (changing, ran_out)]
    both = union(*(select(part.c.account_id) for part in parts)).subquery()
    return (
        await session.scalars(select(both.c.account_id).order_by(both.c.account_id).limit(limit))
    ).all()


def _page(query: Select[UUID], after: UUID | None, limit: int) -> Select[UUID]:
    of = query.selected_columns.account_id
    living = query.where(Account.state == AccountState.ACTIVE)
    following = living if after is None else living.where(of > after)
    return following.distinct().order_by(of).limit(limit)


async def explain(
    session: AsyncSession, vault: Vault, account_id: UUID, *, on: date
) -> Sequence[Explained]:
    """Every scheme for a page: why, why not, what is needed, what is held.

    Raises:
        NoSuchAccount: no account with that id.
    """
    book = await rulebooks.in_force(session)
    facts = (await gathering.gather(session, vault, account_id)).facts
    opened = await grants.open_by_scheme(session, account_id)
    return [
        _explained(book, decision, facts, opened.get(decision.scheme))
        for decision in decide_all(book, facts, on)
    ]


def _explained(
    book: RuleBook, decision: Decision, facts: ResidentFacts, stands: Grant | None
) -> Explained:
    scheme = book.schemes[decision.scheme]
    in_time = stands is not None and stands.valid_until >= decision.on
    held = in_time and stands is not None and grants.is_held(stands)
    return Explained(
        scheme.title,
        decision,
        stands if held else None,
        scheme.given,
        notes_of(scheme, decision),
        last_day_shown(scheme, facts, decision.on),
        tells_district(scheme),
        None if held else stands,
    )


async def _act(
    session: AsyncSession,
    account_id: UUID,
    decision: Decision,
    due: Due,
    held: Grant | None,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    match due, decision:
        case Due.END, _ if held is not None:
            await grants.end(session, held, EndReason.NOT_ELIGIBLE, actor=actor, now=now)
        case Due.ADD, Eligible():
            await grants.grant(session, account_id, decision, before=held, actor=actor, now=now)
        case Due.OFFER, Eligible():
            await _begin(session, decision, account_id, GrantState.OFFERED, actor=actor, now=now)
        case Due.CHANGE, Eligible() if held is not None:
            state = held.state
            await grants.end(session, held, EndReason.CHANGED, actor=actor, now=now)
            await _begin(session, decision, account_id, state, actor=actor, now=now)
        case _:
            pass


async def _begin(
    session: AsyncSession,
    decision: Eligible,
    account_id: UUID,
    state: GrantState,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    await grants.begin(session, account_id, Terms.of(decision), state, actor=actor, now=now)


async def _store(
    session: AsyncSession,
    vault: Vault,
    holder: Holder,
    book: RuleBook,
    gathered: Gathered,
    decisions: Sequence[Decision],
    now: datetime,
) -> None:
    account_id = holder.account_id
    holder.shown_over_on = _shown_over_on(book, gathered.facts, london_date(now))
    stored = await _stored(session, account_id)
    personal = await person_keys.for_writing(session, vault, account_id)
    changed = [
        decision
        for decision in decisions
        if not says(personal, stored.get(decision.scheme), decision)
    ]
    due = {scheme: row.next_change_on for scheme, row in stored.items()}
    due |= {decision.scheme: decision.next_change_on for decision in changed}
    answers.keep(holder, personal, decisions, [due[each.scheme] for each in decisions])
    if not changed:
        return
    await rulebooks.keep(session, book, now=now)
    facts = msgspec.json.encode(gathered).decode()
    for decision in changed:
        if decision.scheme in stored:
            stored[decision.scheme].superseded_at = now
            await session.flush()
        session.add(_row(personal, account_id, decision, facts, book.digest, now))
    await session.flush()


def _shown_over_on(book: RuleBook, facts: ResidentFacts, on: date) -> date | None:
    shown = [last_day_shown(scheme, facts, on) for scheme in book.schemes.values()]
    return min((day_after(day) for day in shown if day is not None), default=None)


async def _stored(session: AsyncSession, account_id: UUID) -> Mapping[str, Assessment]:
    query = select(Assessment).where(
        Assessment.account_id == account_id, Assessment.superseded_at.is_(None)
    )
    return {row.scheme: row for row in await session.scalars(query)}


def says(personal: PersonVault, row: Assessment | None, decision: Decision) -> bool:
    """Whether a stored decision says what this one does, apart from the day it was made on.

    It need not name the same day of change: a term that would begin anew today ends later every
    day. A day that is still to come, and no later than it should be, will do. A row from before
    facts were kept is written anew, once.
    """
    if row is None or row.book is None:
        return False
    if (row.outcome, row.rule) != (outcome_of(decision), decision.rule):
        return False
    stored, due = row.next_change_on or NEVER, decision.next_change_on or NEVER
    if not decision.on < stored <= due:
        return False
    return substance(stored_decision(personal, row)) == substance(decision)


def substance(decision: Decision) -> Mapping[str, object]:
    """A decision without what it says anew every day."""
    fields = {name: getattr(decision, name) for name in decision.__struct_fields__}
    return {name: value for name, value in fields.items() if name not in answers.OF_THE_DAY}


def stored_decision(personal: PersonVault, row: Assessment) -> Decision:
    """The decision a row keeps."""
    as_json = personal.open(_TABLE, "sealed_decision", row.id, row.sealed_decision)
    decision: Decision = msgspec.json.decode(as_json, type=Decision)
    return decision


def stored_facts(personal: PersonVault, row: Assessment) -> Gathered | None:
    """The facts it was made on; None in a row from before they were kept."""
    if row.sealed_facts is None:
        return None
    as_json = personal.open(_TABLE, "sealed_facts", row.id, row.sealed_facts)
    return msgspec.json.decode(as_json, type=Gathered)


def outcome_of(decision: Decision) -> str:
    """What the table calls the kind of a decision."""
    return str(type(decision).__struct_config__.tag)


def _row(
    personal: PersonVault,
    account_id: UUID,
    decision: Decision,
    facts: str,
    book: str,
    now: datetime,
) -> Assessment:
    row_id = new_id()
    as_json = msgspec.json.encode(decision).decode()
    return Assessment(
        id=row_id,
        account_id=account_id,
        scheme=decision.scheme,
        outcome=outcome_of(decision),
        rule=decision.rule,
        decided_at=now,
        decided_on=decision.on,
        next_change_on=decision.next_change_on,
        sealed_decision=personal.seal(_TABLE, "sealed_decision", row_id, as_json),
        sealed_facts=personal.seal(_TABLE, "sealed_facts", row_id, facts),
        book=book,
    )
