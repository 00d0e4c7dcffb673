"""What somebody sees when the service itself is broken."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from tests.support.visitor import Visitor
from tests.support.web import LiveServer


async def lose_the_accounts(session: AsyncSession) -> None:
    await session.execute(text("ALTER TABLE account RENAME TO gone"))


def test_a_fault_of_ours_is_a_plain_page_without_details(live: LiveServer) -> None:
    clerk = Visitor(live)
    clerk.sign_in_as_staff()
    token = clerk.token("/staff")
    live.do(lose_the_accounts)
    typed = {"query": "Jean O'Malley", "reason": "at-desk", "csrf_token": token}
    with capture_logs() as logged:
        answer = clerk.post("/staff/search", typed)
    (line,) = [each for each in logged if each["log_level"] == "error"]
    assert (line["event"], line["fault"]) == ("page failed", "OperationalError")
    assert "Malley" not in str(line["exc_info"])
    assert answer.status_code == 500
    assert "Sorry, there is a problem with the service" in answer.text
    for detail in ("Traceback", "sqlite", "SELECT", "account"):
        assert detail not in answer.text.replace("Sign in to your account", "")
