"""The cards there are: their faces, who issues them, how long they last and what another costs.

A product is a face, not an entitlement: what its holder may have is on the chip. All of it is data
with days from which it holds, in `products.toml`; the days on which an authority's cards end stand
in `authorities.toml`.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from cardservice.charge_causes import Cause, Relief
from cardservice.errors import ProductsFaulty
from cardservice.renewal_rules import Terms
from entitlements.schemes.authorities import Authorities, Authority
from entitlements.schemes.dates import NEVER, day_after, last_day
from entitlements.schemes.tomlfile import Entry, TomlFile

BUILT_IN: Final = Path(__file__).parent / "products.toml"
KENT_CARD: Final = "kent-card"
OF_RESIDENCE: Final = "of-residence"
"""Issuer of a product that the authority of the holder's district issues."""
LONGEST_MONTHS: Final = 60
"""No card lasts longer. Source: Transport Act 2000 s.145A: a permit lasts at most five years."""
LONGEST_PHOTO_YEARS: Final = 20
DEAREST: Final = 10_000  # pence

Named = TypeVar("Named", bound=StrEnum)
Dated = TypeVar("Dated", "Product", "Cost")


class Maker(StrEnum):
    """Who makes a card."""

    DESK = "desk"
    BUREAU = "bureau"


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A card as it looks.

    Attributes:
        first, last: days between which it is issued.
        issuer: id of an authority, or `OF_RESIDENCE`.
        longest_months: how long one lasts at most.
        face: what its face shows, and all that it may show.
        strips: scheme -> colour of the strip on the face; of several that somebody holds the first
            counts. A product with strips is for holders of those schemes only.
        renewal: when a card that ends is renewed without asking its holder; one whose photograph
            may not be too old is never made without.
    """

    id: str
    name: str
    first: date
    last: date
    issuer: str
    longest_months: int
    made_by: frozenset[Maker]
    face: tuple[str, ...]
    strips: Mapping[str, str]
    renewal: Terms

    def strip_for(self, schemes: Collection[str]) -> str | None:
        """The colour that the face of a holder of these schemes shows; None for no strip."""
        return next((colour for each, colour in self.strips.items() if each in schemes), None)


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a replacement costs for one cause.

    Attributes:
        first, last: days between which it holds.
        free_for: why nothing is asked for after all; None where that cannot be.
    """

    id: str
    first: date
    last: date
    pence: int
    free_for: Relief | None


class Products(msgspec.Struct, frozen=True):
    """Everything in the file, of the past and of the future too."""

    products: tuple[Product, ...]
    costs: tuple[Cost, ...]

    def product(self, product_id: str, on: date) -> Product | None:
        """The product as it is issued on a day; None when it is not."""
        return _on(self.products, product_id, on)

    def name_of(self, product_id: str) -> str:
        """What a product is called, on whatever day; its id when it is not here any more."""
        return next((one.name for one in self.products if one.id == product_id), product_id)

    def cost(self, cause: Cause, on: date) -> Cost | None:
        """What a replacement costs on a day; None where it costs nothing."""
        found = _on(self.costs, cause.value, on)
        return found if found and found.pence else None


def issuer_of(
    product: Product, authorities: Authorities, district: str, on: date
) -> Authority | None:
    """The authority that issues a product on a day to who lives in a district; None if nobody."""
    if product.issuer == OF_RESIDENCE:
        return authorities.issuing(district, on)
    in_office = (each for each in authorities.authorities if each.first <= on <= each.last)
    return next((each for each in in_office if each.id == product.issuer), None)


def last_day_of(product: Product, authority: Authority | None, first: date) -> date:
    """The last day of a card that holds from a day: the issuer's, and never over five years.

    Args:
        product: which.
        authority: that issues it; None where no rule of theirs is known.
        first: the day from which it holds: for a renewal the day after the old card's last.
    """
    longest = last_day(first, product.longest_months)
    if authority is None or authority.card_expiry is None:
        return longest
    return min(longest, authority.card_expiry.on_or_after(first))


