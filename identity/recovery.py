"""Recovery codes: on paper, for the day the phone is gone. Each works once.

Source: NIST SP 800-63B-4 section 4.2 (at least 64 random bits, stored hashed, used once).
"""

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity.personal import Vault
from identity.signin_models import StaffRecoveryCode

HOW_MANY: Final = 10
_BYTES: Final = 10
_GROUP: Final = 4


def new_codes() -> tuple[str, ...]:
    """Ten codes of 80 random bits: `ABCD-EFGH-IJKL-MNOP`."""
    return tuple(_new_code() for _ in range(HOW_MANY))


async def replace(
    session: AsyncSession, vault: Vault, staff_id: UUID, codes: Iterable[str], *, now: datetime
) -> None:
    """Keep these codes for a member of staff; those they had before stop working."""
    await forget(session, staff_id)
    for code in codes:
        index = vault.blind("recovery-code", _of(staff_id, code))
        session.add(StaffRecoveryCode(code_index=index, staff_id=staff_id, created_at=now))
    await session.flush()


async def use(
    session: AsyncSession, vault: Vault, staff_id: UUID, code: str, *, now: datetime
) -> bool:
    """Use a code up. False: it is not one of theirs, or was used before."""
    using = (
        update(StaffRecoveryCode)
        .where(
            StaffRecoveryCode.code_index.in_(vault.blinds("recovery-code", _of(staff_id, code))),
            StaffRecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(StaffRecoveryCode.code_index)
    )
    used = await session.execute(using, execution_options={"synchronize_session": False})
    return used.scalar_one_or_none() is not None


async def left(session: AsyncSession, staff_id: UUID) -> int:
    """How many codes are still good."""
    unused = select(func.count()).where(
        StaffRecoveryCode.staff_id == staff_id, StaffRecoveryCode.used_at.is_(None)
    )
    return await session.scalar(unused) or 0


async def forget(session: AsyncSession, staff_id: UUID) -> None:
    """Let none of their codes work any more."""
    await session.execute(delete(StaffRecoveryCode).where(StaffRecoveryCode.staff_id == staff_id))


def _new_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_BYTES)).decode()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def _of(staff_id: UUID, code: str) -> str:
    """As it was typed: without spaces and hyphens, in either case, and theirs alone."""
    return f"{staff_id}:{''.join(c for c in code.upper() if c not in ' -')}"
