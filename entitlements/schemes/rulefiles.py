"""Reading rule files: one TOML file a scheme, every fault reported at once."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from entitlements.errors import SchemesFaulty
from entitlements.schemes.authorities import load_authorities
from entitlements.schemes.conditions import Shelf, read_condition
from entitlements.schemes.csvfiles import read_rows
from entitlements.schemes.dates import NEVER, day_after
from entitlements.schemes.pension import load_pension_table
from entitlements.schemes.rule import AtLeastAge, Band, Condition, Rule, Scheme, Validity
from entitlements.schemes.tomlfile import Entry, TomlFile
from readers.contract.services import Service

BUILT_IN: Final = Path(__file__).parent
AUTHORITIES: Final = "authorities.toml"
BIRTH_DATE: Final = "birth_date"
MOST_CONDITIONS: Final = 32  # bits of BatchDecision.failed
LONGEST_CLASS: Final = 24  # readers.contract.record.Record.entitlement_class
_CLASS: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def load_schemes(directory: Path = BUILT_IN) -> Mapping[str, Scheme]:
    """Every scheme of a directory, by id.

    The directory holds a `.toml` file for each scheme, `authorities.toml` and `tables/`.

    Raises:
        SchemesFaulty: every fault in every rule file, with file, line and column. Faults in the
            tables or in `authorities.toml` are reported first and alone, since rules rest on them.
    """
    shelf = _shelf(directory)
    paths = sorted(path for path in directory.glob("*.toml") if path.name != AUTHORITIES)
    if not paths:
        raise SchemesFaulty([f"{directory.name}: there are no rule files here"])
    files = [TomlFile.open(path) for path in paths]
    schemes = _read_in_order(files, shelf)
    faults = sorted(fault for file in files for fault in file.faults)
    if faults:
        raise SchemesFaulty(str(fault) for fault in faults)
    return {id_: schemes[id_] for id_ in sorted(schemes)}


def read_scheme(file: TomlFile, shelf: Shelf) -> Scheme:
    """The scheme in a file; not to be used if the file has faults."""
    top = file.top()
    scheme = Scheme(
        id=top.text("id"),
        service=_service(top),
        title=top.text("title"),
        rules=tuple(_rule(entry, shelf) for entry in top.tables("rule")),
    )
    top.no_other_keys()
    if scheme.id and f"{scheme.id}.toml" != file.name:
        top.fault("id", f"scheme '{scheme.id}' must be in a file called {scheme.id}.toml")
    _versions_follow(scheme.rules, file)
    return scheme


def _shelf(directory: Path) -> Shelf:
    tables = directory / "tables"
    return Shelf(
        authorities=load_authorities(directory / AUTHORITIES),
        pension=load_pension_table(tables / "state_pension_age.csv"),
        evidence=frozenset(row.text("kind") for row in read_rows(tables / "evidence_kinds.csv")),
        schemes={},
    )


def _read_in_order(files: Sequence[TomlFile], shelf: Shelf) -> Mapping[str, Scheme]:
    """Reads each file after the schemes it names; a ring of them is a fault."""
    waiting = {file.name.removesuffix(".toml"): file for file in files if not file.faults}
    schemes: dict[str, Scheme] = {}
    while waiting:
        ready = [name for name, file in waiting.items() if not _names(file) & waiting.keys()]
        if not ready:
            ring = ", ".join(waiting)
            for file in waiting.values():
                file.fault((), f"these schemes wait for each other: {ring}")
            break
        for name in ready:
            schemes[name] = read_scheme(waiting.pop(name), replace(shelf, schemes=schemes))
    return schemes


def _names(file: TomlFile) -> set[str]:
    """The schemes a file's conditions name."""
    rules = file.document.get("rule")
    conditions = [
        condition
        for rule in (rules if isinstance(rules, list) else [])
        for condition in (rule.get("conditions", []) if isinstance(rule, dict) else [])
    ]
    named = [each.get("scheme") for each in conditions if isinstance(each, dict)]
    return {name for name in named if isinstance(name, str)}


