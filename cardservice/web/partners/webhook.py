"""One address of a partner: what was sent there, sending it again, its secret, and ending it."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, typed_day, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.partners.overview import CHANGES, SEES, own
from cardservice.web.partners.tried_words import in_words
from cardservice.web.partners.webhooks import PATH, secret_page
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import webhook_endpoints, webhook_log
from entitlements.event_data import KEPT_DAYS
from entitlements.event_models import Disabled
from entitlements.partner_errors import WebhookDisabled
from identity.dates import LONDON, parse_date
from identity.personal import Vault

ONE: Final = f"{PATH}/{{endpoint_id:uuid}}"
TEMPLATE: Final = "partners/webhook.html"
_YEARS: Final = range(2000, 3000)


@get(ONE, opt=SEES)
async def show(
    request: VisitorRequest,
    endpoint_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
    count: FromQuery[int] = 0,
) -> Response[str]:
    """The address, and what was sent there."""
    words = _DONE.get(done, "")
    if done == "span":
        words = _("Messages that are sent again: %(count)s") % {"count": count}
    return await _page(request, session, vault, endpoint_id, {}, now=now, done=words)


@post(f"{ONE}/secret", status_code=200, opt=CHANGES)
async def change_secret(
    request: VisitorRequest,
    endpoint_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[str]:
    """Make a new secret and show it, this once."""
    organisation = await own(request, session)
    made = await webhook_endpoints.change_secret(
        session, vault, organisation.id, endpoint_id, actor=request.user.actor, now=now
    )
    return secret_page(request, made)


@post(f"{ONE}/enable", status_code=303, opt=CHANGES)
async def enable(
    request: VisitorRequest,
    endpoint_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Send to the address again."""
    organisation, actor = await own(request, session), request.user.actor
    await webhook_endpoints.enable(session, organisation.id, endpoint_id, actor=actor, now=now)
    return _back(endpoint_id, "enabled")


@post(f"{ONE}/disable", status_code=303, opt=CHANGES)
async def disable(
    request: VisitorRequest,
    endpoint_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Send nothing to the address any more."""
    organisation, actor = await own(request, session), request.user.actor
    await webhook_endpoints.disable(
        session, organisation.id, endpoint_id, Disabled.PARTNER, actor=actor, now=now
    )
    return _back(endpoint_id, "disabled")


@post(f"{ONE}/remove", status_code=303, opt=CHANGES)
async def remove(
    request: VisitorRequest,
    endpoint_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Forget the address and its log."""
    organisation = await own(request, session)
    await webhook_endpoints.remove(
        session, organisation.id, endpoint_id, actor=request.user.actor, now=now
    )
    return see_other(f"/partners{PATH}?done=removed")


@post(f"{ONE}/test", status_code=200, opt=SEES)
async def send_test(
    request: VisitorRequest,
    endpoint_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Send a message about nothing."""
    organisation, actor = await own(request, session), request.user.actor
    try:
        await webhook_log.send_test(session, organisation.id, endpoint_id, actor=actor, now=now)
    except WebhookDisabled as error:
        return await _page(request, session, vault, endpoint_id, {"actions": str(error)}, now=now)
    return _back(endpoint_id, "test")


@post(f"{ONE}/deliveries/{{delivery_id:uuid}}", status_code=200, opt=SEES)
async def send_again(
    request: VisitorRequest,
    endpoint_id: FromPath[UUID],
    delivery_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Send one message again."""
    organisation, actor = await own(request, session), request.user.actor
    try:
        await webhook_log.send_again(session, organisation.id, delivery_id, actor=actor, now=now)
    except WebhookDisabled as error:
        return await _page(request, session, vault, endpoint_id, {"actions": str(error)}, now=now)
    return _back(endpoint_id, "again")


@post(f"{ONE}/again", status_code=200, opt=SEES)
async def send_span(
    request: VisitorRequest,
    endpoint_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Send again what happened from one day to another, both included."""
    typed, organisation = await typed_in(request), await own(request, session)
    span, actor = _span(typed), request.user.actor
    if isinstance(span, dict):
        return await _page(request, session, vault, endpoint_id, span, typed, now=now)
    try:
        count = await webhook_log.send_span(
            session, organisation.id, endpoint_id, *span, actor=actor, now=now
        )
    except WebhookDisabled as error:
        faults = {"actions": str(error)}
        return await _page(request, session, vault, endpoint_id, faults, typed, now=now)
    return _back(endpoint_id, f"span&count={count}")


def _span(typed: Typed) -> tuple[datetime, datetime] | dict[str, str]:
    """From the beginning of the first day in London to the end of the last; or what is wrong."""
    since, until = (parse_date(typed_day(typed, field)) for field in ("since", "until"))
    faults = {}
    if since is None or since.year not in _YEARS:
        faults["since"] = _("The first day must be a real date")
    if until is None or until.year not in _YEARS:
        faults["until"] = _("The last day must be a real date")
    if faults or since is None or until is None:
        return faults
    if until < since:
        return {"until": _("The last day must not be before the first")}
    first, after = (
        datetime.combine(day, time(), LONDON) for day in (since, until + timedelta(days=1))
    )
    return first, after


def _back(endpoint_id: UUID, done: str) -> Response[None]:
    return see_other(f"/partners{PATH}/{endpoint_id}?done={done}")


async def _page(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    endpoint_id: UUID,
    faults: Mapping[str, str],
    typed: Typed | None = None,
    *,
    now: datetime,
    done: str = "",
) -> Response[str]:
    organisation = await own(request, session)
    webhook = await webhook_endpoints.shown_one(
        session, vault, organisation.id, endpoint_id, now=now
    )
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed or {},
        webhook=webhook,
        log=await webhook_log.newest(session, organisation.id, endpoint_id),
        most=webhook_log.MOST,
        in_words=in_words,
        kept_days=KEPT_DAYS,
        overlap_hours=int(webhook_endpoints.OVERLAP.total_seconds() // 3600),
        done=done,
    )


_DONE: Final = {
    "enabled": _("Messages are sent to this address again"),
    "disabled": _("Nothing is sent to this address any more"),
    "test": _("A test is on its way. Open this page again in a few seconds to see what came of it"),
    "again": _("The message is on its way again"),
}
