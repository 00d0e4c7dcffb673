"""A partner tries a check with a published test card, before it has written a program."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page
from cardservice.web.partners.overview import SEES, own
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import organisations, partner_checks, rulebooks, sandbox
from entitlements.callers import Caller
from entitlements.partner_answers import CheckAnswer
from entitlements.partner_checks import CheckRequest
from entitlements.partner_models import CredentialKind, Organisation
from entitlements.schemes.rule import Scheme
from entitlements.showing import CardShown, Means
from identity.oidc.scopes import FOR_PARTNERS

PATH: Final = "/sandbox"
TEMPLATE: Final = "partners/sandbox.html"


@get(PATH, opt=SEES)
async def show(request: VisitorRequest, session: NamedDependency[AsyncSession]) -> Response[str]:
    """The test cards, and what can be asked about them."""
    return await _form(request, session, {})


@post(PATH, status_code=200, opt=SEES)
async def check(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[str]:
    """Answer as the API answers a program; it is not counted as use of the credential."""
    typed, means = await typed_in(request), _means(request)
    caller = await _caller(session, await own(request, session))
    schemes = (await rulebooks.in_force(session)).schemes
    card = sandbox.BY_NUMBER.get(int(number)) if (number := _digits(typed, "card")) else None
    faults = {}
    if typed.get("offer") not in _askable(caller, schemes):
        faults["offer"] = _("Select what to ask about")
    if card is None:
        faults["card"] = _("Select a test card")
    if faults or card is None:
        return await _form(request, session, typed, faults)
    asked = CheckRequest(typed["offer"], CardShown(str(card.number), card.code))
    connection = await session.connection()
    told = await partner_checks.check(connection, means, caller, schemes, asked, now=now)
    return await _form(request, session, typed, answer=told.answer)


def _means(request: VisitorRequest) -> Means:
    """What the API finds cards by; the sandbox finds its own without."""
    means: Means = request.app.state.partners.backing.means
    return means


async def _caller(session: AsyncSession, organisation: Organisation) -> Caller:
    """The organisation as its own sandbox credential would be."""
    partner = await organisations.shown(session, organisation.id)
    return Caller(
        organisation_id=organisation.id,
        name=organisation.name,
        kind=CredentialKind.SANDBOX,
        suspended=organisation.suspended_at is not None,
        agreed={each.scheme: each.tells_band for each in partner.agreed},
        scopes=frozenset(FOR_PARTNERS),
    )


def _askable(caller: Caller, schemes: Mapping[str, Scheme]) -> Mapping[str, str]:
    """Id -> title of everything that the sandbox answers about."""
    agreed = {name: schemes[name].title for name in sorted(caller.agreed) if name in schemes}
    return agreed | {name: each.title for name, each in sandbox.examples().items()}


def _digits(typed: Typed, field: str) -> str:
    text = typed.get(field, "")
    return text if text.isascii() and text.isdigit() and len(text) == _NUMBER_DIGITS else ""


_NUMBER_DIGITS: Final = 14


async def _form(
    request: VisitorRequest,
    session: AsyncSession,
    typed: Typed,
    faults: Mapping[str, str] | None = None,
    *,
    answer: CheckAnswer | None = None,
) -> Response[str]:
    caller = await _caller(session, await own(request, session))
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        cards=sandbox.CARDS,
        offers=_askable(caller, (await rulebooks.in_force(session)).schemes),
        answer=answer,
    )
