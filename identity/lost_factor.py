"""A resident who lost their app and every recovery code is let in again, without any questions.

Three ways: a passkey, which is two factors by itself; a desk, where a document shows who they are;
or asking here, by a code sent to their e-mail address, and waiting three days in which every
address of the account knows of it and any sign-in with the app stops it. Then a code by e-mail is
enough once more, for a week, and the app is forgotten by it.
Source: NIST SP 800-63B-4 section 4.2 (account recovery: a notice always, no knowledge-based
questions); OWASP ASVS 5.0, 6.4.2 and 6.4.3.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, notices, own_factors, sessions
from identity.actors import Actor, resident_actor
from identity.dates import LONDON
from identity.models import Account
from identity.personal import Vault
from identity.signin_models import LostFactor, SessionKind

WAIT: Final = timedelta(days=3)
GRANTED_FOR: Final = timedelta(days=7)


async def ask(session: AsyncSession, vault: Vault, account: Account, *, now: datetime) -> datetime:
    """Ask to be let in without the app; answers from when. Asking again changes nothing."""
    waiting = await session.get(LostFactor, account.id)
    if waiting is not None and now < waiting.granted_from + GRANTED_FOR:
        return waiting.granted_from
    await withdraw(session, account)
    granted_from = now + WAIT
    session.add(LostFactor(account_id=account.id, asked_at=now, granted_from=granted_from))
    await session.flush()
    actor = resident_actor(account.id, account.number)
    _note(session, account, "resident-app-lost", actor=actor, now=now)
    text = _asked(granted_from)
    await notices.tell(session, vault, account, "sign-in-changed", text, now=now)
    return granted_from


async def withdraw(session: AsyncSession, account: Account) -> None:
    """Whoever has the app has not lost it: what was asked for is void."""
    await session.execute(delete(LostFactor).where(LostFactor.account_id == account.id))


async def is_granted(
    session: AsyncSession, vault: Vault, account: Account, *, now: datetime
) -> bool:
    """Whether the wait is over; then the app and its codes are forgotten at once."""
    asked = await session.get(LostFactor, account.id, with_for_update=True)
    if asked is None or not asked.granted_from <= now < asked.granted_from + GRANTED_FOR:
        return False
    actor = resident_actor(account.id, account.number)
    await _forget(session, vault, account, actor=actor, now=now)
    return True


async def forget_at_desk(
    session: AsyncSession, vault: Vault, account: Account, *, actor: Actor, now: datetime
) -> None:
    """Forget the app of a resident whose document a member of staff has just seen."""
    await sessions.end_all(session, account.id, SessionKind.RESIDENT, actor=actor, now=now)
    await _forget(session, vault, account, actor=actor, now=now)


async def _forget(
    session: AsyncSession, vault: Vault, account: Account, *, actor: Actor, now: datetime
) -> None:
    await own_factors.forget(session, account)
    await withdraw(session, account)
    _note(session, account, "resident-app-forgotten", actor=actor, now=now)
    await notices.tell(session, vault, account, "sign-in-changed", _FORGOTTEN, now=now)


def _note(
    session: AsyncSession, account: Account, action: str, *, actor: Actor, now: datetime
) -> None:
    subject = audit.subject_of("account", account.id)
    audit.record(session, action, subject, actor=actor, now=now)


def _asked(granted_from: datetime) -> str:
    at = granted_from.astimezone(LONDON)
    return (
        "Somebody who can read this address asked to sign in to your Kent Card account without its "
        "authenticator app, because they lost the app and its recovery codes.\n\n"
        f"If it was you, sign in with a code by e-mail after {at.day} {at:%B %Y} at {at:%H:%M}, "
        "and set up a new app.\n"
        "If it was not, sign in with your app before then: that stops it. Then change the password "
        "of your e-mail."
    )


_FORGOTTEN = (
    "The authenticator app of your Kent Card account and its recovery codes were removed, because "
    "they were lost.\n\nIf you did not ask for this, go to a Kent Gateway with a document that "
    "shows who you are."
)
