"""A clerk acts for a resident at the pages: openly, for a while, and nothing typed is lost."""

import re
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import StaffMember, StaffRole
from identity.trail_models import AssistedEnd, AssistedSession, AuditRow, RecordRead
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

OURS = {"sec-fetch-site": "same-origin"}
BANNER = "You act for a resident"
MOVE = {
    "address_lines": "2 New Road",
    "town": "Tonbridge",
    "postcode": "TN9 1BH",
    "moved_on-day": "22",
    "moved_on-month": "11",
    "moved_on-year": "2026",
    "document.kind": "council-tax-bill",
    "document.dated_on-day": "1",
    "document.dated_on-month": "4",
    "document.dated_on-year": "2026",
}


@pytest.fixture
def jean(live: LiveServer) -> str:
    return registered(live, "Jean")


def registered(live: LiveServer, given: str, email: str = "") -> str:
    return live.register(msgspec.structs.replace(JEAN, given_names=given, email=email))


@pytest.fixture
def clerk(live: LiveServer) -> Visitor:
    visitor = Visitor(live)
    visitor.sign_in_as_staff()
    return visitor


def words(answer: httpx.Response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def newest_end(live: LiveServer) -> AssistedEnd | None:
    async def work(session: AsyncSession) -> AssistedEnd | None:
        newest = select(AssistedSession).order_by(AssistedSession.opened_at.desc()).limit(1)
        return (await session.scalars(newest)).one().ended_by

    return live.do(work)


def test_what_is_the_residents_own_word_asks_first_why_and_how_they_are_there(
    clerk: Visitor, jean: str
) -> None:
    here = f"/staff/residents/{jean}"
    for wanted, then in (("address/new", "address"), ("contact/new", "contact")):
        answer = clerk.get(f"{here}/{wanted}")
        assert answer.headers["location"] == f"{here}/assisted/new?then={then}"
    assert clerk.get(f"{here}/assisted").headers["location"].endswith("/assisted/new?then=assisted")
    path = f"{here}/assisted/new?then=address"
    empty = clerk.post(path, {"csrf_token": clerk.token(path)})
    assert empty.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "Select why you act for them" in empty.text
    assert "Select how they are present" in empty.text
    begun = clerk.post(
        path, {"csrf_token": clerk.token(path), "reason": "address", "presence": "telephone"}
    )
    assert begun.headers["location"].startswith(f"{here}/address/new")
    assert clerk.get(begun.headers["location"]).status_code == httpx.codes.OK


@pytest.mark.parametrize(
    "then", ["https://evil.example", "//evil.example", "../../staff", "address/new", ""]
)
def test_nobody_is_led_anywhere_else_after_saying_why(clerk: Visitor, jean: str, then: str) -> None:
    here = f"/staff/residents/{jean}/assisted"
    path = f"{here}/new?then={quote(then, safe='')}"
    token = clerk.token(path)
    begun = clerk.post(path, {"csrf_token": token, "reason": "explain", "presence": "telephone"})
    assert (begun.status_code, begun.headers["location"]) == (httpx.codes.SEE_OTHER, here)


def test_searching_and_reading_is_not_acting(clerk: Visitor, jean: str) -> None:
    token = clerk.token("/staff")
    found = clerk.post("/staff/search", {"query": "Jean", "reason": "at-desk", "csrf_token": token})
    assert found.status_code == httpx.codes.OK
    here = f"/staff/residents/{jean}"
    assert clerk.get(f"{here}?reason=at-desk").status_code == httpx.codes.OK
    for path, typed in (("address/new", MOVE), ("contact/new", {"email": "a@b.org"})):
        answer = clerk.post(f"{here}/{path}", typed | {"csrf_token": token})
        assert answer.status_code == httpx.codes.CONFLICT
        assert "You are not acting for this resident any more" in answer.text


def test_every_staff_page_shows_for_whom_and_how_long_and_ends_it(
    live: LiveServer, clerk: Visitor, jean: str
) -> None:
    clerk.act_for(jean, reason="card", presence="card-tapped")
    live.clock.move(timedelta(minutes=5))
    here = f"/staff/residents/{jean}"
    for path in ("/staff", "/staff/residents/new", "/staff/sign-ins", here, f"{here}/assisted"):
        shown = words(clerk.get(path))
        assert "You act for Jean O&#39;Malley" in shown, path
        assert "Because of the card, in person, and the card was tapped." in shown
        assert "15 minutes left." in shown
    answer = clerk.post("/staff/assisted/end", {"csrf_token": clerk.token("/staff")})
    ended = clerk.get(answer.headers["location"])
    assert "You act for nobody now" in ended.text
    assert BANNER not in ended.text
    assert newest_end(live) is AssistedEnd.CLERK


def test_it_ends_on_its_own_and_a_form_in_the_middle_loses_nothing(
    live: LiveServer, clerk: Visitor, jean: str
) -> None:
    clerk.act_for(jean, reason="address", presence="documents-seen")
    path = f"/staff/residents/{jean}/address/new?reason="
    token = clerk.token(path)
    for _step in range(2):
        live.clock.move(timedelta(minutes=10, seconds=1))
        assert clerk.get("/staff/sign-ins").status_code == httpx.codes.OK  # the clerk is there
    late = clerk.post(path, MOVE | {"csrf_token": token}, OURS)
    assert late.status_code == httpx.codes.CONFLICT
    assert '<textarea name="address_lines" hidden>\n2 New Road</textarea>' in late.text
    assert f"/staff/residents/{jean}/assisted/new?then=address" in late.text
    clerk.act_for(jean, reason="address", presence="documents-seen")
    done = clerk.post(path, MOVE | {"csrf_token": token}, OURS)
    assert done.headers["location"].endswith("done=address")


def test_another_record_and_signing_out_end_it(live: LiveServer, clerk: Visitor, jean: str) -> None:
    other = registered(live, "Rosa")
    clerk.act_for(jean)
    assert BANNER not in clerk.get(f"/staff/residents/{other}?reason=at-desk").text
    assert newest_end(live) is AssistedEnd.ANOTHER_RESIDENT
    live.clock.move(timedelta(seconds=1))
    clerk.act_for(other)
    clerk.post("/staff/sign-out", {"csrf_token": clerk.token("/staff")})
    assert newest_end(live) is AssistedEnd.SIGN_IN_ENDED
    live.clock.move(timedelta(minutes=1))
    clerk.sign_in_as_staff()
    assert BANNER not in clerk.get("/staff").text


def test_whatever_a_page_about_the_resident_does_carries_the_basis(
    live: LiveServer, clerk: Visitor, jean: str
) -> None:
    other = registered(live, "Ann")
    live.clock.move(timedelta(minutes=1))
    clerk.act_for(jean)
    begun = live.clock()
    here = f"/staff/residents/{jean}"
    token = clerk.token(f"{here}/assisted")
    clerk.post(f"{here}/documents/new", {"kind": "passport", "csrf_token": token})
    clerk.post(f"{here}/address/new", MOVE | {"csrf_token": token})
    clerk.post(f"/staff/residents/{other}/address/protect", {"csrf_token": token})
    clerk.post(f"{here}/address/protect", {"csrf_token": token})

    async def work(session: AsyncSession) -> tuple[list[AuditRow], list[RecordRead]]:
        rows = select(AuditRow).where(AuditRow.at >= begun)
        reads = select(RecordRead).where(RecordRead.at >= begun)
        return list(await session.scalars(rows)), list(await session.scalars(reads))

    rows, reads = live.do(work)
    told = {(row.action, row.detail.get("basis_resident")) for row in rows}
    mine = f"account:{jean}"
    assert {
        ("assisted-session-opened", mine),
        ("document-sighted", mine),
        ("address-changed", mine),
        ("address-protected", mine),
        ("address-protected", None),  # somebody else's, in the same minute
    } <= told
    assert reads
    assert all(read.assisted_id for read in reads)


def test_the_resident_sees_who_acted_why_and_what_was_done(live: LiveServer) -> None:
    clerk = Visitor(live)
    clerk.sign_in_as_staff()
    account = registered(live, "Olive", "olive@example.org")
    clerk.act_for(account, reason="other", note="Moved in with her son", presence="telephone")
    here = f"/staff/residents/{account}"
    clerk.get(f"{here}/assisted")
    clerk.post(f"{here}/address/new", MOVE | {"csrf_token": clerk.token(f"{here}/assisted")})
    clerk.post("/staff/assisted/end", {"csrf_token": clerk.token("/staff")})
    for _look in range(3):
        clerk.get(f"{here}?reason=card-found")
    olive = Visitor(live)
    olive.sign_in_as_resident("olive@example.org")
    shown = words(olive.get("/account/information"))
    assert "Priya Shah" in shown
    assert "Another reason, by telephone: Moved in with her son" in shown
    assert "Changed the address" in shown
    assert "A card was found or handed in Looked 3 times in that hour" in shown


def test_a_clerk_cannot_act_for_themselves_or_for_somebody_protected(
    live: LiveServer, clerk: Visitor, jean: str
) -> None:
    administrator = Visitor(live)
    administrator.sign_in_as(live.add_staff(StaffRole.ADMINISTRATOR, "admin"))

    async def of_clerk(session: AsyncSession) -> UUID:
        wanted = select(StaffMember.id).where(StaffMember.username == "priya")
        return (await session.scalars(wanted)).one()

    number = re.search(
        r"Resident (\d{3} \d{3} \d{3})", clerk.get(f"/staff/residents/{jean}?reason=at-desk").text
    )
    assert number
    path = f"/staff/people/{live.do(of_clerk)}/own-account"
    token = administrator.token("/staff/people")
    wrong = administrator.post(path, {"number": "123", "csrf_token": token})
    assert "there is no such account" in wrong.text
    noted = administrator.post(path, {"number": number[1], "csrf_token": token})
    assert noted.headers["location"].endswith("done=own-account")
    assert "This is your own account" in clerk.act_for(jean).text
    administrator.post(path, {"number": "", "csrf_token": token})
    here = f"/staff/residents/{jean}"
    clerk.post(f"{here}/address/protect", {"csrf_token": clerk.token("/staff")})
    assert "A supervisor must act for them" in clerk.act_for(jean).text


def test_an_auditor_narrows_who_acted_for_whom(live: LiveServer, clerk: Visitor, jean: str) -> None:
    clerk.act_for(jean, reason="other", note="A secret of hers", presence="letter")
    auditor = Visitor(live)
    auditor.sign_in_as(live.add_staff(StaffRole.AUDITOR, "auditor"))
    path = "/staff/audit/assisted"
    token = auditor.token(path)
    shown = words(auditor.get(path))
    assert "Another reason, by letter" in shown
    assert "Malley" not in shown
    assert "secret" not in shown
    letters = words(auditor.post(path, {"presence": "letter", "csrf_token": token}))
    assert "by telephone Changed" not in letters
    assert "Priya Shah, card-officer" in letters
    nobody = words(auditor.post(path, {"username": "nobody", "csrf_token": token}))
    assert "0 times" in nobody
    faulty = auditor.post(
        path, {"first_day-day": "31", "first_day-month": "2", "csrf_token": token}
    )
    assert faulty.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "Enter a real date" in faulty.text


def test_an_old_row_does_not_tell_an_auditor_the_district_of_somebody_protected(
    live: LiveServer, clerk: Visitor, jean: str
) -> None:
    auditor = Visitor(live)
    auditor.sign_in_as(live.add_staff(StaffRole.AUDITOR, "reader"))
    typed = {"about": f"account:{jean}", "csrf_token": auditor.token("/staff/audit")}
    assert "E07000110" in auditor.post("/staff/audit", typed).text
    here = f"/staff/residents/{jean}"
    clerk.post(f"{here}/address/protect", {"csrf_token": clerk.token("/staff")})
    after = auditor.post("/staff/audit", typed).text
    assert "account-registered" in after
    assert "E07000110" not in after


def test_what_only_one_district_has_tells_nothing_of_somebody_protected(
    live: LiveServer, clerk: Visitor, jean: str
) -> None:
    here = f"/staff/residents/{jean}"
    assert "leisure-tonbridge-and-malling" in clerk.get(f"{here}?reason=at-desk").text
    clerk.post(f"{here}/address/protect", {"csrf_token": clerk.token("/staff")})
    hidden = clerk.get(f"{here}?reason=at-desk").text
    assert "leisure-tonbridge-and-malling" not in hidden
    assert 'id="library"' in hidden
    supervisor = Visitor(live)
    supervisor.sign_in_as(live.add_staff(StaffRole.SUPERVISOR, "sees"))
    assert "leisure-tonbridge-and-malling" in supervisor.get(f"{here}?reason=at-desk").text