def _service(top: Entry) -> Service:
    text = top.text("service")
    try:
        return Service(text)
    except ValueError:
        if text:
            top.fault("service", f"there is no service '{text}'; there are {', '.join(Service)}")
        return Service.IDENTITY


def _rule(entry: Entry, shelf: Shelf) -> Rule:
    rule = Rule(
        version=entry.text("version"),
        effective_from=entry.day("effective_from"),
        effective_to=entry.day("effective_to") if "effective_to" in entry else NEVER,
        law=entry.text("law"),
        entitlement_class="" if "bands" in entry else _class(entry, "entitlement_class"),
        bands=tuple(_band(each) for each in entry.tables("bands")) if "bands" in entry else (),
        validity=_validity(entry.table("validity"), shelf),
        conditions=tuple(read_condition(each, shelf) for each in entry.tables("conditions")),
    )
    entry.no_other_keys()
    if rule.effective_to < rule.effective_from:
        entry.fault("effective_to", "'effective_to' is before 'effective_from'")
    for key, message in (*_conditions_amiss(rule), *_bands_amiss(rule)):
        entry.fault(key, message)
    return rule


def _class(entry: Entry, key: str) -> str:
    text = entry.text(key)
    if len(text) > LONGEST_CLASS or (text and not _CLASS.fullmatch(text)):
        entry.fault(
            key, f"'{text}' must be at most {LONGEST_CLASS} small letters, digits and hyphens"
        )
    return text


def _band(entry: Entry) -> Band:
    band = Band(id=_class(entry, "id"), from_age=entry.whole("from_age"))
    entry.no_other_keys()
    return band


def _validity(entry: Entry, shelf: Shelf) -> Validity:
    months = entry.whole("months")
    if "months" in entry and not months:
        entry.fault("months", "'months' must be 1 or more")
    to_expiry = "to_card_expiry" in entry and entry.yes_or_no("to_card_expiry")
    entry.no_other_keys()
    return Validity(months, shelf.authorities if to_expiry else None)


def _conditions_amiss(rule: Rule) -> Iterator[tuple[str, str]]:
    if len(rule.conditions) > MOST_CONDITIONS:
        yield "conditions", f"a rule can have at most {MOST_CONDITIONS} conditions"
    seen: set[str] = set()
    for condition in rule.conditions:
        if condition.name and condition.name in seen:
            yield "conditions", f"two conditions are called '{condition.name}'"
        seen.add(condition.name)


def _bands_amiss(rule: Rule) -> Iterator[tuple[str, str]]:
    if not rule.bands:
        return
    ages = [band.from_age for band in rule.bands]
    if any(later <= earlier for earlier, later in pairwise(ages)):
        yield "bands", "bands must go by rising 'from_age'"
    if not any(_reaches(condition, ages[0]) for condition in rule.conditions):
        yield (
            "bands",
            f"no condition makes sure of an age of at least {ages[0]}, where the first band begins",
        )


def _reaches(condition: Condition, age: int) -> bool:
    operator = condition.operator
    return isinstance(operator, AtLeastAge) and operator.fact == BIRTH_DATE and operator.age >= age


def _versions_follow(rules: Sequence[Rule], file: TomlFile) -> None:
    """Versions must follow one another by date, without overlap and without gap."""
    for place, (before, after) in enumerate(pairwise(rules), start=1):
        path = ("rule", place, "effective_from")
        if after.version and after.version == before.version:
            file.fault(("rule", place, "version"), f"version '{after.version}' is there twice")
        if after.effective_from == date.min:
            continue  # not given, or no date: a fault already
        if after.effective_from <= before.effective_to:
            file.fault(
                path,
                f"version '{after.version}' overlaps version '{before.version}', "
                f"which lasts to {_last(before)}",
            )
        elif after.effective_from != day_after(before.effective_to):
            file.fault(
                path,
                f"no version is in force between {before.effective_to} and {after.effective_from}",
            )


def _last(rule: Rule) -> str:
    return "no set day" if rule.effective_to == NEVER else str(rule.effective_to)
