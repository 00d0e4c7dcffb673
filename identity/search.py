"""What a clerk typed to find somebody, and which rows it asks for."""

from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, or_

from identity import names
from identity.dates import parse_date
from identity.errors import BadPostcode, InvalidDetails
from identity.models import Account, Address
from identity.numbers import is_account_number
from identity.personal import Vault
from identity.places import normalise_postcode


class SearchedBy(StrEnum):
    """What a query was taken for."""

    NUMBER = "number"
    BIRTH_DATE = "birth-date"
    POSTCODE = "postcode"
    NAME = "name"


class Match(msgspec.Struct, frozen=True):
    """Enough for a clerk to tell people apart before opening a record, and no more.

    Attributes:
        account_id: of the account.
        number: nine digits.
        name: in one line.
        birth_year: the year only; the clerk asks for the date.
        outward: first half of the postcode, such as `ME14`.
        district_code: of the current address.
    """

    account_id: UUID
    number: str
    name: str
    birth_year: int
    outward: str
    district_code: str


def understood(vault: Vault, query: str) -> tuple[SearchedBy, ColumnElement[bool]]:
    """What a query was taken for, and the condition on `Account` and its current `Address`.

    Raises:
        InvalidDetails: nothing to look for in it, or an account number with a wrong digit.
    """
    if born := parse_date(query):
        indexes = vault.blinds("birth-date", born.isoformat())
        return SearchedBy.BIRTH_DATE, Account.birth_date_index.in_(indexes)
    digits = "".join(query.split())
    if digits.isascii() and digits.isdigit():
        return SearchedBy.NUMBER, Account.number == _number(digits)
    if postcode := _postcode(query):
        return SearchedBy.POSTCODE, Address.postcode_index.in_(vault.blinds("postcode", postcode))
    return SearchedBy.NAME, _named(vault, query)


def _number(digits: str) -> str:
    if not is_account_number(digits):
        raise InvalidDetails({"query": "Check the account number: it has 9 digits"})
    return digits


def _postcode(query: str) -> str | None:
    try:
        return normalise_postcode(query)
    except BadPostcode:
        return None


def _named(vault: Vault, query: str) -> ColumnElement[bool]:
    name = names.look_up_form(query)
    if not any(character.isalpha() for character in name):
        raise InvalidDetails(
            {"query": "Enter a name, a date of birth, a full postcode or an account number"}
        )
    return or_(
        Account.full_name_index.in_(vault.blinds("full-name", name)),
        Account.family_name_index.in_(vault.blinds("family-name", name)),
    )
