"""Every reason has words a person can act on."""

import pytest

from readers.contract.reasons import TRY_AGAIN, WORDS, Reason


def test_every_reason_has_words_and_no_word_lacks_its_reason() -> None:
    assert set(WORDS) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_the_words_fit_the_screen_and_say_what_to_do(reason: Reason) -> None:
    words = WORDS[reason]
    assert 0 < len(words.title) <= 45
    assert not words.title.endswith(".")
    assert words.advice.endswith(".")


@pytest.mark.parametrize("reason", sorted(TRY_AGAIN))
def test_a_reason_about_the_reader_never_blames_the_holder(reason: Reason) -> None:
    words = WORDS[reason]
    for accusation in ("not valid", "refused", "blocked", "expired", "suspended"):
        assert accusation not in f"{words.title} {words.advice}".lower()


def test_codes_are_permanent() -> None:
    assert sorted(reason.value for reason in Reason) == [
        "bad-record-signature", "blocked", "card-mute", "card-not-genuine", "card-removed",
        "chain-too-long", "clock-behind", "clock-unset", "copied-record", "expired",
        "foreign-card", "journal-full", "list-stale", "malformed-record", "not-held", "not-ready",
        "not-yet-valid", "outside-hours", "reader-fault", "replaced", "suspended",
        "unknown-issuer-key", "unknown-record-version", "wrong-service",
    ]  # fmt: skip
