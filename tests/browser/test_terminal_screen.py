"""The terminal's screen in a browser: seen, heard, read aloud, and without scripts."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # ships none
from playwright.sync_api import Browser, Page, expect

from readers.contract.products import Product
from readers.contract.reasons import WORDS, Reason, Words
from readers.contract.services import Service
from readers.contract.wire import Ended, SessionResult
from readers.terminal import display
from readers.terminal.decide import Refused, TryAgain
from readers.terminal.display import Kind, Picture
from readers.terminal.journal import Counts
from readers.terminal.screen.board import Board, Status
from readers.terminal.screen.server import Screen
from tests.support.patience import eventually

pytestmark = pytest.mark.browser

NOW = datetime(2026, 12, 1, 9, 31, tzinfo=UTC)
STATUS = Status(service=Service.TRAVEL, counts=Counts(12, 12), online=True)
PICTURES = {
    Kind.WAITING: display.of_idle(None, Product.VALIDATOR),
    Kind.READING: display.READING,
    Kind.ACCEPTED: Picture(Kind.ACCEPTED, Words("You can travel", "")),
    Kind.REFUSED: display.of_outcome(Refused(Reason.SUSPENDED), None),
    Kind.TRY_AGAIN: display.of_outcome(TryAgain(Reason.CARD_REMOVED), None),
    Kind.HOLD_CARD: display.of_hold(Refused(Reason.NOT_HELD)),
    Kind.UPDATED: display.of_ended(
        Ended(result=SessionResult.DONE, title="Your card is up to date", advice="Tap again.")
    ),
    Kind.FAULT: display.of_outcome(TryAgain(Reason.CLOCK_BEHIND), None),
}

COUNT_TONES = """
  window.tones = [];
  window.AudioContext = class {
    constructor() { this.currentTime = 0; this.destination = {}; }
    resume() {}
    createGain() {
      const gain = { setValueAtTime() {}, linearRampToValueAtTime() {} };
      return { gain, connect: (to) => to };
    }
    createOscillator() {
      const frequency = {};
      return { frequency, connect: (to) => to, start() { window.tones.push(frequency.value); },
               stop() {} };
    }
  };
"""


class Clock:
    """A second later at every look, so that no two pictures are of the same instant."""

    def __init__(self) -> None:
        self.seconds = 0

    def __call__(self) -> datetime:
        self.seconds += 1
        return NOW.replace(minute=self.seconds // 60, second=self.seconds % 60)


@pytest.fixture
def board() -> Board:
    return Board(Clock())


@pytest.fixture
def address(board: Board) -> Iterator[str]:
    screen = Screen(board, 0)
    screen.start()
    yield f"http://localhost:{screen.port}/"
    screen.stop()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    complaints: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.add_init_script(COUNT_TONES)
    opened.goto(address)
    expect(opened.locator("h1")).to_have_text("Starting")
    expect(opened.locator("#status")).not_to_have_text("Starting")
    yield opened
    opened.close()
    assert complaints == []


@pytest.mark.parametrize("kind", Kind)
def test_each_state_has_its_words_and_shape_and_no_barrier(
    page: Page, board: Board, kind: Kind
) -> None:
    picture = PICTURES[kind]
    board.show(picture, STATUS)
    expect(page.locator("body")).to_have_attribute("data-state", kind)
    expect(page.locator("h1")).to_have_text(picture.words.title)
    expect(page.locator("#advice")).to_have_text(picture.words.advice)
    expect(page.locator(f".icon-{kind}")).to_be_visible()
    assert page.locator(".icon:visible").count() == 1
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_words_are_read_aloud_as_they_change(page: Page) -> None:
    region = page.locator("[role=status]")
    expect(region).to_have_attribute("aria-live", "assertive")
    expect(region.locator("h1")).to_have_count(1)


def heard_something(page: Page) -> None:
    """Wait for a tone. Not `wait_for_function`: the page's policy forbids it to look twice."""
    eventually(lambda: bool(page.evaluate("window.tones.length > 0")))


def tones(page: Page) -> list[int]:
    heard: list[int] = page.evaluate("window.tones.splice(0)")
    return heard


