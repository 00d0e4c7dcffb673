"""Recovery codes: on paper, for the day the phone is gone. Each works once.

Source: NIST SP 800-63B-4 section 4.2 (at least 64 random bits, stored hashed, used once).
"""

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypeAlias

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity.devices import Owner
from identity.models import Account
from identity.personal import Vault
from identity.signin_models import AccountRecoveryCode, StaffRecoveryCode

HOW_MANY: Final = 10
_BYTES: Final = 10
_GROUP: Final = 4
_Model: TypeAlias = type[AccountRecoveryCode] | type[StaffRecoveryCode]


def new_codes() -> tuple[str, ...]:
    """Ten codes of 80 random bits: `ABCD-EFGH-IJKL-MNOP`."""
    return tuple(_new_code() for _ in range(HOW_MANY))


async def replace(
    session: AsyncSession, vault: Vault, owner: Owner, codes: Iterable[str], *, now: datetime
) -> None:
    """Keep these codes for somebody; those they had before stop working."""
    await forget(session, owner)
    model = _model(owner)
    for code in codes:
        index = vault.blind("recovery-code", _of(owner, code))
        session.add(model(code_index=index, owner_id=owner.id, created_at=now))
    await session.flush()


async def use(
    session: AsyncSession, vault: Vault, owner: Owner, code: str, *, now: datetime
) -> bool:
    """Use a code up. False: it is not one of theirs, or was used before."""
    model = _model(owner)
    using = (
        update(model)
        .where(
            model.code_index.in_(vault.blinds("recovery-code", _of(owner, code))),
            model.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(model.code_index)
    )
    used = await session.execute(using, execution_options={"synchronize_session": False})
    return used.scalar_one_or_none() is not None


async def left(session: AsyncSession, owner: Owner) -> int:
    """How many codes are still good."""
    model = _model(owner)
    unused = select(func.count()).where(model.owner_id == owner.id, model.used_at.is_(None))
    return await session.scalar(unused) or 0


async def forget(session: AsyncSession, owner: Owner) -> None:
    """Let none of their codes work any more."""
    model = _model(owner)
    await session.execute(delete(model).where(model.owner_id == owner.id))


def _model(owner: Owner) -> _Model:
    return AccountRecoveryCode if isinstance(owner, Account) else StaffRecoveryCode


def _new_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_BYTES)).decode()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def _of(owner: Owner, code: str) -> str:
    """As it was typed: without spaces and hyphens, in either case, and theirs alone."""
    return f"{owner.id}:{''.join(c for c in code.upper() if c not in ' -')}"
