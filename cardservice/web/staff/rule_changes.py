"""Changes of the rules that wait for a second person, and what was published."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.environment import day
from cardservice.web.errors import NoSuchPage
from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import previews, publishing, rulebooks
from entitlements.errors import PublicationError, SchemesFaulty
from entitlements.models import Publication, PublicationState
from entitlements.previews import Effect
from entitlements.publishing import Consequences
from entitlements.schemes.rulebook import RuleBook
from identity import audit
from identity.errors import InvalidDetails
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/rule_changes.html"
WHO: Final = "staff/rule_who.html"
PATH: Final = "/rules/changes"
MOST_SHOWN: Final = 200
EFFECTS: Final[Mapping[str, str]] = {
    Effect.GAINS: _("gain it"),
    Effect.LOSES: _("lose it"),
    Effect.OTHER_CLASS: _("get another class"),
    Effect.BECOMES_UNKNOWN: _("are asked for more"),
    Effect.BECOMES_KNOWN_NO: _("are no longer asked, and may not have it"),
}


class ChangeLine(msgspec.Struct, frozen=True):
    """A change on the page.

    Attributes:
        row: as it is stored.
        difference: what it changes, line by line; empty for one that was published.
        sentences: what it would do.
        is_counted: whether those are complete.
        is_own: the reader asked for it, so that somebody else decides.
    """

    row: Publication
    difference: Sequence[str]
    sentences: Sequence[str]
    is_counted: bool
    is_own: bool


@get(PATH, opt={ACT: Act.READ_RULES})
async def show(
    request: VisitorRequest, session: NamedDependency[AsyncSession], done: FromQuery[str] = ""
) -> Response[str]:
    """What waits, with its consequences; and what was published."""
    return await _changes(request, session, done=done)


@post(f"{PATH}/{{publication_id:uuid}}/approve", status_code=200, opt={ACT: Act.DECIDE_RULES})
async def approve(
    request: VisitorRequest,
    publication_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Publish one; it is in force at once."""
    try:
        async with session.begin_nested():  # all of it or nothing
            await publishing.approve(session, publication_id, actor=request.user.actor, now=now)
    except (PublicationError, SchemesFaulty) as error:
        return await _changes(request, session, faults={"changes": str(error)})
    return see_other("/staff/rules/changes?done=approved")


@post(f"{PATH}/{{publication_id:uuid}}/refuse", status_code=200, opt={ACT: Act.DECIDE_RULES})
async def refuse(
    request: VisitorRequest,
    publication_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Refuse one, with a reason."""
    why = (await typed_in(request)).get("reason", "")
    actor = request.user.actor
    try:
        await publishing.refuse(session, publication_id, why, actor=actor, now=now)
    except InvalidDetails as invalid:
        faults = {f"reason-{publication_id}": invalid.faults["reason"]}
        return await _changes(request, session, faults=faults)
    except PublicationError as error:
        return await _changes(request, session, faults={"changes": str(error)})
    return see_other("/staff/rules/changes?done=refused")


@get(f"{PATH}/{{publication_id:uuid}}/who", opt={ACT: Act.SEE_WHO_CHANGES})
async def show_who(
    request: VisitorRequest,
    publication_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    since: FromQuery[UUID | None] = None,
) -> Response[str]:
    """Whom a waiting change touches, by account number, page by page; each look is kept.

    Raises:
        NoSuchPage: no such change waits, or it cannot be published any more.
    """
    row = await session.get(Publication, publication_id)
    counted = None if row is None else publishing.consequences_of(row)
    waits = row is not None and row.state is PublicationState.WAITING
    if row is None or not waits or counted is None or counted.preview is None:
        raise NoSuchPage("No such change waits.")
    before = await rulebooks.in_force(session)
    after = publishing.proposed(before, row.file, await publishing.text_of(session, row))
    on = counted.preview.on
    found = await previews.page_of_touched(session, vault, before, after, on=on, since=since)
    detail: audit.Detail = {"file": row.file, "shown": len(found.residents)}
    actor, subject = request.user.actor, audit.subject_of("rules", row.id)
    audit.record(session, "preview-listed", subject, actor=actor, now=now, detail=detail)
    who = [
        (scheme, EFFECTS[effect], looked.number)
        for looked in found.residents
        for scheme, effect in (looked.effects or {}).items()
    ]
    return page(request, WHO, row=row, on=on, who=who, all=counted.preview.touched, found=found)


async def _changes(
    request: VisitorRequest,
    session: AsyncSession,
    *,
    faults: Mapping[str, str] | None = None,
    done: str = "",
) -> Response[str]:
    book = await rulebooks.in_force(session)
    own = request.user.actor.id
    waiting = [await _line(session, book, row, own) for row in await publishing.waiting(session)]
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed={},
        waiting=waiting,
        published=(await publishing.published(session))[:MOST_SHOWN],
        done=_DONE.get(done, ""),
    )


async def _line(session: AsyncSession, book: RuleBook, row: Publication, reader: str) -> ChangeLine:
    counted = publishing.consequences_of(row)
    text = await publishing.text_of(session, row)
    return ChangeLine(
        row,
        tuple(_difference(book.texts.get(row.file, ""), text)),
        tuple(_sentences(row, counted)),
        counted is not None,
        row.asked_by_id == reader,
    )


def _difference(before: str, after: str) -> Sequence[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm="")
    return list(lines)[2:]  # without the names of two files


def _sentences(row: Publication, counted: Consequences | None) -> Sequence[str]:
    if counted is None:
        return [_("What it would do is still being counted.")]
    said = list(counted.faults)
    if row.first_day is not None:
        words = _("It changes the rules of %(day)s and after, which has passed.")
        future = _("It changes the rules from %(day)s.")
        said.append((words if row.backdated else future) % {"day": day(row.first_day)})
    else:
        said.append(_("It changes words or charges, and nobody’s entitlement."))
    if counted.decided_since:
        said.append(
            _("%(count)s decisions were made for days it changes. They stay as they are.")
            % {"count": counted.decided_since}
        )
    return [*said, *_counts(counted)]


def _counts(counted: Consequences) -> Sequence[str]:
    shown = counted.preview
    if shown is None:
        return []
    said = [
        f"{scheme}: {count} {EFFECTS[effect]}"
        for scheme, effects in shown.counts.items()
        for effect, count in effects.items()
    ]
    words = _("Residents decided for on %(day)s: %(count)s.") % {
        "count": shown.residents,
        "day": day(shown.on),
    }
    return [words, *(said or [_("nobody gains and nobody loses.")])]


_DONE: Final = {
    "asked": _("Asked. Another person decides"),
    "approved": _("It is published, and everybody is decided for anew"),
    "refused": _("It is refused"),
}
