"""Facts that another system or an officer tells us about residents."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import gathering, rulebooks
from entitlements.errors import UnknownFact
from entitlements.facts import Fed
from entitlements.grants import lock_holder
from entitlements.models import FedFact, Standing
from entitlements.schemes.conditions import FedFact as Known
from entitlements.schemes.rulebook import RuleBook
from identity import audit, person_keys
from identity.actors import Actor
from identity.db import new_id
from identity.personal import PersonVault, Vault

_TABLE: Final = FedFact.__tablename__
_WORDS: Final = {"yes": True, "no": False}
MOST_PENCE: Final = 100_000_000


class Basis(msgspec.Struct, frozen=True):
    """What a fact rests on, and what the officer who told it says of that."""

    standing: Standing = Standing.TOLD
    reason: str = ""


TOLD: Final = Basis()
"""Another system told us, and says no more."""


def typed_value(book: RuleBook, name: str, text: str) -> Fed:
    """A fact's value from text: `yes` or `no`, or whole pence.

    Raises:
        UnknownFact: the book has no such fact, or it cannot have that value.
    """
    known = _known(book, name)
    if known.type is bool:
        if text not in _WORDS:
            raise UnknownFact(f"'{name}' is yes or no, not '{text}'.")
        return _WORDS[text]
    if not (text.isascii() and text.isdigit()) or int(text) > MOST_PENCE:
        raise UnknownFact(f"'{name}' is whole pence, at most {MOST_PENCE}, not '{text}'.")
    return int(text)


async def tell(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    name: str,
    *,
    value: Fed | None,
    actor: Actor,
    now: datetime,
    basis: Basis = TOLD,
) -> bool:
    """Keep what we are told; the resident is to be assessed anew by the caller.

    What residents say of themselves never takes the place of what others told us.

    Args:
        session: the transaction.
        vault: seals it.
        account_id: of whom.
        name: of a fact of the rule book.
        value: None when it is not known any more.
        actor: who tells us.
        now: when.
        basis: what it rests on.

    Returns:
        Whether that is something new.

    Raises:
        NoSuchAccount: no account with that id.
        UnknownFact: the rule book has no such fact, or it cannot have that value.
    """
    book = await rulebooks.in_force(session)
    if value is not None and type(value) is not _known(book, name).type:
        raise UnknownFact(f"'{name}' cannot be '{value}'.")
    await lock_holder(session, account_id)
    personal = await person_keys.for_writing(session, vault, account_id)
    current = select(FedFact).where(
        FedFact.account_id == account_id, FedFact.name == name, FedFact.superseded_at.is_(None)
    )
    stored = await session.scalar(current)
    if not _is_news(personal, stored, value, basis.standing):
        return False
    if stored is not None:
        stored.superseded_at = now
        await session.flush()
    if value is not None:
        row_id, as_json = new_id(), msgspec.json.encode(value).decode()
        row = FedFact(
            id=row_id,
            account_id=account_id,
            name=name,
            told_at=now,
            told_by_id=actor.id,
            told_by_label=actor.label,
            standing=basis.standing,
            sealed_value=personal.seal(_TABLE, "sealed_value", row_id, as_json),
            sealed_reason=(
                personal.seal(_TABLE, "sealed_reason", row_id, basis.reason)
                if basis.reason
                else None
            ),
        )
        session.add(row)
    await session.flush()
    # Neither which fact nor its value: a debt or a companion is personal.
    audit.record(
        session, "fact-told", audit.subject_of("account", account_id), actor=actor, now=now
    )
    return True


def _is_news(
    personal: PersonVault, stored: FedFact | None, value: Fed | None, standing: Standing
) -> bool:
    if stored is None:
        return value is not None
    if standing is not Standing.TOLD and stored.standing is Standing.TOLD:
        return False
    return (gathering.fed_value(personal, stored), stored.standing) != (value, standing)


def _known(book: RuleBook, name: str) -> Known:
    if name not in book.fed:
        raise UnknownFact(f"There is no fact '{name}'. There are: {', '.join(book.fed)}.")
    return book.fed[name]
