"""Codes are permanent and unlike each other; every error of an API has a status."""

import re

import pytest
from litestar.exceptions import HTTPException

import readers.terminal.errors  # noqa: F401  (both: so that every error is known)
from cardservice.card_sessions import RESULT_WORDS, Outcome, ended
from cardservice.web.problems import ROOTS, STATUS, code_of, every_error, title_of
from identity.errors import Busy, KeyTokenAway
from readers.contract.reasons import WORDS, Reason
from readers.contract.wire import SessionResult


def _all_errors() -> list[type[Exception]]:
    found: list[type[Exception]] = list(ROOTS)
    for error in found:
        found.extend(error.__subclasses__())
    return [error for error in found if not error.__module__.startswith("readers.virtual")]


def test_no_two_errors_share_a_code() -> None:
    """Virtual readers aside: their tray answers nobody but the demo."""
    codes = [code_of(error) for error in _all_errors()]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("code", sorted(every_error()))
def test_codes_are_kebab_case_and_explained(code: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert title_of(every_error()[code]).endswith(".")


def test_an_error_in_the_table_is_the_callers_and_not_the_frameworks() -> None:
    """Or says that nothing was tried, and when to try again."""
    for error, status in STATUS.items():
        assert 400 <= status < 500 or (error, status) in {(Busy, 503), (KeyTokenAway, 503)}
        assert not issubclass(error, HTTPException)


def test_every_end_of_a_card_session_has_words() -> None:
    assert set(RESULT_WORDS) == set(SessionResult)
    for result in SessionResult:
        assert ended(Outcome(result)).title


def test_a_session_broken_off_for_a_reason_says_that_reason() -> None:
    words = WORDS[Reason.CARD_MUTE]
    said = ended(Outcome(SessionResult.BROKEN_OFF, Reason.CARD_MUTE.value))
    assert (said.title, said.advice) == (words.title, words.advice)
