"""Accounts that may be one person's: found by the worker, judged by a member of staff.

Nothing of it is done while somebody registers, so neither a word nor a moment tells them whether
we know such a person. The newer account is one that a resident made alone; the other is any that
was there before, with the same birth date and a name that is much like it, or the same full name
and postcode with a birth date that was typed otherwise.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import activation, audit, names, person_keys, sealed, sessions
from identity.actors import SYSTEM, Actor
from identity.errors import NotADuplicate, RequestDecided
from identity.likeness import likeness, typed_words
from identity.models import (
    Account,
    AccountState,
    Address,
    DuplicateOutcome,
    PossibleDuplicate,
    SightedDocument,
)
from identity.personal import Vault
from identity.signin_models import (
    AccountPassword,
    Passkey,
    PendingRegistration,
    SessionKind,
)

LIKE_ENOUGH: Final = 0.7
"""Of `likeness`, with the same birth date: a nickname, a typing error in each word, a sound."""
THE_SAME: Final = 0.99
MOST_COMPARED: Final = 500
_BATCH: Final = 20


class Pair(msgspec.Struct, frozen=True):
    """Two accounts to compare: the newer one, and the one before it."""

    id: UUID
    account_id: UUID
    other_id: UUID


async def compare_new(session: AsyncSession, vault: Vault, *, now: datetime) -> int:
    """Compare some new accounts with those before them. Returns how many accounts it was."""
    rows = await session.scalars(
        select(PendingRegistration)
        .where(
            PendingRegistration.account_id.is_not(None), PendingRegistration.compared_at.is_(None)
        )
        .order_by(PendingRegistration.finished_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    new = rows.all()
    for row in new:
        account = await session.get(Account, row.account_id)
        if account is not None:
            await _compare(session, vault, account, now=now)
        row.compared_at = now
    await session.flush()
    return len(new)


async def waiting(session: AsyncSession) -> Sequence[Pair]:
    """Pairs that nobody has judged, oldest first."""
    rows = await session.scalars(
        select(PossibleDuplicate)
        .where(PossibleDuplicate.outcome.is_(None))
        .order_by(PossibleDuplicate.found_at, PossibleDuplicate.id)
    )
    return [Pair(row.id, row.account_id, row.other_id) for row in rows]


async def of_account(session: AsyncSession, account_id: UUID) -> tuple[str, ...]:
    """Numbers of accounts that may be the same person's as this one, while nobody has judged."""
    mine = (PossibleDuplicate.account_id == account_id) | (PossibleDuplicate.other_id == account_id)
    both = or_(Account.id == PossibleDuplicate.account_id, Account.id == PossibleDuplicate.other_id)
    numbers = await session.scalars(
        select(Account.number)
        .join(PossibleDuplicate, both)
        .where(mine, PossibleDuplicate.outcome.is_(None), Account.id != account_id)
        .order_by(Account.number)
    )
    return tuple(numbers)


async def judge(
    session: AsyncSession,
    pair_id: UUID,
    outcome: DuplicateOutcome,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Say what was found. Nothing is merged.

    Of one person's two accounts the newer one gives up its contacts, passkeys and password, so that
    they can be given to the account the desk made, which is then claimed with an activation code.

    Raises:
        RequestDecided: no such pair waits.
        NotADuplicate: a document was seen for the newer account, so that it is no mere claim.
    """
    pair = await session.get(PossibleDuplicate, pair_id, with_for_update=True)
    if pair is None or pair.outcome is not None:
        raise RequestDecided("No such pair waits. Somebody may have decided it.")
    if outcome is DuplicateOutcome.SAME_PERSON:
        await _take_the_keys(session, pair.account_id, actor=actor, now=now)
    pair.outcome, pair.decided_at, pair.decided_by_id = outcome, now, actor.id
    await session.flush()
    detail = {"other": str(pair.other_id), "outcome": outcome.value}
    subject = audit.subject_of("account", pair.account_id)
    audit.record(session, "duplicate-judged", subject, actor=actor, now=now, detail=detail)


async def _compare(session: AsyncSession, vault: Vault, new: Account, *, now: datetime) -> None:
    personal = await person_keys.for_reading(session, vault, new.id)
    fields = sealed.names_of(personal, new)
    address = await session.scalar(
        select(Address).where(Address.account_id == new.id, Address.valid_to.is_(None))
    )
    born = vault.blinds("birth-date", sealed.birth_date_of(personal, new).isoformat())
    that_day = Account.birth_date_index.in_(born)
    found = await _like(session, vault, new, fields, that_day, LIKE_ENOUGH)
    if address is not None:
        home = vault.blinds("postcode", sealed.postcode_of(personal, address))
        there = Account.id.in_(select(Address.account_id).where(Address.postcode_index.in_(home)))
        found |= await _like(session, vault, new, fields, there, THE_SAME)
    for other in sorted(found):
        session.add(PossibleDuplicate(account_id=new.id, other_id=other, found_at=now))
        detail = {"other": str(other)}
        subject = audit.subject_of("account", new.id)
        audit.record(session, "duplicate-suspected", subject, actor=SYSTEM, now=now, detail=detail)
    await session.flush()


async def _like(
    session: AsyncSession,
    vault: Vault,
    new: Account,
    fields: tuple[str, str],
    where: ColumnElement[bool],
    enough: float,
) -> set[UUID]:
    """Accounts among these, open and older, whose name is that much like it, either way round."""
    older = select(Account).where(
        where,
        Account.id != new.id,
        Account.created_at <= new.created_at,
        Account.state == AccountState.ACTIVE,
    )
    found = set()
    for other in await session.scalars(older.order_by(Account.created_at).limit(MOST_COMPARED)):
        personal = await person_keys.for_reading(session, vault, other.id)
        if alike(fields, sealed.names_of(personal, other)) >= enough:
            found.add(other.id)
    return found


def alike(one: tuple[str, str], other: tuple[str, str]) -> float:
    """How like two names are, 0 to 1: each word of the shorter name is looked for in the other."""
    first, second = typed_words(names.full(*one)), typed_words(names.full(*other))
    scores = [
        likeness(typed, fields)
        for typed, fields, rest in ((first, other, second), (second, one, first))
        if len(typed) <= len(rest)
    ]
    return max(scores)


async def _take_the_keys(
    session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime
) -> None:
    seen = select(SightedDocument.id).where(SightedDocument.account_id == account_id).limit(1)
    if await session.scalar(seen) is not None:
        raise NotADuplicate("A document was seen for the newer account. Ask a supervisor first.")
    account = await session.get(Account, account_id, with_for_update=True)
    if account is None:
        return
    account.sealed_email = account.email_index = account.email_proved_at = None
    account.sealed_mobile = account.mobile_index = None
    await activation.end(session, account_id, now=now)
    for keys in (Passkey, AccountPassword):
        await session.execute(delete(keys).where(keys.account_id == account_id))
    await session.flush()
    await sessions.end_all(session, account_id, SessionKind.RESIDENT, actor=actor, now=now)
