"""An auditor reads who acted for whom, why, how the resident was present, and what was done."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.act_words import in_words
from cardservice.web.assisted_words import END_WORDS, PRESENCE_WORDS, REASON_WORDS, capital
from cardservice.web.forms import Typed, typed_day, typed_in
from cardservice.web.pages import page
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import assisted_reading
from identity.assisted_reading import Filters
from identity.dates import parse_date
from identity.roles import Act
from identity.trail_models import AssistReason, Presence

TEMPLATE: Final = "staff/assisted_trail.html"
PATH: Final = "/audit/assisted"
OPT: Final = {ACT: Act.READ_AUDIT}
_DAYS: Final = ("first_day", "last_day")


@get(PATH, opt=OPT)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[str]:
    """The newest."""
    return await _listed(request, session, {}, now)


@post(PATH, status_code=200, opt=OPT)
async def narrow(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[str]:
    """The newest that fit; what was asked for is in no address."""
    return await _listed(request, session, await typed_in(request), now)


async def _listed(
    request: VisitorRequest, session: AsyncSession, typed: Typed, now: datetime
) -> Response[str]:
    faults: dict[str, str] = {}
    days = {field: _day(typed, field, faults) for field in _DAYS}
    wanted = _filters(typed, days)
    actor = request.user.actor
    rows = () if faults else await assisted_reading.listed(session, wanted, actor=actor, now=now)
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        rows=[(row, in_words(row.acts)) for row in rows],
        now=now,
        reasons=REASON_WORDS,
        presences=PRESENCE_WORDS,
        reason_choices=[(each.value, words) for each, words in REASON_WORDS.items()],
        presence_choices=[(each.value, capital(words)) for each, words in PRESENCE_WORDS.items()],
        ends=END_WORDS,
    )


def _filters(typed: Typed, days: Mapping[str, date | None]) -> Filters:
    reason, presence = typed.get("reason", ""), typed.get("presence", "")
    return Filters(
        username=typed.get("username", ""),
        number=typed.get("number", ""),
        reason=next((each for each in AssistReason if each.value == reason), None),
        presence=next((each for each in Presence if each.value == presence), None),
        first_day=days["first_day"],
        last_day=days["last_day"],
        is_open=typed.get("state", "") == "open",
    )


def _day(typed: Typed, field: str, faults: dict[str, str]) -> date | None:
    text = typed_day(typed, field)
    day = parse_date(text) if text else None
    if text and day is None:
        faults[field] = _("Enter a real date, like 31/07/2026")
    return day
