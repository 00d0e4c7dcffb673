"""What an application asks follows from rule and facts alone: a new scheme needs no code."""

from collections.abc import Mapping
from datetime import date

import pytest

from entitlements.decision import Eligible, NotEligible
from entitlements.errors import SchemesFaulty
from entitlements.facts import Fed, ResidentFacts
from entitlements.models import Standing
from entitlements.questions import (
    Question,
    Wanted,
    next_question,
    question_of,
    route,
    standing_of,
    with_answers,
    worth_enough,
)
from entitlements.schemes.engine import compile_traced
from entitlements.schemes.rulebook import BUILT_IN, RuleBook, open_book, texts_of

ON = date(2026, 11, 22)
ALLOTMENT = """
id = "allotment"
title = "Allotment"
given = "on-application"

[[rule]]
version = "1"
effective_from = 2026-01-01
law = "Smallholdings and Allotments Act 1908"
entitlement_class = "plot"

[rule.validity]
months = 12

[[rule.conditions]]
name = "no-plot"
op = "equals"
fact = "has_plot"
value = false
law = "Smallholdings and Allotments Act 1908"
why = "You have no allotment yet."
why_not = "You have an allotment already."

[[rule.conditions]]
name = "rent-paid"
op = "at_most"
fact = "rent_owed"
pence = 0
law = "Smallholdings and Allotments Act 1908"
why = "You owe no rent for an allotment."
why_not = "You owe rent for an allotment."
"""
ROWS = """\
has_plot,yes-no,whether you have an allotment,parish,enough
rent_owed,pence,how much rent you owe for an allotment,parish,claim
"""


@pytest.fixture(scope="module")
def book() -> RuleBook:
    """The rules with one more file, and the facts it names."""
    texts = dict(texts_of())
    return open_book({**texts, "allotment.toml": ALLOTMENT, "facts.csv": texts["facts.csv"] + ROWS})


def facts(fed: Mapping[str, Fed] | None = None) -> ResidentFacts:
    return ResidentFacts(
        birth_date=date(1990, 1, 1),
        district="E07000110",
        deceased=False,
        evidence=(),
        fed=fed or {},
    )


def asked(book: RuleBook, known: ResidentFacts, answers: Mapping[str, Fed | None]) -> str | None:
    decide = compile_traced(book.schemes["allotment"])
    question = next_question(book, decide, known, answers, ON)
    return question.fact if question else None


def test_a_new_rule_file_and_its_facts_are_asked_in_the_words_of_the_facts(
    book: RuleBook,
) -> None:
    assert question_of(book, "has_plot") == Question(
        "has_plot", "Tell us whether you have an allotment", is_money=False
    )
    assert question_of(book, "rent_owed") == Question(
        "rent_owed", "Tell us how much rent you owe for an allotment", is_money=True
    )


def test_only_the_unknown_is_asked_one_after_the_other_until_a_no_settles_it(
    book: RuleBook,
) -> None:
    assert asked(book, facts(), {}) == "has_plot"
    assert asked(book, facts({"has_plot": False}), {}) == "rent_owed"
    assert asked(book, facts(), {"has_plot": False}) == "rent_owed"
    assert asked(book, facts(), {"has_plot": None}) == "rent_owed"
    assert asked(book, facts(), {"has_plot": False, "rent_owed": 0}) is None
    assert asked(book, facts(), {"has_plot": True}) is None


def test_their_own_word_decides_where_it_is_enough_and_waits_for_an_officer_where_not(
    book: RuleBook,
) -> None:
    assert standing_of(book, "has_plot") is Standing.OWN_WORD
    assert standing_of(book, "rent_owed") is Standing.CLAIMED
    decide = compile_traced(book.schemes["allotment"])
    answers = {"has_plot": False, "rent_owed": 0}
    proved = with_answers(facts(), worth_enough(book, answers))
    sent = route(decide, proved, with_answers(facts(), answers), ON)
    assert sent.wanted is Wanted.OFFICER
    confirmed = route(decide, facts({**answers}), facts({**answers}), ON)
    assert isinstance(confirmed.decision, Eligible)
    assert confirmed.wanted is None


def test_a_claim_can_tell_somebody_a_no_and_never_a_yes(book: RuleBook) -> None:
    decide = compile_traced(book.schemes["allotment"])
    owing = with_answers(facts({"has_plot": False}), {"rent_owed": 1})
    sent = route(decide, facts({"has_plot": False}), owing, ON)
    assert isinstance(sent.decision, NotEligible)
    assert sent.decision.reasons == ("You owe rent for an allotment.",)


def test_what_others_told_us_is_not_unsaid_by_an_answer() -> None:
    known = facts({"has_plot": True})
    assert with_answers(known, {"has_plot": False}).fed == {"has_plot": True}


def test_a_worth_that_no_word_can_have_is_a_fault_with_its_line() -> None:
    texts = dict(texts_of(BUILT_IN))
    lines = len(texts["facts.csv"].splitlines())
    row = "has_plot,yes-no,whether you have an allotment,parish,gospel\n"
    with pytest.raises(SchemesFaulty) as caught:
        open_book({**texts, "facts.csv": texts["facts.csv"] + row})
    said = "is not what somebody's own word can be worth; it is claim or enough, or empty"
    assert caught.value.faults == (f"facts.csv, line {lines + 1}: 'gospel' {said}",)


def test_a_book_from_before_residents_were_asked_anything_still_opens() -> None:
    texts = dict(texts_of())
    rows = [line.rsplit(",", 2)[0] for line in texts["facts.csv"].splitlines()]
    old = open_book({**texts, "facts.csv": "\n".join(rows) + "\n"})
    assert {fact.own_word.value for fact in old.fed.values()} == {""}
    assert not any(fact.by_officer for fact in old.fed.values())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("tea,yes-no,whether you like tea,nobody,,maybe", "'maybe' is not yes or empty"),
        ("rent,pence,your rent,nobody,,yes", "an officer tells only what is yes or no; 'rent' is"),
    ],
)
def test_a_fact_that_no_officer_could_tell_is_refused_with_its_line(row: str, said: str) -> None:
    texts = texts_of()
    lines = len(texts["facts.csv"].splitlines())
    with pytest.raises(SchemesFaulty) as caught:
        open_book({**texts, "facts.csv": f"{texts['facts.csv']}{row}\n"})
    (fault,) = caught.value.faults
    assert fault.startswith(f"facts.csv, line {lines + 1}: {said}")
