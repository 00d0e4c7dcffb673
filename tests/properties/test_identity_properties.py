"""What holds for every input, not only for the examples."""

from calendar import monthrange
from contextlib import suppress
from datetime import date
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from identity import likeness, names
from identity.dates import months_before, parse_date
from identity.details import NewResident, check_resident
from identity.errors import BadPostcode, InvalidDetails, UnknownKey
from identity.evidence import DocumentShown
from identity.keys import KeyId, Purpose
from identity.numbers import is_account_number, new_account_number
from identity.personal import Vault
from identity.places import normalise_postcode
from identity.search import understood

anything = st.text(st.characters(codec=None), max_size=300)


@given(text=st.text(max_size=500), row=st.uuids())
def test_what_is_sealed_opens_again(vault: Vault, text: str, row: UUID) -> None:
    assert vault.open("t", "c", row, vault.seal("t", "c", row, text)) == text


@given(field=st.text("abc-", min_size=1), text=anything, other=anything)
def test_indexes_are_equal_when_texts_are(vault: Vault, field: str, text: str, other: str) -> None:
    assert (vault.blind(field, text) == vault.blind(field, other)) == (text == other)


@given(place=st.integers(0, 8), digit=st.integers(1, 9))
def test_any_wrong_digit_of_an_account_number_is_caught(place: int, digit: int) -> None:
    number = new_account_number()
    assert is_account_number(number)
    wrong = (int(number[place]) + digit) % 10
    assert not is_account_number(number[:place] + str(wrong) + number[place + 1 :])


@given(place=st.integers(0, 7))
def test_any_swap_of_neighbours_in_an_account_number_is_caught(place: int) -> None:
    number = new_account_number()
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert is_account_number(swapped) == (swapped == number)


@given(day=st.dates(date(1900, 1, 1), date(2100, 1, 1)), months=st.integers(0, 240))
def test_months_before_is_the_same_day_or_the_months_last(day: date, months: int) -> None:
    before = months_before(day, months)
    assert (day.year - before.year) * 12 + day.month - before.month == months
    assert before.day == min(day.day, monthrange(before.year, before.month)[1])


@given(day=st.dates(date(1000, 1, 1)))
def test_a_date_written_either_way_is_read_back(day: date) -> None:
    assert parse_date(day.isoformat()) == day
    assert parse_date(f"{day.day}/{day.month}/{day.year}") == day


@given(text=anything)
def test_whatever_is_typed_is_a_date_or_not(text: str) -> None:
    assert parse_date(text) is None or any(character.isdigit() for character in text)


@given(text=anything)
def test_a_normalised_postcode_stays_as_it_is(text: str) -> None:
    try:
        once = normalise_postcode(text)
    except BadPostcode:
        return
    assert normalise_postcode(once) == once


@given(text=anything)
def test_the_look_up_form_of_a_name_is_settled(text: str) -> None:
    once = names.look_up_form(text)
    assert names.look_up_form(once) == once
    assert names.look_up_form(f" {text.upper().lower()} ") == names.look_up_form(
        text.upper().lower()
    )


@given(wire=st.binary(max_size=12))
def test_a_key_id_is_read_exactly_or_refused(wire: bytes) -> None:
    with suppress(UnknownKey):
        assert KeyId.from_wire(wire).wire == wire


@given(purpose=st.sampled_from(Purpose), generation=st.integers(1, 99_999))
def test_every_key_id_survives_the_wire(purpose: Purpose, generation: int) -> None:
    key = KeyId(purpose, generation)
    assert KeyId.from_wire(key.wire) == key


@given(
    fields=st.fixed_dictionaries(
        {
            "given_names": anything,
            "family_name": anything,
            "birth_date": anything | st.dates(),
            "address_lines": st.lists(anything, max_size=7).map(tuple),
            "postcode": anything | st.just("ME14 1XQ") | st.just("ME14 0ZZ"),
            "email": anything | st.emails(),
            "confirmed_district": anything | st.just("E07000110"),
            "confirmation_reason": anything,
        }
    ),
    dated_on=anything | st.dates(),
)
def test_a_form_filled_in_anyhow_is_accepted_or_its_faults_named(
    fields: dict[str, object], dated_on: date | str
) -> None:
    bill = DocumentShown("utility-bill", dated_on)
    form = NewResident(
        **fields,  # type: ignore[arg-type]  # whatever was typed
        identity_document=DocumentShown("passport"),
        address_document=bill,
    )
    faults, kept = outcome(form)
    assert bool(faults) != bool(kept)
    assert all(message[0].isupper() for message in faults.values())
    assert all(text.encode() for text in kept if text)


def outcome(form: NewResident) -> tuple[dict[str, str], tuple[str, ...]]:
    """The faults of a form, or the texts that would be kept."""
    try:
        checked = check_resident(form, on=date(2026, 11, 22))
    except InvalidDetails as error:
        return error.faults, ()
    return {}, (
        checked.given_names,
        checked.family_name,
        checked.email,
        *checked.address.address_lines,
    )


_words = st.text(st.characters(categories=["Ll", "Lo"]), min_size=4, max_size=30)
_letter = st.characters(categories=["Ll", "Lo"])


@given(word=_words, place=st.integers(0, 23), letter=_letter, kind=st.sampled_from("dras"))
def test_a_word_with_one_typing_error_shares_a_form_with_it(
    word: str, place: int, letter: str, kind: str
) -> None:
    place %= min(len(word), 23)
    before, rest = word[:place], word[place:]
    typed = {
        "d": before + rest[1:],
        "r": before + letter + rest[1:],
        "a": before + letter + rest,
        "s": before + rest[1:2] + rest[:1] + rest[2:],
    }[kind]
    if len(typed) >= 4 or kind == "d":
        assert likeness.typed_forms(typed) & likeness.forms_of(word)
    assert likeness.errors_between(typed, word) <= 1 or len(word) > likeness.MOST_COMPARED - 1


@given(one=st.text(max_size=40), other=st.text(max_size=40))
def test_names_are_as_like_each_other_whatever_is_typed(one: str, other: str) -> None:
    assert 0 <= likeness.likeness(likeness.typed_words(one), (other, "")) <= 1
    typed = likeness.typed_words(one)[:16]
    if typed:
        assert likeness.likeness(typed, (one, "")) == 1


@given(typed=anything)
def test_whatever_is_typed_is_understood_or_answered_with_what_to_enter(typed: str) -> None:
    with suppress(InvalidDetails):
        asked = understood(typed)
        assert asked.number or asked.birth_date or asked.postcode or asked.words
