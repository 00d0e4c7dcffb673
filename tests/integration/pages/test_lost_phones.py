"""A resident tells staff that they lost the phone they show codes on."""

import secrets
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.models import Phone
from entitlements.models import ServiceRecord
from identity.models import StaffRole
from readers.contract.statuslist import Status
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

LOOK = "reason=at-desk"


@pytest.fixture
def resident(live: LiveServer) -> tuple[str, Visitor]:
    """The record of somebody who shows codes, and them, signed in."""
    email = f"{secrets.token_hex(4)}@example.com"  # the server is shared by the tests here
    account = live.register(msgspec.structs.replace(JEAN, email=email))
    visitor = Visitor(live)
    visitor.sign_in_as_resident(email)
    token = visitor.token("/account/phone")
    visitor.post("/account/phone/library", {"csrf_token": token})
    assert visitor.get("/account/phone/library").status_code == 200
    return f"/staff/residents/{account}", visitor


def status_of(live: LiveServer, record: str) -> int | None:
    account = UUID(record.rpartition("/")[2])

    async def work(session: AsyncSession) -> int | None:
        row = select(ServiceRecord.status).join(Phone, Phone.id == ServiceRecord.carrier_id)
        return await session.scalar(row.where(Phone.account_id == account))

    return live.do(work)


def test_staff_stop_the_codes_of_a_lost_phone_and_sign_it_out(
    live: LiveServer, resident: tuple[str, Visitor]
) -> None:
    record, thief = resident
    clerk = Visitor(live)
    clerk.sign_in_as_staff()
    page = clerk.get(f"{record}?{LOOK}").text
    assert "The resident lost their phone" in page
    token = clerk.token(f"{record}?{LOOK}")
    answer = clerk.post(f"{record}/phone/lost?{LOOK}", {"csrf_token": token})
    assert answer.headers["location"] == f"{record}?{LOOK}&done=phone-lost"
    done = clerk.get(answer.headers["location"]).text
    assert "Codes from the phone are stopped, and every sign-in has ended" in done
    assert "The resident lost their phone" not in done
    assert status_of(live, record) == Status.INVALID
    assert "You have been signed out" in thief.get("/account/phone/library").text


def test_who_only_reads_does_not_stop_codes(
    live: LiveServer, resident: tuple[str, Visitor]
) -> None:
    record, owner = resident
    auditor = Visitor(live)
    auditor.sign_in_as(live.add_staff(StaffRole.AUDITOR))
    token = auditor.token("/staff/sign-ins")
    answer = auditor.post(f"{record}/phone/lost?{LOOK}", {"csrf_token": token})
    assert answer.status_code == 403
    assert status_of(live, record) == Status.VALID
    assert owner.get("/account/phone/library").status_code == 200
