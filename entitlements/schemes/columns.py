"""The facts about many people, as one NumPy column each."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from entitlements.facts import ResidentFacts
from entitlements.schemes.dates import NEVER

Days = NDArray[np.datetime64]
"""Days, `datetime64[D]`; `NaT` where unknown."""
Codes = NDArray[np.int16]
Rows = NDArray[np.intp]

UNKNOWN_CODE: Final = -1
UNKNOWN_SUM: Final = np.iinfo(np.int64).min
"""Stands for a yes or no, or pence, that is not known."""
NEVER_DAY: Final = np.datetime64(NEVER, "D")
NO_DAY: Final = np.datetime64("NaT", "D")


class EvidenceColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Every document of everybody, in any order.

    Attributes:
        row: whose it is, as a place in the columns of facts.
        kind: place in `kinds`.
        dated, counts_from: days, as in `facts.Evidence`.
        stated_until: days; `NaT` where the document states none.
    """

    row: Rows
    kind: Codes
    kinds: tuple[str, ...]
    dated: Days
    counts_from: Days
    stated_until: Days


class FactColumns(msgspec.Struct, frozen=True, kw_only=True):
    """As many people as each column is long; the names are those of `ResidentFacts`.

    Attributes:
        birth_date: days; `NaT` is unknown.
        district: places in `districts`; -1 is unknown.
        districts: GSS codes.
        deceased: 0 no, 1 yes, -1 unknown.
        evidence: documents. Evidence nobody has asked about is the same here as none held: either
            way one has to be seen.
        fed: facts of `facts.csv` by name: pence, or 1 for yes and 0 for no; `UNKNOWN_SUM` is not
            known. A name that is not there is known of nobody.
    """

    birth_date: Days
    district: Codes
    districts: tuple[str, ...]
    deceased: NDArray[np.int8]
    evidence: EvidenceColumns
    fed: Mapping[str, NDArray[np.int64]] = {}

    def __len__(self) -> int:
        return len(self.birth_date)

    def column(self, fact: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """A yes or no (1 or 0) or a sum, and of whom it is known."""
        if fact == "deceased":
            return self.deceased.astype(np.int64), self.deceased != UNKNOWN_CODE
        values = self.fed.get(fact)
        if values is None:
            values = np.full(len(self), UNKNOWN_SUM)
        return values, values != UNKNOWN_SUM

    def take(self, rows: Rows) -> "FactColumns":
        """The facts of some of the people, in the order of `rows`, each named once."""
        place = np.full(len(self), UNKNOWN_CODE, dtype=np.intp)
        place[rows] = np.arange(len(rows))
        held = self.evidence
        kept = place[held.row] != UNKNOWN_CODE
        return FactColumns(
            birth_date=self.birth_date[rows],
            district=self.district[rows],
            districts=self.districts,
            deceased=self.deceased[rows],
            evidence=EvidenceColumns(
                row=place[held.row[kept]],
                kind=held.kind[kept],
                kinds=held.kinds,
                dated=held.dated[kept],
                counts_from=held.counts_from[kept],
                stated_until=held.stated_until[kept],
            ),
            fed={name: values[rows] for name, values in self.fed.items()},
        )


def columns_of(people: Sequence[ResidentFacts]) -> FactColumns:
    """The same facts in columns."""
    districts = sorted({each.district for each in people if each.district is not UNSET})
    codes = {district: code for code, district in enumerate(districts)}
    return FactColumns(
        birth_date=_days([_day(each.birth_date) for each in people]),
        district=np.array(
            [UNKNOWN_CODE if each.district is UNSET else codes[each.district] for each in people],
            dtype=np.int16,
        ),
        districts=tuple(districts),
        deceased=np.array(
            [UNKNOWN_CODE if each.deceased is UNSET else each.deceased for each in people],
            dtype=np.int8,
        ),
        evidence=_evidence_of(people),
        fed=_fed_of(people),
    )


def _fed_of(people: Sequence[ResidentFacts]) -> Mapping[str, NDArray[np.int64]]:
    told = [{} if each.fed is UNSET else each.fed for each in people]
    names = sorted({name for each in told for name in each})
    return {
        name: np.array([int(each.get(name, UNKNOWN_SUM)) for each in told], dtype=np.int64)
        for name in names
    }


def _evidence_of(people: Sequence[ResidentFacts]) -> EvidenceColumns:
    held = [
        (row, document)
        for row, each in enumerate(people)
        if each.evidence is not UNSET
        for document in each.evidence
    ]
    kinds = sorted({document.kind for _, document in held})
    codes = {kind: code for code, kind in enumerate(kinds)}
    return EvidenceColumns(
        row=np.array([row for row, _ in held], dtype=np.intp),
        kind=np.array([codes[document.kind] for _, document in held], dtype=np.int16),
        kinds=tuple(kinds),
        dated=_days([document.dated for _, document in held]),
        counts_from=_days([document.counts_from for _, document in held]),
        stated_until=_days([document.stated_until for _, document in held]),
    )


def _day(known: date | UnsetType) -> date | None:
    return None if known is UNSET else known


def _days(days: Sequence[date | None]) -> Days:
    return np.array(days, dtype="datetime64[D]")
