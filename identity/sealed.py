"""Which columns are sealed and indexed, and how: rows made from checked details, and opened again.

The one place where a table's sealed columns are written and read.
"""

from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec

from identity import names
from identity.actors import Actor
from identity.db import new_id
from identity.details import CheckedResident
from identity.evidence import SeenDocument
from identity.models import Account, Address, DistrictBasis, SightedDocument
from identity.personal import Vault

_ACCOUNT: Final = Account.__tablename__
_ADDRESS: Final = Address.__tablename__
_DOCUMENT: Final = SightedDocument.__tablename__


def new_account(vault: Vault, checked: CheckedResident, number: str, now: datetime) -> Account:
    """An account's row. Somebody with one name is found by it as by a family name."""
    row_id = new_id()
    given, family, email = checked.given_names, checked.family_name, checked.email
    born = checked.birth_date.isoformat()
    return Account(
        id=row_id,
        number=number,
        created_at=now,
        sealed_given_names=vault.seal(_ACCOUNT, "sealed_given_names", row_id, given),
        sealed_family_name=vault.seal(_ACCOUNT, "sealed_family_name", row_id, family),
        sealed_birth_date=vault.seal(_ACCOUNT, "sealed_birth_date", row_id, born),
        sealed_email=vault.seal(_ACCOUNT, "sealed_email", row_id, email) if email else None,
        full_name_index=vault.blind("full-name", names.look_up_form(names.full(given, family))),
        family_name_index=vault.blind("family-name", names.look_up_form(family or given)),
        birth_date_index=vault.blind("birth-date", born),
        email_index=vault.blind("email", email) if email else None,
    )


def new_address(vault: Vault, checked: CheckedResident, account_id: UUID, on: date) -> Address:
    """The row of a first address, known from a day on."""
    row_id = new_id()
    lines, reason = "\n".join(checked.address_lines), checked.confirmation_reason
    confirmed = checked.district_basis is DistrictBasis.CONFIRMED
    return Address(
        id=row_id,
        account_id=account_id,
        valid_from=on,
        district_code=checked.district_code,
        district_basis=checked.district_basis,
        sealed_confirmation_reason=(
            vault.seal(_ADDRESS, "sealed_confirmation_reason", row_id, reason)
            if confirmed
            else None
        ),
        sealed_lines=vault.seal(_ADDRESS, "sealed_lines", row_id, lines),
        sealed_postcode=vault.seal(_ADDRESS, "sealed_postcode", row_id, checked.postcode),
        postcode_index=vault.blind("postcode", checked.postcode),
    )


def new_document(
    vault: Vault, document: SeenDocument, account_id: UUID, actor: Actor, now: datetime
) -> SightedDocument:
    """The row of a document that the actor has seen."""
    row_id = new_id()
    particulars = msgspec.json.encode(document).decode()
    return SightedDocument(
        id=row_id,
        account_id=account_id,
        sighted_at=now,
        sighted_by_kind=actor.kind,
        sighted_by_id=actor.id,
        sealed_particulars=vault.seal(_DOCUMENT, "sealed_particulars", row_id, particulars),
    )


def names_of(vault: Vault, account: Account) -> tuple[str, str]:
    """Given names and family name; one of them may be empty."""
    return (
        vault.open(_ACCOUNT, "sealed_given_names", account.id, account.sealed_given_names),
        vault.open(_ACCOUNT, "sealed_family_name", account.id, account.sealed_family_name),
    )


def birth_date_of(vault: Vault, account: Account) -> date:
    """Date of birth."""
    sealed = account.sealed_birth_date
    return date.fromisoformat(vault.open(_ACCOUNT, "sealed_birth_date", account.id, sealed))


def email_of(vault: Vault, account: Account) -> str:
    """E-mail address, empty when there is none."""
    sealed = account.sealed_email
    return "" if sealed is None else vault.open(_ACCOUNT, "sealed_email", account.id, sealed)


def lines_of(vault: Vault, address: Address) -> tuple[str, ...]:
    """Lines of an address, without the postcode."""
    lines = vault.open(_ADDRESS, "sealed_lines", address.id, address.sealed_lines)
    return tuple(lines.split("\n"))


def postcode_of(vault: Vault, address: Address) -> str:
    """Full postcode, with its space."""
    return vault.open(_ADDRESS, "sealed_postcode", address.id, address.sealed_postcode)


def document_of(vault: Vault, row: SightedDocument) -> SeenDocument:
    """What the document was."""
    sealed = row.sealed_particulars
    particulars = vault.open(_DOCUMENT, "sealed_particulars", row.id, sealed)
    return msgspec.json.decode(particulars, type=SeenDocument)
