"""Each role meets exactly the pages its row of the table names."""

from uuid import UUID

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import StaffMember, StaffRole
from identity.roles import Act, may
from identity.trail_models import AuditRow
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import CLERK_USER, LiveServer

NOBODY = UUID(int=7)


@pytest.fixture(scope="module")
def account(live: LiveServer) -> str:
    return live.register(JEAN)


@pytest.fixture(scope="module")
def visitors(live: LiveServer) -> dict[StaffRole, Visitor]:
    signed_in = {}
    for role in StaffRole:
        visitor = Visitor(live)
        visitor.sign_in_as(live.add_staff(role))
        signed_in[role] = visitor
    return signed_in


def pages(account: str) -> dict[str, Act]:
    here = f"/staff/residents/{account}"
    return {
        f"{here}?reason=at-desk": Act.VIEW_RECORD,
        f"{here}/documents/new": Act.RECORD_DOCUMENT,
        f"{here}/checks/new": Act.RECORD_CHECK,
        f"{here}/facts/new": Act.TELL_FACT,
        f"{here}/assisted/new": Act.ASSIST_RESIDENT,
        f"{here}/assisted": Act.SEE_AS_RESIDENT,
        f"{here}/contact/new": Act.CHANGE_CONTACT,
        f"{here}/address/new": Act.CHANGE_ADDRESS,
        f"{here}/correction/new": Act.ASK_CORRECTION,
        f"{here}/death/new": Act.REPORT_DEATH,
        f"{here}/death/false": Act.REPORT_DEATH,
        "/staff/requests": Act.DECIDE_REQUEST,
        "/staff/residents/new": Act.REGISTER_RESIDENT,
        "/staff/rules": Act.READ_RULES,
        "/staff/rules/files/library.toml": Act.READ_RULES,
        "/staff/rules/new": Act.ASK_RULES,
        "/staff/rules/changes": Act.READ_RULES,
        "/staff/audit": Act.READ_AUDIT,
        "/staff/people": Act.MANAGE_STAFF,
    }


@pytest.mark.parametrize("role", list(StaffRole))
def test_a_role_opens_its_pages_and_no_other(
    visitors: dict[StaffRole, Visitor], account: str, role: StaffRole
) -> None:
    if may(role, Act.ASSIST_RESIDENT):
        visitors[role].act_for(account)
    for path, act in pages(account).items():
        expected = httpx.codes.OK if may(role, act) else httpx.codes.FORBIDDEN
        assert visitors[role].get(path).status_code == expected, (role, path)


FORMS = {
    "/staff/search": Act.FIND_RESIDENT,
    "/staff/residents/{account}/checks/new": Act.RECORD_CHECK,
    "/staff/residents/{account}/assisted/new": Act.ASSIST_RESIDENT,
    "/staff/residents/{account}/contact/new": Act.CHANGE_CONTACT,
    "/staff/residents/{account}/address/new": Act.CHANGE_ADDRESS,
    "/staff/residents/{account}/address/protect": Act.PROTECT_ADDRESS,
    "/staff/residents/{account}/address/unprotect": Act.LIFT_PROTECTION,
    "/staff/residents/{account}/correction/new": Act.ASK_CORRECTION,
    "/staff/residents/{account}/death/new": Act.REPORT_DEATH,
    "/staff/residents/{account}/death/false": Act.REPORT_DEATH,
    f"/staff/requests/{NOBODY}/approve": Act.DECIDE_REQUEST,
    "/staff/rules/new": Act.ASK_RULES,
    f"/staff/rules/changes/{NOBODY}/approve": Act.DECIDE_RULES,
    f"/staff/rules/changes/{NOBODY}/refuse": Act.DECIDE_RULES,
    f"/staff/requests/{NOBODY}/refuse": Act.DECIDE_REQUEST,
    "/staff/residents/{account}/cards/order": Act.MAKE_CARD,
    f"/staff/residents/{{account}}/cards/{NOBODY}/lost": Act.REPORT_CARD,
    f"/staff/residents/{{account}}/cards/{NOBODY}/replace": Act.MAKE_CARD,
    f"/staff/residents/{{account}}/cards/{NOBODY}/cancel": Act.MAKE_CARD,
    f"/staff/people/{NOBODY}/role": Act.MANAGE_STAFF,
    f"/staff/people/{NOBODY}/end": Act.MANAGE_STAFF,
    "/staff/audit": Act.READ_AUDIT,
}


