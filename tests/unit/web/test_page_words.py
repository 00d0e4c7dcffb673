"""Words, dates and fields as pages show them."""

from datetime import UTC, date, datetime

import pytest

from cardservice.models import CardState
from cardservice.taps import ShownTap
from cardservice.web import words
from cardservice.web.card_lines import STATE_WORDS, tap_line
from cardservice.web.environment import day, environment, ident, moment
from cardservice.web.forms import document_shown, typed_day
from cardservice.web.service_words import service_name
from cardservice.web.staff.documents import proof_of
from cardservice.web.staff.reasons import ReadReason, in_words, reason_of
from cardservice.web.words import gettext, messages_in_use, read_catalogue
from identity.evidence import KINDS, Proof
from readers.contract.reasons import WORDS, Reason
from readers.contract.services import Service


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (datetime(2026, 11, 30, 0, 0, tzinfo=UTC), "30 November 2026 at 12:00am"),
        (datetime(2026, 11, 30, 9, 5, tzinfo=UTC), "30 November 2026 at 9:05am"),
        (datetime(2026, 11, 30, 12, 0, tzinfo=UTC), "30 November 2026 at 12:00pm"),
        (datetime(2026, 7, 31, 23, 30, tzinfo=UTC), "1 August 2026 at 12:30am"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "25 October 2026 at 1:30am"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "25 October 2026 at 1:30am"),
    ],
)
def test_moments_are_london_time(at: datetime, words: str) -> None:
    assert moment(at) == words


def test_a_day_has_no_leading_nought() -> None:
    assert day(date(2026, 12, 1)) == "1 December 2026"


def test_three_fields_make_one_date_and_none_makes_none() -> None:
    typed = {"born-day": " 31", "born-month": "7", "born-year": "1960 "}
    assert typed_day(typed, "born") == "31/7/1960"
    assert typed_day({"born-day": "31"}, "born") == "31//"
    assert typed_day({"born-day": "  "}, "born") == ""


def test_a_document_is_read_from_its_own_fields() -> None:
    typed = {"a.kind": "passport", "b.kind": "utility-bill", "b.dated_on-day": "1"}
    assert document_shown(typed, "a.").kind == "passport"
    assert document_shown(typed, "a.").dated_on == ""
    assert document_shown(typed, "b.").dated_on == "1//"


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_that_shows_one_thing_needs_no_question(kind: str) -> None:
    proves = KINDS[kind].proves
    expected = next(iter(proves)) if len(proves) == 1 else None
    assert proof_of({"kind": kind}) is expected
    assert proof_of({"kind": kind, "proof": "address"}) is Proof.ADDRESS
    assert proof_of({"kind": kind, "proof": "nonsense"}) is expected


@pytest.mark.parametrize("reason", Reason)
def test_a_refused_tap_is_told_in_the_readers_own_words(reason: Reason) -> None:
    at = datetime(2026, 12, 1, tzinfo=UTC)
    shown = tap_line(ShownTap(at, "Ashford Gateway", "travel", accepted=False, reason=reason.value))
    assert shown.answer == WORDS[reason].title
    assert shown.service == "Travel"


def test_a_reason_of_a_newer_reader_is_shown_as_it_is() -> None:
    at = datetime(2026, 12, 1, tzinfo=UTC)
    shown = tap_line(ShownTap(at, "x", "library", accepted=False, reason="from-the-future"))
    assert shown.answer == "from-the-future"
    assert tap_line(ShownTap(at, "x", "library", accepted=True, reason=None)).answer == "Accepted"


def test_a_tap_whose_answer_was_not_shown_says_so() -> None:
    at = datetime(2026, 12, 1, tzinfo=UTC)
    told = tap_line(ShownTap(at, "x", "library", accepted=True, reason=None, unseen=True))
    assert told.answer == "Accepted. The reader stopped before it showed this"


def test_nothing_that_can_be_shown_lacks_its_words() -> None:
    assert set(STATE_WORDS) == set(CardState)
    assert len({service_name(service) for service in Service}) == len(Service)
    assert len({in_words(reason) for reason in ReadReason}) == len(ReadReason)
    assert reason_of("at-desk") is ReadReason.AT_DESK
    assert reason_of("curious") is None


def test_ids_have_no_full_stops() -> None:
    assert ident("identity_document.kind") == "identity_document-kind"


def test_the_catalogue_has_every_message_in_use_and_no_other() -> None:
    def messages(catalogue: object) -> set[str]:
        return {str(message.id) for message in catalogue if message.id}  # type: ignore[attr-defined]  # Babel leaves it untyped

    assert messages(read_catalogue()) == messages(messages_in_use())


def test_a_translation_replaces_the_english(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = read_catalogue()
    message = changed.get("Sign out")
    assert message is not None
    message.string = "Log off"
    monkeypatch.setattr(words, "read_catalogue", lambda: changed)
    words.catalogue.cache_clear()
    try:
        assert gettext("Sign out") == "Log off"
        assert gettext("Register a resident") == "Register a resident"
    finally:
        monkeypatch.undo()
        words.catalogue.cache_clear()


def test_every_template_can_be_compiled() -> None:
    names = environment().list_templates(filter_func=lambda name: not name.startswith("govuk"))
    assert len(names) > 15
    for name in names:
        environment().get_template(name)
