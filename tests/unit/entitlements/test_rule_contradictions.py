"""Rules that no text editor can see to be wrong: contradictions, charges, offers and their keys."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from entitlements.schemes.changes import changed_schemes, first_changed_day
from entitlements.schemes.explain import check_schemes
from entitlements.schemes.notes import charge_words, offer_words
from entitlements.schemes.rule import DayOfYear, Offer
from entitlements.schemes.rulebook import EVIDENCE, FACTS, open_book, texts_of
from tests.support.entitlement_cases import everything
from tests.support.reorganised import copy_of_the_rules
from tests.support.rule_changes import NEW_SCHEME, library_from_2027, text_of

SWIMMING = "leisure-swimming.toml"
CONDITION = """
[[rule.conditions]]
name = "one-more"
law = "the decision"
why = "So it is."
why_not = "It is not."
"""


@pytest.fixture
def swimming(tmp_path: Path) -> Callable[[str], tuple[str, ...]]:
    """The faults of the rules with one more scheme."""

    def faults(text: str) -> tuple[str, ...]:
        rules = copy_of_the_rules(tmp_path)
        (rules / SWIMMING).write_text(text, encoding="utf-8")
        return tuple(check_schemes(rules))

    return faults


ENDS_BEFORE_IT_BEGINS = """
[[charges]]
words = "x"
pence = 1
from = 2026-01-02
until = 2026-01-01
confirmed = true
[[rule]]"""


BOTH_OLDER = """
[[rule.conditions.of]]
op = "pensionable_by"
fact = "birth_date"
table = "state-pension-age"

