"""The notices say what the software does, and every page leads to them."""

import html
import re
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.holdings import HOLDINGS, kept_after_erasure
from cardservice.holdings.holding import BASES
from cardservice.web.cookies import COOKIES
from identity.actors import SYSTEM
from identity.oidc import clients
from identity.oidc.scopes import SCOPES
from tests.support.lives import SITE
from tests.support.oidc import COUNCIL
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

PACKAGE = Path(__file__).parents[3] / "cardservice"
NOTICES = ("/privacy", "/cookies", "/accessibility")


def words_of(visitor: Visitor, path: str) -> str:
    answer = visitor.get(path)
    assert answer.status_code == 200
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", answer.text)).split())


def test_every_line_of_what_is_held_is_in_the_privacy_notice(live: LiveServer) -> None:
    told = words_of(Visitor(live), "/privacy")
    for holding in HOLDINGS:
        line = f"{holding.what} Kept {holding.how_long()}. {BASES[holding.basis]}"
        assert line in told
    for each in kept_after_erasure():
        assert f"{each.words} ({each.law})." in told


def test_every_cookie_in_the_code_is_named_in_the_notices(live: LiveServer) -> None:
    in_code = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r"__Host-[a-z-]+", path.read_text(encoding="utf-8"))
        if name != "__Host-"
    }
    assert in_code == {cookie.name for cookie in COOKIES}
    for path in ("/privacy", "/cookies"):
        told = words_of(Visitor(live), path)
        assert all(f"{one.name} {one.purpose}, {one.lasts}." in told for one in COOKIES)


def test_every_cookie_the_pages_set_is_named(live: LiveServer) -> None:
    live.register(JEAN)
    resident, clerk = Visitor(live), Visitor(live)
    resident.sign_in_as_resident(JEAN.email)
    clerk.sign_in_as_staff()
    for path in ("/", "/sign-in", "/account", *NOTICES):
        resident.get(path)
    set_now = set(resident.cookies) | set(clerk.cookies)
    assert len(set_now) > 2
    assert set_now <= {cookie.name for cookie in COOKIES}


def test_every_service_in_use_is_named_with_what_it_may_see(live: LiveServer) -> None:
    before = words_of(Visitor(live), "/privacy")
    assert "No other service can be signed in to" in before

    async def add(session: AsyncSession) -> None:
        for each in (SITE, COUNCIL):
            await clients.add(session, each, actor=SYSTEM, now=live.clock())

    live.do(add)
    told = words_of(Visitor(live), "/privacy")
    assert "Example Leisure your name, your e-mail address. A partner. Only if you agree" in told
    assert SCOPES["address"].words in told
    assert "Kent Libraries" in told


@pytest.mark.parametrize("path", ["/", "/sign-in", "/staff/sign-in", "/nowhere", *NOTICES])
def test_every_page_leads_to_the_notices(live: LiveServer, path: str) -> None:
    shown = Visitor(live).get(path).text
    assert all(f'href="{notice}"' in shown for notice in NOTICES)


def test_what_is_not_set_says_so(live: LiveServer) -> None:
    told = words_of(Visitor(live), "/privacy")
    assert "[name of the council, not set yet]" in told
    told = words_of(Visitor(live), "/accessibility")
    assert "[e-mail address, not set yet]" in told
    assert "screen reader" in told
    assert "Accessibility Regulations 2018" in told
