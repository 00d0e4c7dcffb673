"""The authenticator app of a resident or a member of staff: offered, kept, used and forgotten."""

import base64
import binascii
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import totp
from identity.devices import Owner
from identity.errors import SealBroken, UnknownKey
from identity.models import Account
from identity.personal import Vault
from identity.signin_models import AccountTotp, StaffTotp

OFFER_LIFE: Final = timedelta(minutes=30)
_OFFERED: Final = "offered_secret"
_UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}
_Model: TypeAlias = type[AccountTotp] | type[StaffTotp]


class Offered(msgspec.Struct, frozen=True):
    """A secret that an app may be set up with.

    Attributes:
        secret: for the app, 32 letters and digits of base 32.
        sealed: the same for a field of the form, so that nothing is stored before a code is right.
    """

    secret: str
    sealed: str


class _Content(msgspec.Struct, frozen=True):
    secret: str
    until: datetime


async def has(session: AsyncSession, owner: Owner) -> bool:
    """Whether somebody has set an app up."""
    return await session.get(_model(owner), owner.id) is not None


def offer(vault: Vault, owner: Owner, *, now: datetime) -> Offered:
    """A new secret for somebody who is signed in."""
    content = _Content(totp.new_secret(), now + OFFER_LIFE)
    text = msgspec.json.encode(content).decode()
    sealed = vault.seal(_model(owner).__tablename__, _OFFERED, owner.id, text)
    return Offered(content.secret, base64.urlsafe_b64encode(sealed).decode())


def offered(vault: Vault, owner: Owner, sealed: str, *, now: datetime) -> Offered | None:
    """What was offered to them; None: nothing, or too long ago."""
    try:
        opened = vault.open(
            _model(owner).__tablename__, _OFFERED, owner.id, base64.urlsafe_b64decode(sealed)
        )
    except (SealBroken, UnknownKey, binascii.Error, ValueError):
        return None
    content = msgspec.json.decode(opened, type=_Content)
    return Offered(content.secret, sealed) if now < content.until else None


async def keep(
    session: AsyncSession, vault: Vault, owner: Owner, secret: str, step: int, *, now: datetime
) -> None:
    """Keep an app whose code of this step was right; one they had before works no more."""
    model = _model(owner)
    await session.execute(delete(model).where(model.owner_id == owner.id))
    sealed = vault.seal(model.__tablename__, "sealed_secret", owner.id, secret)
    session.add(model(owner_id=owner.id, sealed_secret=sealed, last_step=step, enrolled_at=now))
    await session.flush()


async def use_code(
    session: AsyncSession, vault: Vault, owner: Owner, code: str, *, now: datetime
) -> bool:
    """Use a code of somebody's app up. False: it is none of its codes, or no newer one."""
    model = _model(owner)
    sealed = await session.scalar(select(model.sealed_secret).where(model.owner_id == owner.id))
    if sealed is None:
        return False
    secret = vault.open(model.__tablename__, "sealed_secret", owner.id, sealed)
    step = totp.step_of(secret, code, now=now)
    if step is None:
        return False
    using = (
        update(model)
        .where(model.owner_id == owner.id, model.last_step < step)
        .values(last_step=step)
        .returning(model.owner_id)
    )
    return (await session.execute(using, **_UNSYNCHRONISED)).scalar_one_or_none() is not None


async def forget(session: AsyncSession, owner: Owner) -> bool:
    """Let no code of their app work any more. False: they had none."""
    model = _model(owner)
    forgetting = delete(model).where(model.owner_id == owner.id).returning(model.owner_id)
    return (await session.execute(forgetting)).scalar_one_or_none() is not None


def _model(owner: Owner) -> _Model:
    return AccountTotp if isinstance(owner, Account) else StaffTotp
