"""Codes that are sent to an e-mail address or a mobile number and shown again once.

A code is for a use: what was sent to sign somebody in proves no new address, nor the other way.
Those who ask are counted by contact and use, known or not, so that nobody's inbox is filled and
nobody is kept from signing in by codes they did not ask for.
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

from identity import devices, outbox
from identity.contacts import Channel, CodeUse, Contact, field_of, indexes_of
from identity.db import new_id
from identity.details import can_be_email
from identity.devices import Browser
from identity.models import Account
from identity.personal import Vault
from identity.signin_models import KnownDevice, OneTimeCode

CODE_DIGITS: Final = 8
CODE_LIFE: Final = timedelta(minutes=10)
MOST_TRIES: Final = 5
# Codes for one contact: enough for lost messages, too few to fill somebody's inbox.
MOST_CODES: Final = 5
CODES_WITHIN: Final = timedelta(minutes=15)
_NOBODY: Final = UUID(int=0)

_UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}


class CodeSent(msgspec.Struct, frozen=True):
    """What is said to everybody who asks for a code, whether or not one was sent."""

    expires_at: datetime


class WhyCodeRefused(StrEnum):
    """Why a code did not do what it is for."""

    WRONG = "wrong"
    NO_LONGER_VALID = "no-longer-valid"


class CodeRefused(msgspec.Struct, frozen=True):
    """The code is wrong, or a new one must be asked for."""

    reason: WhyCodeRefused


class CodeTaken(msgspec.Struct, frozen=True):
    """The code was right, and is used up. Whose account it was sent for, if anybody's."""

    account_id: UUID | None


async def send(
    session: AsyncSession,
    vault: Vault,
    to: Contact,
    use: CodeUse,
    *,
    account_id: UUID | None = None,
    browser: Browser | None = None,
    address: str | None = None,
    now: datetime,
) -> CodeSent | None:
    """Send a new code; those this browser asked for before, for the same use, stop working.

    After five codes in a quarter of an hour no other is sent, and the last one goes on working.
    Devices the account has been used on are counted each by itself, so that a stranger who asks
    again and again does not use up theirs.

    Args:
        session: the transaction.
        vault: seals the message and makes the indexes.
        to: where, or under which name it is asked for.
        use: what for.
        account_id: for whose account, if it is known.
        browser: that asks; the code works there alone.
        address: where it goes, if not to `to`. Empty: nowhere, and everything but sending is done
            all the same, so that nobody can tell by the time it takes.
        now: when.

    Returns:
        Until when the code works; None when no other is sent.
    """
    indexes = indexes_of(vault, to, use)
    if await _asked_too_often(session, indexes, account_id, browser, now):
        return None
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
    await _supersede(session, indexes, browser, now)
    row_id, sent = new_id(), CodeSent(now + CODE_LIFE)
    session.add(
        OneTimeCode(
            id=row_id,
            contact_index=vault.blind(field_of(to, use), to.value),
            account_id=account_id,
            code_hash=vault.blind(_HASH, f"{row_id}:{code}"),
            device_hash=devices.hash_of(browser) if browser else None,
            created_at=now,
            expires_at=sent.expires_at,
        )
    )
    goes_to = to.value if address is None else address
    reachable = _is_reachable(goes_to)
    outbox.queue(
        session,
        vault,
        goes_to if reachable else "",
        KINDS[use],
        _message(code, use),
        useful_until=sent.expires_at,
        withheld=not reachable,
        now=now,
    )
    await session.flush()
    return sent


async def take(
    session: AsyncSession,
    vault: Vault,
    to: Contact,
    use: CodeUse,
    code: str,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> CodeTaken | CodeRefused:
    """Use a code up, if it is the newest that was sent there for this and asked for here.

    A try is counted whatever comes of it, so the caller commits a refusal as well.
    """
    newest = await _count_try(session, indexes_of(vault, to, use), browser, now)
    if newest is None:
        return CodeRefused(WhyCodeRefused.NO_LONGER_VALID)
    typed = "".join(code.split())
    consuming = (
        update(OneTimeCode)
        .where(
            OneTimeCode.id == newest,
            OneTimeCode.code_hash.in_(vault.blinds(_HASH, f"{newest}:{typed}")),
            OneTimeCode.consumed_at.is_(None),
        )
        .values(consumed_at=now)
        .returning(OneTimeCode.account_id)
    )
    taken = (await session.execute(consuming, **_UNSYNCHRONISED)).one_or_none()
    if taken is None:
        return CodeRefused(WhyCodeRefused.WRONG)
    await _note_proof(session, vault, to, taken.account_id or _NOBODY, now)
    return CodeTaken(taken.account_id)


async def _note_proof(
    session: AsyncSession, vault: Vault, to: Contact, account_id: UUID, now: datetime
) -> None:
    """Somebody reads what goes to an account's address: sites are told so by `email_verified`."""
    own = Account.email_index.in_(vault.blinds(Channel.EMAIL.value, to.value))
    noting = update(Account).where(Account.id == account_id, own).values(email_proved_at=now)
    await session.execute(noting, **_UNSYNCHRONISED)


KINDS: Final = {
    CodeUse.SIGN_IN: "sign-in-code",
    CodeUse.PROVE: "contact-code",
    CodeUse.STAFF_PASSWORD: "staff-password-code",
}
"""The kinds of message that carry a code."""
_FOR: Final = {
    CodeUse.SIGN_IN: "",
    CodeUse.PROVE: "to confirm that you can be reached here ",
    CodeUse.STAFF_PASSWORD: "to choose a new password as a member of staff ",
}
_HASH: Final = "one-time-code"
"""Keyed, because a code of eight digits behind a plain hash is found in a second."""


def _is_reachable(address: str) -> bool:
    """Whether a message can be addressed there; anything at all may have been typed to sign in."""
    return address.startswith("+") or can_be_email(address)


async def _asked_too_often(
    session: AsyncSession,
    indexes: tuple[bytes, ...],
    account_id: UUID | None,
    browser: Browser | None,
    now: datetime,
) -> bool:
    """Whether enough codes were asked for; as many statements for nobody as for somebody."""
    known = select(KnownDevice.device_hash).where(KnownDevice.account_id == (account_id or _NOBODY))
    here = devices.hash_of(browser) if browser else b""
    own = await session.scalar(known.where(KnownDevice.device_hash == here)) is not None
    asked_by = OneTimeCode.device_hash
    counted = (asked_by == here) if own else (asked_by.is_(None) | asked_by.not_in(known))
    recent = await session.scalar(
        select(func.count())
        .select_from(OneTimeCode)
        .where(
            OneTimeCode.contact_index.in_(indexes),
            OneTimeCode.created_at > now - CODES_WITHIN,
            counted,
        )
    )
    return (recent or 0) >= MOST_CODES


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
            OneTimeCode.contact_index.in_(indexes),
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
            OneTimeCode.contact_index.in_(indexes),
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


def _message(code: str, use: CodeUse) -> str:
    minutes = CODE_LIFE // timedelta(minutes=1)
    return (
        f"Your Kent Card code {_FOR[use]}is {code[:4]} {code[4:]}.\n\n"
        f"It works once, for {minutes} minutes. We will never ask you for it by phone.\n"
        "If you did not ask for a code, you do not need to do anything."
    )
