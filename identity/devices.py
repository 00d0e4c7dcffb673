"""What every way of signing a resident in ends with: a session, and a word about a new device."""

from datetime import datetime
from hashlib import sha256

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, outbox, person_keys, sealed, sessions
from identity.actors import resident_actor
from identity.dates import LONDON
from identity.models import Account
from identity.personal import Vault
from identity.sessions import SignedIn
from identity.signin_models import KnownDevice, SessionKind, SignInMethod


class Browser(msgspec.Struct, frozen=True):
    """What somebody signs in with.

    Attributes:
        name: in a few words, such as `Firefox on Windows`; what the browser says it is.
        device: the random value of the cookie by which it is known again.
    """

    name: str
    device: str


async def sign_in(
    session: AsyncSession,
    vault: Vault,
    account: Account,
    method: SignInMethod,
    browser: Browser,
    *,
    now: datetime,
) -> SignedIn:
    """Open a session for a resident who showed who they are; tell them of a new device."""
    token = await sessions.open_session(
        session,
        account.id,
        SessionKind.RESIDENT,
        methods=(method,),
        browser=browser.name,
        now=now,
    )
    is_new = await remember(session, account, browser, now=now)
    actor = resident_actor(account.id, account.number)
    subject = audit.subject_of("account", account.id)
    detail = {"method": method.value, "new_device": is_new}
    audit.record(session, "resident-signed-in", subject, actor=actor, now=now, detail=detail)
    contact = sealed.contact_of(await person_keys.for_reading(session, vault, account.id), account)
    if is_new and contact:
        outbox.queue(session, vault, contact.value, "new-device", _notice(browser, now), now=now)
    return SignedIn(token, actor)


async def is_known(session: AsyncSession, account: Account, browser: Browser) -> bool:
    """Whether the resident has signed in with this browser before."""
    return await session.get(KnownDevice, (account.id, _hash(browser))) is not None


async def remember(
    session: AsyncSession, account: Account, browser: Browser, *, now: datetime
) -> bool:
    """Know the device from now on. Returns whether it is new."""
    known = await session.get(KnownDevice, (account.id, _hash(browser)))
    if known is not None:
        known.last_seen_at = now
        return False
    session.add(
        KnownDevice(
            account_id=account.id,
            device_hash=_hash(browser),
            first_seen_at=now,
            last_seen_at=now,
        )
    )
    await session.flush()
    return True


def budget_of(account: Account, browser: Browser) -> str:
    """The subject under which wrong passwords from a known device are counted, by itself."""
    return f"account:{account.id}:{_hash(browser).hex()}"


def _hash(browser: Browser) -> bytes:
    return sha256(browser.device.encode(errors="surrogatepass")).digest()


def _notice(browser: Browser, now: datetime) -> str:
    at = now.astimezone(LONDON)
    return (
        f"Somebody signed in to your Kent Card account with a device we have not seen before: "
        f"{browser.name}, on {at.day} {at:%B %Y} at {at:%H:%M}.\n\n"
        "If it was you, you do not need to do anything.\n"
        "If it was not, sign in, choose “Your sign-ins” and end every other sign-in."
    )
