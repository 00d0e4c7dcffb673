"""Which columns are sealed and indexed, and how: rows made from checked details, and opened again.

The one place where a table's sealed columns are written and read.
"""

from datetime import date, datetime
from typing import Final, Protocol
from uuid import UUID

import msgspec

from identity import person_keys
from identity.actors import Actor
from identity.contacts import Channel, Contact
from identity.db import new_id
from identity.details import CheckedAddress, CheckedResident
from identity.evidence import SeenDocument
from identity.keys import Purpose
from identity.models import Account, Address, DistrictBasis, PersonKey, SightedDocument
from identity.personal import PersonVault, Vault

_ACCOUNT: Final = Account.__tablename__
_ADDRESS: Final = Address.__tablename__
_DOCUMENT: Final = SightedDocument.__tablename__


class Opener(Protocol):
    """What opens sealed columns: a person's vault; the store's alone, for what is nobody's."""

    def open(self, table: str, column: str, row_id: UUID, sealed: bytes) -> str:
        """Open what was sealed for this column of this row."""
        ...


def new_account(
    vault: Vault, checked: CheckedResident, number: str, now: datetime
) -> tuple[Account, PersonKey, PersonVault]:
    """An account's row, its key's row, and what seals the person's other rows."""
    row_id = new_id()
    key, personal = person_keys.make(vault, row_id)
    key.index_generation = vault.generation(Purpose.INDEX)
    reached: dict[str, bytes] = {}
    for contact in _contacts(checked):
        reached |= contact_columns(vault, personal, row_id, contact)
    who = sealed_person(
        vault, personal, row_id, checked.given_names, checked.family_name, checked.birth_date
    )
    account = Account(
        id=row_id,
        number=number,
        created_at=now,
        sealed_given_names=who["sealed_given_names"],
        sealed_family_name=who["sealed_family_name"],
        sealed_birth_date=who["sealed_birth_date"],
        birth_date_index=who["birth_date_index"],
        sealed_email=reached.get("sealed_email"),
        email_index=reached.get("email_index"),
        sealed_mobile=reached.get("sealed_mobile"),
        mobile_index=reached.get("mobile_index"),
    )
    return account, key, personal


def _contacts(checked: CheckedResident) -> tuple[Contact, ...]:
    both = Contact(Channel.EMAIL, checked.email), Contact(Channel.MOBILE, checked.mobile)
    return tuple(contact for contact in both if contact.value)


def sealed_person(
    vault: Vault, personal: PersonVault, row_id: UUID, given: str, family: str, born: date
) -> dict[str, bytes]:
    """The columns of an account that say who somebody is, sealed and indexed."""
    day = born.isoformat()
    return {
        "sealed_given_names": personal.seal(_ACCOUNT, "sealed_given_names", row_id, given),
        "sealed_family_name": personal.seal(_ACCOUNT, "sealed_family_name", row_id, family),
        "sealed_birth_date": personal.seal(_ACCOUNT, "sealed_birth_date", row_id, day),
        "birth_date_index": vault.blind("birth-date", day),
    }


def set_email(vault: Vault, personal: PersonVault, account: Account, email: str) -> None:
    """Another e-mail address, or none when it is empty, sealed and indexed; nobody proved it."""
    account.sealed_email = (
        personal.seal(_ACCOUNT, "sealed_email", account.id, email) if email else None
    )
    account.email_index = vault.blind("email", email) if email else None
    account.email_proved_at = None


def new_address(
    vault: Vault, personal: PersonVault, checked: CheckedAddress, account_id: UUID, on: date
) -> Address:
    """The row of an address, known from a day on."""
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
            personal.seal(_ADDRESS, "sealed_confirmation_reason", row_id, reason)
            if confirmed
            else None
        ),
        sealed_lines=personal.seal(_ADDRESS, "sealed_lines", row_id, lines),
        sealed_postcode=personal.seal(_ADDRESS, "sealed_postcode", row_id, checked.postcode),
        postcode_index=vault.blind("postcode", checked.postcode),
    )


def new_document(
    personal: PersonVault, document: SeenDocument, account_id: UUID, actor: Actor, now: datetime
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
        sealed_particulars=personal.seal(_DOCUMENT, "sealed_particulars", row_id, particulars),
    )


def names_of(personal: PersonVault, account: Account) -> tuple[str, str]:
    """Given names and family name; one of them may be empty."""
    return (
        personal.open(_ACCOUNT, "sealed_given_names", account.id, account.sealed_given_names),
        personal.open(_ACCOUNT, "sealed_family_name", account.id, account.sealed_family_name),
    )


def birth_date_of(personal: PersonVault, account: Account) -> date:
    """Date of birth."""
    sealed = account.sealed_birth_date
    return date.fromisoformat(personal.open(_ACCOUNT, "sealed_birth_date", account.id, sealed))


def email_of(personal: PersonVault, account: Account) -> str:
    """E-mail address, empty when there is none."""
    sealed = account.sealed_email
    return "" if sealed is None else personal.open(_ACCOUNT, "sealed_email", account.id, sealed)


def mobile_of(personal: PersonVault, account: Account) -> str:
    """Mobile number in international form, empty when there is none."""
    sealed = account.sealed_mobile
    return "" if sealed is None else personal.open(_ACCOUNT, "sealed_mobile", account.id, sealed)


def contacts_of(personal: PersonVault, account: Account) -> tuple[Contact, ...]:
    """Every address and number of somebody."""
    both = (
        Contact(Channel.EMAIL, email_of(personal, account)),
        Contact(Channel.MOBILE, mobile_of(personal, account)),
    )
    return tuple(contact for contact in both if contact.value)


def contact_of(personal: PersonVault, account: Account) -> Contact | None:
    """Where somebody is written to: by e-mail if they can, else by text message."""
    return next(iter(contacts_of(personal, account)), None)


def contact_columns(
    vault: Vault, personal: PersonVault, row_id: UUID, contact: Contact
) -> dict[str, bytes]:
    """The columns of an account that say where somebody can be reached, sealed and indexed."""
    name = contact.channel.value
    return {
        f"sealed_{name}": personal.seal(_ACCOUNT, f"sealed_{name}", row_id, contact.value),
        f"{name}_index": vault.blind(name, contact.value),
    }


def lines_of(personal: PersonVault, address: Address) -> tuple[str, ...]:
    """Lines of an address, without the postcode."""
    lines = personal.open(_ADDRESS, "sealed_lines", address.id, address.sealed_lines)
    return tuple(lines.split("\n"))


def postcode_of(personal: PersonVault, address: Address) -> str:
    """Full postcode, with its space."""
    return personal.open(_ADDRESS, "sealed_postcode", address.id, address.sealed_postcode)


def document_of(personal: Opener, row: SightedDocument) -> SeenDocument:
    """What the document was."""
    sealed = row.sealed_particulars
    particulars = personal.open(_DOCUMENT, "sealed_particulars", row.id, sealed)
    return msgspec.json.decode(particulars, type=SeenDocument)
