"""What somebody new does at the browser until they have an account."""

from typing import Final

from playwright.sync_api import expect

from tests.support.browser import Reader
from tests.support.web import LiveServer

MINA: Final = "mina@example.com"


def begin(at: Reader, live: LiveServer, email: str = MINA) -> None:
    at.page.goto("/")
    at.page.get_by_role("link", name="Register for an account").click()
    at.page.get_by_label("What is your e-mail address?").fill(email)
    at.press("Continue")
    at.page.get_by_label("Code").fill(live.newest_code())
    at.press("Continue")


def give_name(at: Reader, given: str = "Mina", family: str = "Weald") -> None:
    at.page.get_by_label("Given names").fill(given)
    at.page.get_by_label("Family name").fill(family)
    at.press("Continue")


def give_birth_date(at: Reader, day: str, month: str, year: str) -> None:
    for label, text in (("Day", day), ("Month", month), ("Year", year)):
        at.page.get_by_label(label, exact=True).fill(text)
    at.press("Continue")


def give_address(at: Reader, postcode: str = "me141xq") -> None:
    at.page.get_by_label("Address line 1").fill("3 Example Street")
    at.page.get_by_label("Town or city").fill("Maidstone")
    at.page.get_by_label("Postcode").fill(postcode)
    at.press("Continue")


def add_passkey(at: Reader) -> None:
    """From the page that says the account is made."""
    at.page.get_by_role("button", name="Add a passkey").click()
    at.press("Add a passkey")
    expect(at.page.get_by_text("You can sign in with the passkey from now on")).to_be_visible()
