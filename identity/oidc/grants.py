"""Grants: opened by a sign-in, stopped as a whole; and the codes that lead to them."""

import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit
from identity.actors import Actor
from identity.db import new_id
from identity.oidc.clients import Client
from identity.oidc.levels import SINGLE_FACTOR, shown_in
from identity.oidc.models import OidcCode, OidcGrant, OidcSubject
from identity.oidc.parameters import Parameters
from identity.oidc.spent import digest
from identity.oidc.statements import UNSYNCHRONISED, insert_if_new
from identity.sessions import SignedInSession
from identity.signin_models import SessionKind

CODE_LIFE: Final = timedelta(seconds=60)
GRANT_LIFE: Final = timedelta(days=30)


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """The resident at the browser.

    Attributes:
        account_id: theirs.
        actor: the same, for audit rows.
        token: of their session, from the cookie.
        at: when they showed who they are.
        acr: how surely, one of `levels.LEVELS`.
        amr: by what, in the words of `levels.WAYS`.
    """

    account_id: UUID
    actor: Actor
    token: str
    at: datetime
    acr: str = SINGLE_FACTOR
    amr: tuple[str, ...] = ()

    @property
    def token_hash(self) -> bytes:
        """What is kept of the token: the key of the session's row."""
        return digest(self.token)


def sign_in_of(found: SignedInSession, token: str) -> SignIn | None:
    """A session as a sign-in for clients; None for one of staff, who have no account here."""
    if found.kind is not SessionKind.RESIDENT:
        return None
    shown = shown_in(found)
    return SignIn(
        account_id=found.subject_id,
        actor=found.actor,
        token=token,
        at=shown.at,
        acr=shown.acr,
        amr=shown.amr,
    )


async def open_grant(
    session: AsyncSession,
    client: Client,
    sign_in: SignIn,
    scopes: tuple[str, ...],
    parameters: Parameters,
    *,
    now: datetime,
) -> str:
    """Open a grant and give out its code, for one minute and one use."""
    grant = OidcGrant(
        id=new_id(),
        client_id=client.id,
        account_id=sign_in.account_id,
        session_hash=sign_in.token_hash,
        subject=await subject_of(session, sign_in.account_id, client.sector),
        sid=await _sid(session, client, sign_in),
        scopes=list(scopes),
        acr=sign_in.acr,
        amr=list(sign_in.amr),
        signed_in_at=sign_in.at,
        created_at=now,
        expires_at=now + GRANT_LIFE,
    )
    session.add(grant)
    await session.flush()
    code = secrets.token_urlsafe(32)
    session.add(
        OidcCode(
            code_hash=digest(code),
            grant_id=grant.id,
            redirect_uri=parameters.get("redirect_uri"),
            challenge=parameters.get("code_challenge") or None,
            nonce=parameters.get("nonce") or None,
            dpop_thumbprint=parameters.get("dpop_jkt") or None,
            expires_at=now + CODE_LIFE,
        )
    )
    subject = audit.subject_of("account", sign_in.account_id)
    detail: dict[str, str | list[str]] = {"client": client.id, "scopes": list(scopes)}
    audit.record(
        session, "signed-in-to-client", subject, actor=sign_in.actor, now=now, detail=detail
    )
    return code


async def subject_of(session: AsyncSession, account_id: UUID, sector: str) -> str:
    """The resident's permanent name in a sector, random and made when first needed.

    Source: OpenID Connect Core 1.0 section 8.1 (the third method: a stored random value).
    """
    row = {
        "account_id": account_id,
        "sector": sector,
        "subject": secrets.token_urlsafe(24),
    }
    await session.execute(insert_if_new(session, OidcSubject, row), **UNSYNCHRONISED)
    found = await session.execute(
        select(OidcSubject.subject).where(
            OidcSubject.account_id == account_id, OidcSubject.sector == sector
        )
    )
    return found.scalar_one()


async def revoke(
    session: AsyncSession, which: ColumnElement[bool], because: str, *, actor: Actor, now: datetime
) -> int:
    """Stop grants and with them every token of theirs. Returns how many were in use.

    Args:
        session: the caller's transaction; it must commit, also when the request is refused.
        which: a condition on `OidcGrant`.
        because: a permanent kebab-case word.
        actor: who stops them.
        now: when.
    """
    revoking = (
        update(OidcGrant)
        .where(which, OidcGrant.revoked_at.is_(None))
        .values(revoked_at=now, revoked_because=because)
        .returning(OidcGrant.account_id, OidcGrant.client_id)
    )
    revoked = (await session.execute(revoking, **UNSYNCHRONISED)).all()
    for account_id, client_id in revoked:
        detail = {"client": client_id, "because": because}
        subject = audit.subject_of("account", account_id)
        audit.record(session, "grant-revoked", subject, actor=actor, now=now, detail=detail)
    return len(revoked)


async def _sid(session: AsyncSession, client: Client, sign_in: SignIn) -> str:
    """The name of the session for the client: the same for each grant in one session."""
    known = await session.scalar(
        select(OidcGrant.sid)
        .where(
            OidcGrant.session_hash == sign_in.token_hash,
            OidcGrant.client_id == client.id,
            OidcGrant.logged_out_at.is_(None),
        )
        .limit(1)
    )
    return known or secrets.token_urlsafe(16)
