"""`kentcard schemes`: what the rules are, and what they say about somebody."""

import argparse
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from msgspec import UNSET, UnsetType

from cardservice.cli.answers import Exit, complain, say, say_json, say_table, surroundings
from cardservice.cli.subcommands import Commands, day, group, json_option
from entitlements.schemes import explain
from entitlements.schemes.engine import compile_traced
from entitlements.schemes.explain import Answer
from entitlements.schemes.rulefiles import BUILT_IN, load_schemes
from identity.places import Unlisted, district_of
from readers.contract.windows import london_date

EXITS: Final[Mapping[Answer, Exit]] = {
    Answer.YES: Exit.DONE,
    Answer.NO: Exit.NO,
    Answer.NOT_YET: Exit.NO,
    Answer.UNKNOWN: Exit.NO,
}


def add_to(commands: Commands) -> None:
    """`schemes list`, `check` and `explain`."""
    own = group(commands, "schemes", "the rules for each entitlement")
    listing = own.add_parser("list", help="every scheme and the rule in force")
    _day_option(listing)
    json_option(listing)
    listing.set_defaults(run=_list)
    check = own.add_parser("check", help="every fault of the rule files")
    check.add_argument("directory", nargs="?", type=Path, default=BUILT_IN)
    json_option(check)
    check.set_defaults(run=_check)
    explaining = own.add_parser("explain", help="what a scheme says about somebody, and why")
    explaining.add_argument("scheme")
    explaining.add_argument("--born", type=day, help="date of birth, as 1960-07-31")
    explaining.add_argument("--postcode", help="full postcode of the main home")
    _day_option(explaining)
    json_option(explaining)
    explaining.set_defaults(run=_explain)


def _day_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--on", type=day, help="the day, as 2026-11-30; today")


def _list(asked: argparse.Namespace) -> int:
    rows = explain.list_schemes(load_schemes(), _day(asked))
    if asked.json:
        say_json(rows)
    else:
        say_table([tuple(rows[0]), *(tuple(row.values()) for row in rows)])
    return Exit.DONE


def _check(asked: argparse.Namespace) -> int:
    faults = explain.check_schemes(asked.directory)
    if asked.json:
        say_json({"faults": faults})
    elif faults:
        complain("\n".join(faults))
    else:
        say("The rule files have no faults.")
    return Exit.NO if faults else Exit.DONE


def _explain(asked: argparse.Namespace) -> int:
    scheme = explain.scheme_named(load_schemes(), asked.scheme)
    facts = explain.enquiry(UNSET if asked.born is None else asked.born, _district(asked.postcode))
    decision = compile_traced(scheme)(facts, _day(asked))
    if asked.json:
        say_json(explain.to_data(decision))
    else:
        for line in explain.explain(decision):
            say(line)
    return EXITS[explain.answer(decision)]


def _district(postcode: str | None) -> str | UnsetType:
    """Of a full postcode; one that is not in the table leaves the district unknown."""
    if postcode is None:
        return UNSET
    district = district_of(postcode)
    if isinstance(district, Unlisted):
        complain(f"{postcode} is not in the table of Kent and Medway, so the district is unknown.")
        return UNSET
    return district.code


def _day(asked: argparse.Namespace) -> date:
    if asked.on is not None:
        day: date = asked.on
        return day
    return london_date(surroundings(asked.config).clock())