@pytest.mark.parametrize("role", list(StaffRole))
def test_a_role_is_refused_forms_that_are_not_its_own_although_they_are_real(
    visitors: dict[StaffRole, Visitor], account: str, role: StaffRole
) -> None:
    visitor = visitors[role]
    home = visitor.get("/staff").headers.get("location", "/staff")
    token = visitor.token(home)
    for path, act in FORMS.items():
        answer = visitor.post(path.format(account=account), {"csrf_token": token})
        refused = answer.status_code == httpx.codes.FORBIDDEN
        assert refused is not may(role, act), (role, path, answer.status_code)
        assert ("Your role does not include this" in answer.text) is refused


def test_a_record_offers_an_adviser_no_card_to_order(
    visitors: dict[StaffRole, Visitor], account: str
) -> None:
    here = f"/staff/residents/{account}?reason=at-desk"
    adviser = visitors[StaffRole.ADVISER].get(here).text
    assert "Order a card" not in adviser
    assert "Issue a card now" not in adviser
    officer = visitors[StaffRole.CARD_OFFICER].get(here).text
    assert "Issue a card now" in officer


def test_the_menu_offers_what_the_role_may_do(visitors: dict[StaffRole, Visitor]) -> None:
    adviser = visitors[StaffRole.ADVISER].get("/staff").text
    assert "Register a resident" in adviser
    assert "/staff/people" not in adviser
    auditor = visitors[StaffRole.AUDITOR].get("/staff/audit").text
    assert "/staff/audit" in auditor
    assert "/staff/residents/new" not in auditor


def staff_id(live: LiveServer, username: str) -> UUID:
    async def work(session: AsyncSession) -> UUID:
        wanted = select(StaffMember.id).where(StaffMember.username == username)
        return (await session.scalars(wanted)).one()

    return live.do(work)


def test_a_changed_role_signs_the_colleague_out_and_counts_from_the_next_sign_in(
    live: LiveServer, visitors: dict[StaffRole, Visitor]
) -> None:
    sam = Visitor(live)
    sam.sign_in_as(live.add_staff(StaffRole.ADVISER, "sam"))
    administrator = visitors[StaffRole.ADMINISTRATOR]
    path = f"/staff/people/{staff_id(live, 'sam')}/role"
    typed = {"role": "auditor", "csrf_token": administrator.token("/staff/people")}
    assert administrator.post(path, typed).headers["location"] == "/staff/people?done=role"
    assert "You have been signed out" in sam.get("/staff").text
    sam.sign_in_as("sam")
    assert sam.get("/staff").headers["location"] == "/staff/audit"
    nonsense = administrator.post(path, typed | {"role": "king"})
    assert "Select a role" in nonsense.text


def test_an_ended_access_is_ended_at_once_and_can_be_restored(
    live: LiveServer, visitors: dict[StaffRole, Visitor]
) -> None:
    clerk = Visitor(live)
    clerk.sign_in_as_staff()
    administrator = visitors[StaffRole.ADMINISTRATOR]
    path = f"/staff/people/{staff_id(live, CLERK_USER)}"
    typed = {"csrf_token": administrator.token("/staff/people")}
    assert administrator.post(f"{path}/end", typed).headers["location"].endswith("done=ended")
    assert clerk.get("/staff").status_code == httpx.codes.FORBIDDEN
    assert administrator.post(f"{path}/restore", typed).status_code == httpx.codes.SEE_OTHER
    clerk.sign_in_as_staff()
    assert clerk.get("/staff").status_code == httpx.codes.OK


def test_nobody_changes_their_own_access(
    live: LiveServer, visitors: dict[StaffRole, Visitor]
) -> None:
    administrator = visitors[StaffRole.ADMINISTRATOR]
    own = staff_id(live, StaffRole.ADMINISTRATOR.value)
    typed = {"role": "supervisor", "csrf_token": administrator.token("/staff/people")}
    for what in ("role", "end"):
        answer = administrator.post(f"/staff/people/{own}/{what}", typed)
        assert "Ask another administrator" in answer.text
    assert administrator.get("/staff/people").status_code == httpx.codes.OK


def test_an_auditor_reads_what_was_done_to_one_account_and_is_recorded(
    live: LiveServer, visitors: dict[StaffRole, Visitor], account: str
) -> None:
    auditor = visitors[StaffRole.AUDITOR]
    typed = {"about": f"account:{account}", "csrf_token": auditor.token("/staff/audit")}
    shown = auditor.post("/staff/audit", typed).text
    assert "account-registered" in shown
    assert "staff-added" not in shown
    assert "Malley" not in shown

    async def newest(session: AsyncSession) -> str:
        query = select(AuditRow.action).order_by(AuditRow.id.desc()).limit(1)
        return (await session.scalars(query)).one()

    assert live.do(newest) == "audit-read"
