"""Residents sign in with a code sent to their e-mail address.

Known and unknown addresses are answered alike, counted alike and use codes up alike; only the
message differs: it goes to an address we know, and to no other.
Source: OWASP ASVS 5.0, 6.5 and 6.6 (out-of-band codes: 20 bits, ten minutes, single use).
"""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import (
    audit,
    authenticator,
    devices,
    outbox,
    person_keys,
    resident_factor,
    sealed,
    sessions,
)
from identity.actors import SYSTEM
from identity.db import new_id
from identity.details import tidy_email
from identity.devices import Browser
from identity.models import Account, AccountState
from identity.personal import Vault
from identity.resident_factor import CodeNeeded
from identity.sessions import SignedIn, SignedInSession
from identity.signin_models import KnownDevice, OneTimeCode, SignInMethod

CODE_DIGITS: Final = 8
CODE_LIFE: Final = timedelta(minutes=10)
MOST_TRIES: Final = 5
# Codes for one address: enough for lost messages, too few to fill somebody's inbox.
MOST_CODES: Final = 5
CODES_WITHIN: Final = timedelta(minutes=15)

_UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}


class CodeSent(msgspec.Struct, frozen=True):
    """What is said to everybody who asks for a code, whether or not one was sent."""

    expires_at: datetime


class WhyCodeRefused(StrEnum):
    """Why a code did not sign somebody in."""

    WRONG = "wrong"
    NO_LONGER_VALID = "no-longer-valid"


class CodeRefused(msgspec.Struct, frozen=True):
    """The code did not sign anybody in: it is wrong, or a new one must be asked for."""

    reason: WhyCodeRefused


