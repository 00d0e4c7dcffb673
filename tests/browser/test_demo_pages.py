"""The pages of the demo, with a tray of virtual cards beside a real pcscd."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from readers.virtual.pcscd import Pcscd
from tests.support.browser import Reader
from tests.support.people import JEAN
from tests.support.web import LiveServer, serving

SCREENS = "http://localhost:9001 http://localhost:9002"
pytestmark = [pytest.mark.browser, pytest.mark.pcsc]


@pytest.fixture
def tray_url(pcscd: Pcscd, tmp_path: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "readers.virtual.tray", "--directory", str(tmp_path / "cards")]
    for name, reader in (("Card office", 0), ("Maidstone library", 1)):
        command += ["--reader", f"{name}={pcscd.socket_of(pcscd.readers[reader])}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tray:
        assert tray.stdout is not None
        yield tray.stdout.readline().partition("tray: ")[2].strip()
        tray.terminate()


@pytest.fixture
def demo_server(tray_url: str, tmp_path: Path) -> Iterator[LiveServer]:
    with serving(tmp_path, demo=True, tray_url=tray_url, screens=SCREENS) as live:
        yield live


def test_a_card_is_made_laid_and_lifted(browser: Browser, demo_server: LiveServer) -> None:
    reader = Reader(browser, demo_server.url)
    page = reader.page
    page.goto("/tray")
    reader.check("Cards and readers")
    screen = page.get_by_role("link", name="Screen of Maidstone library")
    assert screen.get_attribute("href") == "http://localhost:9002"
    reader.press("Make a blank card")
    reader.check("Error: Cards and readers")
    page.get_by_label("Name of a new blank card").fill("Rosa’s card")
    reader.press("Make a blank card")
    page.locator("#card-1").select_option(label="Rosa’s card")
    page.locator("#reader-1").get_by_role("button", name="Lay the card").click()
    assert reader.says("Rosa’s card lies here.")
    reader.check("Cards and readers")
    assert page.locator("#card-0 option").all_inner_texts() == ["Select a card"]
    reader.press("Lift Rosa’s card")
    assert page.locator("#reader-1").get_by_role("button", name="Lay the card").is_visible()


def test_a_card_is_not_torn_at_no_command(browser: Browser, demo_server: LiveServer) -> None:
    reader = Reader(browser, demo_server.url)
    page = reader.page
    page.goto("/tray")
    page.get_by_label("Name of a new blank card").fill("Card")
    reader.press("Make a blank card")
    page.locator("#card-0").select_option(label="Card")
    page.locator("#tear-0").fill("-3")
    page.locator("#reader-0").get_by_role("button", name="Lay the card").click()
    reader.check("Error: Cards and readers")
    assert reader.says("Enter a number of commands, or nothing")
    assert page.locator("#tear-0").input_value() == "-3"
    assert page.locator("#card-0").input_value() != ""


def test_the_messages_to_residents_can_be_read(browser: Browser, demo_server: LiveServer) -> None:
    demo_server.register(JEAN)
    reader = Reader(browser, demo_server.url)
    page = reader.page
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    page.get_by_role("link", name="Messages").click()
    reader.check("Messages")
    assert reader.says(f"Your Kent Card code is {demo_server.newest_code()}.")


def test_a_tray_that_is_away_is_said(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, demo=True, tray_url="http://127.0.0.1:1") as live:
        reader = Reader(browser, live.url)
        reader.page.goto("/tray")
        reader.check("Cards and readers")
        assert reader.says("The tray of cards is not running.")
        reader.page.get_by_label("Name of a new blank card").fill("Card")
        reader.press("Make a blank card")
        assert reader.page.get_by_label("Name of a new blank card").input_value() == "Card"
