"""Decisions in words and as data, and what can be said about the schemes themselves.

What the command line prints; it adds only arguments and the exit code.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import assert_never

import msgspec
from msgspec import UNSET, UnsetType

from entitlements.decision import (
    Decision,
    Eligible,
    NeedsEvidence,
    NeedsFacts,
    NotEligible,
    Step,
)
from entitlements.errors import SchemesFaulty, UnknownScheme
from entitlements.facts import Evidence, Fed, ResidentFacts
from entitlements.schemes.dates import NEVER, in_words
from entitlements.schemes.notes import notes_of
from entitlements.schemes.rule import Scheme
from entitlements.schemes.rulebook import BUILT_IN, RuleBook, built_in_book, load_schemes


class Answer(StrEnum):
    """A decision in one word or two."""

    YES = "yes"
    NO = "no"
    NOT_YET = "not yet"
    UNKNOWN = "unknown"


def answer(decision: Decision) -> Answer:
    """The short answer; *not yet* is a no that becomes a yes on a known day."""
    match decision:
        case Eligible():
            return Answer.YES
        case NotEligible(eligible_from=None):
            return Answer.NO
        case NotEligible():
            return Answer.NOT_YET
        case NeedsFacts() | NeedsEvidence():
            return Answer.UNKNOWN
        case _:
            assert_never(decision)


def explain(decision: Decision, book: RuleBook | None = None) -> Sequence[str]:
    """The answer, its reasons and the conditions behind it, as lines of text.

    Args:
        decision: of a scheme of the book.
        book: the built-in one if left out.
    """
    book = book or built_in_book()
    return [
        f"{decision.scheme} on {in_words(decision.on)}: {answer(decision)}",
        *_reasons(decision, book),
        *(f"note: {note}" for note in notes_of(book.schemes[decision.scheme], decision)),
        *_next_change(decision.next_change_on),
        "",
        *(_line(step) for step in decision.trace),
    ]


def to_data(decision: Decision) -> dict[str, object]:
    """The same as plain data for JSON: dates as `2026-11-30`, the short answer as `answer`."""
    fields: dict[str, object] = msgspec.to_builtins(decision)
    return {"answer": str(answer(decision)), **fields}


def enquiry(
    birth_date: date | UnsetType = UNSET,
    district: str | UnsetType = UNSET,
    evidence: Sequence[Evidence] = (),
    fed: Mapping[str, Fed] | UnsetType = UNSET,
) -> ResidentFacts:
    """The facts for somebody who asks about a living person: no more is known than is said."""
    return ResidentFacts(
        birth_date=birth_date,
        district=district,
        deceased=False,
        evidence=tuple(evidence) or UNSET,
        fed=fed,
    )


def scheme_named(schemes: Mapping[str, Scheme], name: str) -> Scheme:
    """The scheme with that id.

    Raises:
        UnknownScheme: there is none; the message names those there are.
    """
    try:
        return schemes[name]
    except KeyError:
        known = ", ".join(schemes)
        raise UnknownScheme(f"There is no scheme '{name}'. There are: {known}.") from None


def list_schemes(schemes: Mapping[str, Scheme], on: date) -> Sequence[Mapping[str, str]]:
    """Each scheme with the version of its rule in force on a day, `""` where none is."""
    rows = []
    for scheme in schemes.values():
        rule = scheme.rule_on(on)
        rows.append(
            {
                "scheme": scheme.id,
                "title": scheme.title,
                "service": str(scheme.service or "not on the card"),
                "given": str(scheme.given),
                "rule": rule.version if rule else "",
                "effective_from": str(rule.effective_from) if rule else "",
                "effective_to": str(rule.effective_to)
                if rule and rule.effective_to != NEVER
                else "",
                "law": rule.law if rule else "",
            }
        )
    return rows


def check_schemes(directory: Path = BUILT_IN) -> Sequence[str]:
    """Every fault of a directory of rule files, one a line; none if they can be used."""
    try:
        load_schemes(directory)
    except SchemesFaulty as error:
        return error.faults
    return ()


def evidence_words() -> Mapping[str, str]:
    """What each kind of evidence is called when a resident is asked for it."""
    return built_in_book().evidence_words


def _reasons(decision: Decision, book: RuleBook) -> Iterator[str]:
    match decision:
        case Eligible():
            yield f"class: {decision.entitlement_class}"
            yield f"valid: {decision.valid_from} to {decision.valid_until}"
        case NotEligible():
            yield from (f"reason: {reason}" for reason in decision.reasons)
            if decision.eligible_from:
                yield f"eligible from {decision.eligible_from}"
        case NeedsFacts():
            for fact in decision.needed:
                yield f"needed: {book.fact_words[fact]}"
        case NeedsEvidence():
            words = book.evidence_words
            yield "needed: one of these"
            yield from (f"  {words.get(kind, kind)}" for kind in decision.needed)
        case _:
            assert_never(decision)


def _next_change(on: date | None) -> Iterator[str]:
    if on:
        yield f"could next change on {on}"


def _line(step: Step) -> str:
    law = f" ({step.law})" if step.law else ""
    return f"{step.outcome:<8} {step.condition}: {step.why}{law}"
