"""A page that is rendered once says what it would say if it were rendered for each visitor."""

import pytest

from cardservice.web.environment import environment
from cardservice.web.prepared import prepare

TEMPLATE = "problems/kept.html"
SAME = {
    "title": "We are very busy",
    "sentences": ("Nothing was tried.", "Wait & try again."),
    "button": "Try again",
    "faults": {},
    "csrf_field": "csrf_token",
    "part": "resident",
    "demo": False,
}
MARKS = ("nonce", "csrf_token", "action")
ONE = {"nonce": "n-1", "csrf_token": "t-1", "action": "/sign-in/password?request=a&b=c"}
OTHER = {"nonce": "n-2", "csrf_token": "t-2", "action": "/staff/sign-in"}
TYPED = {
    "email": "jean@example.com",
    "notes": "two\nlines",
    "hostile": "</textarea><script>alert(1)</script>",
    '"><b>': "'quoted' \0nonce\0 {{ nonce }}",
}


@pytest.mark.parametrize("given", [ONE, OTHER])
@pytest.mark.parametrize("kept", [{}, {"email": "jean@example.com"}, TYPED])
def test_it_is_the_page_that_would_be_rendered(given: dict[str, str], kept: dict[str, str]) -> None:
    prepared = prepare(TEMPLATE, MARKS, **SAME)
    rendered = environment().get_template(TEMPLATE).render(**SAME, **given, kept=kept)
    assert prepared.filled(kept, **given) == rendered


def test_nothing_of_one_visitor_is_left_for_the_next() -> None:
    prepared = prepare(TEMPLATE, MARKS, **SAME)
    assert "jean@example.com" in prepared.filled(TYPED, **ONE)
    next_page = prepared.filled({}, **OTHER)
    assert "jean@example.com" not in next_page
    assert "n-1" not in next_page
    assert "t-1" not in next_page


def test_a_mark_that_a_visitor_sends_stays_what_they_sent() -> None:
    filled = prepare(TEMPLATE, MARKS, **SAME).filled({"a": "\0nonce\0\0csrf_token\0"}, **ONE)
    assert "\0nonce\0\0csrf_token\0" in filled


def test_what_the_page_needs_cannot_be_left_out() -> None:
    with pytest.raises(KeyError):
        prepare(TEMPLATE, MARKS, **SAME).filled({}, nonce="n", csrf_token="t")
