"""A clerk issues a card at their own reader behind a real pcscd; a colleague sees none of it."""

from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from playwright.sync_api import Browser, FilePayload, expect

from identity.models import StaffRole
from readers.errors import CardRemoved
from readers.virtual.card import VirtualCard
from readers.virtual.pcscd import Pcscd
from readers.virtual.plug import Plug
from tests.support.browser import PATIENCE_MS, Reader
from tests.support.clerk import sign_in
from tests.support.desk_terminal import Desk, desk_terminal
from tests.support.files import photo
from tests.support.pcsc import EchoCard
from tests.support.people import JEAN
from tests.support.server import new_card
from tests.support.web import LiveServer

pytestmark = pytest.mark.pcsc

TEAR_AT = 25
"""Command at which the card is taken away: between its keys."""


class TornOnce:
    """A card that is taken away at one command, once."""

    def __init__(self, card: VirtualCard, at: int) -> None:
        self._card = card
        self._left = at

    def transmit(self, command: bytes) -> bytes:
        self._left -= 1
        if self._left == 0:
            raise CardRemoved("torn away")
        return self._card.transmit(command)

    def reset(self) -> None:
        self._card.reset()


@pytest.fixture
def plug(pcscd: Pcscd) -> Iterator[Plug]:
    plug = Plug(pcscd.socket_of(pcscd.readers[5]))
    yield plug
    plug.remove()


@pytest.fixture
def desk(pcscd: Pcscd, live_server: LiveServer, tmp_path: Path) -> Iterator[Desk]:
    with desk_terminal(live_server, pcscd.readers[5], tmp_path) as running:
        yield running


def pair(clerk: Reader, desk: Desk) -> None:
    clerk.page.goto("/staff/readers")
    clerk.page.get_by_label("Code on the reader’s screen").fill(desk.code())
    clerk.press("Pair this reader")
    assert clerk.says("The reader serves your browser now, and no other")


def give_photo(clerk: Reader) -> None:
    clerk.page.get_by_role("link", name="Take or choose one").click()
    file = FilePayload(name="me.jpg", mimeType="image/jpeg", buffer=photo((600, 800)))
    clerk.page.get_by_label("Photo", exact=True).set_input_files(file)
    clerk.press("Send the photo")
    clerk.press("Use this part")
    clerk.page.get_by_role("button", name="Use this photo").click()


def test_a_clerk_issues_a_card_and_a_colleague_sees_nothing_of_it(
    browser: Browser, live_server: LiveServer, desk: Desk, plug: Plug
) -> None:
    account = live_server.register(JEAN)
    record = f"/staff/residents/{account}"
    sam = Reader(browser, live_server.url)
    sign_in(sam.page, live_server)
    sam.page.goto(f"{record}?reason=at-desk")
    sam.page.get_by_role("button", name="Issue a card now").click()
    sam.check("Issue a card now")
    sam.press("Make this card")
    sam.check("Error: Issue a card now")
    assert sam.says("Take or choose a photo first")
    assert sam.says("Pair a reader that makes cards with your browser first")
    give_photo(sam)
    pair(sam, desk)
    sam.page.goto(f"{record}/card?reason=at-desk")
    sam.check("Issue a card now")
    expect(sam.page.locator(".kent-face svg image")).to_be_visible()
    sam.press("Make this card")
    sam.check("Make the card")
    assert sam.says("Lay a blank card on the reader")

    kim = Reader(browser, live_server.url)
    sign_in(kim.page, live_server, live_server.add_staff(StaffRole.CARD_OFFICER, "kim"))
    kim.page.goto(f"{record}/card/making?reason=at-desk")
    kim.check("Issue a card now")  # sent away: it is not her reader

    card = new_card()
    plug.insert(TornOnce(card, TEAR_AT))
    expect(sam.page.get_by_text("The card is not finished: it was taken away")).to_be_visible()
    plug.remove()
    plug.insert(card)
    expect(sam.page.get_by_text("The card is made")).to_be_visible()
    plug.remove()
    assert not kim.says("Test the card")
    plug.insert(card)
    expect(sam.page.get_by_text("Library: Accepted")).to_be_visible()
    sam.check("Make the card")
    sam.page.get_by_role("link", name="See the finished card").click()
    sam.check("Issue a card now")
    assert "Code" in sam.page.locator(".kent-face").inner_text()
    with sam.page.expect_download() as letter:
        sam.page.get_by_role("link", name="Letter for the card (PDF)").click()
    with pikepdf.open(letter.value.path()) as made:
        assert str(made.Root.Lang) == "en-GB"


def test_without_scripts_a_foreign_card_and_one_in_use_are_told_in_words(
    browser: Browser, live_server: LiveServer, desk: Desk, plug: Plug
) -> None:
    account = live_server.register(JEAN)
    here = f"/staff/residents/{account}/card?reason=at-desk"
    sam = Reader(browser, live_server.url, javascript=False)
    sign_in(sam.page, live_server)
    pair(sam, desk)
    sam.page.goto(here)
    give_photo(sam)
    sam.press("Make this card")
    assert sam.says("Lay a blank card on the reader")
    plug.insert(EchoCard())
    until_it_says(sam, "This is no card that can become a Kent Card")
    plug.remove()
    card = new_card()
    plug.insert(card)
    until_it_says(sam, "The card is made")
    sam.page.goto(here)
    assert sam.says("Another card costs nothing.")  # the one in use was not lost or damaged
    sam.press("Replace it with a new card")
    assert sam.says("Lay a blank card on the reader")
    plug.remove()
    plug.insert(card)
    until_it_says(sam, "This card cannot be used")


def until_it_says(clerk: Reader, words: str) -> None:
    """The page comes again by itself."""
    expect(clerk.page.get_by_text(words)).to_be_visible(timeout=PATIENCE_MS)
