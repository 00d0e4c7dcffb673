"""What residents agreed to: recorded for partners, shown to them, withdrawn by them.

A council service rests on public task: residents are told, not asked, because a choice that cannot
be refused is no consent.
Source: UK GDPR Articles 6(1)(a), 6(1)(e), 7(1) and 7(3); ICO guidance on consent.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit
from identity.actors import Actor
from identity.models import Account
from identity.oidc import grants, logout_notices
from identity.oidc.clients import Client
from identity.oidc.models import Basis, OidcClient, OidcConsent, OidcGrant
from identity.oidc.scopes import words_of
from identity.oidc.statements import UNSYNCHRONISED

WITHDRAWN: Final = "consent-withdrawn"
BASIS_WORDS: Final = {
    Basis.PUBLIC_TASK: "The council uses this to run a public service. It does not need consent.",
    Basis.CONSENT: "You agreed to this. You can withdraw it whenever you like.",
}


class Consent(msgspec.Struct, frozen=True):
    """Agreement that stands."""

    scopes: frozenset[str]
    given_at: datetime


class Sharing(msgspec.Struct, frozen=True):
    """A service that a resident signs in to, for the page that lists them.

    Attributes:
        client_id: its permanent name.
        name: as residents know it.
        basis: why it may be told.
        basis_words: the same in a sentence or two.
        sees: what it sees, one line each.
        since: when the resident agreed, or first signed in to a council service.
        may_withdraw: whether there is consent to withdraw.
    """

    client_id: str
    name: str
    basis: Basis
    basis_words: str
    sees: tuple[str, ...]
    since: datetime
    may_withdraw: bool


async def standing(session: AsyncSession, account_id: UUID, client_id: str) -> Consent | None:
    """The consent that a resident gave a client and did not withdraw; None without one."""
    found = await session.execute(
        select(OidcConsent.scopes, OidcConsent.given_at).where(
            OidcConsent.account_id == account_id,
            OidcConsent.client_id == client_id,
            OidcConsent.ended_at.is_(None),
        )
    )
    row = found.one_or_none()
    return None if row is None else Consent(frozenset(row.scopes), row.given_at)


async def record(
    session: AsyncSession,
    account_id: UUID,
    client: Client,
    scopes: tuple[str, ...],
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Record what a resident agreed to; it takes the place of what they agreed to before."""
    # Two browsers may agree at once: one after the other.
    await session.execute(select(Account.id).where(Account.id == account_id).with_for_update())
    await _end(session, account_id, client.id, now=now)
    session.add(
        OidcConsent(account_id=account_id, client_id=client.id, scopes=list(scopes), given_at=now)
    )
    await session.flush()
    subject = audit.subject_of("account", account_id)
    detail: dict[str, str | list[str]] = {"client": client.id, "scopes": list(scopes)}
    audit.record(session, "consent-given", subject, actor=actor, now=now, detail=detail)


async def withdraw(
    session: AsyncSession, account_id: UUID, client_id: str, *, actor: Actor, now: datetime
) -> bool:
    """Withdraw consent: every token stops, and the partner is told. False: none stood."""
    if not await _end(session, account_id, client_id, now=now):
        return False
    audit.record(
        session,
        WITHDRAWN,
        audit.subject_of("account", account_id),
        actor=actor,
        now=now,
        detail={"client": client_id},
    )
    of_both = (OidcGrant.account_id == account_id) & (OidcGrant.client_id == client_id)
    await logout_notices.log_out(session, of_both, now=now)
    await grants.revoke(session, of_both, WITHDRAWN, actor=actor, now=now)
    return True


async def sharing_of(session: AsyncSession, account_id: UUID) -> Sequence[Sharing]:
    """Every service that may be told about a resident now, by name."""
    partners = await session.execute(_partners(account_id))
    councils = await session.execute(_councils(account_id))
    seen: dict[str, Sharing] = {}
    for row in (*partners, *councils):
        sees = words_of(row.scopes)
        before = seen.get(row.id)
        sees = tuple(dict.fromkeys((*(before.sees if before else ()), *sees)))
        by_consent = row.basis is Basis.CONSENT
        since = min(row.since, before.since) if before else row.since
        seen[row.id] = Sharing(
            row.id, row.name, row.basis, BASIS_WORDS[row.basis], sees, since, by_consent
        )
    return sorted(seen.values(), key=lambda sharing: sharing.name)


def _partners(account_id: UUID) -> Select[str, str, Basis, list[str], datetime]:
    return (
        select(
            OidcClient.id,
            OidcClient.name,
            OidcClient.basis,
            OidcConsent.scopes,
            OidcConsent.given_at.label("since"),
        )
        .join(OidcConsent, OidcConsent.client_id == OidcClient.id)
        .where(OidcConsent.account_id == account_id, OidcConsent.ended_at.is_(None))
    )


def _councils(account_id: UUID) -> Select[str, str, Basis, list[str], datetime]:
    return (
        select(
            OidcClient.id,
            OidcClient.name,
            OidcClient.basis,
            OidcGrant.scopes,
            OidcGrant.created_at.label("since"),
        )
        .join(OidcGrant, OidcGrant.client_id == OidcClient.id)
        .where(OidcGrant.account_id == account_id, OidcClient.basis == Basis.PUBLIC_TASK)
        .where(OidcGrant.revoked_at.is_(None))
    )


async def _end(session: AsyncSession, account_id: UUID, client_id: str, *, now: datetime) -> bool:
    ending = (
        update(OidcConsent)
        .where(
            OidcConsent.account_id == account_id,
            OidcConsent.client_id == client_id,
            OidcConsent.ended_at.is_(None),
        )
        .values(ended_at=now)
        .returning(OidcConsent.id)
    )
    return (await session.execute(ending, **UNSYNCHRONISED)).one_or_none() is not None
