"""An officer and a supervisor decide what a resident applies for; the resident reads why."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.files import paper, photo, with_everything
from tests.support.people import JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
LETTER = "PIP letter with 8 points or more for moving around"
TOO_DARK = "The photo is too dark to read. Take it again in daylight."
NO_LETTER = "The letter does not say how far you can walk."


@pytest.fixture(params=[True], ids=["scripts"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """Whether scripts run in everybody's browser; pages are checked where they do."""
    return bool(request.param)


@pytest.fixture
def jean(browser: Browser, live_server: LiveServer, *, scripts: bool) -> Reader:
    """She is registered and signed in."""
    live_server.register(JEAN)
    reader = Reader(browser, live_server.url, javascript=scripts)
    reader.page.goto("/sign-in")
    reader.page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    reader.page.get_by_label("Code").fill(live_server.newest_code())
    reader.press("Sign in")
    return reader


def staff(
    browser: Browser, live: LiveServer, role: StaffRole, name: str, *, scripts: bool = True
) -> Reader:
    reader = Reader(browser, live.url, javascript=scripts)
    sign_in(reader.page, live, live.add_staff(role, name))
    return reader


def apply(jean: Reader) -> str:
    """She applies for the pass; the reference of her application."""
    page = jean.page
    page.goto("/account/apply/travel-disabled")
    jean.press("Start")
    jean.press("Send my application")
    expect(page).to_have_title("We need to see proof – Kent Card")
    return page.locator("#reference").inner_text()


def choose(page: Page, name: str, content: bytes) -> None:
    page.get_by_label("What is the document?").select_option(label=LETTER)
    page.get_by_label("Photo or PDF").set_input_files(
        FilePayload(name=name, mimeType="application/octet-stream", buffer=content)
    )


def send(jean: Reader, name: str, content: bytes) -> None:
    jean.page.get_by_role("button", name="Send a photo or PDF of a document").click()
    choose(jean.page, name, content)
    jean.press("Send it")


def open_first(reader: Reader) -> None:
    reader.page.get_by_role("link", name="Applications", exact=True).click()
    reader.page.get_by_role("link", name="Open KA-").first.click()


def decide(reader: Reader, outcome: str, reason: str) -> None:
    reader.page.get_by_label(outcome).check()
    reader.page.get_by_label("Why, in plain words").fill(reason)
    reader.press("Decide")


def dated(page: Page, day: str, month: str, year: str) -> None:
    group = page.get_by_role("group", name="Date on the document").first
    for part, value in (("Day", day), ("Month", month), ("Year", year)):
        group.get_by_label(part).fill(value)


