"""Renewing the cards that end on a day: previewed, begun, and answered by a holder at a desk."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import renewals, renewing
from cardservice.errors import CardError
from cardservice.renewal_models import RenewalRun, RenewalState, RunState
from cardservice.renewal_rules import WORDS
from cardservice.renewing import Preview
from cardservice.web.errors import NoSuchPage
from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.renewal_lines import lacking
from cardservice.web.staff.resident import Look, record_page
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity.dates import parse_date
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/renewals.html"
PATH: Final = "/renewals"
OUTCOMES: Final[Mapping[str, str]] = {
    "renews": _("renewed without asking"),
    "asks": _("holder asked first"),
    "leaves": _("not renewed"),
    "unreadable": _("record cannot be read"),
}
DONE_STATES: Final[Mapping[RenewalState, str]] = {
    RenewalState.RENEWED: _("another card ordered"),
    RenewalState.ASKED: _("holder asked, no answer that is enough yet"),
    RenewalState.DECLINED: _("not wanted any more"),
    RenewalState.LEFT: _("not renewed"),
}


class DayLine(msgspec.Struct, frozen=True):
    """The cards that end on a day, and what is known of renewing them.

    Attributes:
        cards: how many end then.
        run: None where nobody has asked for a preview.
        outcomes: what the preview says, in words.
        reasons: why, in words.
        standing: what the run has done, in words.
    """

    on: date
    cards: int
    run: RenewalRun | None
    outcomes: Sequence[str] = ()
    reasons: Sequence[str] = ()
    standing: Sequence[str] = ()


@get(PATH, opt={ACT: Act.RENEW_CARDS})
async def show(
    request: VisitorRequest, session: NamedDependency[AsyncSession], done: FromQuery[str] = ""
) -> Response[str]:
    """The days on which cards end, with what renewing them would do or has done."""
    runs = {run.expires_on: run for run in await renewals.runs(session)}
    counts = dict(await renewals.days(session))
    days = sorted(counts.keys() | runs.keys())
    lines = [await _line(session, each, counts.get(each, 0), runs.get(each)) for each in days]
    return page(request, TEMPLATE, lines=lines, done=_DONE.get(done, ""))


@post(f"{PATH}/preview", status_code=303, opt={ACT: Act.RENEW_CARDS})
async def preview(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Have it counted what a run would do."""
    on = await _day(request, session)
    await renewing.ask_preview(session, on, actor=request.user.actor, now=now)
    return see_other(f"/staff{PATH}?done=preview")


@post(f"{PATH}/begin", status_code=303, opt={ACT: Act.RENEW_CARDS})
async def begin(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Begin a run, or have it look again at what it left open; the worker does it."""
    on = await _day(request, session)
    await renewing.begin(session, on, actor=request.user.actor, now=now)
    return see_other(f"/staff{PATH}?done=begun")


@post(
    [
        f"/residents/{{account_id:uuid}}/renewals/{{card_id:uuid}}/{answer}"
        for answer in ("keep", "decline")
    ],
    status_code=200,
    opt={ACT: Act.MAKE_CARD},
)
async def answer(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """What a resident answers at the desk; the answer is the last word of the address.

    Raises:
        NoSuchPage: the resident is not asked about such a card.
    """
    actor = request.user.actor
    if all(row.card_id != card_id for row, _card in await renewals.of_account(session, account_id)):
        raise NoSuchPage("This resident is not asked about such a card.")
    look = Look(actor, account_id, reason, now)
    try:
        if request.scope["path"].endswith("/decline"):
            await renewals.decline(session, card_id, actor=actor, now=now)
            return see_other(look.address(done="renewal-declined"))
        kept = await renewals.keep(session, vault, card_id, actor=actor, now=now)
    except CardError as error:
        faults = {"renewal": str(error)}
    else:
        if not isinstance(kept, renewals.NotRenewed):
            return see_other(look.address(done="renewal-kept"))
        faults = {"renewal": " ".join(lacking(kept.why))}
    return await record_page(request, session, vault, look, faults=faults, typed={})


async def _day(request: VisitorRequest, session: AsyncSession) -> date:
    """The day that a form is about, as the page gave it.

    Raises:
        NoSuchPage: no card ends on it.
    """
    on = parse_date((await typed_in(request)).get("on", ""))
    known = {each for each, _count in await renewals.days(session)}
    if on is None or (on not in known and await renewals.run_for(session, on) is None):
        raise NoSuchPage("No card ends on that day.")
    return on


async def _line(session: AsyncSession, on: date, cards: int, run: RenewalRun | None) -> DayLine:
    if run is None:
        return DayLine(on, cards, None)
    if run.state in {RunState.TO_PREVIEW, RunState.PREVIEWED}:
        found = msgspec.convert(run.preview, Preview) if run.preview else None
        if found is None:
            return DayLine(on, cards, run)
        counts = [(found.outcomes.get(each, 0), words) for each, words in OUTCOMES.items()]
        outcomes = [f"{count}: {words}" for count, words in counts if count]
        return DayLine(on, cards, run, outcomes, in_words(found.reasons))
    counted = await renewals.standing(session, run.id)
    standing = [f"{counted[each.value]}: {DONE_STATES[each]}" for each in RenewalState]
    reasons = in_words(await renewals.reasons_of(session, run.id))
    return DayLine(on, cards, run, (), reasons, standing)


def in_words(reasons: Mapping[str, int]) -> Sequence[str]:
    """`12: the photograph is too old`, the most frequent first."""
    known = {each.value: words for each, words in WORDS.items()}
    ordered = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    return [f"{count}: {known.get(why, why)}" for why, count in ordered]


_DONE: Final = {
    "preview": _("It is being counted. Look again in a moment"),
    "begun": _("The run has begun. Look again to see how far it is"),
}
