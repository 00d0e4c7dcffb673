"""The second step of residents who set an authenticator app up: its code, or a recovery code.

It follows a password and a code by e-mail; a passkey is two factors by itself. Between the steps
nothing is stored: the browser holds a sealed note of who showed what, which is good for ten minutes
and opens nothing without a code that was not used before.
"""

import base64
import binascii
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from identity import authenticator, devices, lost_factor, second_factor
from identity.devices import Browser
from identity.errors import SealBroken, UnknownKey
from identity.models import Account, AccountState
from identity.personal import Vault
from identity.second_factor import OVER, FactorRefused
from identity.sessions import SignedIn
from identity.signin_models import AccountPassword, SignInMethod

STEP_LIFE: Final = timedelta(minutes=10)
_TABLE: Final = Account.__tablename__
_COLUMN: Final = "sign_in_step"


class CodeNeeded(msgspec.Struct, frozen=True):
    """The first step was right; a code of the app is asked for. The token is for a cookie."""

    token: str


class Step(msgspec.Struct, frozen=True):
    """Whose second factor is asked for.

    Attributes:
        account: who showed the first.
        first: what that was.
    """

    account: Account
    first: SignInMethod


class _Note(msgspec.Struct, frozen=True):
    first: SignInMethod
    begun_at: datetime


async def after_first(
    session: AsyncSession,
    vault: Vault,
    account: Account,
    first: SignInMethod,
    browser: Browser,
    *,
    has_app: bool | None = None,
    now: datetime,
) -> SignedIn | CodeNeeded:
    """Sign a resident in who showed a first factor, or ask for the second if they have one.

    `has_app`: of a caller who knows whether they have; it is asked otherwise.
    """
    if await authenticator.has(session, account) if has_app is None else has_app:
        let_in = first is SignInMethod.EMAIL_CODE and await lost_factor.is_granted(
            session, vault, account, now=now
        )
        if not let_in:
            return CodeNeeded(_token(vault, account.id, _Note(first, now)))
    return await devices.sign_in(session, vault, account, first, browser, now=now)


async def look_up(
    session: AsyncSession, vault: Vault, token: str, *, now: datetime
) -> Step | FactorRefused:
    """Whose step it is, or that it is over: too old, or its password is another since."""
    try:
        account_id, note = _opened(vault, token)
    except (SealBroken, UnknownKey, binascii.Error, ValueError):
        return OVER
    account = await session.get(Account, account_id)
    if account is None or account.state is not AccountState.ACTIVE:
        return OVER
    password = await session.get(AccountPassword, account_id)
    changed = password is None or password.changed_at > note.begun_at
    if now >= note.begun_at + STEP_LIFE or (note.first is SignInMethod.PASSWORD and changed):
        return OVER
    return Step(account, note.first)


async def give_code(
    session: AsyncSession,
    vault: Vault,
    token: str,
    code: str,
    *,
    browser: Browser,
    now: datetime,
) -> SignedIn | FactorRefused:
    """Sign in with a code of the app or a recovery code, which is used up by it."""
    step = await look_up(session, vault, token, now=now)
    if isinstance(step, FactorRefused):
        return step
    method = await second_factor.by_either(
        session, vault, step.account, code, browser=browser, now=now
    )
    if isinstance(method, FactorRefused):
        return method
    await lost_factor.withdraw(session, step.account)
    methods = (step.first, method)
    return await devices.sign_in(session, vault, step.account, methods, browser, now=now)


def _token(vault: Vault, account_id: UUID, note: _Note) -> str:
    sealed = vault.seal(_TABLE, _COLUMN, account_id, msgspec.json.encode(note).decode())
    return base64.urlsafe_b64encode(account_id.bytes + sealed).decode()


def _opened(vault: Vault, token: str) -> tuple[UUID, _Note]:
    raw = base64.urlsafe_b64decode(token)
    account_id = UUID(bytes=raw[:16])
    text = vault.open(_TABLE, _COLUMN, account_id, raw[16:])
    return account_id, msgspec.json.decode(text, type=_Note)
