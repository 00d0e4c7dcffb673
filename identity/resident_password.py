"""Residents who want one sign in with a password. A code by e-mail is the way back without it.

Guesses are counted by address, whether or not we know it, and devices the resident signed in with
have a count of their own each: a stranger who guesses can lock strangers out, never the resident.
Source: NIST SP 800-63B-4 sections 3.1.1 (15 characters alone, 8 beside an app) and 3.2.2; OWASP
ASVS 5.0, 6.3.1.
"""

from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import (
    audit,
    authenticator,
    devices,
    notices,
    open_sessions,
    passwords,
    person_keys,
    resident_factor,
    sealed,
    throttle,
)
from identity.actors import SYSTEM
from identity.details import tidy_email
from identity.devices import Browser
from identity.errors import InvalidDetails
from identity.models import Account, AccountState, PersonKey
from identity.personal import Vault
from identity.resident_factor import CodeNeeded
from identity.sessions import SignedIn, SignedInSession
from identity.signin_models import AccountPassword, AccountTotp, KnownDevice, SignInMethod
from identity.staff import SignInRefused, refused_by

_CHOSEN: Final = (
    "The password of your Kent Card account was set or changed. Every other sign-in was ended."
)


async def choose(
    session: AsyncSession,
    vault: Vault,
    account: Account,
    password: str,
    *,
    own: SignedInSession,
    now: datetime,
) -> None:
    """Set or change the password of whoever is signed in; every other sign-in of theirs ends.

    Raises:
        InvalidDetails: a fault in `password`.
    """
    personal = await person_keys.for_reading(session, vault, account.id)
    given, family = sealed.names_of(personal, account)
    email = sealed.email_of(personal, account)
    context = passwords.words_about(given, family, email)
    shortest = await shortest_for(session, account)
    if fault := passwords.fault_in(password, context=context, shortest=shortest):
        raise InvalidDetails({"password": fault})
    stored = await passwords.hash_password(password)
    kept = await session.get(AccountPassword, account.id, with_for_update=True)
    if kept is None:
        kept = AccountPassword(account_id=account.id, password_hash=stored, changed_at=now)
        session.add(kept)
    kept.password_hash, kept.changed_at = stored, now
    kept.needs_app = len(password) < passwords.SHORTEST
    await open_sessions.end_others(session, own, now=now)
    await _count_anew(session, vault, account, email)
    subject = audit.subject_of("account", account.id)
    audit.record(session, "password-chosen", subject, actor=own.actor, now=now)
    await notices.tell_sign_in_changed(session, vault, account, _CHOSEN, now=now)


async def sign_in(
    session: AsyncSession,
    vault: Vault,
    email: str,
    password: str,
    *,
    browser: Browser,
    now: datetime,
) -> SignedIn | CodeNeeded | SignInRefused:
    """Sign a resident in with address and password, or ask for a code if they have an app.

    A failure is counted and slows the next tries, so the caller commits a refusal as well.
    """
    email = tidy_email(email)
    found = await _found(session, vault, email, browser)
    kept = found.kept if found else None
    otherwise = throttled_as(vault, email)
    known = found.account if found and found.browser_known else None
    counted = devices.counted_for(known, browser, otherwise)
    tries = await throttle.locked_row(session, counted)
    if not throttle.may_try(tries, now):
        return refused_by(tries, now)
    right = await passwords.verify_password(kept.password_hash if kept else None, password)
    if not right or found is None or kept is None:
        throttle.count_failure(tries, now)
        subject = audit.subject_of("account", found.account.id if found else "unknown")
        detail = {"failures": tries.failures}
        audit.record(session, "password-refused", subject, actor=SYSTEM, now=now, detail=detail)
        return refused_by(tries, now)
    throttle.forget(tries)
    if passwords.needs_rehash(kept.password_hash):
        kept.password_hash = await passwords.hash_password(password)
    return await resident_factor.after_first(
        session,
        vault,
        found.account,
        SignInMethod.PASSWORD,
        browser,
        has_app=found.has_app,
        now=now,
    )


async def shortest_for(session: AsyncSession, account: Account) -> int:
    """How many characters somebody's password must have: fewer if it is never asked for alone."""
    has_app = await authenticator.has(session, account)
    return passwords.SHORTEST_WITH_APP if has_app else passwords.SHORTEST


class _Found(msgspec.Struct, frozen=True):
    """What a sign-in needs to know of an account, asked for at once.

    Attributes:
        account: with the address.
        kept: its password; None without one.
        key: what opens the address, for a message; held here so that nobody asks for it again.
        has_app: whether a code is asked for next.
        browser_known: somebody signed in to the account with this browser before.
    """

    account: Account
    kept: AccountPassword | None
    key: PersonKey | None
    has_app: bool
    browser_known: bool


async def _found(
    session: AsyncSession, vault: Vault, email: str, browser: Browser
) -> _Found | None:
    asked = {"indexes": vault.blinds("email", email), "device": devices.hash_of(browser)}
    row = (await session.execute(_BY_ADDRESS, asked)).one_or_none()
    return _Found(*row) if row else None


_BY_ADDRESS: Final = (
    select(
        Account,
        AccountPassword,
        PersonKey,
        exists().where(AccountTotp.owner_id == Account.id),
        exists().where(
            KnownDevice.account_id == Account.id, KnownDevice.device_hash == bindparam("device")
        ),
    )
    .outerjoin(AccountPassword, AccountPassword.account_id == Account.id)
    .outerjoin(PersonKey, PersonKey.account_id == Account.id)
    .where(
        Account.email_index.in_(bindparam("indexes", expanding=True)),
        Account.state == AccountState.ACTIVE,
    )
)


async def _count_anew(session: AsyncSession, vault: Vault, account: Account, email: str) -> None:
    """A new password has had no guesses: whoever was locked out by them is let in again."""
    for subject in await devices.every_subject(session, account, throttled_as(vault, email)):
        throttle.forget(await throttle.locked_row(session, subject))


def throttled_as(vault: Vault, email: str) -> str:
    """The subject under which wrong passwords for an address are counted, known or not."""
    return counted_address(vault.blind("email", email))


def counted_address(index: bytes) -> str:
    """The same, by a blind index of the address."""
    return f"address:{index.hex()}"
