"""Staff link a resident's bus pass; the resident sees it with what it is worth."""

import pytest

from identity.models import StaffRole
from tests.support.bus_passes import ISRN
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

GROUPED = "633597 0289 0100001 6"


@pytest.fixture(scope="module")
def account(live: LiveServer) -> str:
    return live.register(JEAN)


@pytest.fixture(scope="module")
def adviser(live: LiveServer) -> Visitor:
    visitor = Visitor(live)
    visitor.sign_in_as(live.add_staff(StaffRole.ADVISER))
    return visitor


def test_a_typed_pass_is_linked_seen_by_its_resident_and_unlinked(
    live: LiveServer, account: str, adviser: Visitor
) -> None:
    record_path = f"/staff/residents/{account}?reason=at-desk"
    path = f"/staff/residents/{account}/bus-passes/new?reason=at-desk"
    answer = adviser.post(path, {"isrn": GROUPED, "csrf_token": adviser.token(path)})
    record = adviser.get(answer.headers["location"]).text
    assert "The bus pass is linked" in record
    assert GROUPED in record
    assert "Number typed, not verified" in record
    resident = Visitor(live)
    resident.sign_in_as_resident(JEAN.email)
    own = resident.get("/account/").text
    assert GROUPED in own
    assert "Number typed, not verified" in own
    assert "/unlink" not in own
    again = adviser.post(path, {"isrn": ISRN, "csrf_token": adviser.token(path)})
    assert again.status_code == 422
    assert "linked to this record already" in again.text
    unlink = record.split('action="')
    target = next(each.split('"')[0] for each in unlink if "/unlink" in each.split('"')[0])
    done = adviser.post(target, {"csrf_token": adviser.token(record_path)})
    assert "is not linked any more" in adviser.get(done.headers["location"]).text
    assert GROUPED not in resident.get("/account/").text


@pytest.mark.parametrize(
    ("isrn", "said"),
    [("", "Enter the 18 digits"), (ISRN[:-1] + "9", "last digit"), ("<b>", "has 18 digits")],
)
def test_what_is_no_number_is_refused_and_kept_as_typed(
    account: str, adviser: Visitor, isrn: str, said: str
) -> None:
    path = f"/staff/residents/{account}/bus-passes/new?reason=at-desk"
    answer = adviser.post(path, {"isrn": isrn, "csrf_token": adviser.token(path)})
    assert answer.status_code == 422
    assert said in answer.text
    assert "<b>" not in answer.text.split("<main", 1)[1].split('value="', 1)[1][:4]
