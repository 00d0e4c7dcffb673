"""Somebody who was refused has it looked at again, by another member of staff."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.apply import OPT
from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.visitors import VisitorRequest
from cardservice.web.whose import Whose, whose_of
from cardservice.web.words import gettext as _
from entitlements import application_records as records
from entitlements import applying, deciding
from entitlements.application_models import Application
from entitlements.deciding import NoReview
from identity.errors import InvalidDetails
from identity.personal import Vault

PATH: Final = "/applications/{reference:str}/review"
TEMPLATE: Final = "apply/review.html"
_CLOSED: Final[Mapping[NoReview, str]] = {
    NoReview.NOT_REFUSED: _(
        "This application is not refused, so there is nothing to look at again"
    ),
    NoReview.REVIEWED: _("It was looked at again already"),
    NoReview.TOO_LATE: _("It is too late to ask for a review. You can apply again at any time"),
}


@get(PATH, opt=OPT)
async def ask(
    request: VisitorRequest,
    reference: FromPath[str],
    session: NamedDependency[AsyncSession],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask what is wrong with the decision.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
    """
    whose = whose_of(request)
    row = await records.own(session, whose.account_id, reference)
    within = timedelta(days=settings.review_days)
    if await deciding.why_no_review(session, row, within=within, now=now):
        return see_other(f"{whose.base}/applications/{reference}")
    return await _form(request, session, whose, row, {}, {})


@post(PATH, status_code=303, opt=OPT)
async def send(
    request: VisitorRequest,
    reference: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask for the review; or say why it cannot be.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
    """
    whose, typed = whose_of(request), await typed_in(request)
    try:
        asked = await deciding.ask_review(
            session,
            vault,
            whose.account_id,
            reference,
            typed.get("reason", ""),
            within=timedelta(days=settings.review_days),
            actor=whose.actor,
            now=now,
        )
    except InvalidDetails as invalid:
        faults = invalid.faults
    else:
        if isinstance(asked, Application):
            return see_other(f"{whose.base}/applications/{reference}?done=review")
        faults = {"reason": _CLOSED[asked]}
    row = await records.own(session, whose.account_id, reference)
    return await _form(request, session, whose, row, typed, faults)


async def _form(
    request: VisitorRequest,
    session: AsyncSession,
    whose: Whose,
    row: Application,
    typed: Mapping[str, str],
    faults: Mapping[str, str],
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        name=await applying.title_of(session, row.scheme),
        here=f"{whose.base}/applications/{row.reference}",
    )
