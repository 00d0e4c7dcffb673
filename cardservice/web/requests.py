"""“Your requests”: applications, cards and offers, and what happens next with each."""

from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.apply import OPT
from cardservice.web.pages import page
from cardservice.web.records import asked_of
from cardservice.web.request_lines import requests_of
from cardservice.web.visitors import VisitorRequest
from cardservice.web.whose import whose_of
from cardservice.web.words import gettext as _

TEMPLATE: Final = "apply/requests.html"
_DONE: Final = {
    "accepted": _("It is added, and will be on your card after your next tap"),
    "declined": _("We will not add it. You can change your mind at any time"),
    "offer-gone": _("You cannot have it any more, or we need to see proof first"),
    "chosen": _("Your choice is kept"),
    "card-ordered": _("Your card is ordered"),
    "card-replaced": _("Another card is ordered, and the old one is refused for ever"),
    "paid": _("You have paid"),
}


@get("/requests", opt=OPT)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    done: FromQuery[str] = "",
) -> Response[str]:
    """Show everything that was asked for, and how far it is."""
    whose = whose_of(request)
    return page(
        request,
        TEMPLATE,
        base=whose.base,
        requests=await requests_of(session, whose.account_id),
        asked=await asked_of(session, whose.account_id),
        done=_DONE.get(done, ""),
    )
