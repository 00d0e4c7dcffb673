"""Erasure at the pages: asked for, stopped, decided by two; and plain words for what is gone."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import jobs
from cardservice.database import Database
from identity import erasure
from identity.models import Account, Erasure, StaffRole
from identity.trail_models import AuditRow
from tests.support.people import JEAN
from tests.support.visitor import RESIDENT_COOKIE, Visitor
from tests.support.web import LiveServer

GRACE = timedelta(days=14)


@pytest.fixture(scope="module")
def supervisors(live: LiveServer) -> tuple[str, str]:
    first = live.add_staff(StaffRole.SUPERVISOR, "first")
    return first, live.add_staff(StaffRole.SUPERVISOR, "second")


def somebody(live: LiveServer, name: str) -> str:
    email = f"{name.lower()}@example.org"
    return live.register(msgspec.structs.replace(JEAN, given_names=name, email=email))


def number_of(live: LiveServer, account: str) -> str:
    async def work(session: AsyncSession) -> str:
        return (await session.get_one(Account, UUID(account))).number

    return live.do(work)


def waits(live: LiveServer, account: str) -> Erasure | None:
    return live.do(lambda session: erasure.waiting(session, UUID(account)))


def erase_due(live: LiveServer, directory: Path) -> jobs.Erasures:
    async def work() -> jobs.Erasures:
        database = Database(live.settings.database_url)
        try:
            return await jobs.erase_due(database, live.vault, directory, now=live.clock())
        finally:
            await database.close()

    return asyncio.run(work())


def signed_in(live: LiveServer, name: str) -> tuple[Visitor, str]:
    account = somebody(live, name)
    visitor = Visitor(live)
    visitor.sign_in_as_resident(f"{name.lower()}@example.org")
    return visitor, account


def ask(visitor: Visitor) -> httpx.Response:
    typed = {"csrf_token": visitor.token("/account/erase")}
    return visitor.post("/account/erase", typed)


def test_a_resident_asks_sees_when_and_stops_it(live: LiveServer) -> None:
    visitor, account = signed_in(live, "Ann")
    shown = visitor.get("/account/erase").text
    assert "You have 14 days in which you can stop it" in shown
    assert "Transport Act 2000 sections 145A and 149" in shown
    assert ask(visitor).headers["location"] == "/account/erase?done=asked"
    assert "will be erased on 6 December 2026" in visitor.get("/account/erase").text
    assert "Stop the erasure" in visitor.get("/account").text
    stop = {"csrf_token": visitor.token("/account/erase")}
    assert visitor.post("/account/erase/stop", stop).headers["location"].endswith("done=stopped")
    assert waits(live, account) is None
    again = visitor.post("/account/erase/stop", stop)
    assert again.headers["location"] == "/account/information"


def test_nobody_asks_who_did_not_show_again_who_they_are(live: LiveServer) -> None:
    visitor, account = signed_in(live, "Ben")
    token = visitor.token("/account/erase")
    live.clock.move(timedelta(minutes=6))
    for path in ("/account/erase", "/account/copy", "/account/copy/download"):
        answer = visitor.get(path)
        assert answer.headers["location"] == f"/account/confirm?wanted={path.split('/')[2]}"
    answer = visitor.post("/account/erase", {"csrf_token": token})
    assert answer.headers["location"] == "/account/confirm?wanted=erase"
    assert waits(live, account) is None


def test_another_site_cannot_have_somebody_erased(live: LiveServer) -> None:
    visitor, account = signed_in(live, "Cas")
    visitor.get("/account/erase")
    assert visitor.post("/account/erase", {}).status_code == httpx.codes.FORBIDDEN
    assert waits(live, account) is None


def test_what_is_gone_is_told_in_plain_words_and_opens_to_nobody(
    live: LiveServer, tmp_path: Path
) -> None:
    visitor, account = signed_in(live, "Dee")
    number = number_of(live, account)
    ask(visitor)
    live.clock.move(GRACE + timedelta(seconds=1))
    assert erase_due(live, tmp_path) == jobs.Erasures(1, 0)
    assert "You have been signed out" in visitor.get("/account").text
    clerk = Visitor(live)
    clerk.sign_in_as_staff()
    typed = {"query": number, "reason": "at-desk", "csrf_token": clerk.token("/staff")}
    assert "The record with this number was erased on" in clerk.post("/staff/search", typed).text
    gone = clerk.get(f"/staff/residents/{account}?reason=at-desk")
    assert gone.status_code == httpx.codes.GONE
    assert "This record was erased" in gone.text
    for what, form in (
        ("address/protect", {}),
        ("erasure/new", {"reason": "By letter"}),
        ("assisted/new", {"reason": "explain", "presence": "letter"}),
    ):
        path = f"/staff/residents/{account}/{what}?reason=at-desk"
        answer = clerk.post(path, {**form, "csrf_token": typed["csrf_token"]})
        assert answer.status_code in {httpx.codes.GONE, httpx.codes.UNPROCESSABLE_ENTITY}, what
        assert "erased" in answer.text


def test_staff_ask_on_behalf_keep_and_stop(live: LiveServer, supervisors: tuple[str, str]) -> None:
    account = somebody(live, "Eve")
    first, second = (Visitor(live) for _ in supervisors)
    for visitor, name in zip((first, second), supervisors, strict=True):
        visitor.sign_in_as(name)
    here = f"/staff/residents/{account}"

    def send(visitor: Visitor, what: str, **typed: str) -> httpx.Response:
        path = f"{here}/erasure/{what}?reason=at-desk"
        token = visitor.token("/staff")
        return visitor.post(path, {"csrf_token": token, **typed})

    def approve() -> httpx.Response:
        shown = second.get("/staff/requests").text
        request_id = shown.split('action="/staff/requests/')[1].split("/")[0]
        token = second.token("/staff/requests")
        return second.post(f"/staff/requests/{request_id}/approve", {"csrf_token": token})

    assert "Say why" in send(first, "new", reason=" ").text
    assert "No erasure of this record waits" in send(first, "stop").text
    assert send(first, "new", reason="By letter").headers["location"].endswith("done=asked")
    assert "Another request" in send(first, "new", reason="By letter").text
    assert "By letter" in second.get("/staff/requests").text
    assert approve().headers["location"].endswith("done=approved")
    record = first.get(f"{here}?reason=at-desk").text
    assert "This record will be erased on" in record
    assert "waits to be erased already" in send(first, "new", reason="Again").text
    assert "Select why the record must be kept" in send(first, "keep", reason="x").text
    kept = send(first, "keep", ground="fraud", reason="Case 12")
    assert kept.headers["location"].endswith("done=asked")
    shown = second.get("/staff/requests").text
    assert "UK GDPR Article 17(3)(e)" in shown
    assert "Case 12" in shown
    assert send(first, "stop").headers["location"].endswith("done=erasure-stopped")
    assert "No erasure of this record waits" in approve().text
    assert "No erasure of this record waits" in send(first, "keep", ground="fraud", reason="x").text


def test_a_copy_holds_everything_and_no_secret_and_is_recorded(live: LiveServer) -> None:
    visitor, account = signed_in(live, "Fay")
    shown = visitor.get("/account/copy")
    assert shown.status_code == httpx.codes.OK
    answer = visitor.get("/account/copy/download")
    assert answer.headers["content-disposition"] == 'attachment; filename="kent-card.json"'
    copy = json.loads(answer.text)
    tables = {section["table"]: section["rows"] for section in copy["sections"]}
    assert tables["account"][0]["given_names"] == "Fay"
    assert tables["account"][0]["birth_date"] == "1960-07-31"
    assert tables["address"][0]["postcode"] == "ME14 1XQ"
    assert {row["particulars"]["kind"] for row in tables["sighted_document"]} == {
        "passport",
        "council-tax-bill",
    }
    assert tables["assessment"]
    assert tables["session"][0]["methods"] == "email-code"
    assert "sign-in-code" in {row["kind"] for row in tables["outbox_message"]}
    assert "sealed_key" not in answer.text
    assert not any("_hash" in answer.text or "_index" in answer.text for _ in tables)
    assert visitor.cookies[RESIDENT_COOKIE] not in answer.text
    assert "Fay" in shown.text
    assert "31 July 1960" in shown.text or "1960-07-31" in shown.text

    async def recorded(session: AsyncSession) -> list[str]:
        query = select(AuditRow.actor_id).where(
            AuditRow.action == "own-data-copied", AuditRow.subject == f"account:{account}"
        )
        return list(await session.scalars(query))

    assert live.do(recorded) == [account, account]


def test_a_copy_is_of_nobody_else(live: LiveServer) -> None:
    visitor, _ = signed_in(live, "Gus")
    somebody(live, "Hal")
    answer = visitor.get("/account/copy/download").text
    assert "Gus" in answer
    assert "Hal" not in answer
    assert "hal@example.org" not in answer
