"""What the law has us tell everybody: privacy, cookies and accessibility.

The facts come from the tables the software runs by, so that a notice cannot say something else.
Source: UK GDPR Articles 13 and 14; Public Sector Bodies (Websites and Mobile Applications) (No. 2)
Accessibility Regulations 2018 regulation 8.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.holdings import HOLDINGS, kept_after_erasure
from cardservice.holdings.holding import BASES, Holding, Topic, length_in_words
from cardservice.holdings.people import DECEASED_KEPT
from cardservice.settings import Settings
from cardservice.web.cookies import COOKIES
from cardservice.web.pages import page
from cardservice.web.visitors import AnyRequest
from cardservice.web.words import gettext as _
from identity.oidc import clients
from identity.oidc.models import Basis
from identity.oidc.registration import CODE
from identity.oidc.scopes import for_people, words_of

TESTED_ON: Final = date(2026, 11, 22)
"""The day on which what the statement says was tried was last tried."""
PREPARED_ON: Final = date(2026, 11, 22)
_WHY: Final = {
    Basis.PUBLIC_TASK: _("A service of the council. It does not need your consent"),
    Basis.CONSENT: _("A partner. Only if you agree, and until you withdraw that"),
}


class HeldLine(msgspec.Struct, frozen=True):
    """A line of the notice: what is held, why it may be and how long it is kept."""

    what: str
    why: str
    how_long: str


class ServiceLine(msgspec.Struct, frozen=True):
    """A service that residents can sign in to, what it may see and why."""

    name: str
    why: str
    sees: tuple[str, ...]


@get("/privacy")
async def privacy(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    settings: NamedDependency[Settings],
) -> Response[str]:
    """What is held of residents, why, for how long and who is told."""
    return page(
        request,
        "notices/privacy.html",
        settings=settings,
        topics=held_by_topic(),
        services=await services(session),
        cookie_lines=COOKIES,
        kept=kept_after_erasure(),
        deceased=length_in_words(DECEASED_KEPT),
        grace=length_in_words(timedelta(days=settings.erasure_grace_days)),
        updated=PREPARED_ON,
    )


@get("/cookies")
async def cookies(request: AnyRequest) -> Response[str]:
    """Every cookie, and what for."""
    return page(request, "notices/cookies.html", cookie_lines=COOKIES)


@get("/accessibility")
async def accessibility(request: AnyRequest, settings: NamedDependency[Settings]) -> Response[str]:
    """How accessible the pages are, what was tried and what was not."""
    return page(
        request,
        "notices/accessibility.html",
        settings=settings,
        tested=TESTED_ON,
        prepared=PREPARED_ON,
    )


def held_by_topic() -> Sequence[tuple[Topic, Sequence[HeldLine]]]:
    """Every line of the table of holdings, under its heading."""
    places = list(Topic)
    ordered = sorted(HOLDINGS, key=lambda holding: places.index(holding.topic))
    return [
        (topic, [_line(holding) for holding in some])
        for topic, some in groupby(ordered, key=lambda holding: holding.topic)
    ]


async def services(session: AsyncSession) -> Sequence[ServiceLine]:
    """Every service in use that residents can sign in to, by name."""
    return [
        ServiceLine(client.name, _WHY[client.basis], words_of(for_people(client.scopes)))
        for client in await clients.listed(session)
        if CODE in client.grant_types and not client.disabled
    ]


def _line(holding: Holding) -> HeldLine:
    return HeldLine(holding.what, BASES[holding.basis], holding.how_long())
