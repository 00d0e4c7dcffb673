"""From a full postcode to the district whose resident somebody is.

A postcode area is not residence: many outward codes straddle Kent's boundary. The table lists
every full postcode of Kent and Medway; any other postcode is `Unlisted`, and a person decides.

Source: ONS Postcode Directory, November 2025 (identity/tables/SOURCES.md).
"""

import csv
import gzip
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from identity.errors import BadPostcode

_FORM = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})")
_LONGEST_TYPED = 20
_TABLES = files("identity") / "tables"


class District(msgspec.Struct, frozen=True):
    """A district of Kent, or Medway.

    Attributes:
        code: the Office for National Statistics' code, such as `E07000110`.
        name: its council, in full.
        upper_tier: the council above it; Medway, a unitary council, is its own.
    """

    code: str
    name: str
    upper_tier: str


class Unlisted(msgspec.Struct, frozen=True):
    """A postcode that is not in the table: new, wrong or outside Kent and Medway."""

    postcode: str


def _districts() -> Mapping[str, District]:
    rows = (_TABLES / "kent_districts.csv").read_text(encoding="utf-8").splitlines()
    return {row["code"]: District(**row) for row in csv.DictReader(rows)}


DISTRICTS: Mapping[str, District] = _districts()


def normalise_postcode(text: str) -> str:
    """A postcode in capitals with one space: ` me141xq` -> `ME14 1XQ`.

    Raises:
        BadPostcode: the text does not have the form of a UK postcode.
    """
    squeezed = "".join(text.split())
    form = _FORM.fullmatch(squeezed.upper())
    # Capitals of other letters can be ASCII, so what was typed is asked, not its capitals.
    if form is None or not squeezed.isascii() or len(text) > _LONGEST_TYPED:
        raise BadPostcode("Enter a full UK postcode, like ME14 1XQ")
    return f"{form[1]} {form[2]}"


def district_of(postcode: str) -> District | Unlisted:
    """The district of a full postcode, however it is typed.

    Raises:
        BadPostcode: the text does not have the form of a UK postcode.
    """
    postcode = normalise_postcode(postcode)
    code = _district_codes().get(postcode.replace(" ", ""))
    return Unlisted(postcode) if code is None else DISTRICTS[code]


@cache
def _district_codes() -> Mapping[str, str]:
    """All postcodes without a space -> district code; read at the first look-up."""
    one_of_each = {code: code for code in DISTRICTS}
    data = (_TABLES / "kent_postcodes.csv.gz").read_bytes()
    lines = gzip.decompress(data).decode("ascii").splitlines()[1:]
    rows = (line.split(",") for line in lines)
    return {postcode: one_of_each[code] for postcode, code in rows}
