"""Debian's Chromium, and what every page is held to in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # ships none
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

CHROMIUM: Final = Path("/usr/bin/chromium")
QUIET: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--use-fake-device-for-media-stream",
]
SMALLEST: Final = 320
PATIENCE_MS: Final = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser. Its event loop ends with it: other tests run loops of their own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


class Reader:
    """Somebody at the browser, whose pages are checked as they go.

    Args:
        browser: running.
        url: of the server; nothing may be fetched from anywhere else.
        javascript: whether scripts run.
    """

    def __init__(self, browser: Browser, url: str, *, javascript: bool = True) -> None:
        self._url = url
        context = browser.new_context(base_url=url, java_script_enabled=javascript)
        context.set_default_timeout(PATIENCE_MS)
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.fetched: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.fetched.append(request.url))

    def check(self, title: str) -> None:
        """The page has this title and is fit to be used by everybody."""
        page = self.page
        expect(page).to_have_title(f"{title} – Kent Card")
        assert page.locator("html").get_attribute("lang") == "en-GB"
        assert page.locator(".govuk-skip-link").get_attribute("href") == "#main-content"
        assert page.locator("h1").count() == 1
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert not self.complaints
        assert all(url.startswith(self._url) for url in self.fetched)
        self._fits_a_small_screen()

    def press(self, name: str) -> None:
        """Press the button with these words."""
        self.page.get_by_role("button", name=name, exact=True).click()
        self.page.wait_for_load_state()

    def says(self, words: str) -> bool:
        """Whether the page has these words, in any spacing."""
        return words in " ".join(self.page.locator("main").inner_text().split())

    def _fits_a_small_screen(self) -> None:
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": SMALLEST, "height": 800})
        assert self.page.evaluate("document.documentElement.scrollWidth") <= SMALLEST
        if before:
            self.page.set_viewport_size(before)

    def _hear(self, message: ConsoleMessage) -> None:
        # Chromium notes every answer of 4xx; our refusals are answers, not faults of the page.
        if "the server responded with a status of 4" not in message.text:
            self.complaints.append(message.text)
