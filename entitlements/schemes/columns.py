"""The facts about many people, as one NumPy column each."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from msgspec.structs import replace
from numpy.typing import NDArray

from entitlements.facts import ResidentFacts
from entitlements.schemes.dates import NEVER

DayNumbers = NDArray[np.int32]
"""Days as `day_number`; `NO_DAY` where unknown."""
Days = DayNumbers | np.int32
"""A day for each, or one for all."""
Codes = NDArray[np.int16]
Rows = NDArray[np.intp]

UNKNOWN_CODE: Final = -1
UNKNOWN_SUM: Final = np.iinfo(np.int64).min
"""Stands for a yes or no, or pence, that is not known."""
EPOCH: Final = np.datetime64("1970-01-01", "D")
NO_DAY: Final = np.int32(np.iinfo(np.int32).min)
_BEFORE_ORDINALS: Final = date(1970, 1, 1).toordinal()


def day_number(day: date) -> np.int32:
    """Days since 1 January 1970."""
    return np.int32(day.toordinal() - _BEFORE_ORDINALS)


def day_of(number: np.int32) -> date | None:
    """The day a number stands for; None for `NO_DAY`."""
    return None if number == NO_DAY else date.fromordinal(int(number) + _BEFORE_ORDINALS)


def day_numbers(days: NDArray[np.datetime64]) -> DayNumbers:
    """The numbers of calendar days, `datetime64[D]`; `NaT` is `NO_DAY`."""
    numbers = days.astype("datetime64[D]").astype(np.int64).astype(np.int32)
    return np.where(np.isnat(days), NO_DAY, numbers)


NEVER_DAY: Final = day_number(NEVER)


class EvidenceColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Every document of everybody, in any order.

    Attributes:
        row: whose it is, as a place in the columns of facts.
        kind: place in `kinds`.
        dated, counts_from: days, as in `facts.Evidence`.
        stated_until: days; `NO_DAY` where the document states none.
    """

    row: Rows
    kind: Codes
    kinds: tuple[str, ...]
    dated: DayNumbers
    counts_from: DayNumbers
    stated_until: DayNumbers

    def of(self, kept: NDArray[np.bool_] | Rows | slice, row: Rows) -> "EvidenceColumns":
        """Some of the documents, of people who have other places now."""
        return EvidenceColumns(
            row=row,
            kind=self.kind[kept],
            kinds=self.kinds,
            dated=self.dated[kept],
            counts_from=self.counts_from[kept],
            stated_until=self.stated_until[kept],
        )

    def in_order(self) -> "EvidenceColumns":
        """The same by rising row."""
        if not len(self.row) or np.all(self.row[1:] >= self.row[:-1]):
            return self
        order = np.argsort(self.row, kind="stable")
        return self.of(order, self.row[order])


class FactColumns(msgspec.Struct, frozen=True, kw_only=True):
    """As many people as each column is long; the names are those of `ResidentFacts`.

    Attributes:
        birth_date: days; `NO_DAY` is unknown.
        district: places in `districts`; -1 is unknown.
        districts: GSS codes.
        deceased: 0 no, 1 yes, -1 unknown.
        evidence: documents. Evidence nobody has asked about is the same here as none held: either
            way one has to be seen.
        fed: facts of `facts.csv` by name: pence, or 1 for yes and 0 for no; `UNKNOWN_SUM` is not
            known. A name that is not there is known of nobody.
    """

    birth_date: DayNumbers
    district: Codes
    districts: tuple[str, ...]
    deceased: NDArray[np.int8]
    evidence: EvidenceColumns
    fed: Mapping[str, NDArray[np.int64]] = {}

    def __len__(self) -> int:
        return len(self.birth_date)

    def value_is(self, fact: str, *, wanted: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of whom a yes or no is known, and of whom it is as wanted."""
        if fact == "deceased":
            return self.deceased != UNKNOWN_CODE, self.deceased == np.int8(wanted)
        values = self.sum_of(fact)
        return values != UNKNOWN_SUM, values == np.int64(wanted)

    def sum_of(self, fact: str) -> NDArray[np.int64]:
        """A fed fact; `UNKNOWN_SUM` where it is not known."""
        values = self.fed.get(fact)
        return np.full(len(self), UNKNOWN_SUM) if values is None else values

    def only(self, facts: Collection[str]) -> "FactColumns":
        """Without the documents and the fed facts that are not named."""
        documents = self.evidence if "evidence" in facts else self.evidence.of(_NONE, _NOBODY)
        fed = {name: values for name, values in self.fed.items() if name in facts}
        return replace(self, evidence=documents, fed=fed)

    def chunks(self, size: int) -> Iterator[tuple[slice, "FactColumns"]]:
        """The same people, so many at a time, with their places."""
        documents = self.evidence.in_order()
        for first in range(0, len(self), size):
            part = slice(first, min(first + size, len(self)))
            begin, end = np.searchsorted(documents.row, (part.start, part.stop))
            theirs = slice(int(begin), int(end))
            yield part, self._part(part, documents.of(theirs, documents.row[theirs] - first))

    def take(self, rows: Rows) -> "FactColumns":
        """The facts of some of the people, in the order of `rows`, each named once."""
        held = self.evidence
        if not len(held.row):
            return self._part(rows, held)
        place = np.full(len(self), UNKNOWN_CODE, dtype=np.intp)
        place[rows] = np.arange(len(rows))
        moved = place[held.row]
        kept = moved != UNKNOWN_CODE
        return self._part(rows, held.of(kept, moved[kept]))

    def _part(self, rows: Rows | slice, documents: EvidenceColumns) -> "FactColumns":
        return replace(
            self,
            birth_date=self.birth_date[rows],
            district=self.district[rows],
            deceased=self.deceased[rows],
            evidence=documents,
            fed={name: values[rows] for name, values in self.fed.items()},
        )


_NONE: Final = slice(0, 0)
_NOBODY: Final = np.array([], dtype=np.intp)


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


def _days(days: Sequence[date | None]) -> DayNumbers:
    numbers = [NO_DAY if day is None else day_number(day) for day in days]
    return np.array(numbers, dtype=np.int32)
