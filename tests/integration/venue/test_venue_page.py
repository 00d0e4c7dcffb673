"""The venue's page over HTTP: forms, frames of the camera, and what nobody should send."""

import http.client
import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from readers.contract.reasons import Reason
from readers.verify.page import MAX_DISCARDED, Page
from readers.verify.pictures import MAX_BYTES
from readers.verify.state import SEEN
from readers.verify.uploads import file_in
from tests.support.venue import VenueWorld, picture_of


@pytest.fixture
def page(world: VenueWorld) -> Iterator[httpx.Client]:
    served = Page(world.ready(), 0)
    served.start()
    with httpx.Client(base_url=f"http://localhost:{served.port}", trust_env=False) as client:
        yield client
    served.stop()


def upload(page: httpx.Client, picture: bytes) -> httpx.Response:
    return page.post("/picture", files={"picture": ("code.png", picture, "image/png")})


def test_a_text_is_checked(page: httpx.Client, world: VenueWorld) -> None:
    yes = page.post("/text", data={"text": world.code()}).text
    assert 'data-verdict="yes"' in yes
    assert "<title>Yes: Library membership is held – Kent Card venue</title>" in yes
    again = page.post("/text", data={"text": world.code()}).text
    assert 'data-verdict="no"' in again
    assert "This code was shown here at 09:31:00" in again


def test_a_picture_is_checked(page: httpx.Client, world: VenueWorld) -> None:
    picture = picture_of(world.code())
    assert 'data-verdict="yes"' in upload(page, picture).text
    assert "This code was shown here" in upload(page, picture).text


def test_a_frame_of_the_camera_is_checked(page: httpx.Client, world: VenueWorld) -> None:
    none = page.post("/frame", content=b"no picture").json()
    assert none["verdict"] == "try-again"
    yes = page.post("/frame", content=picture_of(world.code(), kind="JPEG")).json()
    assert yes == {
        "verdict": "yes",
        "title": "Library membership is held",
        "advice": "",
        "reason": "",
        "service": "library",
        "number": 633_000_000_017,
    }


def test_the_page_shows_no_number_of_anybody(page: httpx.Client, world: VenueWorld) -> None:
    assert "633000000017" not in page.post("/text", data={"text": world.code()}).text


def test_nothing_sent_is_no_code(page: httpx.Client) -> None:
    for answer in (
        page.post("/text", data={"text": "  "}),
        page.post("/text"),
        page.post("/text", content=b"\xff\xfe=%ff&text=%00"),
    ):
        assert 'data-verdict="yes"' not in answer.text
        assert answer.status_code == 200
    assert "We could not read this picture" in upload(page, b"").text
    assert "We could not read this picture" in page.post("/picture", content=b"--x").text


def test_what_was_typed_never_comes_back_as_markup(page: httpx.Client) -> None:
    assert "<script>alert" not in page.post("/text", data={"text": "<script>alert(1)"}).text


def test_too_large_a_picture_is_answered(page: httpx.Client) -> None:
    assert "We could not read this picture" in upload(page, bytes(MAX_BYTES + 100_000)).text
    assert "not a Kent Card code" in page.post("/text", data={"text": "A" * 100_000}).text


@pytest.mark.parametrize("length", ["-1", "many", str(MAX_DISCARDED + 1), ""])
def test_a_length_that_is_none_is_answered_without_reading_on(
    page: httpx.Client, length: str
) -> None:
    with socket.create_connection(("127.0.0.1", page.base_url.port or 0), timeout=10) as raw:
        raw.sendall(
            f"POST /frame HTTP/1.1\r\nHost: localhost:{page.base_url.port}\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
        )
        answer = http.client.HTTPResponse(raw)
        answer.begin()
        assert json.loads(answer.read())["reason"] == Reason.PICTURE_UNUSABLE


def test_the_page_is_for_this_machine_alone(page: httpx.Client, world: VenueWorld) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        for answer in (
            page.get("/", headers=headers),
            page.post("/text", data={"text": world.code()}, headers=headers),
        ):
            assert answer.status_code == 403
    assert 'data-verdict="yes"' in page.post("/text", data={"text": world.code()}).text


def test_another_address_has_nothing(page: httpx.Client) -> None:
    assert page.get("/../state.py").status_code == 404
    assert page.get("/venue.json").status_code == 404
    assert page.post("/bogus", content=b"x").status_code == 404


def test_answers_run_nothing_and_are_not_kept(page: httpx.Client) -> None:
    headers = page.get("/").headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "form-action 'self'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    for path, kind in (("/verify.js", "javascript"), ("/verify.css", "css"), ("/icon.svg", "svg")):
        assert kind in page.get(path).headers["content-type"]


def test_a_full_disk_is_no_yes(page: httpx.Client, world: VenueWorld) -> None:
    (world.state.directory / SEEN).write_bytes(b"damaged" * 200)
    answer = page.post("/text", data={"text": world.code()}).text
    assert 'data-verdict="try-again"' in answer
    assert "This device cannot remember codes" in answer


def test_the_page_says_how_old_its_lists_are(page: httpx.Client, world: VenueWorld) -> None:
    world.move(hours=2)
    assert "Keys and lists of 1 December 2026 at 09:31, 2 hours old." in page.get("/").text
    world.now = world.now.replace(year=1999)
    assert "This device’s clock is not set" in page.get("/").text


@pytest.mark.parametrize(
    ("kind", "body", "content"),
    [
        ("multipart/form-data; boundary=x", b"", b""),
        ("multipart/form-data", b"--x\r\n\r\n--x--", b""),
        ("text/plain; boundary=x", b'--x\r\nA: filename="a"\r\n\r\nhi\r\n--x--', b""),
        ("multipart/form-data; boundary=x", b'--x\r\nA: filename="a"\r\n\r\nhi\r\n--x--', b"hi"),
        ('multipart/form-data; boundary="x"', b"--x\r\nfilename=a\r\n\r\n\r\n\r\n--x--", b"\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nA: name="a"\r\n\r\nhi\r\n--x--', b""),
        ("multipart/form-data; boundary=x", b"--x\r\nfilename=", b""),
    ],
)  # fmt: skip
def test_the_file_in_a_form(kind: str, body: bytes, content: bytes) -> None:
    assert file_in(kind, body) == content


def test_somebody_fetches_now_and_is_told_what_came_of_it(
    page: httpx.Client, world: VenueWorld
) -> None:
    assert "New keys and lists were fetched." in page.post("/fetch").text
    world.answers = httpx.Response(503)
    assert "Nothing new was fetched. Check the network" in page.post("/fetch").text
    assert 'data-verdict="yes"' in page.post("/text", data={"text": world.code()}).text