def needs_new_face(product: Product, strip: str | None, schemes: Collection[str]) -> bool:
    """Whether a card must be made again because what its holder has changed.

    What is on the chip is changed at a tap; a face that says what is not so any more is printed
    again. A holder who has nothing of what a face stands for keeps it until it is taken from them.
    """
    wanted = product.strip_for(schemes)
    return wanted is not None and wanted != strip


@cache
def built_in() -> Products:
    """What comes with the software."""
    return load_products(BUILT_IN)


def load_products(path: Path) -> Products:
    """Products and charges from a TOML file.

    Raises:
        ProductsFaulty: every fault in the file, with line and column.
    """
    return products_in(TomlFile.open(path))


def products_in(file: TomlFile) -> Products:
    """The same from a file that was opened already.

    Raises:
        ProductsFaulty: every fault in the file, with line and column.
    """
    if not file.faults:
        top = file.top()
        found = Products(
            tuple(_product(entry) for entry in top.tables("products")),
            tuple(_cost(entry) for entry in top.tables("charges")),
        )
        top.no_other_keys()
        for place, message in _overlaps(found.products):
            file.fault(("products", place), message)
        for place, message in _overlaps(found.costs):
            file.fault(("charges", place), message)
        if not file.faults:
            return found
    raise ProductsFaulty(str(fault) for fault in sorted(file.faults))


def _product(entry: Entry) -> Product:
    first, last = _term(entry)
    months = entry.whole("longest_months", most=LONGEST_MONTHS)
    if "longest_months" in entry and months == 0:
        entry.fault("longest_months", "'longest_months' must be 1 or more")
    product = Product(
        id=entry.text("id", longest=40),
        name=entry.text("name"),
        first=first,
        last=last,
        issuer=entry.text("issuer"),
        longest_months=months,
        made_by=frozenset(_named(entry, "made_by", each, Maker) for each in entry.texts("made_by")),
        face=tuple(entry.texts("face")),
        strips=_strips(entry.table("strips")) if "strips" in entry else {},
        renewal=_renewal(entry.table("renewal")),
    )
    entry.no_other_keys()
    return product


def _strips(entry: Entry) -> Mapping[str, str]:
    return {scheme: entry.text(scheme, longest=40) for scheme in entry}


def _renewal(entry: Entry) -> Terms:
    photo = entry.whole("photo_years", most=LONGEST_PHOTO_YEARS) if "photo_years" in entry else None
    terms = Terms(entry.whole("used_within_months", most=LONGEST_MONTHS), photo)
    entry.no_other_keys()
    return terms


def _cost(entry: Entry) -> Cost:
    first, last = _term(entry)
    free_for = entry.text("free_for") if "free_for" in entry else ""
    cost = Cost(
        id=_named(entry, "cause", entry.text("cause"), Cause).value,
        first=first,
        last=last,
        pence=entry.whole("pence", most=DEAREST),
        free_for=_named(entry, "free_for", free_for, Relief) if free_for else None,
    )
    entry.no_other_keys()
    return cost


def _named(entry: Entry, key: str, text: str, names: type[Named]) -> Named:
    """The member of that value; any other is a fault, and the first goes on in its place."""
    try:
        return names(text)
    except ValueError:
        if text:
            there_are = ", ".join(names)
            entry.fault(key, f"there is no '{text}'; there are {there_are}")
        return next(iter(names))


def _term(entry: Entry) -> tuple[date, date]:
    first = entry.day("from")
    last = entry.day("until") if "until" in entry else NEVER
    if last < first:
        entry.fault("until", "'until' is before 'from'")
    return first, last


def _on(found: tuple[Dated, ...], wanted: str, on: date) -> Dated | None:
    return next((one for one in found if one.id == wanted and one.first <= on <= one.last), None)


def _overlaps(found: tuple[Dated, ...]) -> Iterator[tuple[int, str]]:
    """Of one thing, one entry holds on one day, and one follows on the other: place and fault."""
    spans = sorted((each.id, each.first, each.last, place) for place, each in enumerate(found))
    for (one, _, last, _), (other, first, _, place) in pairwise(spans):
        if one == other and first <= last:
            yield place, f"'{one}' has two entries for {first}"
        elif one == other and first > day_after(last):
            yield place, f"'{one}' has no entry between {last} and {first}"