[[rule.conditions.of]]
op = "at_least_age"
fact = "birth_date"
age = 70
"""


OFTEN = """[rule.offer]
partner = "Pool"
percent_off = 5
times_a_year = 1000001
"""


def condition(op: str, **keys: object) -> str:
    said = "".join(
        f"{key} = {str(value).lower() if isinstance(value, bool | int) else repr(value)}\n"
        for key, value in keys.items()
    )
    return f'{CONDITION}op = "{op}"\n{said}'


@pytest.mark.parametrize(
    ("added", "said"),
    [
        (
            condition("equals", fact="guarantor", value=True)
            + condition("equals", fact="guarantor", value=False).replace("one-more", "another"),
            "'one-more' and 'another' can never both be so",
        ),
        (condition("resident_in", fact="district", area="medway"), "can never both be so"),
        (
            condition("at_least_age", fact="birth_date", age=18)
            + condition("under_age", fact="birth_date", age=18).replace("one-more", "another"),
            "can never both be so",
        ),
        (
            condition("under_age", fact="birth_date", age=16)
            + condition("aged_in_school_year", fact="birth_date", from_age=16, to_age=18).replace(
                "one-more", "another"
            ),
            "can never both be so",
        ),
        (
            condition("eligible_for", scheme="library")
            + condition("not_eligible_for", scheme="library").replace("one-more", "another"),
            "can never both be so",
        ),
        (
            condition("pensionable_by", fact="birth_date", table="state-pension-age")
            + condition("under_age", fact="birth_date", age=60).replace("one-more", "another"),
            "'one-more' and 'another' can never both be so",
        ),
        (
            condition("aged_in_school_year", fact="birth_date", from_age=16, to_age=18)
            + condition("pensionable_by", fact="birth_date", table="state-pension-age").replace(
                "one-more", "another"
            ),
            "'one-more' and 'another' can never both be so",
        ),
        (
            condition("under_age", fact="birth_date", age=60).replace("one-more", "another")
            + condition("any_of", ask="?")
            + BOTH_OLDER,
            "'another' and 'one-more' can never both be so",
        ),
        (
            condition("under_age", fact="birth_date", age=5)
            + condition("eligible_for", scheme="travel-disabled").replace("one-more", "another"),
            "'one-more' and 'another' can never both be so",
        ),
        (
            condition("resident_in", fact="district", area="medway").replace("conditions", "uses"),
            "'one-more' and 'home-in-kent' can never both be so",
        ),
        (condition("under_age", fact="birth_date", age=0), "nobody is under 0"),
        (condition("at_least_age", fact="birth_date", age=131), "'age' must be 130 or less"),
        (condition("at_most", fact="library_debt", pence=1_000_001), "must be 1000000 or less"),
        (condition("aged_in_school_year", fact="birth_date", from_age=9, to_age=8), "'to_age' is"),
        (condition("at_most", fact="guarantor", pence=5), "'guarantor' is not a sum of money"),
        (condition("equals", fact="library_debt", value=True), "'library_debt' is not a yes or no"),
        (condition("equals", fact="no-such", value=True), "there is no fact 'no-such'"),
        (condition("eligible_for", scheme="no-such"), "there is no scheme 'no-such'"),
        (condition("any_of"), "'of' is missing"),
        (
            condition("any_of", ask="?") + '[[rule.conditions.of]]\nop = "never"\n',
            "there is no operator 'never'",
        ),
        (
            condition("any_of", ask="?")
            + '[[rule.conditions.of]]\nop = "equals"\nfact = "guarantor"\nvalue = true\n',
            "'of' must list two conditions or more",
        ),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(
    swimming: Callable[[str], tuple[str, ...]], added: str, said: str
) -> None:
    faults = swimming(NEW_SCHEME + added)
    assert any(said in fault for fault in faults), faults
    assert all(re.match(rf"{SWIMMING}, line [0-9]+, column [0-9]+: ", fault) for fault in faults)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('given = "automatically"\n', "", "'given' is missing"),
        ('given = "automatically"', 'given = "gladly"', "'given' cannot be 'gladly'"),
        ('service = "leisure"', 'service = "leisure"\nshown_by = "x"', "no kind of evidence 'x'"),
        ("months = 6", "months = 6\nends = { month = 2, day = 29 }", "no day of every year"),
        ("months = 6", "months = 6\nends = { month = 13, day = 1 }", "no day of every year"),
        (
            "[rule.validity]",
            '[rule.offer]\npartner = "Pool"\n[rule.validity]',
            "an offer gives something",
        ),
        (
            "[rule.validity]",
            '[rule.offer]\npartner = "Pool"\npercent_off = 101\n[rule.validity]',
            "'percent_off' must be from 1 to 100",
        ),
        (
            "[[rule]]",
            '[[charges]]\nwords = "x"\npence = 1\nfrom = 2026-01-01\nconfirmed = true\n' * 2
            + "[[rule]]",
            "'x' is there twice for one day",
        ),
        (
            "[[rule]]",
            ENDS_BEFORE_IT_BEGINS,
            "'until' is before 'from'",
        ),
    ],
)
def test_a_scheme_that_cannot_be_meant_is_refused(
    swimming: Callable[[str], tuple[str, ...]], was: str, becomes: str, said: str
) -> None:
    assert was in NEW_SCHEME
    faults = swimming(NEW_SCHEME.replace(was, becomes, 1))
    assert any(said in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('version = "1"', f'version = "{"1" * 65}"', "'version' must be at most 64 characters"),
        ('title = "Swim', f'title = "{"S" * 500}wim', "'title' must be at most 500 characters"),
        ('title = "Swim', 'title = "\\u202eSwim', "'title' holds a line break or a character"),
        ('why = "You', 'why = "Two\\nlines. You', "'why' holds a line break or a character"),
        ("months = 6", "months = 1201", "'months' must be 1200 or less"),
        ('service = "leisure"', 'service = "leisure"\ncard_rank = 1000001', "'card_rank' must be"),
        (
            "[rule.validity]",
            OFTEN + "[rule.validity]",
            "'times_a_year' must be 1000000 or less",
        ),
    ],
)
def test_what_no_table_of_the_database_and_no_page_could_hold_is_refused(
    swimming: Callable[[str], tuple[str, ...]], was: str, becomes: str, said: str
) -> None:
    assert was in NEW_SCHEME
    [fault] = swimming(NEW_SCHEME.replace(was, becomes, 1))
    assert said in fault
    assert re.match(rf"{SWIMMING}, line [0-9]+, column [0-9]+: ", fault)


def test_a_scheme_with_a_longer_name_than_the_database_holds_is_refused(tmp_path: Path) -> None:
    rules, name = copy_of_the_rules(tmp_path), "s" * 65
    text = NEW_SCHEME.replace("leisure-swimming", name)
    (rules / f"{name}.toml").write_text(text, encoding="utf-8")
    assert check_schemes(rules) == (
        f"{name}.toml, line 2, column 1: 'id' must be at most 64 characters",
    )


def test_a_new_scheme_without_faults_has_none(
    swimming: Callable[[str], tuple[str, ...]],
) -> None:
    assert swimming(NEW_SCHEME) == ()


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        (EVIDENCE, "x,an x,source,no-such\n", "no kind of evidence 'no-such' to count as"),
        (EVIDENCE, "pension-credit,a letter,source,\n", "'pension-credit' is there twice"),
        (FACTS, "guarantor,pence,x,source,,\n", "'guarantor' is there twice"),
        (FACTS, "x,colour,your x,source\n", "'colour' is no type"),
        (FACTS, "birth_date,yes-no,your x,source\n", "'birth_date' is a fact of its own already"),
    ],
)
def test_a_table_with_a_row_that_cannot_be_meant_is_refused(
    tmp_path: Path, name: str, row: str, said: str
) -> None:
    rules = copy_of_the_rules(tmp_path)
    table = rules / "tables" / name
    table.write_text(table.read_text(encoding="utf-8") + row, encoding="utf-8")
    [fault] = check_schemes(rules)
    assert said in fault
    assert fault.startswith(f"{name}, line ")


def test_the_same_texts_are_the_same_book_and_another_letter_is_another() -> None:
    texts = dict(texts_of())
    one, other = open_book(texts), open_book(dict(reversed(texts.items())))
    assert one.digest == other.digest
    assert changed_schemes(one, other) == ()
    assert first_changed_day(one, other) is None
    assert open_book({**texts, SWIMMING: NEW_SCHEME}).digest != one.digest


@pytest.mark.parametrize(
    ("file", "was", "becomes", "first"),
    [
        ("library.toml", "You can reserve books.", "You may reserve books.", None),
        ("library.toml", "pence = 60", "pence = 70", None),
        ("library.toml", "pence = 500", "pence = 600", date(2012, 4, 1)),
        ("library.toml", 'title = "Library', 'title = "Our library', None),
        ("state_pension_age.csv", "source", "source", None),
        ("travel-older.toml", "months = 60", "months = 48", date(2010, 4, 6)),
    ],
)
def test_words_and_charges_change_no_day_and_a_rule_in_force_changes_its_own(
    file: str, was: str, becomes: str, first: date | None
) -> None:
    texts = dict(texts_of())
    assert was in texts[file]
    changed = {**texts, file: texts[file].replace(was, becomes)}
    assert first_changed_day(open_book(texts), open_book(changed)) == first


def test_a_new_version_changes_from_its_first_day_and_what_rests_on_it_too() -> None:
    texts = texts_of()
    before = open_book(texts)
    after = open_book({**texts, "library.toml": library_from_2027()})
    assert first_changed_day(before, after) == date(2027, 1, 1)
    assert changed_schemes(before, after) == ("library",)


def test_a_scheme_that_is_ended_changes_from_the_day_after() -> None:
    texts = texts_of()
    ended = text_of("blue-badge.toml").replace(
        "effective_from = 2011-12-05", "effective_from = 2011-12-05\neffective_to = 2028-03-31"
    )
    after = open_book({**texts, "blue-badge.toml": ended})
    assert first_changed_day(open_book(texts), after) == date(2028, 4, 1)


def test_charges_are_said_with_their_pence_and_whether_they_are_sure() -> None:
    charges = everything()["travel-16-plus"].charges_on(date(2019, 1, 1))
    assert [charge_words(each) for each in charges] == [
        "Pass for the school year: £400.",
        "Replacement: £10 (to be confirmed).",
    ]
    today = everything()["travel-16-plus"].charges_on(date(2026, 11, 22))
    assert [each.words for each in today] == ["Replacement"]


def test_an_offer_is_said_in_sentences() -> None:
    offer = Offer(partner="Pool", percent_off=20, first_free=True, times_a_year=1, companions=2)
    assert list(offer_words(offer)) == [
        "Your first time at Pool is free.",
        "20% off at Pool.",
        "You can use it once in a calendar year.",
        "2 other people can come with you on the same terms.",
    ]


def test_the_day_of_every_year_is_the_next_or_today() -> None:
    august = DayOfYear(8, 31)
    assert august.on_or_after(date(2026, 8, 31)) == date(2026, 8, 31)
    assert august.on_or_after(date(2026, 9, 1)) == date(2027, 8, 31)
