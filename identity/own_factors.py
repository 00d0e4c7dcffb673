"""Somebody who is signed in sets their authenticator app up, replaces it or gives it up.

The page that leads here asks first who they are, by what they have already (step-up); every other
sign-in of theirs ends, and a resident is told at every address of their account.
Source: NIST SP 800-63B-4 sections 4.1.2 and 4.6 (binding another authenticator; telling of it).
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, authenticator, notices, open_sessions, recovery, totp
from identity.devices import Owner
from identity.models import Account
from identity.personal import Vault
from identity.second_factor import OVER, FactorRefused, WhyFactorRefused
from identity.sessions import SignedInSession
from identity.signin_models import AccountPassword

RecoveryCodes = tuple[str, ...]


async def keep_app(
    session: AsyncSession,
    vault: Vault,
    owner: Owner,
    sealed_offer: str,
    code: str,
    *,
    own: SignedInSession,
    now: datetime,
) -> RecoveryCodes | FactorRefused:
    """Keep the app that was offered, whose first code this is. Returns new recovery codes."""
    offered = authenticator.offered(vault, owner, sealed_offer, now=now)
    if offered is None:
        return OVER
    step = totp.step_of(offered.secret, code, now=now)
    if step is None:  # not counted: whoever sees this form has the secret before them
        return FactorRefused(WhyFactorRefused.WRONG)
    await authenticator.keep(session, vault, owner, offered.secret, step, now=now)
    codes = recovery.new_codes()
    await recovery.replace(session, vault, owner, codes, now=now)
    await open_sessions.end_others(session, own, now=now)
    _note(session, owner, "app-set-up", own=own, now=now)
    await _tell(session, vault, owner, _SET_UP, now=now)
    return codes


async def renew_codes(
    session: AsyncSession, vault: Vault, owner: Owner, *, own: SignedInSession, now: datetime
) -> RecoveryCodes:
    """New recovery codes; those of before work no more."""
    codes = recovery.new_codes()
    await recovery.replace(session, vault, owner, codes, now=now)
    _note(session, owner, "recovery-codes-renewed", own=own, now=now)
    await _tell(session, vault, owner, _RENEWED, now=now)
    return codes


async def give_up_app(
    session: AsyncSession, vault: Vault, account: Account, *, own: SignedInSession, now: datetime
) -> None:
    """Sign in without an app from now on. Staff always have one."""
    await forget(session, account)
    await open_sessions.end_others(session, own, now=now)
    _note(session, account, "app-given-up", own=own, now=now)
    await _tell(session, vault, account, _GIVEN_UP, now=now)


async def forget(session: AsyncSession, account: Account) -> None:
    """Let a resident's app, their recovery codes and a password too short to stand alone go."""
    await authenticator.forget(session, account)
    await recovery.forget(session, account)
    password = await session.get(AccountPassword, account.id, with_for_update=True)
    if password is not None and password.needs_app:
        await session.delete(password)
    await session.flush()


def _note(
    session: AsyncSession, owner: Owner, what: str, *, own: SignedInSession, now: datetime
) -> None:
    kind, who = ("account", "resident") if isinstance(owner, Account) else ("staff", "staff")
    subject = audit.subject_of(kind, owner.id)
    audit.record(session, f"{who}-{what}", subject, actor=own.actor, now=now)


async def _tell(
    session: AsyncSession, vault: Vault, owner: Owner, text: str, *, now: datetime
) -> None:
    if isinstance(owner, Account):
        await notices.tell_sign_in_changed(session, vault, owner, text, now=now)


_SET_UP = (
    "An authenticator app was set up for your Kent Card account. From now on a code of it is asked "
    "for when you sign in with a password or an e-mail code."
)
_RENEWED = "New recovery codes were made for your Kent Card account."
_GIVEN_UP = (
    "The authenticator app of your Kent Card account was removed. No code of it is asked for any "
    "more."
)
