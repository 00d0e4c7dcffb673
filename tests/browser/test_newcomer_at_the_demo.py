"""A newcomer in the browser alone, against the demo as it stays up: a card from blank to refused.

Everything is the demo's own: its server, worker and terminals, and the virtual readers behind its
pcscd. What is typed is what it prints on its last lines.
"""

import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.stories.test_demo import KENTCARD, free_ports
from tests.support.browser import Reader
from tests.support.clerk import fill_registration
from tests.support.files import photo

pytestmark = [pytest.mark.slow, pytest.mark.pcsc, pytest.mark.browser]

MINA: Final = "mina.weald@example.org"
CARD: Final = "Mina’s card"
ACCEPTED: Final = "Your library card is accepted"
UP_SECONDS: Final = 300
SHOWN_MS: Final = 60_000
DESK, KIOSK = "Card office desk", "Maidstone library kiosk"


class Demo:
    """What the demo says of itself once it stays up."""

    def __init__(self, said: str) -> None:
        self.url = _found(r"The server is at (\S+)\. ", said)
        self.user = _found(r"user name (\S+), password", said)
        self.password = _found(r"password (\S+),\n", said)
        self.recovery_code = _found(r"recovery codes \((\S+), ", said)


@contextmanager
def staying_up(directory: Path) -> Iterator[Demo]:
    """``kentcard demo`` until it says what to try; ended as by Ctrl-C."""
    command = [KENTCARD, "demo", "--directory", str(directory / "demo")]
    process = subprocess.Popen(
        [*command, "--port", str(free_ports(4))],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    try:
        yield Demo(_until_up(process))
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with staying_up(tmp_path_factory.mktemp("demo")) as up:
        yield up


def test_from_registering_a_person_to_a_lost_card_refused(browser: Browser, demo: Demo) -> None:
    clerk = Reader(browser, demo.url)
    screens = browser.new_context().new_page()
    sign_in(clerk.page, demo)
    register(clerk.page)
    make_card(clerk.page, screens, demo)

    tap(clerk.page, screens, demo)
    expect(screens.locator("#title")).to_have_text(ACCEPTED, timeout=SHOWN_MS)
    lift(clerk.page, demo, KIOSK)

    mina = Reader(browser, demo.url)
    sign_in_as_resident(mina.page, clerk.page, demo)
    mina.page.get_by_role("link", name="Your taps", exact=True).click()
    expect(mina.page.get_by_text("Maidstone library").first).to_be_visible()
    report_lost(mina.page)

    tap(clerk.page, screens, demo)
    expect(screens.locator("body")).to_have_attribute("data-state", "refused", timeout=SHOWN_MS)
    lift(clerk.page, demo, KIOSK)


def sign_in(page: Page, demo: Demo) -> None:
    page.goto("/staff/sign-in")
    page.get_by_label("User name").fill(demo.user)
    page.get_by_role("textbox", name="Password").fill(demo.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="I cannot use my app").click()
    page.get_by_label("Recovery code").fill(demo.recovery_code)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_title("Find a resident – Kent Card")


def register(page: Page) -> None:
    page.get_by_role("link", name="Register a resident").click()
    fill_registration(page)
    page.get_by_label("Given names").fill("Mina")
    page.get_by_label("Family name").fill("Weald")
    page.get_by_label("E-mail address (optional)").fill(MINA)
    page.get_by_label("Address line 1").fill("3 Example Street")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("The resident is registered")).to_be_visible()


def make_card(clerk: Page, screens: Page, demo: Demo) -> None:
    """Photo, reader, blank, and the making as it goes on, each on its own page."""
    clerk.get_by_role("button", name="Issue a card now").click()
    here = clerk.url
    clerk.get_by_role("link", name="Take or choose one").click()
    file = FilePayload(name="me.jpg", mimeType="image/jpeg", buffer=photo((600, 800)))
    clerk.get_by_label("Photo", exact=True).set_input_files(file)
    clerk.get_by_role("button", name="Send the photo").click()
    clerk.get_by_role("button", name="Use this part").click()
    show_screen(clerk, screens, demo, DESK)
    screens.get_by_role("button", name="Use this reader with my browser").click()
    code = screens.get_by_text(re.compile(r"^[A-Z0-9]{3}-[A-Z0-9]{3}$")).inner_text()
    clerk.goto("/staff/readers")
    clerk.get_by_label("Code on the reader’s screen").fill(code)
    clerk.get_by_role("button", name="Pair this reader").click()
    clerk.goto(here)
    clerk.get_by_role("button", name="Make this card").click()
    expect(clerk.get_by_text("Lay a blank card on the reader").first).to_be_visible()
    tray = clerk.context.new_page()
    tray.goto("/tray")
    tray.get_by_label("Name of a new blank card").fill(CARD)
    tray.get_by_role("button", name="Make a blank card").click()
    lay(tray, DESK)
    expect(clerk.get_by_text("The card is made")).to_be_visible(timeout=SHOWN_MS)
    lift(tray, demo, DESK)
    tray.close()


def tap(page: Page, screens: Page, demo: Demo) -> None:
    """Lay the card on the library kiosk, whose own screen is open beside it."""
    show_screen(page, screens, demo, KIOSK)
    expect(screens.locator("body")).to_have_attribute("data-state", "waiting", timeout=SHOWN_MS)
    page.goto("/tray")
    lay(page, KIOSK)


def show_screen(page: Page, screens: Page, demo: Demo, reader: str) -> None:
    page.context.request.get(f"{demo.url}/tray")
    tray = page.context.new_page()
    tray.goto("/tray")
    link = tray.get_by_role("link", name=f"Screen of {reader}").get_attribute("href")
    tray.close()
    assert link
    screens.goto(link)


def lay(page: Page, reader: str) -> None:
    panel = page.locator(".kent-panel").filter(has_text=f"Screen of {reader}")
    panel.get_by_role("combobox").select_option(label=CARD)
    panel.get_by_role("button", name="Lay the card").click()


def lift(page: Page, demo: Demo, reader: str) -> None:
    page.goto(f"{demo.url}/tray")
    panel = page.locator(".kent-panel").filter(has_text=f"Screen of {reader}")
    panel.get_by_role("button", name=f"Lift {CARD}").click()


def sign_in_as_resident(page: Page, other: Page, demo: Demo) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(MINA)
    page.get_by_role("button", name="Send me a code").click()
    other.goto(f"{demo.url}/outbox")
    message = other.locator(".kent-panel").filter(has_text=MINA).first
    code = re.search(r"\b\d{4} \d{4}\b", message.inner_text())
    assert code
    page.get_by_label("Code").fill(code[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("Mina Weald").first).to_be_visible()


def report_lost(page: Page) -> None:
    page.goto("/account")
    page.get_by_role("link", name="Report this card lost, stolen or damaged").click()
    page.get_by_label("I lost it").check()
    page.get_by_role("button", name="Stop this card").click()
    expect(page.get_by_text("Your card is stopped").first).to_be_visible()


def _found(pattern: str, said: str) -> str:
    found = re.search(pattern, said)
    assert found, said
    return found[1]


def _until_up(process: subprocess.Popen[str]) -> str:
    """Everything it said until it stays up; read beside, so that a silent demo ends this too."""
    assert process.stdout
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    said, until = "", time.monotonic() + UP_SECONDS
    while "Press Ctrl-C to stop." not in said:
        try:
            line = lines.get(timeout=max(0.1, until - time.monotonic()))
        except queue.Empty:
            line = ""
        assert line, f"The demo did not come up:\n{said}"
        said += line
    return said


def _read(output: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for line in output:
        lines.put(line)
    lines.put("")