def test_from_the_queue_to_the_review_by_another(  # noqa: PLR0915  (one story)
    browser: Browser, live_server: LiveServer, jean: Reader
) -> None:
    reference = apply(jean)
    jean.check("We need to see proof")
    send(jean, "letter.jpg", photo((600, 400)))
    jean.check("We have your application")
    assert jean.says(f"{LETTER}, 22 November 2026")
    assert jean.says("we have not looked at it yet")

    officer = staff(browser, live_server, StaffRole.CARD_OFFICER, "olga")
    officer.page.get_by_role("link", name="Applications", exact=True).click()
    officer.check("Applications")
    assert officer.says("1 application waits for staff.")
    assert not officer.says(JEAN.family_name)
    open_first(officer)
    officer.check(f"Application {reference}")
    assert officer.says("Transport Act 2000 s.146(a) to (g)")
    assert officer.page.locator("img.kent-evidence").count() == 0
    officer.press("Look after this application")
    officer.check(f"Application {reference}")
    picture = officer.page.locator("img.kent-evidence")
    assert picture.evaluate("picture => picture.naturalWidth") == 600

    other = staff(browser, live_server, StaffRole.CARD_OFFICER, "omar")
    open_first(other)
    assert other.says("Colleague olga looks after this until")
    assert other.page.locator("img.kent-evidence").count() == 0

    officer.press("Refuse it")
    officer.check(f"Error: Application {reference}")
    officer.page.get_by_label("Why it is not accepted").fill(TOO_DARK)
    officer.press("Refuse it")
    assert officer.says("The evidence is refused.")
    decide(officer, "Refuse it", NO_LETTER)
    assert officer.says("The application is decided, and the resident was told")

    told = [each for each in live_server.messages() if each.kind == "application-decided"]
    assert len(told) == 1
    assert reference in told[0].text
    jean.page.goto("/account/requests")
    jean.page.locator(f"#{reference}").get_by_role("link").click()
    jean.check("Your application is refused")
    assert jean.says(NO_LETTER)
    assert jean.says(TOO_DARK)
    jean.page.get_by_role("button", name="Ask for a review").click()
    jean.check("Ask for a review")
    jean.press("Ask for a review")
    jean.check("Error: Ask for a review")
    jean.page.get_by_label("What do you think is wrong?").fill("Page 2 of the letter says it.")
    jean.press("Ask for a review")
    jean.check("We are looking at your application again")
    send(jean, "letter.pdf", paper(with_everything, pages=2))
    jean.check("We are looking at your application again")

    open_first(officer)
    assert officer.says("You refused it before. Another person must look at it again.")
    open_first(other)
    assert other.page.get_by_role("button", name="Look after this application").count() == 0
    supervisor = staff(browser, live_server, StaffRole.SUPERVISOR, "sara")
    open_first(supervisor)
    assert supervisor.says("Page 2 of the letter says it.")
    supervisor.press("Look after this application")
    with supervisor.page.expect_download() as saving:
        supervisor.page.get_by_role("link", name="Save the PDF to read it (2 pages)").click()
    assert saving.value.suggested_filename == f"{reference}.pdf"
    saved = Path(saving.value.path()).read_bytes()
    assert saved.startswith(b"%PDF-")
    assert b"JavaScript" not in saved
    dated(supervisor.page, "1", "11", "2026")
    supervisor.press("Accept it")
    assert supervisor.says("The application is decided, and the resident was told")
    jean.page.goto("/account/requests")
    jean.page.locator(f"#{reference}").get_by_role("link").click()
    jean.check("Your application is granted")
    jean.page.goto("/account/information")
    assert jean.says(f"What you sent with application {reference} was opened")


@pytest.mark.parametrize("scripts", [False], indirect=True, ids=["no scripts"])
def test_after_a_second_refusal_the_page_names_the_ombudsman(
    browser: Browser, live_server: LiveServer, jean: Reader
) -> None:
    apply(jean)
    send(jean, "letter.jpg", photo())
    for name in ("sara", "sunil"):
        supervisor = staff(browser, live_server, StaffRole.SUPERVISOR, name, scripts=False)
        open_first(supervisor)
        supervisor.press("Look after this application")
        decide(supervisor, "Refuse it", NO_LETTER)
        jean.page.reload()
        assert jean.says("Your application is refused")
        if name == "sara":
            jean.page.get_by_role("button", name="Ask for a review").click()
            jean.page.get_by_label("What do you think is wrong?").fill("I cannot walk far.")
            jean.press("Ask for a review")
    assert jean.says("Local Government and Social Care Ombudsman")
    assert jean.page.get_by_role("button", name="Ask for a review").count() == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a web page or a drawing"),
        (photo()[:-200], "damaged or was cut short"),
        (b"PK\x03\x04 a letter", "Save it as a PDF"),
        (b"\xff\xd8\xff" + bytes(11 * 1024 * 1024), "must be smaller than 10 MB"),
    ],
    ids=["drawing", "cut short", "office", "large"],
)
def test_a_file_that_cannot_be_taken_is_refused_with_what_to_do_and_nothing_is_lost(
    jean: Reader, content: bytes, sentence: str
) -> None:
    reference = apply(jean)
    jean.page.get_by_role("button", name="Send a photo or PDF of a document").click()
    jean.check("Send a photo or PDF of a document")
    jean.press("Send it")
    jean.check("Error: Send a photo or PDF of a document")
    choose(jean.page, "passport.jpg", content)
    jean.press("Send it")
    jean.check("Error: Send a photo or PDF of a document")
    assert jean.says(sentence)
    chosen = jean.page.get_by_label("What is the document?").evaluate(
        "field => field.selectedOptions[0].text"
    )
    assert chosen == LETTER
    jean.page.goto(f"/account/applications/{reference}")
    jean.check("We need to see proof")
