"""What is typed into a question, as an answer, and shown again as it was."""

import pytest

from cardservice.web.apply_answers import Answer, read_answer, typed_of
from entitlements.facts import Fed
from entitlements.questions import Question

WHETHER = Question("carer", "Tell us whether you look after somebody", is_money=False)
HOW_MUCH = Question("debt", "Tell us how much you owe", is_money=True)


@pytest.mark.parametrize(
    ("text", "pence"),
    [
        ("5", 500),
        ("5.2", 520),
        ("5.20", 520),
        ("£5.20", 520),
        ("£ 1,234.05", 123_405),
        ("0", 0),
        ("1000000", 100_000_000),
    ],
)
def test_an_amount_is_taken_as_people_write_it(text: str, pence: int) -> None:
    assert read_answer(HOW_MUCH, {"answer": f" {text} "}) == Answer(pence)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Enter an amount"),
        ("-5", "in pounds"),
        ("5.200", "in pounds"),
        ("5,20€", "in pounds"),
        ("\N{ARABIC-INDIC DIGIT FIVE}", "in pounds"),
        ("five", "in pounds"),
        ("1000000.01", "at most"),
        ("9" * 400, "at most"),
    ],
)
def test_an_amount_that_cannot_be_is_refused_in_words(text: str, said: str) -> None:
    answered = read_answer(HOW_MUCH, {"answer": text})
    assert isinstance(answered, str)
    assert said in answered


@pytest.mark.parametrize("value", [True, False, None])
def test_a_yes_a_no_and_not_knowing_come_back_as_they_were_typed(value: bool | None) -> None:  # noqa: FBT001  (what was answered)
    assert read_answer(WHETHER, typed_of(WHETHER, value)) == Answer(value)


@pytest.mark.parametrize("value", [0, 5, 123_405, None])
def test_an_amount_comes_back_as_it_was_typed(value: Fed | None) -> None:
    assert read_answer(HOW_MUCH, typed_of(HOW_MUCH, value)) == Answer(value)
