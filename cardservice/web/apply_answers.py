"""What was typed into the page of a question, as an answer; and an answer as it was typed."""

import re
from typing import Final

import msgspec

from cardservice.web.application_lines import NO, UNKNOWN, YES
from cardservice.web.forms import Typed
from cardservice.web.words import gettext as _
from entitlements.facts import Fed
from entitlements.questions import MOST_PENCE, Question
from entitlements.schemes.notes import PENCE_IN_A_POUND

FIELD: Final = "answer"
_POUNDS: Final = re.compile(r"£?\s*(\d[\d,]*)(?:\.(\d{1,2}))?", re.ASCII)


class Answer(msgspec.Struct, frozen=True):
    """An answer that can be; None where the resident does not know."""

    value: Fed | None


def read_answer(question: Question, typed: Typed) -> Answer | str:
    """The answer, or the sentence that says what is wrong with it."""
    text = typed.get(FIELD, "").strip()
    if typed.get(UNKNOWN) == UNKNOWN or text == UNKNOWN:
        return Answer(None)
    if question.is_money:
        return _read_money(text)
    if text not in {YES, NO}:
        return _("Select yes or no, or that you do not know")
    return Answer(text == YES)


def typed_of(question: Question, value: Fed | None) -> Typed:
    """An answer as the page's fields show it."""
    if value is None:
        return {UNKNOWN: UNKNOWN} if question.is_money else {FIELD: UNKNOWN}
    if question.is_money:
        return {FIELD: f"{value // PENCE_IN_A_POUND}.{value % PENCE_IN_A_POUND:02}"}
    return {FIELD: YES if value else NO}


def _read_money(text: str) -> Answer | str:
    if not text:
        return _("Enter an amount, or select that you do not know")
    found = _POUNDS.fullmatch(text)
    if found is None:
        return _("Enter an amount in pounds, such as 5 or 5.20")
    pounds, pence = found[1].replace(",", ""), (found[2] or "0").ljust(2, "0")
    most = len(str(MOST_PENCE))
    whole = int(pounds) * PENCE_IN_A_POUND + int(pence) if len(pounds) <= most else MOST_PENCE + 1
    if whole > MOST_PENCE:
        return _("Enter an amount of at most £1,000,000")
    return Answer(whole)
