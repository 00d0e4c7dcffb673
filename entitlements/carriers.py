"""Carriers as partners may ask about them: announced by whoever makes them, with a number and code.

Entitlements knows nothing of cards. Whoever makes one announces it here, and says by
`status.set_carrier_status` when it stops.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.carrier_models import CarrierFace
from entitlements.numbers import new_number
from identity import person_keys
from identity.personal import PersonVault, Vault
from identity.rekeying import Opened, PersonalTable

CODE_DIGITS: Final = 6
CODE_FIELD: Final = "carrier-code"
TRIES: Final = 20
_TABLE: Final = CarrierFace.__tablename__


def _indexes(vault: Vault, opened: Opened) -> Mapping[str, bytes | None]:
    return {"code_index": vault.blind(CODE_FIELD, opened["code"] or "")}


PERSONAL: Final = (PersonalTable(CarrierFace, "account_id", _indexes),)


async def announce(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    carrier_id: UUID,
    *,
    institution: str,
    now: datetime,
) -> CarrierFace:
    """Give a carrier a number and a code to print on it, once: random, and nobody else's.

    Args:
        session: the transaction.
        vault: seals the code with its holder's key.
        account_id: the holder.
        carrier_id: what is made.
        institution: four digits inside the number.
        now: when.

    Raises:
        PersonErased: the holder's record was erased.
    """
    if (known := await session.get(CarrierFace, carrier_id)) is not None:
        return known
    personal = await person_keys.for_writing(session, vault, account_id)
    for _ in range(TRIES):
        face = _new(vault, personal, account_id, carrier_id, institution, now)
        try:
            async with session.begin_nested():
                session.add(face)
        except IntegrityError:  # another carrier has that number
            continue
        return face
    raise RuntimeError(f"no free number for a carrier was found in {TRIES} tries")


async def pass_on(session: AsyncSession, vault: Vault, first: UUID, second: UUID) -> None:
    """Give what is printed on a carrier that never left the house to the one in its place.

    Nothing is done where the first was never announced.
    """
    face = await session.get(CarrierFace, first)
    if face is None:
        return
    account_id, announced_at = face.account_id, face.announced_at
    personal = await person_keys.for_writing(session, vault, account_id)
    both = personal.open(_TABLE, "sealed_code", first, face.sealed_code)
    await session.delete(face)
    await session.flush()
    session.add(_face(vault, personal, account_id, second, both, announced_at))
    await session.flush()


async def printed(session: AsyncSession, vault: Vault, carrier_id: UUID) -> tuple[str, str] | None:
    """The number and the code to print on a carrier; None for one that was never announced."""
    face = await session.get(CarrierFace, carrier_id)
    if face is None:
        return None
    personal = await person_keys.for_reading(session, vault, face.account_id)
    number, _, code = personal.open(_TABLE, "sealed_code", face.id, face.sealed_code).partition(" ")
    return number, code


def said(number: str, code: str) -> str:
    """A number and a code as they are sealed and indexed together."""
    return f"{number} {code}"


def _new(
    vault: Vault,
    personal: PersonVault,
    account_id: UUID,
    carrier_id: UUID,
    institution: str,
    now: datetime,
) -> CarrierFace:
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    both = said(str(new_number(institution)), code)
    return _face(vault, personal, account_id, carrier_id, both, now)


def _face(
    vault: Vault,
    personal: PersonVault,
    account_id: UUID,
    carrier_id: UUID,
    both: str,
    announced_at: datetime,
) -> CarrierFace:
    return CarrierFace(
        id=carrier_id,
        account_id=account_id,
        number=int(both.partition(" ")[0]),
        sealed_code=personal.seal(_TABLE, "sealed_code", carrier_id, both),
        code_index=vault.blind(CODE_FIELD, both),
        announced_at=announced_at,
    )
