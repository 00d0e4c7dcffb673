"""Where a resident lives and lived, and whether that is protected."""

from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import assurance_records, audit, person_keys, sealed
from identity.actors import Actor
from identity.dates import london_date, parse_date
from identity.details import NewAddress, check_address
from identity.errors import InvalidDetails, NoSuchAccount
from identity.evidence import DocumentShown, Proof, SeenDocument, check_document
from identity.models import Account, Address
from identity.personal import Vault

_DAY = timedelta(days=1)


class AddressChange(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a change of address as it was filled in.

    Attributes:
        address: the new one.
        moved_on: first day there: a date, or text as typed.
        document: shows where they live now.
    """

    address: NewAddress
    moved_on: date | str
    document: DocumentShown


class PastAddress(msgspec.Struct, frozen=True):
    """An address and its first and last day; no last day for the current one."""

    address_lines: tuple[str, ...]
    postcode: str
    district_code: str
    valid_from: date
    valid_to: date | None


async def change(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    asked: AddressChange,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """End the current address on the day before the move and begin the new one.

    An address that counts from the same day, because it was typed wrong, is followed on that day.

    Raises:
        InvalidDetails: every fault of the form: `address_lines`, `postcode`, `confirmed_district`,
            `confirmation_reason`, `moved_on`, and `document.kind` and so on; nothing is stored.
        NoSuchAccount: no account with that id.
    """
    account = await _locked(session, account_id)
    current = await _current(session, account_id)
    on = london_date(now)
    faults: dict[str, str] = {}
    checked = check_address(asked.address, faults)
    moved_on = _moved_on(asked.moved_on, current.valid_from, on, faults)
    document = _document(asked.document, on, faults)
    if faults or moved_on is None or document is None:
        raise InvalidDetails(faults)
    current.valid_to = max(current.valid_from, moved_on - _DAY)
    await session.flush()
    personal = await person_keys.for_writing(session, vault, account_id)
    session.add(sealed.new_address(vault, personal, checked, account_id, moved_on))
    await assurance_records.keep(session, personal, document, account_id, actor=actor, now=now)
    detail = {"district_basis": checked.district_basis.value}
    if not account.address_protected:
        detail["district"] = checked.district_code
    subject = audit.subject_of("account", account_id)
    audit.record(session, "address-changed", subject, actor=actor, now=now, detail=detail)


async def history(session: AsyncSession, vault: Vault, account_id: UUID) -> tuple[PastAddress, ...]:
    """Every address, the current one first. For readers whose look at the record is recorded."""
    rows = await session.scalars(
        select(Address)
        .where(Address.account_id == account_id)
        .order_by(Address.valid_to.is_not(None), Address.valid_to.desc(), Address.valid_from.desc())
    )
    personal = await person_keys.for_reading(session, vault, account_id)
    return tuple(
        PastAddress(
            address_lines=sealed.lines_of(personal, row),
            postcode=sealed.postcode_of(personal, row),
            district_code=row.district_code,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
        )
        for row in rows
    )


async def set_protected(
    session: AsyncSession, account_id: UUID, *, protected: bool, actor: Actor, now: datetime
) -> None:
    """Protect where a resident lives, or end that.

    Raises:
        NoSuchAccount: no account with that id.
    """
    account = await _locked(session, account_id)
    if account.address_protected is protected:
        return
    account.address_protected = protected
    await session.flush()
    action = "address-protected" if protected else "address-protection-ended"
    subject = audit.subject_of("account", account_id)
    audit.record(session, action, subject, actor=actor, now=now)


async def _locked(session: AsyncSession, account_id: UUID) -> Account:
    """The account, so that two changes take turns."""
    account = await session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if account is None:
        raise NoSuchAccount("There is no such account.")
    person_keys.refuse_erased(account)
    return account


async def _current(session: AsyncSession, account_id: UUID) -> Address:
    current = select(Address).where(Address.account_id == account_id, Address.valid_to.is_(None))
    return (await session.scalars(current)).one()


def _moved_on(typed: date | str, since: date, on: date, faults: dict[str, str]) -> date | None:
    moved_on = typed if isinstance(typed, date) else parse_date(typed)
    if moved_on is None:
        faults["moved_on"] = "Enter the day they moved, like 31/07/2026"
    elif moved_on > on:
        faults["moved_on"] = "The day they moved must not be in the future"
    elif moved_on < since:
        faults["moved_on"] = (
            "The day they moved must not be before the day the present address counts from, "
            f"{since:%d/%m/%Y}"
        )
    return moved_on


def _document(shown: DocumentShown, on: date, faults: dict[str, str]) -> SeenDocument | None:
    judged = check_document(shown, Proof.ADDRESS, on=on)
    if isinstance(judged, SeenDocument):
        return judged
    faults.update({f"document.{part}": fault for part, fault in judged.items()})
    return None
