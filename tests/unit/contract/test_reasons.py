"""Every reason has words a person can act on."""

from collections.abc import Callable

import pytest

from readers.contract.reasons import TRY_AGAIN, WORDS, Reason, Words, words_for_code


def test_every_reason_has_words_and_no_word_lacks_its_reason() -> None:
    assert set(WORDS) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("words_of", [WORDS.__getitem__, words_for_code])
def test_the_words_fit_the_screen_and_say_what_to_do(
    reason: Reason, words_of: Callable[[Reason], Words]
) -> None:
    words = words_of(reason)
    assert 0 < len(words.title) <= 45
    assert not words.title.endswith(".")
    assert words.advice.endswith(".")


@pytest.mark.parametrize("reason", sorted(TRY_AGAIN))
def test_a_reason_about_the_reader_never_blames_the_holder(reason: Reason) -> None:
    words = WORDS[reason], words_for_code(reason)
    for accusation in ("not valid", "refused", "blocked", "expired", "suspended"):
        assert all(accusation not in f"{each.title} {each.advice}".lower() for each in words)


def test_codes_are_permanent() -> None:
    assert sorted(reason.value for reason in Reason) == [
        "bad-record-signature", "blocked", "card-mute", "card-not-genuine", "card-removed",
        "chain-too-long", "clock-behind", "clock-unset", "code-expired", "code-shown-before",
        "copied-record", "expired", "foreign-card", "foreign-code", "journal-full", "list-stale",
        "malformed-record", "no-code", "not-held", "not-ready", "not-yet-valid", "outside-hours",
        "picture-unusable", "reader-fault", "replaced", "rolled-back-record", "several-codes",
        "stale-proof", "suspended",
        "unknown-issuer-key", "unknown-record-version", "wrong-service",
    ]  # fmt: skip
