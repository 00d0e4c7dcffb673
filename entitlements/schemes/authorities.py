"""Areas, the authorities that issue for them, and bank holidays: data with dates, not constants."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from entitlements.errors import SchemesFaulty
from entitlements.schemes.csvfiles import TABLES, read_rows
from entitlements.schemes.dates import MONTHS_IN_YEAR, NEVER, add_months, day_after
from entitlements.schemes.tomlfile import Entry, TomlFile
from readers.contract.windows import Window

BUILT_IN: Final = Path(__file__).parent / "authorities.toml"


class Span(msgspec.Struct, frozen=True):
    """The districts of an area from `first` to `last`, both included."""

    first: date
    last: date
    districts: frozenset[str]


class Area(msgspec.Struct, frozen=True):
    """A set of districts that may change with time.

    Attributes:
        id: as rule files name it.
        spans: in order of time, never overlapping.
    """

    id: str
    name: str
    spans: tuple[Span, ...]

    @property
    def is_one_district(self) -> bool:
        """Whether to be in it, at some time, is to live in one known district."""
        return any(len(span.districts) == 1 for span in self.spans)

    def covers(self, district: str, on: date) -> bool:
        """Whether the district is part of the area on that day."""
        return district in self.districts_on(on)

    def districts_on(self, on: date) -> frozenset[str]:
        """The districts of the area on that day."""
        for span in self.spans:
            if span.first <= on <= span.last:
                return span.districts
        return frozenset()

    def boundaries(self) -> Sequence[date]:
        """The days on which the area begins, changes or has ended, in order."""
        days = {day for span in self.spans for day in (span.first, day_after(span.last))}
        return sorted(days - {NEVER})


class CardExpiry(msgspec.Struct, frozen=True):
    """Cards of an authority all end on one day, every so many years.

    Attributes:
        day: one such day.
        every_years: years between two of them.
    """

    day: date
    every_years: int

    def on_or_after(self, on: date) -> date:
        """The first such day that is not before `on`."""
        cycles = (on.year - self.day.year) // self.every_years
        candidate = self._after(cycles)
        if candidate < on:
            candidate = self._after(cycles + 1)
        return candidate

    def _after(self, cycles: int) -> date:
        return add_months(self.day, cycles * self.every_years * MONTHS_IN_YEAR)


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """A council that issues travel passes for an area.

    Attributes:
        first: first day it issues for the area.
        last: last day, or `NEVER`.
        travel: when a journey may begin on a working day, London time.
        card_expiry: None where no such rule is known.
    """

    id: str
    name: str
    area: Area
    first: date
    last: date
    travel: Window
    card_expiry: CardExpiry | None


class Authorities(msgspec.Struct, frozen=True):
    """Every area and authority, of the past and of the future too."""

    areas: Mapping[str, Area]
    authorities: tuple[Authority, ...]

    def issuing(self, district: str, on: date) -> Authority | None:
        """The authority that issues for a district on a day; None if nobody listed does."""
        for authority in self.authorities:
            in_office = authority.first <= on <= authority.last
            if in_office and authority.area.covers(district, on):
                return authority
        return None


def load_authorities(path: Path = BUILT_IN) -> Authorities:
    """Areas and authorities from a TOML file; the built-in one if none is named.

    Raises:
        SchemesFaulty: every fault in the file, with line and column.
    """
    return authorities_in(TomlFile.open(path))


def authorities_in(file: TomlFile) -> Authorities:
    """The same from a file that was opened already.

    Raises:
        SchemesFaulty: every fault in the file, with line and column.
    """
    if not file.faults:
        loaded = _authorities(file.top())
        if not file.faults:
            return loaded
    raise SchemesFaulty(str(fault) for fault in sorted(file.faults))


def load_bank_holidays(path: Path = TABLES / "bank_holidays.csv") -> frozenset[date]:
    """The bank holidays of England and Wales in a CSV file.

    Raises:
        SchemesFaulty: a row has no date.
    """
    days = [(row.place, row.day("date")) for row in read_rows(path)]
    faults = [f"{place}: the date is missing" for place, day in days if day is None]
    if faults:
        raise SchemesFaulty(faults)
    return frozenset(day for _, day in days if day is not None)


def _authorities(top: Entry) -> Authorities:
    areas: dict[str, Area] = {}
    for entry in top.tables("areas"):
        area = _area(entry, areas)
        areas[area.id] = area
    found = tuple(_authority(entry, areas) for entry in top.tables("authorities"))
    top.no_other_keys()
    authorities = Authorities(areas, found)
    for message in dict.fromkeys(_two_or_none_for_one_district(authorities)):
        top.fault("authorities", message)
    return authorities


def _area(entry: Entry, earlier: Mapping[str, Area]) -> Area:
    first, last = _term(entry)
    span = Span(first, last, frozenset(entry.texts("districts")))
    area = Area(entry.text("id"), entry.text("name"), (span,))
    entry.no_other_keys()
    before = earlier.get(area.id)
    if before is None:
        return area
    ended = before.spans[-1].last
    if date.min < first <= ended:
        entry.fault("from", f"area '{area.id}' overlaps its entry before; order them by date")
    elif first > day_after(ended):
        entry.fault("from", f"area '{area.id}' is nowhere between {ended} and {first}")
    return Area(area.id, area.name, (*before.spans, span))


def _authority(entry: Entry, areas: Mapping[str, Area]) -> Authority:
    first, last = _term(entry)
    area_id = entry.text("area")
    if area_id and area_id not in areas:
        entry.fault("area", f"there is no area '{area_id}'; there are {', '.join(sorted(areas))}")
    authority = Authority(
        id=entry.text("id"),
        name=entry.text("name"),
        area=areas.get(area_id, Area(area_id, "", ())),
        first=first,
        last=last,
        travel=_travel(entry),
        card_expiry=_card_expiry(entry.table("card_expiry")) if "card_expiry" in entry else None,
    )
    entry.no_other_keys()
    return authority


def _term(entry: Entry) -> tuple[date, date]:
    first = entry.day("from")
    last = entry.day("until") if "until" in entry else NEVER
    if last < first:
        entry.fault("until", "'until' is before 'from'")
    return first, last


def _travel(entry: Entry) -> Window:
    window = Window(entry.clock("travel_start"), entry.clock("travel_end"))
    if window.end != time.min and window.end <= window.start:
        entry.fault("travel_end", "'travel_end' must be later than 'travel_start'")
    return window


def _card_expiry(entry: Entry) -> CardExpiry:
    expiry = CardExpiry(entry.day("day"), entry.whole("every_years"))
    if "every_years" in entry and not expiry.every_years:
        entry.fault("every_years", "'every_years' must be 1 or more")
    entry.no_other_keys()
    return expiry


def _two_or_none_for_one_district(authorities: Authorities) -> Iterator[str]:
    """Two authorities never issue for one district on one day, and one follows on the other."""
    claims = sorted(
        (district, max(span.first, each.first), min(span.last, each.last), each.id)
        for each in authorities.authorities
        for span in each.area.spans
        for district in span.districts
        if max(span.first, each.first) <= min(span.last, each.last)
    )
    for (district, _, last, one), (other_district, first, _, other) in pairwise(claims):
        if district == other_district and first <= last:
            yield f"'{one}' and '{other}' both issue for {district} on {first}"
        elif district == other_district and first > day_after(last):
            yield f"nobody issues between the end of '{one}', {last}, and '{other}', {first}"
