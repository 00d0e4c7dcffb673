"""What was refused is in the log, with who tried and nothing that they typed."""

from collections.abc import Mapping
from typing import Any

import httpx
from structlog.testing import capture_logs

from identity.models import StaffRole
from tests.support.people import JEAN
from tests.support.visitor import RESIDENT_COOKIE, STAFF_COOKIE, Visitor
from tests.support.web import LiveServer


def warnings(logged: list[Any]) -> list[Mapping[str, Any]]:
    return [line for line in logged if line["log_level"] == "warning"]


def test_a_page_that_is_not_for_the_role_is_logged_with_who_asked(live: LiveServer) -> None:
    auditor = Visitor(live)
    auditor.sign_in_as(live.add_staff(StaffRole.AUDITOR))
    with capture_logs() as logged:
        assert auditor.get("/staff/residents/new").status_code == httpx.codes.FORBIDDEN
    (line,) = warnings(logged)
    assert (line["event"], line["role"]) == ("act refused", "auditor")
    assert line["act"] == "register-resident"
    assert line["staff"]
    assert auditor.cookies[STAFF_COOKIE] not in str(line)


def test_a_form_of_another_site_is_logged_without_what_was_in_it(live: LiveServer) -> None:
    visitor = Visitor(live)
    typed = {"email": JEAN.email, "csrf_token": visitor.token("/sign-in")}
    with capture_logs() as logged:
        visitor.post("/sign-in", typed, {"sec-fetch-site": "cross-site"})
    (line,) = warnings(logged)
    assert line["event"] == "form refused"
    assert JEAN.email not in str(line)


def test_a_code_and_a_passkey_that_sign_nobody_in_are_logged(live: LiveServer) -> None:
    live.register(JEAN)
    visitor = Visitor(live)
    token = visitor.token("/sign-in")
    visitor.post("/sign-in", {"email": JEAN.email, "csrf_token": token})
    with capture_logs() as logged:
        visitor.post("/sign-in/code", {"code": "0000 0001", "csrf_token": token})
        visitor.post("/sign-in/passkey", {"credential": "{}", "csrf_token": token})
    code, passkey = warnings(logged)
    assert (code["event"], code["at"]) == ("sign-in refused", "/sign-in/code")
    assert (passkey["event"], passkey["at"]) == ("sign-in refused", "/sign-in/passkey")
    assert JEAN.email not in str(logged)
    assert "0000" not in str(logged)
    assert RESIDENT_COOKIE not in visitor.cookies


def test_a_machine_that_is_refused_is_logged(live: LiveServer) -> None:
    with capture_logs() as logged:
        answer = httpx.get(f"{live.url}/api/terminal/bundle")
    assert answer.status_code == httpx.codes.UNAUTHORIZED
    (line,) = warnings(logged)
    assert (line["event"], line["code"]) == ("not allowed", "terminal-unknown")


def test_every_password_that_is_refused_is_logged_also_during_a_wait(live: LiveServer) -> None:
    visitor = Visitor(live)
    token = visitor.token("/staff/sign-in")
    typed = {"username": "somebody", "password": "a wrong one", "csrf_token": token}
    with capture_logs() as logged:
        for _ in range(8):
            visitor.post("/staff/sign-in", typed)
    lines = warnings(logged)
    assert [line["at"] for line in lines] == ["/staff/sign-in"] * 8
    assert "somebody" not in str(lines)
    assert "a wrong one" not in str(lines)
