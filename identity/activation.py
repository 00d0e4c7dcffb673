"""A resident who was registered at a desk claims that same account with a code on paper.

The code is random (60 bits), printed once, stored as a keyed hash and good once, together with the
birth date; five wrong birth dates end it. What is wrong, the code or the date, is never said, and
the same statements run for a code that does not exist.
Source: NIST SP 800-63B-4 section 4.1.2 (binding an authenticator with an enrolment code); OWASP
ASVS 5.0, 6.4.1 and 6.5.
"""

import hmac
import secrets
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, person_keys, resident_factor, sealed
from identity.actors import SYSTEM, Actor
from identity.dates import parse_date
from identity.devices import Browser
from identity.errors import NoSuchAccount, WrongAccountState
from identity.models import Account, AccountState
from identity.personal import Vault
from identity.resident_factor import CodeNeeded
from identity.sessions import SignedIn
from identity.signin_models import ActivationCode, SignInMethod

LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that can be taken for a digit; one that is typed is read as it."""
LENGTH: Final = 12
MOST_TRIES: Final = 5
_MISREAD: Final = str.maketrans("OIL", "011")
_GROUP: Final = 4
_FIELD: Final = "activation-code"
_UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}


class NotActivated(msgspec.Struct, frozen=True):
    """The code opened nothing: wrong, used, too old, or of another birth date. Not said which."""


NOT_ACTIVATED: Final = NotActivated()


class Given(msgspec.Struct, frozen=True):
    """A new code, in groups as it is printed, and until when it works. It cannot be had again."""

    code: str
    expires_at: datetime


async def give(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    *,
    lasts: timedelta,
    actor: Actor,
    now: datetime,
) -> Given:
    """Make a code for an account. One that was given before stops working.

    Raises:
        NoSuchAccount: no account with that id.
        WrongAccountState: the account is closed.
    """
    account = await session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if account is None:
        raise NoSuchAccount("There is no such account.")
    if account.state is not AccountState.ACTIVE:
        raise WrongAccountState("This account is closed. Nobody can be given a code for it.")
    await end(session, account_id, now=now)
    code = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    given = Given(_in_groups(code), now + lasts)
    session.add(
        ActivationCode(
            account_id=account_id,
            code_hash=vault.blind(_FIELD, code),
            given_at=now,
            given_by_id=actor.id,
            expires_at=given.expires_at,
        )
    )
    await session.flush()
    subject = audit.subject_of("account", account_id)
    audit.record(session, "activation-code-given", subject, actor=actor, now=now)
    return given


async def end(session: AsyncSession, account_id: UUID, *, now: datetime) -> None:
    """End the code of an account, if it has one that may still be used."""
    ending = update(ActivationCode).where(
        ActivationCode.account_id == account_id,
        ActivationCode.used_at.is_(None),
        ActivationCode.ended_at.is_(None),
    )
    await session.execute(ending.values(ended_at=now), **_UNSYNCHRONISED)


async def redeem(
    session: AsyncSession,
    vault: Vault,
    code: str,
    born: str,
    *,
    browser: Browser,
    now: datetime,
) -> SignedIn | CodeNeeded | NotActivated:
    """Sign somebody in to the account that a code and a birth date belong to, once.

    Whoever has an authenticator app is asked for that as well.

    A try is counted whatever comes of it, so the caller commits a refusal as well.
    """
    counted = await _count_try(session, vault, code, now)
    account = await session.scalar(
        select(Account).where(Account.id == counted, Account.state == AccountState.ACTIVE)
    )
    right = await _is_birth_date(session, vault, account, parse_date(born))
    if account is None or not right or not await _use_up(session, account.id, now):
        subject = audit.subject_of("account", account.id if account else "unknown")
        audit.record(session, "activation-code-refused", subject, actor=SYSTEM, now=now)
        return NOT_ACTIVATED
    subject = audit.subject_of("account", account.id)
    audit.record(session, "activation-code-used", subject, actor=SYSTEM, now=now)
    method = SignInMethod.ACTIVATION_CODE
    return await resident_factor.after_first(session, vault, account, method, browser, now=now)


async def _count_try(session: AsyncSession, vault: Vault, code: str, now: datetime) -> UUID | None:
    """Count a try against a code that can still be used. Returns whose it is."""
    typed = "".join(filter(str.isalnum, code)).upper().translate(_MISREAD)
    counting = (
        update(ActivationCode)
        .where(
            ActivationCode.code_hash.in_(vault.blinds(_FIELD, typed)),
            ActivationCode.used_at.is_(None),
            ActivationCode.ended_at.is_(None),
            ActivationCode.expires_at > now,
            ActivationCode.tries < MOST_TRIES,
        )
        .values(tries=ActivationCode.tries + 1)
        .returning(ActivationCode.account_id)
    )
    counted = await session.execute(counting, **_UNSYNCHRONISED)
    account_id: UUID | None = counted.scalar_one_or_none()
    return account_id


async def _is_birth_date(
    session: AsyncSession, vault: Vault, account: Account | None, typed: date | None
) -> bool:
    """Whether it is theirs; as many statements for nobody as for somebody."""
    personal = await person_keys.for_reading(session, vault, account.id if account else UUID(int=0))
    born = sealed.birth_date_of(personal, account).isoformat() if account else ""
    return hmac.compare_digest(born, typed.isoformat() if typed else "-")


async def _use_up(session: AsyncSession, account_id: UUID, now: datetime) -> bool:
    using = (
        update(ActivationCode)
        .where(
            ActivationCode.account_id == account_id,
            ActivationCode.used_at.is_(None),
            ActivationCode.ended_at.is_(None),
        )
        .values(used_at=now)
        .returning(ActivationCode.id)
    )
    return (await session.execute(using, **_UNSYNCHRONISED)).scalar_one_or_none() is not None


def _in_groups(code: str) -> str:
    groups = (code[place : place + _GROUP] for place in range(0, LENGTH, _GROUP))
    return "-".join(groups)
