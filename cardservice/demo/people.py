"""What the clerk and the resident of the story do, on the pages they really use."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import pyotp

from cardservice.demo.pages import Page, Visitor
from cardservice.demo.processes import wait_until
from cardservice.demo.report import StepFailed
from readers.clock import Clock

OK: Final = 200
USERNAME: Final = "clerk"
EMAIL: Final = "rosa.marsh@example.org"
NAME: Final = "Rosa Marsh"
ACCOUNT: Final = "/account"
TAPS: Final = "/account/taps"

DETAILS: Final[Mapping[str, str]] = {
    "given_names": "Rosa",
    "family_name": "Marsh",
    "birth_date-day": "31",
    "birth_date-month": "7",
    "birth_date-year": "1960",
    "email": EMAIL,
    "address_lines": "1 Sessions Square",
    "town": "Maidstone",
    "postcode": "me14 1xq",
    "identity_document.kind": "passport",
    "identity_document.expires_on-day": "1",
    "identity_document.expires_on-month": "5",
    "identity_document.expires_on-year": "2031",
    "identity_document.examined": "features-checked",
    "identity_document.photo": "compared",
    "address_document.kind": "council-tax-bill",
    "address_document.dated_on-day": "2",
    "address_document.dated_on-month": "4",
    "address_document.dated_on-year": "2026",
}
"""What the clerk types, and the two documents she has in her hands."""


class Clerk:
    """A member of staff at the card office; signs in again whenever a day has passed.

    Args:
        base_url: of the server.
        password: her own.
        clock: of her phone.
    """

    def __init__(self, base_url: str, password: str, clock: Clock) -> None:
        self._base_url = base_url
        self._password = password
        self._clock = clock
        self._visitor = Visitor(base_url)
        self._app_key = ""
        self.recovery_codes: list[str] = []

    def sign_in(self) -> None:
        """Sign in anew, with a code of her app; the first time she sets it up."""
        self._visitor = Visitor(self._base_url)
        page = self._visitor.get("/staff/sign-in")
        page = self._visitor.send(
            page, "/staff/sign-in", username=USERNAME, password=self._password
        )
        page = self._show_code(page) if self._app_key else self._set_up(page)
        if "Find a resident" not in page.text:
            raise StepFailed(f"the clerk could not sign in: {page.text[:200]}")

    def _show_code(self, page: Page) -> Page:
        return self._visitor.send(page, "/staff/sign-in/code", code=self._code())

    def _set_up(self, page: Page) -> Page:
        self._app_key = page.part("secret").replace(" ", "")
        page = self._visitor.send(page, "/staff/sign-in/set-up", code=self._code())
        self.recovery_codes = page.part("codes").split()
        return self._visitor.send(page, "/staff/sign-in/recovery-codes")

    def _code(self) -> str:
        """What her app shows now."""
        return pyotp.TOTP(self._app_key).at(self._clock())

    def register(self) -> Page:
        """Register the resident; answers the record that comes up."""
        page = self._visitor.get("/staff/residents/new")
        page = self._visitor.send(page, "/staff/residents/new", **DETAILS)
        if page.status != OK:
            raise StepFailed(f"the form came back: {page.parts.get('error-summary', page.text)}")
        return page

    def record(self) -> Page:
        """Find the resident and open the record."""
        page = self._visitor.get("/staff")
        page = self._visitor.send(page, "/staff/search", query=NAME, reason="at-desk")
        return self._visitor.get(page.link(NAME))

    def do(self, change: str) -> Page:
        """Press a button beside the resident's newest card: lost, rewrite ..."""
        return self._visitor.send(self.record(), f"/{change}")

    def do_at_desk(self, change: str) -> Page:
        """Order or replace a card, to be made at the only desk there is."""
        page = self.record()
        desk = page.form(f"/{change}").choices["desk"][-1]
        return self._visitor.send(page, f"/{change}", desk=desk)


class Resident:
    """The resident at home; signs in by the code in her messages when she has to."""

    def __init__(self, base_url: str) -> None:
        self._visitor = Visitor(base_url)

    def own_page(self) -> Page:
        """Her account page, signed in."""
        page = self._visitor.get(ACCOUNT)
        signed_in = page.url.endswith(ACCOUNT) and page.status == OK
        return page if signed_in else self._sign_in()

    def taps(self) -> Page:
        """The page of her taps."""
        self.own_page()
        return self._visitor.get(TAPS)

    def apply(self, scheme: str) -> str:
        """Apply for something of which everything is known; what the page answers."""
        page = self._visitor.get(f"/account/apply/{scheme}")
        page = self._visitor.send(page, f"/account/apply/{scheme}")
        if not page.url.endswith("/check"):
            raise StepFailed(f"she was asked for something: {page.text[:200]}")
        page = self._visitor.send(page, "/check")
        reason = page.text.partition("Why not ")[2].partition(" If ")[0]
        return f"refused: {reason}" if reason else page.text[:200]

    def holds(self, scheme: str) -> str:
        """The word beside a scheme on her own page."""
        return tag_of(self.own_page(), scheme)

    def _sign_in(self) -> Page:
        page = self._visitor.send(self._visitor.get("/sign-in"), "/sign-in", email=EMAIL)
        page = self._visitor.send(page, "/sign-in/code", code=self._newest_code())
        if not page.url.endswith(ACCOUNT):
            raise StepFailed(f"she could not sign in: {page.text[:200]}")
        return page

    def _newest_code(self) -> str:
        codes = re.findall(r"Kent Card code is (\d{4} \d{4})", self._visitor.get("/outbox").text)
        if not codes:
            raise StepFailed("no code came in the messages")
        return str(codes[0])


def tag_of(page: Page, scheme: str) -> str:
    """The word beside a scheme: Held, Not yet, Proof needed ..."""
    words = page.part(f"{scheme}-standing")
    return words.lower()


def card_state(page: Page) -> str:
    """The word beside the newest card: In use, Reported lost ..."""
    states = [words for name, words in page.parts.items() if name.startswith("card-state-")]
    if not states:
        raise StepFailed(f"the page {page.url} shows no card")
    return states[0].lower()


def wait_for_tag(resident: Resident, scheme: str, wanted: str) -> str:
    """Read the page until the word is there, or for some seconds; answers the last word read."""
    read = [resident.holds(scheme)]

    def is_there() -> bool:
        if read[-1] != wanted:
            read.append(resident.holds(scheme))
        return read[-1] == wanted

    with suppress(StepFailed):
        wait_until(is_there, wanted)
    return read[-1]
