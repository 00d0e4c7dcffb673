"""The addresses to which a partner has its events sent: listing them and adding one."""

from datetime import datetime
from typing import Any, Final, assert_never

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page
from cardservice.web.partners.overview import CHANGES, SEES, own
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import webhook_endpoints
from entitlements.event_data import KEPT_DAYS
from entitlements.webhook_addresses import AddressFault
from entitlements.webhook_endpoints import AlreadyThere, Made, TooMany
from identity.personal import Vault

PATH: Final = "/webhooks"
TEMPLATE: Final = "partners/webhooks.html"
SECRET: Final = "partners/webhook_secret.html"  # noqa: S105  (a template)


@get(PATH, opt=SEES)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """Every address, and a form for another."""
    words = _("The webhook is removed") if done == "removed" else ""
    return await _form(request, session, vault, {}, "", now=now, done=words)


@post(PATH, status_code=200, opt=CHANGES)
async def add(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Add an address and show its secret, this once; or say why it cannot be."""
    typed, organisation = await typed_in(request), await own(request, session)
    made = await webhook_endpoints.add(
        session,
        vault,
        organisation.id,
        typed.get("url", ""),
        loopback=settings.demo,
        actor=request.user.actor,
        now=now,
    )
    if not isinstance(made, Made):
        return await _form(request, session, vault, typed, _fault(made), now=now)
    return secret_page(request, made)


def secret_page(request: VisitorRequest, made: Made) -> Response[str]:
    """The secret of an address. It is in this answer and nowhere else."""
    return page(
        request,
        SECRET,
        endpoint=made.endpoint,
        secret=made.secret.shown,
        public_key=made.secret.public_key,
    )


async def _form(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    typed: Typed,
    fault: str,
    *,
    now: datetime,
    done: str = "",
) -> Response[str]:
    organisation = await own(request, session)
    return page(
        request,
        TEMPLATE,
        status=422 if fault else 200,
        faults={"url": fault} if fault else {},
        typed=typed,
        webhooks=await webhook_endpoints.shown(session, vault, organisation.id, now=now),
        kept_days=KEPT_DAYS,
        done=done,
    )


def _fault(why: AddressFault | TooMany | AlreadyThere) -> str:
    match why:
        case TooMany():
            return _("You have 5 webhooks, which is the most. Remove one first")
        case AlreadyThere():
            return _("You have a webhook with this address already")
        case AddressFault.NOT_HTTPS:
            return _("The address must begin with https://")
        case AddressFault.NOT_A_NAME:
            return _("The address must have a full name, such as hooks.example.org, not a number")
        case AddressFault.NOT_PUBLIC | AddressFault.NOT_FOUND:
            return _("The address must be one on the internet")
        case AddressFault.NOT_A_URL:
            return _("Enter an address, such as https://hooks.example.org/kent")
        case never:
            assert_never(never)
