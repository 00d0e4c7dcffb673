"""Rule files that tests publish."""

from datetime import date, timedelta

from entitlements.schemes.rulebook import BUILT_IN

NEW_SCHEME = """
id = "leisure-swimming"
service = "leisure"
title = "Swimming for new residents of Maidstone"
given = "automatically"

[[rule]]
version = "1"
effective_from = 2026-12-01
law = "Maidstone Borough Council, decision of 1 November 2026"
entitlement_class = "swim"
terms = ["Bring your own towel."]

[rule.validity]
months = 6

[[rule.conditions]]
name = "home-in-kent"
op = "resident_in"
fact = "district"
area = "kent"
law = "the decision"
why = "You live in Kent."
why_not = "You do not live in Kent."
"""
"""In force nine days after the day of `people.NOW`."""


def text_of(name: str) -> str:
    return (BUILT_IN / name).read_text(encoding="utf-8")


def library_from_2027() -> str:
    """The library's rule with a second version from 1 January 2027, without guarantors."""
    head, rule = text_of("library.toml").split("[[rule]]\n")
    first = rule.replace(
        "effective_from = 2012-04-01\n", "effective_from = 2012-04-01\neffective_to = 2026-12-31\n"
    )
    before, rest = rule.split('[[rule.conditions]]\nname = "guarantor"')
    after = rest[rest.index("# What a member may do") :]
    second = (before + after).replace('version = "1"', 'version = "2"')
    second = second.replace("effective_from = 2012-04-01\n", "effective_from = 2027-01-01\n")
    return f"{head}[[rule]]\n{first}\n[[rule]]\n{second}"


def library_without_charges_for_children() -> str:
    """A change of what the rule in force says: the bands begin at 17, and did since 2012."""
    return text_of("library.toml").replace("from_age = 18", "from_age = 17")


def kent_begins_earlier(on: date) -> str:
    """The authorities with Kent County Council's travel from 09:00 from a day on."""
    text = text_of("authorities.toml")
    start = text.index('[[authorities]]\nid = "kent-county-council"')
    entry = text[start : text.index("[[authorities]]", start + 1)]
    since = "from = 1974-04-01\n"
    ended = entry.replace(since, f"{since}until = {on - timedelta(days=1)}\n")
    begins = entry.replace(since, f"from = {on}\n")
    begins = begins.replace("travel_start = 09:30:00", "travel_start = 09:00:00")
    return text.replace(entry, ended + begins)
