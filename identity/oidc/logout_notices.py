"""Telling clients that a session ended: rows in the transaction that ends it, a worker tells them.

However a session ends (signed out here or at a client, ended from the list of sessions, at its
absolute end), `note_ended_sessions` finds it; nobody who ends one has to think of clients.
Source: OpenID Connect Back-Channel Logout 1.0.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

import httpx
import msgspec
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity.actors import SYSTEM
from identity.db import new_id
from identity.oidc import grants
from identity.oidc.models import OidcClient, OidcGrant, OidcLogoutNotice
from identity.oidc.provider import Provider
from identity.oidc.scopes import OFFLINE_ACCESS
from identity.oidc.statements import UNSYNCHRONISED
from identity.signin_models import Session

TYPE: Final = "logout+jwt"
LIFE: Final = timedelta(minutes=2)
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 720))
"""After each failed try. After the last, the notice is given up and stays undelivered."""
ANSWER_SECONDS: Final = 5.0
"""For a site's whole answer, however it trickles in."""
SITE_SECONDS: Final = 10.0
"""For all that one site is told in a turn; sites do not wait for one another."""
_BATCH: Final = 50

Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class Notice(msgspec.Struct, frozen=True):
    """A client to be told, once."""

    id: UUID
    client_id: str
    uri: str
    algorithm: str
    subject: str
    sid: str


class _Answers(msgspec.Struct, frozen=True):
    """What came of telling one site: ids of the notices it took, and of those not tried."""

    taken: list[UUID]
    untried: list[UUID]


async def note_ended_sessions(session: AsyncSession, *, now: datetime) -> int:
    """Queue a notice for each client of each session that ended. Returns how many grants."""
    ended = select(Session.token_hash).where(
        Session.ended_at.is_not(None) | (Session.absolute_until <= now)
    )
    return await log_out(session, OidcGrant.session_hash.in_(ended), now=now)


async def session_rotated(session: AsyncSession, old_hash: bytes, new_hash: bytes) -> None:
    """A session's token was exchanged: its clients stay signed in under the new one."""
    moving = update(OidcGrant).where(
        OidcGrant.session_hash == old_hash, OidcGrant.logged_out_at.is_(None)
    )
    await session.execute(moving.values(session_hash=new_hash), **UNSYNCHRONISED)


async def log_out(session: AsyncSession, which: ColumnElement[bool], *, now: datetime) -> int:
    """End the session for the clients of some grants. Only offline access outlives it.

    Source: Back-Channel Logout 1.0 section 2.7.
    """
    ending = (
        update(OidcGrant)
        .where(which, OidcGrant.logged_out_at.is_(None))
        .values(logged_out_at=now)
        .returning(
            OidcGrant.id, OidcGrant.client_id, OidcGrant.subject, OidcGrant.sid, OidcGrant.scopes
        )
    )
    ended = (await session.execute(ending, **UNSYNCHRONISED)).all()
    online = [row.id for row in ended if OFFLINE_ACCESS not in row.scopes]
    if online:
        await grants.revoke(
            session, OidcGrant.id.in_(online), "session-ended", actor=SYSTEM, now=now
        )
    told = {(row.client_id, row.subject, row.sid) for row in ended}
    for client_id, subject, sid in sorted(told):
        if await _wants_notice(session, client_id):
            session.add(
                OidcLogoutNotice(
                    id=new_id(),
                    client_id=client_id,
                    subject=subject,
                    sid=sid,
                    created_at=now,
                    due_at=now,
                )
            )
    await session.flush()
    return len(ended)


async def deliver(
    transaction: Transaction, provider: Provider, http: httpx.AsyncClient, *, now: datetime
) -> int:
    """Tell the clients that are due. Returns how many took the notice.

    A notice is put off before it is sent, in a transaction of its own: a client that does not
    answer holds nothing, and a worker that dies in between only sends it later, perhaps twice.
    Every site has its own task and its own time, so a turn lasts no longer than `SITE_SECONDS`.
    """
    async with transaction() as session:
        due = await _taken(session, now=now)
    by_site: dict[str, list[Notice]] = {}
    for notice in due:
        by_site.setdefault(notice.client_id, []).append(notice)
    telling = (_tell_site(provider, http, notices, now=now) for notices in by_site.values())
    answers = await asyncio.gather(*telling)
    taken = [notice for each in answers for notice in each.taken]
    untried = [notice for each in answers for notice in each.untried]
    if taken or untried:
        async with transaction() as session:
            await _mark(session, taken, delivered_at=now, due_at=None)
            await _mark(session, untried, due_at=now, tries=OidcLogoutNotice.tries - 1)
    return len(taken)


def logout_token(provider: Provider, notice: Notice, *, now: datetime) -> str:
    """The token that tells a client.

    Source: Back-Channel Logout 1.0 section 2.4.
    """
    claims = {
        "iss": provider.issuer,
        "aud": notice.client_id,
        "sub": notice.subject,
        "sid": notice.sid,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFE).timestamp()),
        "jti": str(new_id()),
        "events": {EVENT: {}},
    }
    return provider.signer.sign(TYPE, claims, algorithm=notice.algorithm)


async def _tell_site(
    provider: Provider, http: httpx.AsyncClient, notices: Sequence[Notice], *, now: datetime
) -> _Answers:
    """Tell one site, one notice after another, until its time is over."""
    taken: list[UUID] = []
    waiting = [notice.id for notice in notices]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SITE_SECONDS):
            for notice in notices:
                waiting.remove(notice.id)
                if await _tell(http, notice, logout_token(provider, notice, now=now)):
                    taken.append(notice.id)
    return _Answers(taken, waiting)


async def _tell(http: httpx.AsyncClient, notice: Notice, token: str) -> bool:
    """Whether the client took it. Redirects are not followed: a notice goes where staff said."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await http.post(
                notice.uri, data={"logout_token": token}, follow_redirects=False
            )
    except (httpx.HTTPError, TimeoutError):
        return False
    return answer.status_code in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}


async def _taken(session: AsyncSession, *, now: datetime) -> list[Notice]:
    """The notices that are due, each put off until its next try."""
    rows = await session.execute(
        select(OidcLogoutNotice, OidcClient.backchannel_logout_uri, OidcClient.id_token_alg)
        .join(OidcClient, OidcClient.id == OidcLogoutNotice.client_id)
        .where(OidcLogoutNotice.due_at <= now, OidcClient.backchannel_logout_uri.is_not(None))
        .order_by(OidcLogoutNotice.due_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True, of=OidcLogoutNotice)
    )
    taken = []
    for row, uri, algorithm in rows.all():
        row.due_at = now + WAITS[row.tries] if row.tries < len(WAITS) else None
        row.tries += 1
        taken.append(Notice(row.id, row.client_id, uri or "", algorithm, row.subject, row.sid))
    return taken


async def _mark(session: AsyncSession, which: list[UUID], **values: object) -> None:
    marking = update(OidcLogoutNotice).where(OidcLogoutNotice.id.in_(which))
    await session.execute(marking.values(values), **UNSYNCHRONISED)


async def _wants_notice(session: AsyncSession, client_id: str) -> bool:
    uri = await session.scalar(
        select(OidcClient.backchannel_logout_uri).where(OidcClient.id == client_id)
    )
    return uri is not None
