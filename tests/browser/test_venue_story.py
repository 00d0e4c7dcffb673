"""A resident shows a code in the browser, and a venue's own page says yes, and no afterwards."""

import base64
import io
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # ships none
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from identity.keys import Purpose
from readers.clock import set_demo_clock
from readers.verify.page import Page as VenuePage
from tests.support.browser import CHROMIUM, PATIENCE_MS, QUIET, SMALLEST, Reader
from tests.support.patience import eventually
from tests.support.people import JEAN
from tests.support.venue import VenueWorld, picture_of
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
VERIFY = (sys.executable, "-m", "readers.verify.cli")


class VenueDevice:
    """`kentcard-verify` in processes of its own, at the server's time."""

    def __init__(self, live: LiveServer, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.live = live
        self.clock = directory / "clock"
        self.state = ("--state", str(directory / "state"))
        self.set_clock()
        monkeypatch.setenv("KENTCARD_DEMO", "1")
        monkeypatch.setenv("KENTCARD_CLOCK", str(self.clock))

    def set_clock(self) -> None:
        set_demo_clock(self.clock, self.live.clock())

    def fetch(self) -> None:
        key = self.live.keystore.current(Purpose.BUNDLE_SIGN)
        public = self.live.keystore.public_key(key).public_bytes_raw()
        pin = f"{key.wire.decode()}:{base64.urlsafe_b64encode(public).decode().rstrip('=')}"
        command = [*VERIFY, "fetch", *self.state, "--server", self.live.url, "--pin", pin]
        subprocess.run(command, check=True)

    @contextmanager
    def serving(self) -> Iterator[str]:
        command = [*VERIFY, "serve", *self.state, "--offline", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline().split()[1]
            finally:
                process.terminate()
                process.wait(20)


@pytest.fixture
def device(live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VenueDevice:
    live_server.register(JEAN)
    return VenueDevice(live_server, tmp_path, monkeypatch)


@pytest.fixture
def desk(browser: Browser, tmp_path: Path) -> Iterator[tuple[Page, VenueWorld]]:
    """The page of a device that has fetched, and its world."""
    world = VenueWorld(tmp_path / "venue")
    served = VenuePage(world.ready(), 0)
    served.start()
    page = browser.new_page(base_url=f"http://localhost:{served.port}")
    page.set_default_timeout(PATIENCE_MS)
    page.goto("/")
    yield page, world
    page.close()
    served.stop()


def show_code(reader: Reader, live: LiveServer) -> None:
    reader.page.goto("/sign-in")
    reader.page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    reader.page.get_by_label("Code").fill(live.newest_code())
    reader.press("Sign in")
    reader.page.get_by_role("link", name="Show a code").click()
    reader.press("Show a code for: Library")


def screenshot(reader: Reader) -> bytes:
    """What somebody photographs: the whole page on a telephone."""
    reader.page.set_viewport_size({"width": 390, "height": 844})
    return reader.page.screenshot()


def upload(venue: Page, picture: bytes) -> None:
    file = {"name": "code.png", "mimeType": "image/png", "buffer": picture}
    venue.get_by_label("A photo or screenshot of the code").set_input_files(file)  # type: ignore[arg-type]  # its stubs want a TypedDict
    venue.get_by_role("button", name="Check the picture").click()


def says(venue: Page, verdict: str, line: str) -> None:
    expect(venue.locator("#answer .word")).to_have_text(verdict)
    expect(venue.locator("#answer .line")).to_contain_text(line)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_code_is_accepted_once_then_runs_out_and_a_lost_phone_is_refused(
    browser: Browser, live_server: LiveServer, device: VenueDevice, *, scripts: bool
) -> None:
    reader = Reader(browser, live_server.url, javascript=scripts)
    show_code(reader, live_server)
    device.fetch()
    with device.serving() as address:
        venue = browser.new_context(java_script_enabled=scripts).new_page()
        venue.goto(address)
        device.set_clock()
        upload(venue, screenshot(reader))
        says(venue, "Yes", "Library membership is held")
        if scripts:
            expect(venue.locator("#answer")).to_be_focused()
        upload(venue, screenshot(reader))
        says(venue, "No", "This code was shown here at 10:00")

        reader.page.goto("/account/phone/library")
        kept = screenshot(reader)
        live_server.clock.move(timedelta(seconds=61))
        device.set_clock()
        upload(venue, kept)
        says(venue, "No", "This code has run out")

        reader.page.goto("/account/phone/library")
        taken_by_a_thief = screenshot(reader)
        reader.page.goto("/account/phone")
        reader.press("I lost my phone")
        venue.get_by_role("button", name="Fetch now").click()
        expect(venue.get_by_text("New keys and lists were fetched.")).to_be_visible()
        device.set_clock()
        upload(venue, taken_by_a_thief)
        says(venue, "No", "This phone was reported lost")


def test_a_scanner_types_the_code_and_a_fetch_elsewhere_is_followed(
    browser: Browser, live_server: LiveServer, device: VenueDevice
) -> None:
    reader = Reader(browser, live_server.url)
    show_code(reader, live_server)
    device.fetch()
    code = reader.page.locator("#text").text_content() or ""
    with device.serving() as address:
        venue = browser.new_page()
        venue.goto(address)
        device.set_clock()
        venue.keyboard.insert_text(code.lower())
        venue.keyboard.press("Enter")
        says(venue, "Yes", "Library membership is held")
        reader.page.goto("/account/phone/library")
        code = reader.page.locator("#text").text_content() or ""
        reader.page.goto("/account/phone")
        reader.press("I lost my phone")
        device.fetch()
        device.set_clock()
        venue.get_by_label("The code as text").fill(code)
        venue.get_by_role("button", name="Check the text").click()
        says(venue, "No", "This phone was reported lost")


def _ready(world: VenueWorld) -> None:
    """A code that was shown before."""
    world.device().check(world.code())


@pytest.mark.parametrize(
    ("before", "verdict", "symbol"),
    [
        (lambda _: None, "Yes", "✓"),
        (_ready, "No", "✕"),
        (lambda world: world.move(days=-9000), "Try again", "↻"),
    ],
)
def test_every_answer_is_told_in_a_word_a_symbol_and_a_colour(
    desk: tuple[Page, VenueWorld], before: Callable[[VenueWorld], object], verdict: str, symbol: str
) -> None:
    page, world = desk
    code = world.code()
    before(world)
    page.get_by_label("The code as text").fill(code)
    page.keyboard.press("Enter")
    expect(page.locator("#answer .word")).to_have_text(verdict)
    expect(page.locator("#answer .symbol")).to_have_text(symbol)
    expect(page).to_have_title(re.compile(f"^{verdict}: .* – Kent Card venue$"))
    expect(page.get_by_label("The code as text")).to_be_focused()  # for the scanner's next one
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.set_viewport_size({"width": SMALLEST, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= SMALLEST


def test_the_page_at_rest_is_fit_for_everybody(desk: tuple[Page, VenueWorld]) -> None:
    page, _ = desk
    expect(page).to_have_title("Check a code – Kent Card venue")
    expect(page.get_by_label("The code as text")).to_be_focused()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def _film(directory: Path, picture: bytes) -> Path:
    """A film of a still picture, for a browser's camera that is none (YUV4MPEG2, 4:2:0)."""
    width, height = 640, 480
    still = Image.new("L", (width, height), 128)
    code = Image.open(io.BytesIO(picture)).convert("L").resize((400, 400))
    still.paste(code, (120, 40))
    colours = bytes([128]) * (width * height // 2)
    head = f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode()
    film = directory / "code.y4m"
    film.write_bytes(head + (b"FRAME\n" + still.tobytes() + colours) * 10)
    return film


def test_the_camera_reads_a_code_from_a_film_of_one(
    browser: Browser, desk: tuple[Page, VenueWorld], tmp_path: Path
) -> None:
    page, world = desk
    film = _film(tmp_path, picture_of(world.code()))
    pretended = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    filming = browser.browser_type.launch(
        executable_path=CHROMIUM,
        args=[*QUIET, *pretended, f"--use-file-for-fake-video-capture={film}"],
    )
    try:
        camera = filming.new_page()
        camera.goto(page.url)
        camera.get_by_role("button", name="Start the camera").click()
        says(camera, "Yes", "Library membership is held")
        expect(camera.locator("#answer")).to_be_focused()
        found = Axe().run(camera)
        assert found.violations_count == 0, found.generate_report()
        camera.get_by_role("button", name="Check the next code").click()
        says(camera, "No", "This code was shown here at")
    finally:
        filming.close()


def test_without_a_camera_the_page_says_what_else_to_use(desk: tuple[Page, VenueWorld]) -> None:
    page, _ = desk
    page.get_by_role("button", name="Start the camera").click()
    eventually(lambda: "Use a picture or a scanner" in page.locator("#trouble").inner_text())
