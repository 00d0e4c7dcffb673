"""Names compared: words, nicknames, sounds and typing errors."""

import pytest

from identity import names
from identity.likeness import (
    errors_between,
    forms_of,
    likeness,
    mistyped,
    nicknames_of,
    sound_of,
    typed_forms,
    typed_words,
    words_of,
)


@pytest.mark.parametrize(
    ("one", "other", "errors"),
    [
        ("smith", "smith", 0),
        ("smith", "smyth", 1),
        ("smith", "smiht", 1),
        ("smith", "smth", 1),
        ("smith", "smithh", 1),
        ("smith", "mith", 1),
        ("smith", "msiht", 2),
        ("smith", "jones", 3),
        ("smith", "smithson", 3),
        ("", "ab", 2),
        ("", "", 0),
        ("שלם", "שלמ", 1),
    ],
)
def test_typing_errors_are_counted(one: str, other: str, errors: int) -> None:
    assert errors_between(one, other) == errors_between(other, one) == errors


@pytest.mark.parametrize(
    "mistake", ["smyth", "smiht", "smth", "smitth", "mith", "smit", "xsmith", "msith"]
)
def test_every_single_error_shares_a_form_with_the_word(mistake: str) -> None:
    assert mistyped(mistake) & mistyped("smith")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("smith", "smyth"),
        ("catherine", "kathryn"),
        ("katharine", "catherine"),
        ("philips", "phillips"),
        ("stephens", "stevens"),
        ("thompson", "tompson"),
        ("knightley", "nightley"),
        ("clarke", "clark"),
        ("davies", "davis"),
    ],
)
def test_names_that_sound_alike_have_one_key(one: str, other: str) -> None:
    assert sound_of(one) == sound_of(other) != ""


@pytest.mark.parametrize("word", ["محمد", "小明", "1", "", "o1"])
def test_words_of_other_letters_have_no_sound(word: str) -> None:
    assert sound_of(word) == ""


def test_nicknames_go_both_ways_and_never_to_the_name_itself() -> None:
    assert "william" in nicknames_of("bill")
    assert "bill" in nicknames_of("william")
    assert "bill" not in nicknames_of("bill")
    assert nicknames_of("nobody") == frozenset()


def test_every_nickname_is_in_the_form_names_are_looked_up_by() -> None:
    table = {name for word in ("william", "mary", "john") for name in nicknames_of(word)}
    assert len(table) > 20
    assert all(names.look_up_form(name) == name and " " not in name for name in table)


@pytest.mark.parametrize(
    ("typed", "least", "most"),
    [
        ("jean omalley", 1.0, 1.0),
        ("malley", 0.8, 0.8),
        ("jane", 0.8, 0.9),
        ("jean", 1.0, 1.0),
        ("brown", 0.0, 0.0),
        ("jean brown", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_a_name_answers_when_every_word_does(typed: str, least: float, most: float) -> None:
    assert least <= likeness(typed_words(typed), ("Jean", "O'Malley")) <= most


def test_words_that_stand_together_are_found_joined_too() -> None:
    assert words_of("Mary Ann", "Smith-Jones") == (
        *("mary", "ann", "maryann"),
        *("smith", "jones", "smithjones"),
    )


def test_a_name_of_many_words_has_a_bounded_number_of_forms() -> None:
    assert len(words_of(" ".join(f"w{number}" for number in range(70)))) == 16
    assert len(forms_of("x" * 200)) < 40
    assert len(typed_forms("abcdefghij" * 20)) < 40


def test_short_words_are_found_as_they_are() -> None:
    assert mistyped("li") == {"-li"}
    assert not mistyped("li") & mistyped("lo")
    assert typed_forms("") == {"-"}
