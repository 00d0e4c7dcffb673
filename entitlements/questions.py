"""What an application asks, and where it goes.

Both follow from the rule and from what is known; no scheme has code of its own.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from entitlements.decision import Decision, Eligible, NeedsEvidence, NeedsFacts, NotEligible
from entitlements.facts import Fed, ResidentFacts
from entitlements.models import Standing
from entitlements.schemes.conditions import FedFact, OwnWord
from entitlements.schemes.engine import Decide
from entitlements.schemes.rulebook import RuleBook

MOST_PENCE: Final = 100_000_000
_SHOWN_BY_DOCUMENTS: Final = frozenset({"birth_date", "district", "evidence"})

Answered = Mapping[str, Fed | None]
"""Name of a fact -> what was answered; None where the resident does not know."""


class Question(msgspec.Struct, frozen=True):
    """One question to a resident, on a page of its own.

    Attributes:
        fact: name of what is asked.
        words: of the question, from the fact's own.
        is_money: whether it is a sum of money; else it is yes or no.
    """

    fact: str
    words: str
    is_money: bool


class Wanted(StrEnum):
    """What an application waits for that the rule alone cannot decide."""

    EVIDENCE = "evidence"
    OFFICER = "officer"


class Sent(msgspec.Struct, frozen=True):
    """Where an application goes once it is sent.

    Attributes:
        decision: what the rule says: on what is proved where that settles it, else on what is
            stated where that is a no.
        wanted: what is missing where the rule does not settle it; None where it does.
    """

    decision: Decision
    wanted: Wanted | None


def question_of(book: RuleBook, fact: str) -> Question:
    """How a resident is asked for a fact."""
    known = book.fed[fact]
    return Question(fact, f"Tell us {known.words}", known.type is int)


def can_be_asked(book: RuleBook, fact: str) -> bool:
    """Whether residents are asked for it at all."""
    known: FedFact | None = book.fed.get(fact)
    return known is not None and known.own_word is not OwnWord.NOTHING


def standing_of(book: RuleBook, fact: str) -> Standing:
    """What a fact that a resident answered rests on."""
    enough = book.fed[fact].own_word is OwnWord.ENOUGH
    return Standing.OWN_WORD if enough else Standing.CLAIMED


def with_answers(facts: ResidentFacts, answers: Answered) -> ResidentFacts:
    """Facts with answers where nothing else is known."""
    told = {} if facts.fed is UNSET else facts.fed
    new = {name: value for name, value in answers.items() if value is not None}
    return replace(facts, fed={**new, **told})


def worth_enough(book: RuleBook, answers: Answered) -> Answered:
    """Those answers for which a resident's own word is enough."""
    return {
        fact: value
        for fact, value in answers.items()
        if can_be_asked(book, fact) and standing_of(book, fact) is Standing.OWN_WORD
    }


def next_question(
    book: RuleBook, decide: Decide, stated: ResidentFacts, answers: Answered, on: date
) -> Question | None:
    """The next thing that is not known, may be asked, and was not; None when there is none."""
    decision = decide(with_answers(stated, answers), on)
    if not isinstance(decision, NeedsFacts):
        return None
    for fact in decision.needed:
        if fact not in answers and can_be_asked(book, fact):
            return question_of(book, fact)
    return None


def route(decide: Decide, proved: ResidentFacts, stated: ResidentFacts, on: date) -> Sent:
    """Where an application goes: decided by rule alone, to evidence first, or to an officer."""
    firm = decide(proved, on)
    match firm:
        case Eligible() | NotEligible():
            return Sent(firm, None)
        case NeedsFacts() | NeedsEvidence():
            said = decide(stated, on)
            if isinstance(said, NotEligible):
                return Sent(said, None)
            by_paper = isinstance(firm, NeedsEvidence) or _needs_paper(firm.needed)
            return Sent(firm, Wanted.EVIDENCE if by_paper else Wanted.OFFICER)


def _needs_paper(needed: Sequence[str]) -> bool:
    return not _SHOWN_BY_DOCUMENTS.isdisjoint(needed)
