"""A clerk takes or chooses a photo for a card and cuts it, with scripts and without."""

from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, Response, expect

from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.files import paper, photo
from tests.support.people import JEAN
from tests.support.web import LiveServer


def at_photo_page(reader: Reader, live: LiveServer) -> str:
    account = live.register(JEAN)
    sign_in(reader.page, live)
    here = f"/staff/residents/{account}/photo?reason=at-desk"
    reader.page.goto(here)
    return here


def shown(page: Page, name: str) -> Image.Image:
    """The picture of the page with this name, as the server answers it."""
    source = page.get_by_alt_text(name).get_attribute("src")
    assert source is not None
    answer = opened(page, source)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    return Image.open(BytesIO(answer.body()))


def opened(page: Page, address: str) -> Response:
    """What the browser gets at an address, beside the page."""
    beside = page.context.new_page()
    answer = beside.goto(address)
    assert answer is not None
    answer.body()
    return answer


def send(reader: Reader, content: bytes) -> None:
    file = FilePayload(name="me.jpg", mimeType="image/jpeg", buffer=content)
    reader.page.get_by_label("Photo", exact=True).set_input_files(file)
    reader.press("Send the photo")


def test_without_scripts_a_photo_is_sent_and_cut_by_numbers(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    clerk, page = reader_without_scripts, reader_without_scripts.page
    here = at_photo_page(clerk, live_server)
    clerk.press("Send the photo")
    expect(page).to_have_title("Error: Photo for the card – Kent Card")
    assert clerk.says("Select a photo, or take one")
    send(clerk, paper())
    assert clerk.says("must be a photo, as a JPG or PNG")
    send(clerk, photo((1200, 600)))
    assert clerk.says("Choose the part that is printed")
    assert shown(page, "The whole picture").size == (1200, 600)
    page.get_by_label("Across").fill("101")
    clerk.press("Use this part")
    assert clerk.says("Enter a number from 0 to 100")
    page.get_by_label("Across").fill("100")
    clerk.press("Use this part")
    assert clerk.says("This is what is printed")
    printed = shown(page, "The photo that is printed on the card")
    assert printed.size == (413, 531)
    assert printed.getpixel((9, 9))[2] > 200  # type: ignore[index]  # the right half is blue
    clerk.press("Remove this photo")
    assert clerk.says("There is no photo any more")
    assert opened(page, here.replace("/photo?", "/photo/card?")).status == 404


def test_with_scripts_the_frame_is_dragged(reader: Reader, live_server: LiveServer) -> None:
    page = reader.page
    at_photo_page(reader, live_server)
    reader.check("Photo for the card")
    send(reader, photo((1200, 600)))
    reader.check("Photo for the card")
    frame = page.locator("[data-crop-frame]")
    expect(frame).to_be_visible()
    box = frame.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] - 900, box["y"] + 20, steps=3)
    page.mouse.up()
    expect(page.get_by_label("Across")).to_have_value("0")
    reader.press("Use this part")
    reader.check("Photo for the card")
    printed = shown(page, "The photo that is printed on the card")
    assert printed.getpixel((9, 9))[0] > 200  # type: ignore[index]  # the left half is red


def test_a_photo_is_taken_with_the_camera(browser: Browser, live_server: LiveServer) -> None:
    clerk = Reader(browser, live_server.url)
    clerk.page.context.grant_permissions(["camera"], origin=live_server.url)
    at_photo_page(clerk, live_server)
    clerk.page.get_by_role("button", name="Use the camera").click()
    take = clerk.page.get_by_role("button", name="Take the photo and send it")
    expect(take).to_be_visible()
    take.click()
    expect(clerk.page.get_by_alt_text("The whole picture")).to_be_visible()
    clerk.check("Photo for the card")
    assert shown(clerk.page, "The whole picture").size[0] >= 640


def test_a_camera_that_is_refused_leaves_the_file(
    browser: Browser, live_server: LiveServer
) -> None:
    clerk = Reader(browser, live_server.url)
    at_photo_page(clerk, live_server)
    clerk.page.get_by_role("button", name="Use the camera").click()
    expect(clerk.page.get_by_text("The camera cannot be used here")).to_be_visible()
    send(clerk, photo((600, 800)))
    assert clerk.says("Choose the part that is printed")


@pytest.mark.parametrize("kind", ["stage", "reason"])
def test_addresses_that_mean_nothing_show_nothing(
    reader: Reader, live_server: LiveServer, kind: str
) -> None:
    here = at_photo_page(reader, live_server).partition("?")[0]
    if kind == "stage":
        assert opened(reader.page, f"{here}/secret").status == 404
    else:
        reader.page.goto(f"{here}?reason=<b>&frame=<i>,2,3")
        reader.check("Photo for the card")
        assert "<b>" not in reader.page.content()
