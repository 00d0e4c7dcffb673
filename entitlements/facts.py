"""What the council knows about one person on one day, as the rules see it.

A fact is either known or `msgspec.UNSET`. There are no defaults: a fact nobody gave is unknown, and
what is unknown is never taken as a yes.
"""

from collections.abc import Callable, Mapping
from datetime import date
from operator import attrgetter
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One document the council has seen and accepted.

    Attributes:
        kind: a kind of `schemes/tables/evidence_kinds.csv`, as the clerk recorded it.
        dated: the date on the document.
        sighted: the day it was seen; it counts from then, or from `dated` if that is later.
        stated_until: the last day the document itself says it holds for, if it says so.
    """

    kind: str
    dated: date
    sighted: date
    stated_until: date | None = None

    @property
    def counts_from(self) -> date:
        """The first day the document can be relied on."""
        return max(self.dated, self.sighted)


Fed: TypeAlias = bool | int
"""A fact of `schemes/tables/facts.csv`: a yes or no, or whole pence."""


class ResidentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about one person that rules may name.

    Whoever gathers them gives only what the council accepts as proved; a birth date or address that
    no document has shown yet stays `UNSET`.

    Attributes:
        birth_date: day of birth.
        district: GSS code of the district of the sole or principal home. Any code outside Kent and
            Medway will do for a home elsewhere (`E92000001`, England, if no more is known).
        deceased: whether the person is known to have died, or to be living.
        evidence: every document seen that may prove a benefit or a disability; `()` is "none seen".
        fed: what another system or an officer told us, by its name in `schemes/tables/facts.csv`. A
            name that is not there is not known.
    """

    birth_date: date | UnsetType = UNSET
    district: str | UnsetType = UNSET
    deceased: bool | UnsetType = UNSET
    evidence: tuple[Evidence, ...] | UnsetType = UNSET
    fed: Mapping[str, Fed] | UnsetType = UNSET


FACT_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "birth_date": "a document that shows your date of birth",
        "district": "a document that shows where your main home is",
        "deceased": "proof that the person is living",
        "evidence": "the evidence you hold",
    }
)
"""What shows each fact, as a resident is asked for it: what they only said may be known already.

`facts.csv` says it for the others.
"""

_OWN: Final = frozenset(ResidentFacts.__struct_fields__)


def reader_of(fact: str) -> Callable[[ResidentFacts], object]:
    """How to look a fact up; what is looked up may be `UNSET`."""
    if fact in _OWN:
        return attrgetter(fact)

    def read(facts: ResidentFacts) -> object:
        fed = facts.fed
        return UNSET if fed is UNSET else fed.get(fact, UNSET)

    return read
