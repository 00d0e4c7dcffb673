"""Applications at the pages: what cannot be is refused in words, and nobody sees another's."""

from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import application_records as records
from entitlements.application_models import ApplicationState
from identity import addresses
from identity.addresses import AddressChange
from identity.details import NewAddress
from identity.models import StaffRole
from tests.support.people import CLERK, COUNCIL_TAX, JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

CARER = "leisure-your-leisure-carer"
SAM = msgspec.structs.replace(
    JEAN, given_names="Sam", family_name="Marsh", postcode="CT10 1AA", email="sam@example.com"
)
ANN = msgspec.structs.replace(
    JEAN, given_names="Ann", family_name="Ash", postcode="CT10 1AA", email="ann@example.com"
)


@pytest.fixture(scope="module")
def sams_id(live: LiveServer) -> str:
    return live.register(SAM)


@pytest.fixture(scope="module")
def sam(live: LiveServer, sams_id: str) -> Visitor:
    assert sams_id
    visitor = Visitor(live)
    visitor.sign_in_as_resident(SAM.email)
    return visitor


@pytest.fixture(scope="module")
def ann(live: LiveServer) -> Visitor:
    live.register(ANN)
    visitor = Visitor(live)
    visitor.sign_in_as_resident(ANN.email)
    return visitor


def start(visitor: Visitor, scheme: str = CARER) -> str:
    """Where an application that was just started goes on."""
    path = f"/account/apply/{scheme}"
    answer = visitor.get(path)
    if answer.status_code == httpx.codes.SEE_OTHER:
        return answer.headers["location"]
    return visitor.post(path, {"csrf_token": visitor.token(path)}).headers["location"]


def send(visitor: Visitor, path: str, **typed: str) -> httpx.Response:
    return visitor.post(path, {"csrf_token": visitor.token(path), **typed})


def seen_of(page: httpx.Response) -> str:
    return page.text.split('name="seen" value="')[1].split('"')[0]


def test_another_residents_application_is_not_there_by_any_address(
    sam: Visitor, ann: Visitor
) -> None:
    path = start(sam)
    token = ann.token("/account/choice")
    for below in ("", f"/questions/{CARER}", "/questions/carer_of_member", "/check"):
        theirs = ann.get(f"{path}{below}")
        nobodys = ann.get(f"/account/applications/KA-22222222{below}")
        assert theirs.status_code == nobodys.status_code == httpx.codes.NOT_FOUND
        assert "Page not found" in theirs.text
    for below in ("/questions/carer_of_member", "/check", "/withdraw"):
        sent = ann.post(f"{path}{below}", {"csrf_token": token, "answer": "yes"})
        assert sent.status_code == httpx.codes.NOT_FOUND
    assert sam.get(path).headers["location"].endswith("/questions/carer_of_member")


def test_a_scheme_that_is_unknown_held_or_given_elsewhere_cannot_be_applied_for(
    sam: Visitor,
) -> None:
    assert sam.get("/account/apply/no-such").status_code == httpx.codes.NOT_FOUND
    token = sam.token("/account/choice")
    unknown = sam.post("/account/apply/no-such", {"csrf_token": token})
    assert unknown.status_code == httpx.codes.NOT_FOUND
    for scheme, words in (
        ("library", "You have this already"),
        ("blue-badge", "you cannot apply for it here"),
    ):
        assert words in sam.get(f"/account/apply/{scheme}").text
        sent = sam.post(f"/account/apply/{scheme}", {"csrf_token": token})
        assert sent.headers["location"] == f"/account/apply/{scheme}"


@pytest.mark.parametrize("typed", [{}, {"answer": ""}, {"answer": "maybe"}, {"answer": "7"}])
def test_an_answer_that_cannot_be_is_asked_again_and_not_kept(
    sam: Visitor, typed: dict[str, str]
) -> None:
    path = f"{start(sam)}/questions/carer_of_member"
    answer = send(sam, path, **typed)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "Select yes or no, or that you do not know" in answer.text


@pytest.mark.parametrize("fact", ["library_debt", "companion_agreed", "birth_date", "no-such"])
def test_what_is_not_asked_has_no_page(sam: Visitor, fact: str) -> None:
    path = f"{start(sam)}/questions/{fact}"
    assert sam.get(path).status_code == httpx.codes.NOT_FOUND
    token = sam.token("/account/choice")
    sent = sam.post(path, {"csrf_token": token, "answer": "yes"})
    assert sent.status_code == httpx.codes.NOT_FOUND


