"""What every way of signing a resident in ends with: a session, and a word about a new device.

Devices that residents and staff have signed in with are known again, and wrong passwords and codes
from them are counted apart: whoever guesses elsewhere locks nobody out of their own device.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import TypeAlias
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, notices, sessions, throttle
from identity.actors import resident_actor
from identity.dates import LONDON
from identity.models import Account, StaffMember
from identity.oidc import logout_notices
from identity.oidc.spent import digest
from identity.personal import Vault
from identity.sessions import SignedIn, SignedInSession
from identity.signin_models import KnownDevice, SessionKind, SignInMethod, StaffDevice

Owner: TypeAlias = Account | StaffMember
"""Whoever signs in."""


class Browser(msgspec.Struct, frozen=True):
    """What somebody signs in with.

    Attributes:
        name: in a few words, such as `Firefox on Windows`; what the browser says it is.
        device: the random value of the cookie by which it is known again.
        token: of the sign-in it has now, which a new one takes the place of; empty for none.
    """

    name: str
    device: str
    token: str = ""


async def sign_in(
    session: AsyncSession,
    vault: Vault,
    account: Account,
    methods: SignInMethod | Iterable[SignInMethod],
    browser: Browser,
    *,
    now: datetime,
) -> SignedIn:
    """Open a session for a resident who showed who they are; tell them of a new device."""
    shown = (methods,) if isinstance(methods, SignInMethod) else tuple(methods)
    token = await sessions.open_session(
        session,
        account.id,
        SessionKind.RESIDENT,
        methods=shown,
        browser=browser.name,
        now=now,
    )
    await end_former(session, account, browser, token, now=now)
    is_new = await remember(session, account, browser, now=now)
    actor = resident_actor(account.id, account.number)
    subject = audit.subject_of("account", account.id)
    audit.record(
        session,
        "resident-signed-in",
        subject,
        actor=actor,
        now=now,
        detail={"method": " ".join(shown), "new_device": is_new},
    )
    if is_new:
        await notices.tell(session, vault, account, "new-device", _notice(browser, now), now=now)
    return SignedIn(token, actor)


async def is_known(session: AsyncSession, owner: Owner, browser: Browser) -> bool:
    """Whether they have signed in with this browser before."""
    return await _row(session, owner, hash_of(browser)) is not None


async def end_former(
    session: AsyncSession, owner: Owner, browser: Browser, token: str, *, now: datetime
) -> None:
    """End the sign-in the browser had. Sites that the same resident signed in to stay so.

    Args:
        session: the caller's transaction.
        owner: who signs in now.
        browser: with which one.
        token: of the new sign-in.
        now: when.

    Source: OWASP ASVS 5.0, 7.2.4.
    """
    former = browser.token
    found = await sessions.look_up(session, former, now=now) if former else None
    if not isinstance(found, SignedInSession):
        return
    if found.subject_id == owner.id:
        await logout_notices.session_rotated(session, digest(former), digest(token))
    await sessions.end(session, former, actor=found.actor, now=now)


async def remember(session: AsyncSession, owner: Owner, browser: Browser, *, now: datetime) -> bool:
    """Know the device from now on. Returns whether it is new."""
    resident = isinstance(owner, Account)
    model, whose = (KnownDevice, "account_id") if resident else (StaffDevice, "staff_id")
    row = {whose: owner.id, "device_hash": hash_of(browser)}
    seen = {"first_seen_at": now, "last_seen_at": now}
    if await throttle.insert_missing(session, model, row | seen):
        return True
    known = await _row(session, owner, hash_of(browser))
    if known is not None:
        known.last_seen_at = now
    return False


async def counted_as(
    session: AsyncSession, owner: Owner | None, browser: Browser | None, otherwise: str
) -> str:
    """The subject under which somebody's wrong passwords or codes are counted.

    Args:
        session: of the request.
        owner: who would be signed in, if they are known.
        browser: they use; None where there is none.
        otherwise: the subject for everybody whose device is not known.
    """
    known = owner is not None and browser is not None and await is_known(session, owner, browser)
    return counted_for(owner if known else None, browser, otherwise)


def counted_for(owner: Owner | None, browser: Browser | None, otherwise: str) -> str:
    """The same, where it is known already that this browser is one of the owner's."""
    if owner is None or browser is None:
        return otherwise
    return _budget(otherwise, owner.id, hash_of(browser))


async def every_subject(session: AsyncSession, owner: Owner, otherwise: str) -> tuple[str, ...]:
    """The subjects under which somebody's failures may have been counted, on any device."""
    of_owner = (
        select(KnownDevice.device_hash).where(KnownDevice.account_id == owner.id)
        if isinstance(owner, Account)
        else select(StaffDevice.device_hash).where(StaffDevice.staff_id == owner.id)
    )
    known = await session.scalars(of_owner)
    return (otherwise, *(_budget(otherwise, owner.id, device) for device in known))


def hash_of(browser: Browser) -> bytes:
    """What is kept of a device's cookie."""
    return sha256(browser.device.encode(errors="surrogatepass")).digest()


def _budget(otherwise: str, owner_id: UUID, device: bytes) -> str:
    return f"{otherwise.partition(':')[0]}:{owner_id}:{device.hex()}"


async def _row(
    session: AsyncSession, owner: Owner, device: bytes
) -> KnownDevice | StaffDevice | None:
    model = KnownDevice if isinstance(owner, Account) else StaffDevice
    return await session.get(model, (owner.id, device))


def _notice(browser: Browser, now: datetime) -> str:
    at = now.astimezone(LONDON)
    return (
        f"Somebody signed in to your Kent Card account with a device we have not seen before: "
        f"{browser.name}, on {at.day} {at:%B %Y} at {at:%H:%M}.\n\n"
        "If it was you, you do not need to do anything.\n"
        "If it was not, sign in, choose “Your sign-ins” and end every other sign-in."
    )
