"""Reading a scheme's rule file: every fault of it at once."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from entitlements.schemes.conditions import MOST_MONTHS, OLDEST, Shelf, read_condition
from entitlements.schemes.dates import NEVER
from entitlements.schemes.rule import (
    Band,
    Charge,
    Condition,
    DayOfYear,
    Given,
    Offer,
    Rule,
    Scheme,
    Validity,
)
from entitlements.schemes.rulefaults import charges_amiss, rule_amiss, versions_amiss
from entitlements.schemes.tomlfile import Entry, TomlFile
from readers.contract.services import Service

LONGEST_NAME: Final = 64  # entitlements.models.Assessment.scheme and .rule
LONGEST_CLASS: Final = 24  # readers.contract.record.Record.entitlement_class
A_LEAP_YEAR: Final = 2024
WHOLE: Final = 100  # percent
_CLASS: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def read_scheme(file: TomlFile, shelf: Shelf) -> Scheme:
    """The scheme in a file; not to be used if the file has faults."""
    top = file.top()
    scheme = Scheme(
        id=top.text("id", longest=LONGEST_NAME),
        service=_service(top),
        title=top.text("title"),
        rules=tuple(_rule(entry, shelf) for entry in top.tables("rule")),
        given=_given(top),
        card_rank=top.whole("card_rank") if "card_rank" in top else 0,
        shown_by=_shown_by(top, shelf.evidence),
        charges=tuple(_charge(each) for each in top.tables("charges")) if "charges" in top else (),
    )
    top.no_other_keys()
    if scheme.id and f"{scheme.id}.toml" != file.name:
        top.fault("id", f"scheme '{scheme.id}' must be in a file called {scheme.id}.toml")
    for path, message in (*versions_amiss(scheme.rules), *charges_amiss(scheme.charges)):
        file.fault(path, message)
    return scheme


def _service(top: Entry) -> Service | None:
    """A scheme that names no service is never on a card."""
    if "service" not in top:
        return None
    text = top.text("service")
    try:
        return Service(text)
    except ValueError:
        if text:
            top.fault("service", f"there is no service '{text}'; there are {', '.join(Service)}")
        return None


def _given(top: Entry) -> Given:
    text = top.text("given")
    try:
        return Given(text)
    except ValueError:
        if text:
            top.fault("given", f"'given' cannot be '{text}'; it can be {', '.join(Given)}")
        return Given.ON_APPLICATION


def _shown_by(top: Entry, kinds: Mapping[str, str]) -> str:
    kind = top.text("shown_by") if "shown_by" in top else ""
    if kind and kind not in kinds:
        top.fault("shown_by", f"there is no kind of evidence '{kind}' in evidence_kinds.csv")
    return kind


def _charge(entry: Entry) -> Charge:
    charge = Charge(
        words=entry.text("words"),
        pence=entry.whole("pence"),
        first=entry.day("from"),
        until=entry.day("until") if "until" in entry else NEVER,
        confirmed=entry.yes_or_no("confirmed"),
    )
    entry.no_other_keys()
    return charge


def _rule(entry: Entry, shelf: Shelf) -> Rule:
    rule = Rule(
        version=entry.text("version", longest=LONGEST_NAME),
        effective_from=entry.day("effective_from"),
        effective_to=entry.day("effective_to") if "effective_to" in entry else NEVER,
        law=entry.text("law"),
        entitlement_class="" if "bands" in entry else _class(entry, "entitlement_class"),
        bands=tuple(_band(each) for each in entry.tables("bands")) if "bands" in entry else (),
        validity=_validity(entry.table("validity"), shelf),
        conditions=_conditions(entry, "conditions", shelf),
        uses=_conditions(entry, "uses", shelf) if "uses" in entry else (),
        terms=tuple(entry.texts("terms")) if "terms" in entry else (),
        offer=_offer(entry.table("offer")) if "offer" in entry else None,
    )
    entry.no_other_keys()
    for key, message in rule_amiss(rule):
        entry.fault(key, message)
    return rule


def _conditions(entry: Entry, key: str, shelf: Shelf) -> tuple[Condition, ...]:
    return tuple(read_condition(each, shelf) for each in entry.tables(key))


def _class(entry: Entry, key: str) -> str:
    text = entry.text(key)
    if len(text) > LONGEST_CLASS or (text and not _CLASS.fullmatch(text)):
        entry.fault(
            key, f"'{text}' must be at most {LONGEST_CLASS} small letters, digits and hyphens"
        )
    return text


def _band(entry: Entry) -> Band:
    band = Band(id=_class(entry, "id"), from_age=entry.whole("from_age", most=OLDEST))
    entry.no_other_keys()
    return band


def _validity(entry: Entry, shelf: Shelf) -> Validity:
    months = entry.whole("months", most=MOST_MONTHS)
    if "months" in entry and not months:
        entry.fault("months", "'months' must be 1 or more")
    to_expiry = "to_card_expiry" in entry and entry.yes_or_no("to_card_expiry")
    ends = _day_of_year(entry.table("ends")) if "ends" in entry else None
    entry.no_other_keys()
    return Validity(months, shelf.authorities if to_expiry else None, ends)


def _day_of_year(entry: Entry) -> DayOfYear:
    ends = DayOfYear(entry.whole("month"), entry.whole("day"))
    entry.no_other_keys()
    try:
        date(A_LEAP_YEAR - 1, ends.month, ends.day)
    except ValueError:
        if "month" in entry and "day" in entry:
            entry.fault("day", "this is no day of every year")
        return DayOfYear(1, 1)
    return ends


def _offer(entry: Entry) -> Offer:
    offer = Offer(
        partner=entry.text("partner"),
        percent_off=entry.whole("percent_off") if "percent_off" in entry else 0,
        first_free="first_free" in entry and entry.yes_or_no("first_free"),
        times_a_year=entry.whole("times_a_year") if "times_a_year" in entry else 0,
        companions=entry.whole("companions") if "companions" in entry else 0,
    )
    entry.no_other_keys()
    if offer.percent_off > WHOLE:
        entry.fault("percent_off", "'percent_off' must be from 1 to 100")
    if not (offer.percent_off or offer.first_free):
        entry.fault("", "an offer gives something: 'percent_off' or 'first_free'")
    return offer
