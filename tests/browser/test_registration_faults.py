"""What a clerk mistypes is said beside the field, and nothing typed is lost."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Reader
from tests.support.clerk import fill_registration, sign_in
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser

CASES = [
    pytest.param(
        {"family_name": "مارش\u202eevil"},
        "family_name",
        "Take out the characters that cannot be printed",
        id="a-name-that-turns-the-line-round",
    ),
    pytest.param(
        {"given_names": "R" * 201},
        "given_names",
        "The name must be 200 characters or fewer",
        id="more-than-200-letters",
    ),
    pytest.param(
        {"birth_date-year": "2061"},
        "birth_date",
        "The date of birth must not be in the future",
        id="born-in-the-future",
    ),
    pytest.param(
        {"birth_date-day": "30", "birth_date-month": "2"},
        "birth_date",
        "Enter a real date of birth, like 31/07/1960",
        id="30-february",
    ),
    pytest.param(
        {"birth_date-month": "July"},
        "birth_date",
        "Enter a real date of birth, like 31/07/1960",
        id="a-month-in-letters",
    ),
    pytest.param(
        {"postcode": "ME14"},
        "postcode",
        "Enter a full UK postcode, like ME14 1XQ",
        id="half-a-postcode",
    ),
    pytest.param(
        {"postcode": "SW1A 1AA"},
        "confirmed_district",
        "This postcode is not in our table. Check it, or select the district it is in",
        id="a-postcode-outside-kent",
    ),
    pytest.param(
        {"email": "rosa at home"},
        "email",
        "Enter an e-mail address in the correct format, like name@example.com",
        id="no-e-mail-address",
    ),
    pytest.param(
        {"address_lines": "", "town": ""},
        "address_lines",
        "Enter the address",
        id="no-address",
    ),
    pytest.param(
        {"address_document.dated_on-year": "2024"},
        "address_document.dated_on",
        "The document must be dated within the last 12 months",
        id="an-old-bill",
    ),
]


@pytest.mark.parametrize(("typed", "field", "message"), CASES)
def test_the_fault_is_said_and_everything_typed_stays(
    reader: Reader, typed: dict[str, str], field: str, message: str, live_server: LiveServer
) -> None:
    page = reader.page
    sign_in(page, live_server)
    page.goto("/staff/residents/new")
    fill_registration(page)
    for name, value in typed.items():
        page.locator(f"[name='{name}']").fill(value)
    before = everything_typed(page)
    reader.press("Register")
    reader.check("Error: Register a resident")
    page.locator(".govuk-error-summary").get_by_role("link", name=message).click()
    expect(page.locator(f"#{field.replace('.', '-')}")).to_be_focused()
    after = everything_typed(page)
    assert {name: after[name] for name in before} == before


def test_one_document_does_not_prove_two_things(reader: Reader, live_server: LiveServer) -> None:
    page = reader.page
    sign_in(page, live_server)
    page.goto("/staff/residents/new")
    fill_registration(page)
    for kind in ("identity_document", "address_document"):
        page.locator(f"#{kind}-kind").select_option("driving-licence")
        for part, value in (("day", "1"), ("month", "5"), ("year", "2031")):
            page.locator(f"[name='{kind}.expires_on-{part}']").fill(value)
    reader.press("Register")
    assert reader.says("The same document cannot prove both who somebody is and where they live")
    expect(page.locator("#address_document-kind")).to_have_value("driving-licence")


def test_a_postcode_that_is_not_in_the_table_is_confirmed_with_a_reason(
    reader: Reader, live_server: LiveServer
) -> None:
    page = reader.page
    sign_in(page, live_server)
    page.goto("/staff/residents/new")
    fill_registration(page)
    page.get_by_label("Postcode").fill("ME99 9ZZ")
    reader.press("Register")
    page.get_by_label("District", exact=True).select_option(label="Maidstone Borough Council")
    page.get_by_label("How do you know").fill("New houses; seen on the Council Tax bill")
    reader.press("Register")
    assert reader.says("The resident is registered")
    assert reader.says("Maidstone Borough Council")


def test_a_name_of_200_letters_and_one_from_right_to_left_are_kept_and_fit(
    reader: Reader, live_server: LiveServer
) -> None:
    page = reader.page
    sign_in(page, live_server)
    page.goto("/staff/residents/new")
    fill_registration(page)
    page.get_by_label("Given names").fill("نور")
    page.get_by_label("Family name").fill("R" * 200)
    page.get_by_label("Postcode").fill("  mE 14 1 xQ ")
    reader.press("Register")
    assert reader.says("ME14 1XQ")
    heading = page.locator("h1")
    assert "نور" in heading.inner_text()
    reader.check(page.locator(".govuk-caption-l").inner_text())


def everything_typed(page: Page) -> dict[str, str]:
    values: dict[str, str] = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll("
        "'main input:not([type=hidden]), main select')].map(one => [one.name, one.value]))"
    )
    return values
