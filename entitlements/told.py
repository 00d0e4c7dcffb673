"""What others told us of a resident: officers tell some of it, and residents see all of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import assessing, feeds, gathering, rulebooks
from entitlements.facts import Fed
from entitlements.models import FedFact, Standing
from identity import person_keys
from identity.actors import Actor
from identity.errors import InvalidDetails
from identity.four_eyes import checked_reason
from identity.personal import Vault

VALUES: Final[Mapping[str, bool | None]] = {"yes": True, "no": False, "unknown": None}
"""What an officer may say of a fact."""
_TABLE: Final = FedFact.__tablename__


class ToldFact(msgspec.Struct, frozen=True, kw_only=True):
    """Something we know, and who told us.

    Attributes:
        words: what it is, as a resident is asked for it.
        value: yes, no or whole pence.
        by: who told us, as residents see it.
        standing: whether it was told us, or the resident said it.
        reason: of an officer; empty where nobody gave one.
        until: when something else was told; None while it stands.
    """

    words: str
    value: Fed
    by: str
    at: datetime
    standing: Standing
    reason: str
    until: datetime | None


async def for_officers(session: AsyncSession) -> Mapping[str, str]:
    """Name -> words of every fact that an officer may tell."""
    fed = (await rulebooks.in_force(session)).fed
    return {name: fact.words for name, fact in fed.items() if fact.by_officer}


async def by_officer(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    typed: Mapping[str, str],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Keep what an officer tells, in place of what was told before, and decide anew.

    Args:
        session: the transaction.
        vault: seals it.
        account_id: of whom.
        typed: `fact`, `value` (of `VALUES`) and `reason`.
        actor: the officer.
        now: when.

    Raises:
        InvalidDetails: a field is wrong; nothing is kept.
        NoSuchAccount: no account with that id.
    """
    fact, value = typed.get("fact", ""), typed.get("value", "")
    faults: dict[str, str] = {}
    reason = ""
    if fact not in await for_officers(session):
        faults["fact"] = "Select what you were told"
    if value not in VALUES:
        faults["value"] = "Select yes, no or not known any more"
    try:
        reason = checked_reason(typed.get("reason", ""))
    except InvalidDetails as invalid:
        faults |= invalid.faults
    if faults:
        raise InvalidDetails(faults)
    basis = feeds.Basis(reason=reason)
    await feeds.tell(
        session, vault, account_id, fact, value=VALUES[value], basis=basis, actor=actor, now=now
    )
    await assessing.assess(session, vault, account_id, actor=actor, now=now)


async def of_account(session: AsyncSession, vault: Vault, account_id: UUID) -> Sequence[ToldFact]:
    """Everything that was told of a resident: what stands first, then the newest of what did."""
    rows = await session.scalars(select(FedFact).where(FedFact.account_id == account_id))
    personal = await person_keys.for_reading(session, vault, account_id)
    words = (await rulebooks.in_force(session)).fact_words
    found = [
        ToldFact(
            words=words.get(row.name, row.name),
            value=gathering.fed_value(personal, row),
            by=row.told_by_label or row.told_by_id,
            at=row.told_at,
            standing=row.standing,
            reason=(
                personal.open(_TABLE, "sealed_reason", row.id, row.sealed_reason)
                if row.sealed_reason
                else ""
            ),
            until=row.superseded_at,
        )
        for row in rows
    ]
    newest_first = sorted(found, key=lambda each: each.at, reverse=True)
    return sorted(newest_first, key=lambda each: each.until is not None)
