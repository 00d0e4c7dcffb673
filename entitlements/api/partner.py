"""The partners' API. Each address parses, calls one activity and shapes the answer.

The application gives a `Desk` in its state, and makes problems of the errors of `partner_only`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ControllerRouterHandler, Scope

from entitlements import answered_keys, guesses, partner_checks, partner_paths, redemptions, usage
from entitlements.answered_keys import Answer
from entitlements.api import events as feed
from entitlements.api.bodies import JSON, day, idempotency_key, number, read
from entitlements.api.desk import Desk
from entitlements.callers import Caller
from entitlements.partner_answers import Answered
from entitlements.partner_checks import CheckRequest, Told
from entitlements.partner_errors import (
    NoSuchRedemption,
    RedemptionRefused,
    RequestRefused,
    ScopeMissing,
    TooManyRequests,
)
from entitlements.partner_models import CredentialKind
from entitlements.partner_paths import CHECKS, REDEMPTIONS, USAGE
from entitlements.rates import Meter
from entitlements.redemption_rules import Batch, RedemptionAnswer
from entitlements.usage import MOST_DAYS, Used, UsedThatDay
from identity.machines import Asked, Written, posted
from identity.oidc import dpop
from identity.oidc.scopes import CHECK, EVENTS, REDEEM
from readers.contract.windows import london_date

SCOPE: Final = "scope"
"""Option of a route: what the token must allow."""
MONTH: Final = 31
_COUNTED: Final = {
    Answered.YES: Used.CHECK_YES,
    Answered.NO: Used.CHECK_NO,
    Answered.UNKNOWN: Used.CHECK_UNKNOWN,
}
_NO_STORE: Final = {"cache-control": "no-store"}

FromPartner: TypeAlias = Request[Caller, Any, State]
Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Work: TypeAlias = Callable[[FromPartner, Desk, datetime], Awaitable[Answer]]


class UsageAnswer(msgspec.Struct, frozen=True):
    """What an organisation's credential was answered, by day in London."""

    kind: CredentialKind
    days: Sequence[UsedThatDay]


