"""Who answers for a resident who is too young to register alone: recorded at a desk, sealed."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit, names, person_keys
from identity.actors import Actor
from identity.db import new_id
from identity.errors import InvalidDetails
from identity.models import Account, AccountState, Guardian
from identity.numbers import is_account_number
from identity.personal import Vault

_TABLE: Final = Guardian.__tablename__


class Basis(StrEnum):
    """What makes somebody a guardian.

    Source: Children Act 1989 ss.2-5, 14A, 33 (parental responsibility); ss.23ZA-23ZB and
    Care Planning Regulations 2010 for foster carers, whose council holds it.
    """

    PARENT = "parent"
    GUARDIAN = "guardian"
    SPECIAL_GUARDIAN = "special-guardian"
    FOSTER_CARER = "foster-carer"
    LOCAL_AUTHORITY = "local-authority"


class NewGuardian(msgspec.Struct, frozen=True, kw_only=True):
    """A guardian as a clerk enters them.

    Attributes:
        number: of their own account; empty when they have none.
        name: when they have no account.
        basis: value of a `Basis`.
    """

    number: str = ""
    name: str = ""
    basis: str = ""


class GuardianOf(msgspec.Struct, frozen=True):
    """A guardian as a page shows them. `number` is empty when they have no account."""

    name: str
    number: str
    basis: Basis
    recorded_at: datetime


class _Sealed(msgspec.Struct, frozen=True):
    """What is sealed: a name only of somebody without an account."""

    name: str
    basis: Basis


async def record(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    typed: NewGuardian,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Record who answers for a young resident.

    Raises:
        InvalidDetails: faults by field: `guardian_number`, `guardian_name`, `guardian_basis`.
    """
    faults: dict[str, str] = {}
    own = await _account(session, typed.number, account_id, faults)
    name = "" if own else _name(typed, faults)
    basis = next((basis for basis in Basis if basis.value == typed.basis), None)
    if basis is None:
        faults["guardian_basis"] = "Select what makes them the guardian"
    if faults or basis is None:
        raise InvalidDetails(faults)
    row_id = new_id()
    personal = await person_keys.for_writing(session, vault, account_id)
    as_json = msgspec.json.encode(_Sealed(name, basis)).decode()
    session.add(
        Guardian(
            id=row_id,
            account_id=account_id,
            guardian_account_id=own.id if own else None,
            sealed_guardian=personal.seal(_TABLE, "sealed_guardian", row_id, as_json),
            recorded_at=now,
            recorded_by_id=actor.id,
        )
    )
    await session.flush()
    subject = audit.subject_of("account", account_id)
    detail = {"guardian": str(own.id) if own else None}
    audit.record(session, "guardian-recorded", subject, actor=actor, now=now, detail=detail)


async def of(session: AsyncSession, vault: Vault, account_id: UUID) -> tuple[GuardianOf, ...]:
    """The guardians of a resident, oldest first. For readers whose look is recorded."""
    rows = await session.execute(
        select(Guardian, Account.number)
        .outerjoin(Account, Account.id == Guardian.guardian_account_id)
        .where(Guardian.account_id == account_id)
        .order_by(Guardian.recorded_at, Guardian.id)
    )
    personal = await person_keys.for_reading(session, vault, account_id)
    found = []
    for row, number in rows:
        as_json = personal.open(_TABLE, "sealed_guardian", row.id, row.sealed_guardian)
        kept = msgspec.json.decode(as_json, type=_Sealed)
        found.append(GuardianOf(kept.name, number or "", kept.basis, row.recorded_at))
    return tuple(found)


async def _account(
    session: AsyncSession, typed: str, ward: UUID, faults: dict[str, str]
) -> Account | None:
    number = "".join(typed.split())
    if not number:
        return None
    account = None
    if is_account_number(number):
        account = await session.scalar(
            select(Account).where(
                Account.number == number,
                Account.state == AccountState.ACTIVE,
                Account.id != ward,
            )
        )
    if account is None:
        faults["guardian_number"] = "No account has this number. Check it, or enter a name instead"
    return account


def _name(typed: NewGuardian, faults: dict[str, str]) -> str:
    name = names.tidy(typed.name)
    if not name and not typed.number.strip():
        faults["guardian_number"] = "Enter the account number of the guardian, or their name"
    elif name and (fault := names.fault_in(name)):
        faults["guardian_name"] = fault
    return name