def test_yes_no_and_try_again_sound_different_and_the_sound_can_be_switched_off(
    page: Page, board: Board
) -> None:
    assert tones(page) == []
    heard = {}
    for kind in (Kind.ACCEPTED, Kind.REFUSED, Kind.TRY_AGAIN):
        board.show(PICTURES[kind], STATUS)
        expect(page.locator("body")).to_have_attribute("data-state", kind)
        heard_something(page)
        heard[kind] = tones(page)
    yes, no, again = heard.values()
    assert yes[0] < yes[1], "yes rises"
    assert no[0] > no[1], "no falls"
    assert len(set(again)) == 1, "try again is one note"
    assert len(again) == 3

    page.get_by_role("button", name="Sound is on").click()
    expect(page.get_by_role("button", name="Sound is off")).to_be_visible()
    tones(page)
    board.show(PICTURES[Kind.ACCEPTED], STATUS)
    expect(page.locator("body")).to_have_attribute("data-state", Kind.ACCEPTED)
    assert tones(page) == []
    page.reload()
    expect(page.get_by_role("button", name="Sound is off")).to_be_visible()


def test_the_same_answer_to_the_next_holder_sounds_again(page: Page, board: Board) -> None:
    for _ in range(2):
        board.show(PICTURES[Kind.REFUSED], STATUS)
        heard_something(page)
        assert len(tones(page)) == 2


def test_an_upload_in_the_background_makes_no_sound(page: Page, board: Board) -> None:
    board.show(PICTURES[Kind.ACCEPTED], Status(counts=Counts(3, 1), online=False))
    expect(page.locator("#status")).to_have_text(
        "Offline: cards are still checked · 2 taps to send"
    )
    heard_something(page)
    tones(page)
    board.edge(Status(counts=Counts(3, 3), online=True))
    expect(page.locator("#status")).to_have_text("Online")
    assert tones(page) == []


@pytest.mark.parametrize("size", [(1280, 800), (1024, 600), (800, 480), (600, 1024)])
def test_the_longest_words_fit_every_kiosk_without_scrolling(
    page: Page, board: Board, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for reason in Reason:
        board.show(Picture(Kind.REFUSED, WORDS[reason], reason), STATUS)
        expect(page.locator("h1")).to_have_text(WORDS[reason].title)
        over = page.evaluate(
            "[document.documentElement.scrollWidth - innerWidth,"
            " document.documentElement.scrollHeight - innerHeight]"
        )
        assert max(over) <= 0, f"{reason} runs over by {over}"


def test_a_screen_that_loses_its_terminal_says_so(browser: Browser, board: Board) -> None:
    screen = Screen(board, 0)
    screen.start()
    page = browser.new_page()
    page.goto(f"http://localhost:{screen.port}/")
    board.show(PICTURES[Kind.ACCEPTED], STATUS)
    expect(page.locator("h1")).to_have_text("You can travel")
    screen.stop()
    expect(page.locator("h1")).to_have_text("This screen has lost its reader", timeout=15_000)
    page.close()


def test_without_scripts_the_screen_follows_all_the_same(
    browser: Browser, board: Board, address: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    board.show(PICTURES[Kind.WAITING], STATUS)
    page.goto(address)
    expect(page.locator("h1")).to_have_text("Tap your card")
    board.show(PICTURES[Kind.REFUSED], STATUS)
    expect(page.locator("h1")).to_have_text(PICTURES[Kind.REFUSED].words.title)
    expect(page.locator(".icon-refused")).to_be_visible()
    context.close()


def test_nobody_who_asked_for_stillness_is_shown_movement(
    browser: Browser, board: Board, address: str
) -> None:
    for preference, animation in (("reduce", "none"), ("no-preference", "breathe")):
        context = browser.new_context(reduced_motion=preference)  # type: ignore[arg-type]  # one of two literals
        page = context.new_page()
        board.show(PICTURES[Kind.WAITING], STATUS)
        page.goto(address)
        expect(page.locator("h1")).to_have_text("Tap your card")
        expect(page.locator(".wave")).to_have_css("animation-name", animation)
        context.close()
