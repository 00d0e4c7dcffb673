"""Who may open what was sent as evidence, and how it is answered."""

import re
from io import BytesIO

import httpx
import msgspec
import pytest
from PIL import Image

from identity.models import StaffRole
from tests.support.files import COMMENT, GPS_WORDS, paper, photo
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

BOUNDARY = "a-boundary-of-tests"
LETTER = "disability:pip-moving-around"
NEIGHBOUR = msgspec.structs.replace(JEAN, given_names="Ned", email="ned@example.com")


def multipart(fields: dict[str, str], content: bytes, name: str = "jean's passport.jpg") -> bytes:
    """The body that a browser sends of a form with a file."""
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
    parts = [f'{head}name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields.items()]
    file = f'{head}name="file"; filename="{name}"\r\nContent-Type: image/jpeg\r\n\r\n'.encode()
    return b"".join([*parts, file, content, f"\r\n--{BOUNDARY}--\r\n".encode()])


def send(visitor: Visitor, path: str, content: bytes, document: str = LETTER) -> httpx.Response:
    fields = {"csrf_token": visitor.token(path), "document": document}
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return visitor.raw(path, multipart(fields, content), kind)


@pytest.fixture(scope="module")
def jean(live: LiveServer) -> Visitor:
    live.register(JEAN)
    visitor = Visitor(live)
    visitor.sign_in_as_resident(JEAN.email)
    return visitor


@pytest.fixture(scope="module")
def here(jean: Visitor) -> str:
    """Where her application is."""
    start = "/account/apply/travel-disabled"
    answer = jean.post(start, {"csrf_token": jean.token(start)})
    own = answer.headers["location"]
    check = f"{own}/check"
    seen = re.search(r'name="seen" value="([^"]*)"', jean.get(check).text)
    assert seen is not None
    jean.post(check, {"csrf_token": jean.token(check), "seen": seen[1]})
    return own


@pytest.fixture(scope="module")
def file(jean: Visitor, here: str) -> str:
    """Where the letter is that she sent with it."""
    answer = send(jean, f"{here}/evidence", photo())
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
    found = re.search(rf'href="({here}/evidence/[^"]+/file)"', jean.get(here).text)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def of_staff(live: LiveServer, file: str) -> tuple[Visitor, str, str]:
    """A card officer, the application and the file as staff find them."""
    officer = Visitor(live)
    officer.sign_in_as(live.add_staff(StaffRole.CARD_OFFICER, "olga"))
    queue = officer.get("/staff/applications").text
    found = re.search(r'href="(/staff/applications/[0-9a-f-]{36})"', queue)
    assert found is not None
    return officer, found[1], f"{found[1]}/evidence/{file.split('/')[-2]}/file"


def test_it_is_answered_so_that_nothing_in_it_runs_and_nothing_keeps_it(
    jean: Visitor, here: str, file: str
) -> None:
    answer = jean.get(file)
    assert answer.status_code == httpx.codes.OK
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    reference = here.rpartition("/")[2]
    assert answer.headers["content-disposition"] == f'inline; filename="{reference}.jpg"'
    assert Image.open(BytesIO(answer.content)).size == (60, 40)
    assert GPS_WORDS.encode() not in answer.content
    assert COMMENT not in answer.content


def test_nobody_elses_account_opens_it(live: LiveServer, file: str) -> None:
    live.register(NEIGHBOUR)
    neighbour = Visitor(live)
    neighbour.sign_in_as_resident(NEIGHBOUR.email)
    assert neighbour.get(file).status_code == httpx.codes.NOT_FOUND
    assert Visitor(live).get(file).headers["location"] == "/sign-in"


def test_staff_open_it_only_while_they_look_after_the_application(
    of_staff: tuple[Visitor, str, str],
) -> None:
    officer, there, file = of_staff
    refused = officer.get(file)
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "Claim it first" in refused.text
    token = officer.token(there)
    assert officer.post(f"{there}/claim", {"csrf_token": token}).status_code == 303
    assert officer.get(file).headers["content-type"] == "image/jpeg"
    wrong = file.replace(file.split("/")[-2], "00000000-0000-4000-8000-000000000000")
    assert officer.get(wrong).status_code == httpx.codes.NOT_FOUND


@pytest.mark.parametrize(
    ("role", "page", "opened"),
    [
        (StaffRole.ADVISER, httpx.codes.OK, httpx.codes.FORBIDDEN),
        (StaffRole.AUDITOR, httpx.codes.FORBIDDEN, httpx.codes.FORBIDDEN),
        (StaffRole.ADMINISTRATOR, httpx.codes.FORBIDDEN, httpx.codes.FORBIDDEN),
    ],
)
def test_who_does_not_decide_opens_nothing(
    live: LiveServer, of_staff: tuple[Visitor, str, str], role: StaffRole, page: int, opened: int
) -> None:
    _, there, file = of_staff
    visitor = Visitor(live)
    visitor.cookies = {}
    name = live.add_staff(role, f"the-{role.value}")
    token = visitor.token("/staff/sign-in")
    typed = {"username": name, "password": "a long enough pass phrase for tests"}
    visitor.post("/staff/sign-in", typed | {"csrf_token": token})
    code = live.app_code(name)
    token = visitor.token("/staff/sign-in/code")
    visitor.post("/staff/sign-in/code", {"code": code, "csrf_token": token})
    assert visitor.get(there).status_code == page
    assert visitor.get(file).status_code == opened
    for what in ("claim", "decide", "facts", "sighted", "release", "hand-over"):
        form_token = visitor.token("/staff/sign-ins")
        answer = visitor.post(f"{there}/{what}", {"csrf_token": form_token})
        assert answer.status_code == httpx.codes.FORBIDDEN, what


def test_a_paper_is_saved_and_never_shown_in_a_browser(jean: Visitor, here: str) -> None:
    answer = send(jean, f"{here}/evidence", paper())
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
    files = re.findall(rf'href="({here}/evidence/[^"]+/file)"', jean.get(here).text)
    kinds = {jean.get(each).headers["content-disposition"].split(";")[0] for each in files}
    assert kinds == {"inline", "attachment"}


def test_what_is_far_too_large_is_not_received_and_nothing_is_lost(
    jean: Visitor, here: str
) -> None:
    fields = {"csrf_token": jean.token(f"{here}/evidence"), "document": LETTER}
    body = multipart(fields, b"\xff\xd8\xff" + bytes(22 * 1024 * 1024))
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    answer = jean.raw(f"{here}/evidence", body, kind)
    assert answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    assert "Nothing was lost" in answer.text
    assert jean.get(here).status_code == httpx.codes.OK


def test_a_file_without_the_forms_token_is_refused(jean: Visitor, here: str) -> None:
    body = multipart({"document": LETTER}, photo((30, 30)))
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    assert jean.raw(f"{here}/evidence", body, kind).status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize("document", ["", "identity:utility-bill", "x", "benefit:passport"])
def test_a_document_that_shows_no_such_thing_is_refused(
    jean: Visitor, here: str, document: str
) -> None:
    answer = send(jean, f"{here}/evidence", photo((31, 31)), document)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "Select what the document is" in answer.text
