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
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import outbox
from identity.contacts import Contact
from identity.db import new_id
from identity.details import can_be_email
from identity.personal import Vault
from identity.signin_models import OneTimeCode

CODE_DIGITS: Final = 8
CODE_LIFE: Final = timedelta(minutes=10)
MOST_TRIES: Final = 5
# Codes for one contact: enough for lost messages, too few to fill somebody's inbox.
MOST_CODES: Final = 5
CODES_WITHIN: Final = timedelta(minutes=15)

_UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}


class CodeUse(StrEnum):
    """What a code is good for. The value is part of what its contact is found by."""

    SIGN_IN = "sign-in"
    PROVE = "prove"


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
    withheld: bool = False,
    now: datetime,
) -> CodeSent | None:
    """Send a new code; those sent there before for the same use stop working.

    After five codes in a quarter of an hour no other is sent, and the last one goes on working.

    Args:
        session: the transaction.
        vault: seals the message and makes the indexes.
        to: where.
        use: what for.
        account_id: for whose account, if it is known.
        withheld: do everything but send it, so that nobody can tell by the time it takes.
        now: when.

    Returns:
        Until when the code works; None when no other is sent.
    """
    indexes = _indexes(vault, to, use)
    if await _asked_too_often(session, indexes, now):
        return None
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
    await _supersede(session, indexes, now)
    row_id, sent = new_id(), CodeSent(now + CODE_LIFE)
    session.add(
        OneTimeCode(
            id=row_id,
            contact_index=vault.blind(_field(to, use), to.value),
            account_id=account_id,
            code_hash=vault.blind(_HASH, f"{row_id}:{code}"),
            created_at=now,
            expires_at=sent.expires_at,
        )
    )
    reachable = _is_reachable(to)
    outbox.queue(
        session,
        vault,
        to.value if reachable else "",
        KINDS[use],
        _message(code, use),
        useful_until=sent.expires_at,
        withheld=withheld or not reachable,
        now=now,
    )
    await session.flush()
    return sent


async def take(
    session: AsyncSession, vault: Vault, to: Contact, use: CodeUse, code: str, *, now: datetime
) -> CodeTaken | CodeRefused:
    """Use a code up, if it is the newest that was sent there for this.

    A try is counted whatever comes of it, so the caller commits a refusal as well.
    """
    newest = await _count_try(session, _indexes(vault, to, use), now)
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
    return CodeTaken(taken.account_id) if taken else CodeRefused(WhyCodeRefused.WRONG)


async def credit(session: AsyncSession, vault: Vault, to: Contact, account_id: UUID) -> None:
    """An account was made by whoever proved this contact: their codes were for that account."""
    crediting = update(OneTimeCode).where(
        OneTimeCode.contact_index.in_(every_index(vault, to)),
        OneTimeCode.account_id.is_(None),
        OneTimeCode.consumed_at.is_not(None),
    )
    await session.execute(crediting.values(account_id=account_id), **_UNSYNCHRONISED)


def every_index(vault: Vault, to: Contact) -> tuple[bytes, ...]:
    """Every index that codes for a contact are found by, for whatever use."""
    return tuple(index for use in CodeUse for index in _indexes(vault, to, use))


KINDS: Final = {CodeUse.SIGN_IN: "sign-in-code", CodeUse.PROVE: "contact-code"}
"""The kinds of message that carry a code."""
_HASH: Final = "one-time-code"
"""Keyed, because a code of eight digits behind a plain hash is found in a second."""


def _field(to: Contact, use: CodeUse) -> str:
    return to.channel.value if use is CodeUse.SIGN_IN else f"{use.value}-{to.channel.value}"


def _indexes(vault: Vault, to: Contact, use: CodeUse) -> tuple[bytes, ...]:
    return vault.blinds(_field(to, use), to.value)


def _is_reachable(to: Contact) -> bool:
    """Whether a message can be addressed there; anything at all may have been typed to sign in."""
    return to.value.startswith("+") or can_be_email(to.value)


async def _asked_too_often(
    session: AsyncSession, indexes: tuple[bytes, ...], now: datetime
) -> bool:
    recent = await session.scalar(
        select(func.count())
        .select_from(OneTimeCode)
        .where(OneTimeCode.contact_index.in_(indexes), OneTimeCode.created_at > now - CODES_WITHIN)
    )
    return (recent or 0) >= MOST_CODES


async def _supersede(session: AsyncSession, indexes: tuple[bytes, ...], now: datetime) -> None:
    await session.execute(
        update(OneTimeCode)
        .where(OneTimeCode.contact_index.in_(indexes), OneTimeCode.superseded_at.is_(None))
        .values(superseded_at=now),
        **_UNSYNCHRONISED,
    )


async def _count_try(
    session: AsyncSession, indexes: tuple[bytes, ...], now: datetime
) -> UUID | None:
    """Count a try against the newest code, if it can still be used. Returns its id."""
    newest = (
        select(OneTimeCode.id)
        .where(OneTimeCode.contact_index.in_(indexes), OneTimeCode.superseded_at.is_(None))
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
    what = "" if use is CodeUse.SIGN_IN else "to confirm that you can be reached here "
    return (
        f"Your Kent Card code {what}is {code[:4]} {code[4:]}.\n\n"
        f"It works once, for {minutes} minutes. We will never ask you for it by phone.\n"
        "If you did not ask for a code, you do not need to do anything."
    )
