"""What a clerk typed to find somebody, and the residents who answer it, likest first."""

import re
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import name_index, names, person_keys, sealed
from identity.dates import parse_date
from identity.errors import BadPostcode, InvalidDetails
from identity.likeness import likeness, typed_words
from identity.models import Account, Address, PersonKey
from identity.numbers import is_account_number
from identity.personal import PersonVault, Vault
from identity.places import normalise_postcode

MOST_MATCHES: Final = 50
MOST_OPENED: Final = 200
"""Most residents whose names are opened to compare them with what was typed."""
MOST_TYPED: Final = 400
_MOST_WORDS: Final = 6
_DATE: Final = re.compile(r"(?<!\S)(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/. ]\d{1,2}[/. ]\d{4})(?!\S)")
_POSTCODE: Final = re.compile(r"(?<!\S)([A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2})(?!\S)")


class SearchedBy(StrEnum):
    """What a query was taken for; of several, the one that finds the fewest."""

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


class Query(msgspec.Struct, frozen=True):
    """What somebody typed, taken apart. At least one part is there.

    Attributes:
        number: nine digits with a right check digit.
        birth_date: a real date.
        postcode: full, with its space.
        words: of a name, in the form they are looked up by.
    """

    number: str = ""
    birth_date: date | None = None
    postcode: str = ""
    words: tuple[str, ...] = ()

    @property
    def searched_by(self) -> SearchedBy:
        """The part that finds the fewest."""
        if self.number:
            return SearchedBy.NUMBER
        if self.birth_date is not None:
            return SearchedBy.BIRTH_DATE
        return SearchedBy.POSTCODE if self.postcode else SearchedBy.NAME


def understood(typed: str) -> Query:
    """Take apart what was typed: a number, or a name, a birth date and a postcode in any order.

    Raises:
        InvalidDetails: nothing to look for in it, too much, or a number with a wrong digit.
    """
    if len(typed) > MOST_TYPED:
        raise InvalidDetails({"query": f"Enter {MOST_TYPED} characters or fewer"})
    born, rest = _take(_DATE, typed)
    birth_date = parse_date(born) if born else None
    digits = "".join(rest.split())
    if digits.isascii() and digits.isdigit() and not born:
        return Query(number=_number(digits))
    found, rest = _take(_POSTCODE, rest)
    postcode = _postcode(found)
    words = typed_words(rest)
    named = any(character.isalpha() for word in words for character in word)
    if (born and birth_date is None) or not (birth_date or postcode or named):
        raise InvalidDetails(
            {"query": "Enter a name, a date of birth, a full postcode or an account number"}
        )
    return Query(birth_date=birth_date, postcode=postcode, words=words if named else ())


async def matching(session: AsyncSession, vault: Vault, query: Query) -> tuple[Match, ...]:
    """The residents who answer a query, the likest first; at most `MOST_MATCHES`.

    A name alone that many bear is answered with some of them: a date or postcode says which.
    """
    if query.searched_by is SearchedBy.NAME:
        people = await _named(session, vault, query.words)
    else:
        people = await _ranked(session, vault, query.words, _conditions(vault, query))
    return tuple(match for _, match in people[:MOST_MATCHES])


_Ranked = list[tuple[float, Match]]


async def _named(session: AsyncSession, vault: Vault, words: tuple[str, ...]) -> _Ranked:
    """Those who bear the very words; when they are few, those who bear words like them too."""
    readings = _readings(words)
    every = {word for reading in readings for word in reading}
    found: dict[UUID, None] = {}
    for liking in (False, True):
        parts = {
            word: await name_index.like(session, vault, word)
            if liking
            else name_index.exactly(vault, word)
            for word in sorted(every)
        }
        for reading in readings:
            each = [parts[word] for word in reading]
            found |= dict.fromkeys(await name_index.bearing(session, each, most=MOST_OPENED))
        if len(found) >= MOST_MATCHES:
            break
    return await _ranked(session, vault, words, [Account.id.in_(list(found)[:MOST_OPENED])])


async def _ranked(
    session: AsyncSession,
    vault: Vault,
    words: tuple[str, ...],
    conditions: Sequence[ColumnElement[bool]],
) -> _Ranked:
    people: _Ranked = []
    for account, address, key in await session.execute(_people(conditions)):
        personal = person_keys.opened(vault, key)
        fields = sealed.names_of(personal, account)
        score = max(likeness(reading, fields) for reading in _readings(words)) if words else 1.0
        if score:
            people.append((score, _match(personal, account, address)))
    return sorted(people, key=lambda one: (-one[0], names.look_up_form(one[1].name), one[1].number))


def _people(conditions: Sequence[ColumnElement[bool]]) -> Select[Account, Address, PersonKey]:
    return (
        select(Account, Address, PersonKey)
        .join(Address, Address.account_id == Account.id)
        .outerjoin(PersonKey, PersonKey.account_id == Account.id)
        .where(*conditions, Address.valid_to.is_(None))
        .order_by(Account.number)
        .limit(MOST_OPENED)
    )


def _match(personal: PersonVault, account: Account, address: Address) -> Match:
    return Match(
        account_id=account.id,
        number=account.number,
        name=names.full(*sealed.names_of(personal, account)),
        birth_year=sealed.birth_date_of(personal, account).year,
        outward=sealed.postcode_of(personal, address).split(" ")[0],
        district_code=address.district_code,
    )


def _conditions(vault: Vault, query: Query) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.number:
        conditions.append(Account.number == query.number)
    if query.birth_date is not None:
        born = vault.blinds("birth-date", query.birth_date.isoformat())
        conditions.append(Account.birth_date_index.in_(born))
    if query.postcode:
        conditions.append(Address.postcode_index.in_(vault.blinds("postcode", query.postcode)))
    return conditions


def _readings(words: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The words as typed, and with each two neighbours joined: `o brien` is `obrien` too."""
    words = words[:_MOST_WORDS]
    joined = (
        (*words[:place], one + other, *words[place + 2 :])
        for place, (one, other) in enumerate(pairwise(words))
    )
    return (words, *joined)


def _take(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    """The first thing of its form, and the rest."""
    found = pattern.search(text)
    return (found[0], f"{text[: found.start()]} {text[found.end() :]}") if found else ("", text)


def _number(digits: str) -> str:
    if not is_account_number(digits):
        raise InvalidDetails({"query": "Check the account number: it has 9 digits"})
    return digits


def _postcode(found: str) -> str:
    try:
        return normalise_postcode(found) if found else ""
    except BadPostcode:
        return ""