async def partner_only(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard: the request brings a partner's token that allows it; `request.user` is the `Caller`.

    Raises:
        TokenNotAccepted: it does not.
        OrganisationSuspended: the organisation is answered nothing.
        ScopeMissing: the token does not allow this.
    """
    scope = connection.scope
    asked = Asked(scope, connection.receive)
    desk: Desk = asked.state.partners
    url = f"{desk.backing.provider.issuer}{scope['path']}"
    proven = dpop.Request(str(scope.get("method", "")), url, asked.headers(b"dpop"))
    caller = await desk.caller(asked.header(b"authorization"), proven)
    wanted = handler.opt.get(SCOPE, "")
    if wanted and wanted not in caller.scopes:
        said = f'Bearer error="insufficient_scope", scope="{wanted}"'
        words = f"The access token does not allow {wanted}."
        raise ScopeMissing(words, headers={"www-authenticate": said})
    scope["user"] = caller


@posted(CHECKS, guards=[partner_only], opt={SCOPE: CHECK})
async def check(asked: Asked) -> Written:
    """Ask about whoever shows a card. Somebody stands at a counter, and there may be many."""
    desk: Desk = asked.state.partners
    answer, said = await _counted(asked.scope, desk.checks, lambda now: _check(asked, desk, now))
    told = {**said, "content-type": answer.media_type}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in told.items()]
    return Written(answer.status, headers, answer.body)


@post(REDEMPTIONS, guards=[partner_only], opt={SCOPE: REDEEM}, status_code=201)
async def hold(request: FromPartner) -> ASGIResponse:
    """Hold uses of offers, all or none."""
    return await _answered(request, _hold)


@get(f"{REDEMPTIONS}/{{redemption:str}}", guards=[partner_only], opt={SCOPE: REDEEM})
async def redemption(request: FromPartner) -> ASGIResponse:
    """How a redemption stands."""
    return await _answered(request, _shown)


@post(
    f"{REDEMPTIONS}/{{redemption:str}}/confirm",
    guards=[partner_only],
    opt={SCOPE: REDEEM},
    status_code=200,
)
async def confirm(request: FromPartner) -> ASGIResponse:
    """The use has happened."""
    return await _answered(request, _confirm)


@post(
    f"{REDEMPTIONS}/{{redemption:str}}/cancel",
    guards=[partner_only],
    opt={SCOPE: REDEEM},
    status_code=200,
)
async def cancel(request: FromPartner) -> ASGIResponse:
    """Give a use back."""
    return await _answered(request, _cancel)


@get(USAGE, guards=[partner_only])
async def used(request: FromPartner) -> ASGIResponse:
    """How often the organisation was answered what."""
    return await _answered(request, _used)


@get(partner_paths.EVENTS, guards=[partner_only], opt={SCOPE: EVENTS})
async def events(request: FromPartner) -> ASGIResponse:
    """What changed for residents the organisation knows, in order."""
    return await _answered(request, _events)


ROUTES: Final[Sequence[ControllerRouterHandler]] = (
    check,
    hold,
    redemption,
    confirm,
    cancel,
    used,
    events,
)


async def _answered(request: FromPartner, work: Work) -> ASGIResponse:
    """Answer a request that changes or shows what an organisation has."""
    desk: Desk = request.app.state.partners
    meter = desk.redemptions
    answer, said = await _counted(request.scope, meter, lambda now: work(request, desk, now))
    return ASGIResponse(
        body=answer.body, status_code=answer.status, media_type=answer.media_type, headers=said
    )


async def _counted(
    scope: Scope, meter: Meter, work: Callable[[datetime], Awaitable[Answer]]
) -> tuple[Answer, dict[str, str]]:
    """Count the request, answer it or say why not, and say in headers what is left."""
    desk: Desk = scope["litestar_app"].state.partners
    caller, now = scope["user"], desk.backing.clock()
    taken = meter.take(caller, now=now)
    more: Mapping[str, str] = {}
    try:
        if not taken.allowed:
            raise TooManyRequests(taken.reset)
        answer = await work(now)
    except RequestRefused as refused:
        desk.tally.count(caller, Used.REFUSED, london_date(now))
        answer, more = _problem(scope, desk, refused), refused.headers
    return answer, {**_NO_STORE, **taken.headers, **more}


async def _check(asked: Asked, desk: Desk, now: datetime) -> Answer:
    caller: Caller = asked.scope["user"]
    what = read(asked.header(b"content-type"), await asked.body(), CheckRequest)
    schemes, means = await desk.schemes(now), desk.backing.means
    async with desk.backing.statements() as executor:
        told = await partner_checks.check(executor, means, caller, schemes, what, now=now)
    if told.wrong or told.right:
        await _count_guess(desk, caller, told, now)
    desk.tally.count(caller, _COUNTED[told.answer.decision], london_date(now))
    return Answer(200, JSON, msgspec.json.encode(told.answer))


async def _count_guess(desk: Desk, caller: Caller, told: Told, now: datetime) -> None:
    vault, mine = desk.backing.means.vault, caller.organisation_id
    async with desk.backing.transaction() as session:
        if told.right:
            await guesses.forget(session, mine, told.right)
        else:
            await guesses.count(session, vault, mine, told.wrong, now=now)


async def _hold(request: FromPartner, desk: Desk, now: datetime) -> Answer:
    caller, body = request.user, await request.body()
    key = idempotency_key(request.headers.get("idempotency-key", ""))
    batch = read(_content_type(request), body, Batch)
    schemes = await desk.schemes(now)
    same = answered_keys.fingerprint("POST", request.scope["path"], body)
    async with desk.backing.transaction() as session:
        before = await answered_keys.before(session, caller, key, same, now=now)
        if before is not None:
            return before
        held = await redemptions.hold(session, caller, schemes, batch, now=now)
        if isinstance(held, RedemptionRefused):
            answer, what, times = _problem(request.scope, desk, held), Used.REFUSED, 1
        else:
            answer = Answer(201, JSON, msgspec.json.encode(held))
            what, times = Used.REDEMPTIONS_HELD, len(batch.items)
        await answered_keys.keep(session, caller, key, answer)
    desk.tally.count(caller, what, london_date(now), times=times)
    return answer


async def _shown(request: FromPartner, desk: Desk, now: datetime) -> Answer:
    async with desk.backing.transaction() as session:
        found = await redemptions.shown(session, request.user, _redemption(request), now=now)
    return _told(found)


async def _confirm(request: FromPartner, desk: Desk, now: datetime) -> Answer:
    async with desk.backing.transaction() as session:
        found = await redemptions.confirm(session, request.user, _redemption(request), now=now)
    desk.tally.count(request.user, Used.REDEMPTIONS_CONFIRMED, london_date(now))
    return _told(found)


async def _cancel(request: FromPartner, desk: Desk, now: datetime) -> Answer:
    async with desk.backing.transaction() as session:
        found = await redemptions.cancel(session, request.user, _redemption(request), now=now)
    desk.tally.count(request.user, Used.REDEMPTIONS_CANCELLED, london_date(now))
    return _told(found)


async def _used(request: FromPartner, desk: Desk, now: datetime) -> Answer:
    today, asked = london_date(now), request.query_params
    last = day("to", asked["to"]) if "to" in asked else today
    days = number("days", asked["days"], most=MOST_DAYS) if "days" in asked else MONTH
    first = last - min(timedelta(days=days - 1), last - date.min)
    await desk.write()
    async with desk.backing.transaction() as session:
        found = await usage.of(session, request.user, first, last)
    return Answer(200, JSON, msgspec.json.encode(UsageAnswer(request.user.kind, found)))


async def _events(request: FromPartner, desk: Desk, _now: datetime) -> Answer:
    async with desk.backing.transaction() as session:
        told = await feed.page(session, request.user, request.query_params)
    return Answer(200, JSON, msgspec.json.encode(told))


def _redemption(request: FromPartner) -> UUID:
    try:
        return UUID(request.path_params["redemption"])
    except ValueError as error:
        raise NoSuchRedemption("Your organisation has no redemption with that id.") from error


def _told(redemption: RedemptionAnswer) -> Answer:
    return Answer(200, JSON, msgspec.json.encode(redemption))


def _content_type(request: FromPartner) -> str:
    return str(request.headers.get("content-type", ""))


def _problem(scope: Scope, desk: Desk, refused: RequestRefused) -> Answer:
    said = desk.backing.problem(Request(scope), refused)
    return Answer(said.status_code or 500, str(said.media_type), msgspec.json.encode(said.content))