async def send_code(
    session: AsyncSession,
    vault: Vault,
    email: str,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> CodeSent:
    """Send a new code to an address; codes that this browser asked for before stop working.

    After five codes in a quarter of an hour no other is sent, and the last one goes on working.
    Devices the resident has used are counted each by itself, so that a stranger who asks again and
    again does not use up theirs.
    """
    email = tidy_email(email)
    answer = CodeSent(now + CODE_LIFE)
    indexes = vault.blinds("email", email)
    account = await _account_at(session, indexes)
    if await _asked_too_often(session, indexes, account, browser, now):
        return answer
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
    await _supersede(session, indexes, browser, now)
    row_id = new_id()
    session.add(
        OneTimeCode(
            id=row_id,
            email_index=vault.blind("email", email),
            account_id=account.id if account else None,
            code_hash=_hash(vault, row_id, code),
            device_hash=devices.hash_of(browser) if browser else None,
            created_at=now,
            expires_at=answer.expires_at,
        )
    )
    if account:
        outbox.queue(session, vault, email, "sign-in-code", _message(code), now=now)
        subject = audit.subject_of("account", account.id)
        audit.record(session, "sign-in-code-sent", subject, actor=SYSTEM, now=now)
    await session.flush()
    return answer


async def redeem_code(
    session: AsyncSession,
    vault: Vault,
    email: str,
    code: str,
    *,
    browser: Browser,
    now: datetime,
) -> SignedIn | CodeNeeded | CodeRefused:
    """Sign a resident in with the newest code of their address, once; or ask for one of their app.

    A try is counted whatever comes of it, so the caller commits a refusal as well.
    """
    account = await _redeemed(session, vault, email, code, browser, now=now)
    if isinstance(account, CodeRefused):
        return account
    method = SignInMethod.EMAIL_CODE
    return await resident_factor.after_first(session, vault, account, method, browser, now=now)


async def send_proof_code(
    session: AsyncSession,
    vault: Vault,
    own: SignedInSession,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> None:
    """Send a code to whoever is signed in, at the address of their account if it has one."""
    email = await _proof_address(session, vault, own)
    if email:
        await send_code(session, vault, email, browser=browser, now=now)


async def prove_by_code(
    session: AsyncSession,
    vault: Vault,
    own: SignedInSession,
    token: str,
    code: str,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> str | CodeRefused:
    """Take a code as a fresh proof of whoever is signed in. Returns their session's new token.

    A try is counted whatever comes of it, so the caller commits a refusal as well.
    """
    email = await _proof_address(session, vault, own)
    account = await _redeemed(session, vault, email, code, browser, now=now)
    if isinstance(account, CodeRefused):
        return account
    renewed = await sessions.rotate(session, token, proof=SignInMethod.EMAIL_CODE, now=now)
    return renewed if isinstance(renewed, str) else CodeRefused(WhyCodeRefused.NO_LONGER_VALID)


async def _proof_address(session: AsyncSession, vault: Vault, own: SignedInSession) -> str:
    """Where a code goes that shows who is signed in; whoever has an app shows that instead."""
    account = await session.get(Account, own.subject_id)
    if account is None or await authenticator.has(session, account):
        return ""
    return sealed.email_of(await person_keys.for_reading(session, vault, account.id), account)


async def _redeemed(
    session: AsyncSession,
    vault: Vault,
    email: str,
    code: str,
    browser: Browser | None,
    *,
    now: datetime,
) -> Account | CodeRefused:
    newest = await _count_try(session, vault.blinds("email", tidy_email(email)), browser, now)
    if newest is None:
        return CodeRefused(WhyCodeRefused.NO_LONGER_VALID)
    typed = "".join(code.split())
    consuming = (
        update(OneTimeCode)
        .where(
            OneTimeCode.id == newest,
            OneTimeCode.code_hash.in_(_hashes(vault, newest, typed)),
            OneTimeCode.account_id.is_not(None),
            OneTimeCode.consumed_at.is_(None),
        )
        .values(consumed_at=now)
        .returning(OneTimeCode.account_id)
    )
    account_id = (await session.execute(consuming, **_UNSYNCHRONISED)).scalar_one_or_none()
    account = await session.get(Account, account_id) if account_id else None
    if account is None or account.state is not AccountState.ACTIVE:
        return CodeRefused(WhyCodeRefused.WRONG)
    return account


async def _account_at(session: AsyncSession, indexes: tuple[bytes, ...]) -> Account | None:
    return await session.scalar(
        select(Account).where(
            Account.email_index.in_(indexes), Account.state == AccountState.ACTIVE
        )
    )


async def _asked_too_often(
    session: AsyncSession,
    indexes: tuple[bytes, ...],
    account: Account | None,
    browser: Browser | None,
    now: datetime,
) -> bool:
    recent = (
        select(func.count())
        .select_from(OneTimeCode)
        .where(OneTimeCode.email_index.in_(indexes), OneTimeCode.created_at > now - CODES_WITHIN)
    )
    if account is not None:
        known = select(KnownDevice.device_hash).where(KnownDevice.account_id == account.id)
        if browser is not None and await devices.is_known(session, account, browser):
            recent = recent.where(OneTimeCode.device_hash == devices.hash_of(browser))
        else:
            asked_by = OneTimeCode.device_hash
            recent = recent.where(asked_by.is_(None) | asked_by.not_in(known))
    return (await session.scalar(recent) or 0) >= MOST_CODES


def _asked_by(browser: Browser | None) -> ColumnElement[bool]:
    """The codes a browser may use: those it asked for, and those nobody's browser did."""
    nobodys = OneTimeCode.device_hash.is_(None)
    if browser is None:
        return nobodys
    return nobodys | (OneTimeCode.device_hash == devices.hash_of(browser))


async def _supersede(
    session: AsyncSession, indexes: tuple[bytes, ...], browser: Browser | None, now: datetime
) -> None:
    await session.execute(
        update(OneTimeCode)
        .where(
            OneTimeCode.email_index.in_(indexes),
            OneTimeCode.superseded_at.is_(None),
            _asked_by(browser),
        )
        .values(superseded_at=now),
        **_UNSYNCHRONISED,
    )


async def _count_try(
    session: AsyncSession, indexes: tuple[bytes, ...], browser: Browser | None, now: datetime
) -> UUID | None:
    """Count a try against the newest code, if it can still be used. Returns its id."""
    newest = (
        select(OneTimeCode.id)
        .where(
            OneTimeCode.email_index.in_(indexes),
            OneTimeCode.superseded_at.is_(None),
            _asked_by(browser),
        )
        .order_by(OneTimeCode.created_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    counting = (
        update(OneTimeCode)
        .where(
            OneTimeCode.id == newest,
            OneTimeCode.consumed_at.is_(None),
            OneTimeCode.expires_at > now,
            OneTimeCode.tries < MOST_TRIES,
        )
        .values(tries=OneTimeCode.tries + 1)
        .returning(OneTimeCode.id)
    )
    counted = await session.execute(counting, **_UNSYNCHRONISED)
    row_id: UUID | None = counted.scalar_one_or_none()
    return row_id


def _hash(vault: Vault, row_id: UUID, code: str) -> bytes:
    """Keyed, because a code of eight digits behind a plain hash is found in a second."""
    return vault.blind("one-time-code", f"{row_id}:{code}")


def _hashes(vault: Vault, row_id: UUID, code: str) -> tuple[bytes, ...]:
    return vault.blinds("one-time-code", f"{row_id}:{code}")


def _message(code: str) -> str:
    minutes = CODE_LIFE // timedelta(minutes=1)
    return (
        f"Your Kent Card sign-in code is {code[:4]} {code[4:]}.\n\n"
        f"It works once, for {minutes} minutes. We will never ask you for it by phone.\n"
        "If you did not ask for a code, you do not need to do anything."
    )
