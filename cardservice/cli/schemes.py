"""`kentcard schemes`: what the rules are, and what they say about somebody."""

import argparse
import asyncio
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from msgspec import UNSET, UnsetType

from cardservice.cli import publications
from cardservice.cli.answers import (
    Exit,
    complain,
    open_database,
    say,
    say_json,
    say_table,
    surroundings,
)
from cardservice.cli.subcommands import Commands, day, group, json_option
from entitlements import feeds, rulebooks
from entitlements.errors import UnknownFact
from entitlements.facts import Evidence, Fed
from entitlements.schemes import explain
from entitlements.schemes.engine import compile_traced
from entitlements.schemes.explain import Answer
from entitlements.schemes.rulebook import BUILT_IN, RuleBook, built_in_book
from identity.places import Unlisted, district_of
from readers.contract.windows import london_date

EXITS: Final[Mapping[Answer, Exit]] = {
    Answer.YES: Exit.DONE,
    Answer.NO: Exit.NO,
    Answer.NOT_YET: Exit.NO,
    Answer.UNKNOWN: Exit.NO,
}


def add_to(commands: Commands) -> None:
    """`schemes list`, `show`, `check` and `explain`, and what has to do with publishing."""
    own = group(commands, "schemes", "the rules for each entitlement")
    listing = own.add_parser("list", help="every scheme and the rule in force")
    _day_option(listing)
    _book_option(listing)
    json_option(listing)
    listing.set_defaults(run=_list)
    show = own.add_parser("show", help="the text of a rule file")
    show.add_argument("scheme")
    _book_option(show)
    show.set_defaults(run=_show)
    check = own.add_parser("check", help="every fault of the rule files")
    check.add_argument("directory", nargs="?", type=Path, default=BUILT_IN)
    json_option(check)
    check.set_defaults(run=_check)
    _add_explain(own)
    publications.add_to(own)


def _add_explain(own: Commands) -> None:
    explaining = own.add_parser("explain", help="what a scheme says about somebody, and why")
    explaining.add_argument("scheme")
    explaining.add_argument("--born", type=day, help="date of birth, as 1960-07-31")
    explaining.add_argument("--postcode", help="full postcode of the main home")
    explaining.add_argument(
        "--evidence",
        action="append",
        default=[],
        metavar="KIND=DATE[..DATE]",
        help="a document with its date, and the day until which it states that it holds",
    )
    explaining.add_argument(
        "--fact",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a fact that others tell us: yes, no or pence",
    )
    _day_option(explaining)
    _book_option(explaining)
    json_option(explaining)
    explaining.set_defaults(run=_explain)


def _day_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--on", type=day, help="the day, as 2026-11-30; today")


def _book_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--in-force",
        action="store_true",
        help="the rules of this installation's database, not those that come with the software",
    )


def _list(asked: argparse.Namespace) -> int:
    rows = explain.list_schemes(_book(asked).schemes, _day(asked))
    if asked.json:
        say_json(rows)
    else:
        say_table([tuple(rows[0]), *(tuple(row.values()) for row in rows)])
    return Exit.DONE


def _show(asked: argparse.Namespace) -> int:
    book = _book(asked)
    explain.scheme_named(book.schemes, asked.scheme)
    say(book.texts[f"{asked.scheme}.toml"].rstrip("\n"))
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
    book = _book(asked)
    scheme = explain.scheme_named(book.schemes, asked.scheme)
    facts = explain.enquiry(
        UNSET if asked.born is None else asked.born,
        _district(asked.postcode),
        [_evidence(book, text) for text in asked.evidence],
        _fed(book, asked.fact),
    )
    decision = compile_traced(scheme)(facts, _day(asked))
    if asked.json:
        say_json(explain.to_data(decision))
    else:
        for line in explain.explain(decision, book):
            say(line)
    return EXITS[explain.answer(decision)]


def _book(asked: argparse.Namespace) -> RuleBook:
    return asyncio.run(_in_force(asked)) if asked.in_force else built_in_book()


async def _in_force(asked: argparse.Namespace) -> RuleBook:
    settings = surroundings(asked.config).settings
    async with open_database(settings) as database, database.transaction() as session:
        return await rulebooks.in_force(session)


def _evidence(book: RuleBook, text: str) -> Evidence:
    """`pip-moving-around=2026-10-20..2030-06-30`, seen on the day it is dated.

    Raises:
        UnknownFact: there is no such kind, or no such day.
    """
    kind, _, dates = text.partition("=")
    dated, _, until = dates.partition("..")
    if kind not in book.evidence_words:
        known = ", ".join(book.evidence_words)
        raise UnknownFact(f"There is no kind of evidence '{kind}'. There are: {known}.")
    try:
        on = date.fromisoformat(dated)
        stated = date.fromisoformat(until) if until else None
    except ValueError:
        raise UnknownFact(f"'{dates}' is no day such as 2026-11-30, or two with '..'.") from None
    return Evidence(kind=kind, dated=on, sighted=on, stated_until=stated)


def _fed(book: RuleBook, told: list[str]) -> Mapping[str, Fed]:
    pairs = [text.partition("=") for text in told]
    return {name: feeds.typed_value(book, name, value) for name, _, value in pairs}


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
        on: date = asked.on
        return on
    return london_date(surroundings(asked.config).clock())
