"""What a clerk does at the browser."""

from playwright.sync_api import Page, expect

from tests.support.web import CLERK_PASSWORD, CLERK_USER, LiveServer


def sign_in(
    page: Page, live: LiveServer, username: str = CLERK_USER, first: str = "Find a resident"
) -> None:
    page.goto("/staff")
    page.get_by_label("User name").fill(username)
    page.get_by_role("textbox", name="Password").fill(CLERK_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code of 6 digits").fill(live.app_code(username))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_title(f"{first} – Kent Card")


def open_record(page: Page, query: str, name: str) -> None:
    page.goto("/staff")
    page.get_by_label("Name, postcode").fill(query)
    page.get_by_label("The resident was at the desk").check()
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=name).click()


def act_for(
    page: Page,
    reason: str = "To explain what is on the account",
    presence: str = "In person, and documents were seen",
) -> None:
    """Fill in the form that opens an assisted session."""
    page.get_by_label(reason).check()
    page.get_by_label(presence).check()
    page.get_by_role("button", name="Act for them", exact=True).click()


def fill_registration(page: Page) -> None:
    page.get_by_label("Given names").fill("Rosa")
    page.get_by_label("Family name").fill("Marsh")
    birth = page.get_by_role("group", name="Date of birth")
    for part, value in (("Day", "31"), ("Month", "7"), ("Year", "1960")):
        birth.get_by_label(part).fill(value)
    page.get_by_label("E-mail address (optional)").fill("rosa@example.org")
    page.get_by_label("Address line 1").fill("1 Sessions Square")
    page.get_by_label("Town or city").fill("Maidstone")
    page.get_by_label("Postcode").fill("me14 1xq")
    page.locator("#identity_document-kind").select_option(label="UK passport")
    page.locator("#address_document-kind").select_option(label="Council Tax bill")
    for part, value in (("day", "1"), ("month", "4"), ("year", "2026")):
        page.locator(f"[name='address_document.dated_on-{part}']").fill(value)
