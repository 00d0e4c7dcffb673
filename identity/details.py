"""What is entered to register a resident, and everything that can be wrong with it."""

import re
from collections.abc import Iterable, Mapping
from datetime import date

import msgspec

from identity import names
from identity.dates import parse_date
from identity.errors import BadPostcode, InvalidDetails
from identity.evidence import SHOWS_BOTH, DocumentShown, Proof, SeenDocument, check_document
from identity.models import DistrictBasis
from identity.places import DISTRICTS, Unlisted, district_of, normalise_postcode

EARLIEST_BIRTH = date(1900, 1, 1)
LONGEST_EMAIL = 254
MOST_LINES = 5
LONGEST_LINE = 100
LONGEST_REASON = 200
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


class NewResident(msgspec.Struct, frozen=True, kw_only=True):
    """The registration form as it was filled in.

    Attributes:
        given_names: may be empty when there is a family name: some people have one name.
        family_name: may be empty when there are given names.
        birth_date: a date, or text as typed (`1960-07-31`, `31/7/1960`).
        address_lines: one to five lines, without the postcode.
        postcode: full, in any spacing and case.
        identity_document: proves who they are.
        address_document: another document, proves where they live.
        email: empty when they have none.
        confirmed_district: code of the district, when the postcode is not in the table.
        confirmation_reason: why the clerk is sure of it.
    """

    given_names: str
    family_name: str
    birth_date: date | str
    address_lines: tuple[str, ...]
    postcode: str
    identity_document: DocumentShown
    address_document: DocumentShown
    email: str = ""
    confirmed_district: str = ""
    confirmation_reason: str = ""


class SelfAsserted(msgspec.Struct, frozen=True, kw_only=True):
    """What a resident says of themselves when they register without anybody seeing a document.

    Fields mean what those of `NewResident` do. The contacts were proved by codes before.
    """

    given_names: str
    family_name: str
    birth_date: date | str
    address_lines: tuple[str, ...]
    postcode: str
    email: str
    mobile: str = ""


class NewAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address as it was typed; its fields mean what those of `NewResident` do."""

    address_lines: tuple[str, ...]
    postcode: str
    confirmed_district: str = ""
    confirmation_reason: str = ""


class CheckedAddress(msgspec.Struct, frozen=True, kw_only=True):
    """The same, without a fault: tidied, and with the district known."""

    address_lines: tuple[str, ...]
    postcode: str
    district_code: str
    district_basis: DistrictBasis
    confirmation_reason: str


class CheckedResident(msgspec.Struct, frozen=True, kw_only=True):
    """The same, without a fault: tidied, parsed and with the district known.

    `documents` is empty when nobody has seen any: then nothing here is proved.
    """

    given_names: str
    family_name: str
    birth_date: date
    email: str
    address: CheckedAddress
    documents: tuple[SeenDocument, ...]
    mobile: str = ""


def check_resident(details: NewResident, *, on: date) -> CheckedResident:
    """Check a whole form at once. Never treats a missing fact as known.

    Raises:
        InvalidDetails: with every fault, by the field's name; a document's parts are named
            `identity_document.dated_on` and so on.
    """
    faults: dict[str, str] = {}
    given_names, family_name = check_names(details.given_names, details.family_name, faults)
    birth_date = check_birth_date(details.birth_date, on, faults)
    address = check_address(details, faults)
    email = check_email(details.email, faults)
    documents = _documents(details, on, faults)
    if faults or documents is None or birth_date is None:
        raise InvalidDetails(faults)
    return CheckedResident(
        given_names=given_names,
        family_name=family_name,
        birth_date=birth_date,
        email=email,
        address=address,
        documents=documents,
    )


def check_self_asserted(details: SelfAsserted, *, on: date) -> CheckedResident:
    """Check what a resident says of themselves, at once. How old they must be is not judged here.

    Raises:
        InvalidDetails: with every fault, by the field's name.
    """
    faults: dict[str, str] = {}
    given_names, family_name = check_names(details.given_names, details.family_name, faults)
    birth_date = check_birth_date(details.birth_date, on, faults)
    address = check_listed_address(details.address_lines, details.postcode, faults)
    if faults or birth_date is None:
        raise InvalidDetails(faults)
    return CheckedResident(
        given_names=given_names,
        family_name=family_name,
        birth_date=birth_date,
        email=details.email,
        mobile=details.mobile,
        address=address,
        documents=(),
    )


def check_listed_address(
    lines: tuple[str, ...], postcode: str, faults: dict[str, str]
) -> CheckedAddress:
    """The address of somebody who registers alone: its postcode must be in the table.

    Nobody is there to confirm the district of another, so a new postcode is for a desk.
    """
    found: dict[str, str] = {}
    checked = check_address(NewAddress(address_lines=lines, postcode=postcode), found)
    if "confirmed_district" in found:
        found = {field: fault for field, fault in found.items() if field == "address_lines"}
        found["postcode"] = (
            "We cannot find this postcode in Kent or Medway. Check it. If it is right, register "
            "at a Kent Gateway"
        )
    faults.update(found)
    return checked


def check_address(typed: NewResident | NewAddress, faults: dict[str, str]) -> CheckedAddress:
    """The address of a form. Its faults are added to those of the form, by field."""
    postcode, district_code, basis = _district(typed, faults)
    confirmed = basis is DistrictBasis.CONFIRMED
    return CheckedAddress(
        address_lines=_lines(typed.address_lines, faults),
        postcode=postcode,
        district_code=district_code,
        district_basis=basis,
        confirmation_reason=names.tidy(typed.confirmation_reason) if confirmed else "",
    )


def can_be_email(address: str) -> bool:
    """Whether a tidied text has the form of an e-mail address that a message can be sent to."""
    whole = len(address) <= LONGEST_EMAIL and names.is_printable(address)
    return whole and _EMAIL.fullmatch(address) is not None


def tidy_email(text: str) -> str:
    """One spelling of an e-mail address: it is matched without regard to case."""
    return text.strip().casefold()


def check_email(typed: str, faults: dict[str, str]) -> str:
    """An e-mail address in one spelling, or empty; faults are added."""
    email = tidy_email(typed)
    if email and not can_be_email(email):
        faults["email"] = "Enter an e-mail address in the correct format, like name@example.com"
    return email


def check_names(given: str, family: str, faults: dict[str, str]) -> tuple[str, str]:
    """Given names and family name, tidied; faults are added by field."""
    tidied = names.tidy(given), names.tidy(family)
    for field, name in zip(("given_names", "family_name"), tidied, strict=True):
        if name and (fault := names.fault_in(name)):
            faults[field] = fault
    if not any(tidied):
        faults["given_names"] = "Enter a name"
    return tidied


def check_birth_date(typed: date | str, on: date, faults: dict[str, str]) -> date | None:
    """A date of birth, if there is one in what was typed; faults are added."""
    born = typed if isinstance(typed, date) else parse_date(typed)
    if born is None:
        blank = isinstance(typed, str) and not typed.strip(" /.-")
        faults["birth_date"] = (
            "Enter the date of birth" if blank else "Enter a real date of birth, like 31/07/1960"
        )
    elif born > on:
        faults["birth_date"] = "The date of birth must not be in the future"
    elif born < EARLIEST_BIRTH:
        faults["birth_date"] = f"The date of birth must be {EARLIEST_BIRTH.year} or later"
    return born


def _lines(typed: Iterable[str], faults: dict[str, str]) -> tuple[str, ...]:
    lines = tuple(line for line in map(names.tidy, typed) if line)
    if not lines:
        faults["address_lines"] = "Enter the address"
    elif len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
        faults["address_lines"] = (
            f"Enter the address in {MOST_LINES} lines or fewer of {LONGEST_LINE} characters"
        )
    elif not all(map(names.is_printable, lines)):
        faults["address_lines"] = names.UNPRINTABLE
    return lines


def _district(
    details: NewResident | NewAddress, faults: dict[str, str]
) -> tuple[str, str, DistrictBasis]:
    """The postcode, the code of its district and how that is known."""
    try:
        postcode = normalise_postcode(details.postcode)
    except BadPostcode as error:
        faults["postcode"] = str(error)
        return "", "", DistrictBasis.TABLE
    found = district_of(postcode)
    if not isinstance(found, Unlisted):
        return postcode, found.code, DistrictBasis.TABLE
    faults.update(_faults_in_confirmation(details))
    return postcode, details.confirmed_district, DistrictBasis.CONFIRMED


def _faults_in_confirmation(details: NewResident | NewAddress) -> Mapping[str, str]:
    faults: dict[str, str] = {}
    reason = names.tidy(details.confirmation_reason)
    if details.confirmed_district not in DISTRICTS:
        faults["confirmed_district"] = (
            "This postcode is not in our table. Check it, or select the district it is in"
        )
    if not reason:
        faults["confirmation_reason"] = "Say how you know which district the address is in"
    elif len(reason) > LONGEST_REASON:
        faults["confirmation_reason"] = f"The reason must be {LONGEST_REASON} characters or fewer"
    elif not names.is_printable(reason):
        faults["confirmation_reason"] = names.UNPRINTABLE
    return faults


def _documents(
    details: NewResident, on: date, faults: dict[str, str]
) -> tuple[SeenDocument, SeenDocument] | None:
    identity = check_document(details.identity_document, Proof.IDENTITY, on=on)
    address = check_document(details.address_document, Proof.ADDRESS, on=on)
    if isinstance(identity, SeenDocument) and isinstance(address, SeenDocument):
        if identity.kind != address.kind:
            return identity, address
        faults["address_document.kind"] = SHOWS_BOTH
        return None
    for field, judged in (("identity_document", identity), ("address_document", address)):
        if not isinstance(judged, SeenDocument):
            faults.update({f"{field}.{part}": fault for part, fault in judged.items()})
    return None
