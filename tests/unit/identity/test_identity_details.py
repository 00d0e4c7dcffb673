"""The registration form: what is accepted and every fault it can have."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from identity.dates import london_date
from identity.details import NewResident, check_resident
from identity.errors import InvalidDetails
from identity.evidence import DocumentShown
from identity.models import DistrictBasis
from tests.support.people import COUNCIL_TAX, JEAN, PASSPORT

TODAY = date(2026, 11, 22)


def changed(**fields: object) -> NewResident:
    return msgspec.structs.replace(JEAN, **fields)


def faults_of(details: NewResident) -> dict[str, str]:
    with pytest.raises(InvalidDetails) as raised:
        check_resident(details, on=TODAY)
    return raised.value.faults


@pytest.mark.parametrize(
    ("given", "family"),
    [
        ("Jean", "O'Malley"),
        ("", "Sukarno"),
        ("Sukarno", ""),
        ("X", ""),
        ("x" * 200, "y" * 200),
        ("محمد", "الأحمد"),
        ("雪", "王"),
        ("Zoë-Anne", "d\u2019Arcy Smith-Jones"),
        ("\u0928\u0930\u0947\u0902\u0926\u094d\u0930", "Σωκράτης"),
    ],
)
def test_names_of_any_people_are_kept_as_they_are(given: str, family: str) -> None:
    checked = check_resident(changed(given_names=given, family_name=family), on=TODAY)
    assert (checked.given_names, checked.family_name) == (given, family)


def test_names_are_tidied_but_not_changed() -> None:
    checked = check_resident(
        changed(given_names="  Mary   Ann ", family_name="Le\u0301vi"), on=TODAY
    )
    assert (checked.given_names, checked.family_name) == ("Mary Ann", "L\u00e9vi")


@pytest.mark.parametrize(
    "name",
    ["x" * 201, "Je\x00an", "Je\nan", "Je\tan", "12", "!!", "\u202enaeJ", "\ud800x", "a\u2028b"],
)
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    assert set(faults_of(changed(given_names=name))) == {"given_names"}
    assert set(faults_of(changed(family_name=name))) == {"family_name"}


def test_somebody_without_any_name_is_asked_for_one() -> None:
    assert faults_of(changed(given_names=" ", family_name="")) == {"given_names": "Enter a name"}


@pytest.mark.parametrize(
    ("typed", "born"),
    [
        ("31/7/1960", date(1960, 7, 31)),
        ("1960-07-31", date(1960, 7, 31)),
        (" 29 02 1960 ", date(1960, 2, 29)),
        ("29.2.2024", date(2024, 2, 29)),
        (date(1900, 1, 1), date(1900, 1, 1)),
        (TODAY, TODAY),
    ],
)
def test_birth_dates_as_people_write_them(typed: date | str, born: date) -> None:
    assert check_resident(changed(birth_date=typed), on=TODAY).birth_date == born


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "Enter the date of birth"),
        ("//", "Enter the date of birth"),
        ("29/02/1961", "Enter a real date of birth, like 31/07/1960"),
        ("31/04/1960", "Enter a real date of birth, like 31/07/1960"),
        ("31/07/60", "Enter a real date of birth, like 31/07/1960"),
        ("0000-01-01", "Enter a real date of birth, like 31/07/1960"),
        ("३१/07/1960", "Enter a real date of birth, like 31/07/1960"),
        ("yesterday", "Enter a real date of birth, like 31/07/1960"),
        ("01/01/0001", "The date of birth must be 1900 or later"),
        ("31/12/1899", "The date of birth must be 1900 or later"),
        ("23/11/2026", "The date of birth must not be in the future"),
        ("01/01/9999", "The date of birth must not be in the future"),
    ],
)
def test_a_birth_date_that_cannot_be_is_refused(typed: str, message: str) -> None:
    assert faults_of(changed(birth_date=typed)) == {"birth_date": message}


def test_the_day_is_kents_day() -> None:
    assert london_date(datetime(2026, 6, 30, 23, 30, tzinfo=UTC)) == date(2026, 7, 1)
    assert london_date(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)) == date(2026, 11, 30)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("", " "),
        ("1", "2", "3", "4", "5", "6"),
        ("x" * 101,),
        ("1 High\x07 Street",),
        ("a\nb",),
    ],
)
def test_an_address_that_cannot_be_posted_to_is_refused(lines: tuple[str, ...]) -> None:
    assert set(faults_of(changed(address_lines=lines))) == {"address_lines"}


def test_empty_address_lines_are_left_out() -> None:
    lines = ("1 High Street", "", " ", "Ashford")
    assert check_resident(changed(address_lines=lines), on=TODAY).address.address_lines == (
        "1 High Street",
        "Ashford",
    )


def test_a_postcode_in_the_table_needs_nobody_to_confirm_it() -> None:
    details = changed(confirmed_district="E06000035", confirmation_reason="mistaken")
    checked = check_resident(details, on=TODAY)
    assert (checked.address.district_code, checked.address.district_basis) == (
        "E07000110",
        DistrictBasis.TABLE,
    )
    assert checked.address.confirmation_reason == ""


def test_a_postcode_not_in_the_table_is_confirmed_with_a_reason() -> None:
    faults = faults_of(changed(postcode="BR6 0JA"))
    assert set(faults) == {"confirmed_district", "confirmation_reason"}
    details = changed(
        postcode="me140zz", confirmed_district="E07000110", confirmation_reason=" New estate "
    )
    checked = check_resident(details, on=TODAY)
    assert (checked.address.postcode, checked.address.district_code) == ("ME14 0ZZ", "E07000110")
    assert (checked.address.district_basis, checked.address.confirmation_reason) == (
        DistrictBasis.CONFIRMED,
        "New estate",
    )


@pytest.mark.parametrize("code", ["", "E09000006", "E10000016", "Maidstone"])
def test_only_a_district_of_kent_or_medway_can_be_confirmed(code: str) -> None:
    details = changed(postcode="ME14 0ZZ", confirmed_district=code, confirmation_reason="New")
    assert set(faults_of(details)) == {"confirmed_district"}


@pytest.mark.parametrize("reason", ["", " ", "x" * 201, "a\x00b"])
def test_a_confirmation_needs_a_reason_that_can_be_kept(reason: str) -> None:
    details = changed(
        postcode="ME14 0ZZ", confirmed_district="E07000110", confirmation_reason=reason
    )
    assert set(faults_of(details)) == {"confirmation_reason"}


@pytest.mark.parametrize(
    "email", ["", "jean@example.com", "J.O'M+x@sub.example.co.uk", "用户@例子.中国"]
)
def test_an_email_address_is_optional_and_may_be_any(email: str) -> None:
    assert check_resident(changed(email=email), on=TODAY).email == email.casefold()


@pytest.mark.parametrize(
    "email",
    [
        *("jean", "jean@", "@example.com", "jean@example", "a b@example.com", "a@b@example.com"),
        *("a@example..com", "a@b.com\nBcc: x@y.com", "a@example.com" + "m" * 254, "a\x00@b.com"),
    ],
)
def test_an_email_address_that_cannot_be_written_to_is_refused(email: str) -> None:
    assert set(faults_of(changed(email=email))) == {"email"}


def test_one_document_never_proves_both_identity_and_address() -> None:
    licence = DocumentShown("driving-licence", expires_on="01/01/2030")
    assert set(faults_of(changed(identity_document=licence, address_document=licence))) == {
        "address_document.kind"
    }
    checked = check_resident(changed(identity_document=licence), on=TODAY)
    assert checked.documents[0].expires_on == date(2030, 1, 1)
    check_resident(changed(address_document=licence), on=TODAY)


def test_documents_the_wrong_way_round_are_both_refused() -> None:
    swapped = changed(identity_document=COUNCIL_TAX, address_document=PASSPORT)
    assert set(faults_of(swapped)) == {"identity_document.kind", "address_document.kind"}


def test_every_fault_of_a_form_is_said_at_once() -> None:
    nothing = NewResident(
        given_names="",
        family_name="",
        birth_date="",
        address_lines=(),
        postcode="",
        email="?",
        identity_document=DocumentShown(""),
        address_document=DocumentShown("utility-bill"),
    )
    assert set(faults_of(nothing)) == {
        "given_names",
        "birth_date",
        "address_lines",
        "postcode",
        "email",
        "identity_document.kind",
        "address_document.dated_on",
    }