def test_a_check_page_of_before_a_move_is_shown_anew_and_a_second_send_leads_to_the_answer(
    live: LiveServer, ann: Visitor
) -> None:
    path = start(ann)
    assert (
        send(ann, f"{path}/questions/carer_of_member", answer="yes")
        .headers["location"]
        .endswith("/check")
    )
    old = seen_of(ann.get(f"{path}/check"))
    reference = path.rpartition("/")[2]

    async def move(session: AsyncSession) -> None:
        row = await records.by_reference(session, reference)
        moved = AddressChange(
            address=NewAddress(address_lines=("2 Quay", "Dover"), postcode="CT16 1AA"),
            moved_on=live.clock().date(),
            document=COUNCIL_TAX,
        )
        who = row.account_id
        await addresses.change(session, live.vault, who, moved, actor=CLERK, now=live.clock())

    live.do(move)
    changed = send(ann, f"{path}/check", seen=old)
    assert changed.status_code == httpx.codes.CONFLICT
    assert "Something changed since you looked" in changed.text
    assert "Dover" in changed.text
    for _ in range(2):  # the second of a double click, or of another tab
        token = ann.token("/account/choice")
        typed = {"csrf_token": token, "seen": seen_of(changed)}
        assert ann.post(f"{path}/check", typed).headers["location"] == path
    assert "We need to see proof" in ann.get(path).text
    # Going back shows no form again, and a question sent from an old tab changes nothing.
    assert ann.get(f"{path}/check").headers["location"] == path
    late = ann.post(
        f"{path}/questions/carer_of_member",
        {"csrf_token": ann.token("/account/choice"), "answer": "no"},
    )
    assert late.headers["location"] == path

    async def state(session: AsyncSession) -> ApplicationState:
        return (await records.by_reference(session, reference)).state

    assert live.do(state) is ApplicationState.EVIDENCE_WANTED


def test_staff_touch_no_application_without_acting_for_its_resident(
    live: LiveServer, sam: Visitor, sams_id: str
) -> None:
    path = start(sam).removeprefix("/account")
    clerk = Visitor(live)
    clerk.sign_in_as(live.add_staff(StaffRole.ADVISER, "helper"))
    record = f"/staff/residents/{sams_id}"
    sent_on = clerk.get(f"{record}{path}").headers["location"]
    assert sent_on == f"{record}/assisted/new?then=applications"
    other = live.register(msgspec.structs.replace(JEAN, email="", family_name="Oast"))
    clerk.act_for(other)
    theirs = clerk.get(f"/staff/residents/{other}{path}")
    assert theirs.status_code == httpx.codes.NOT_FOUND
    clerk.act_for(sams_id)
    assert clerk.get(f"{record}{path}").headers["location"].startswith(f"{record}{path}/")


def test_an_auditor_helps_nobody_and_an_adviser_suspends_nothing(
    live: LiveServer, sams_id: str
) -> None:
    auditor, adviser = Visitor(live), Visitor(live)
    auditor.sign_in_as(live.add_staff(StaffRole.AUDITOR, "auditor"))
    adviser.sign_in_as(live.add_staff(StaffRole.ADVISER, "adviser"))
    record = f"/staff/residents/{sams_id}"
    assert auditor.get(f"{record}/requests").status_code == httpx.codes.FORBIDDEN
    path = f"{record}/grants/{UUID(int=1)}/suspend"
    assert adviser.get(path).status_code == httpx.codes.FORBIDDEN


def test_a_grant_of_somebody_else_cannot_be_suspended(live: LiveServer, sams_id: str) -> None:
    officer = Visitor(live)
    officer.sign_in_as_staff()
    path = f"/staff/residents/{sams_id}/grants/{UUID(int=1)}/suspend"
    assert officer.get(path).status_code == httpx.codes.NOT_FOUND


def test_an_offer_nobody_made_is_not_there_and_a_choice_that_is_none_is_asked_again(
    sam: Visitor,
) -> None:
    assert sam.get("/account/offers/travel-older").status_code == httpx.codes.NOT_FOUND
    answer = send(sam, "/account/choice", choice="everything")
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "Select what we should do" in answer.text
