"""What was given with an application: looked at, accepted or refused, or recorded at the desk."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.evidence_files import file_answer
from cardservice.web.forms import document_shown, typed_in
from cardservice.web.pages import see_other
from cardservice.web.staff.applications import DECIDE, FIELD, ONE, PATH, one_page, seen, why_not
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import claims, deciding, evidence_records, judging
from entitlements.application_models import Application
from entitlements.deciding import NotDecided
from entitlements.errors import EvidenceJudged
from entitlements.wanted import said_of
from identity import accounts
from identity.errors import InvalidDetails
from identity.personal import Vault

PIECE: Final = f"{ONE}/evidence/{{evidence_id:uuid}}"
_SEEN: Final = "seen."
OPENED: Final = _("What you sent with application %(reference)s was opened")


@get(f"{PIECE}/file", opt=DECIDE)
async def show_file(
    request: VisitorRequest,
    application_id: FromPath[UUID],
    evidence_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """The file, to whoever looks after the application; the resident sees that it was opened.

    Raises:
        NoSuchEvidence: it was not sent with this application, or is deleted.
        NoSuchPage: there is no such application.
    """
    row, actor = await seen(session, application_id), request.user.actor
    if not claims.is_held_by(row, actor, now):
        faults = {FIELD: why_not(NotDecided.NOT_CLAIMED)}
        return await one_page(request, session, vault, application_id, now, faults=faults)
    shown = await evidence_records.open_file(session, vault, row, evidence_id, actor=actor, now=now)
    why = OPENED % {"reference": row.reference}
    await accounts.note_read(session, row.account_id, actor=actor, reason=why, now=now)
    return file_answer(shown, row.reference)


@post(f"{PIECE}/accept", status_code=303, opt=DECIDE)
async def accept(
    request: VisitorRequest,
    application_id: FromPath[UUID],
    evidence_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Accept it with the dates on it; if the rule can answer then, it does."""
    actor, prefix = request.user.actor, f"evidence-{evidence_id}."
    shown = document_shown(await typed_in(request), prefix)
    keep = timedelta(days=settings.evidence_days)

    async def work(row: Application) -> None:
        await judging.accept(
            session, vault, row, evidence_id, shown, keep=keep, actor=actor, now=now
        )
        await deciding.conclude_by_rule(session, vault, row, actor=actor, now=now)

    found = _Form(prefix, "accepted", work)
    return await _answer(request, session, vault, application_id, now, found)


@post(f"{PIECE}/refuse", status_code=303, opt=DECIDE)
async def refuse(
    request: VisitorRequest,
    application_id: FromPath[UUID],
    evidence_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Refuse it with a reason that the resident reads."""
    actor, prefix = request.user.actor, f"evidence-{evidence_id}."
    why = (await typed_in(request)).get(f"{prefix}reason", "")
    keep = timedelta(days=settings.evidence_days)

    async def work(row: Application) -> None:
        await judging.refuse(session, vault, row, evidence_id, why, keep=keep, actor=actor, now=now)

    found = _Form(prefix, "refused", work)
    return await _answer(request, session, vault, application_id, now, found)


@post(f"{ONE}/sighted", status_code=303, opt=DECIDE)
async def sighted(
    request: VisitorRequest,
    application_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Record a document that is shown at the desk; if the rule can answer then, it does."""
    typed, actor = await typed_in(request), request.user.actor
    said = said_of(typed.get(f"{_SEEN}kind", ""))

    async def work(row: Application) -> None:
        if said is None:
            raise InvalidDetails({"kind": _("Select the document you have seen")})
        shown = document_shown({**typed, f"{_SEEN}kind": said.kind}, _SEEN)
        await judging.note_sighted(session, vault, row, shown, said, actor=actor, now=now)
        await deciding.conclude_by_rule(session, vault, row, actor=actor, now=now)

    found = _Form(_SEEN, "sighted", work)
    return await _answer(request, session, vault, application_id, now, found)


class _Form(msgspec.Struct, frozen=True):
    """A form about evidence.

    Attributes:
        prefix: of its fields.
        done: what the address says once it is done.
        work: what it does with the application.
    """

    prefix: str
    done: str
    work: Callable[[Application], Awaitable[None]]


async def _answer(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    application_id: UUID,
    now: datetime,
    form: _Form,
) -> Response[Any]:
    """Do it if the visitor looks after the application; or show the page with what is wrong."""
    held = await deciding.held(session, application_id, actor=request.user.actor, now=now)
    if not isinstance(held, Application):
        faults = {FIELD: why_not(held)}
    else:
        try:
            await form.work(held)
        except InvalidDetails as invalid:
            faults = {f"{form.prefix}{field}": said for field, said in invalid.faults.items()}
        except EvidenceJudged as error:
            faults = {FIELD: str(error)}
        else:
            return _on(held, form.done)
    typed = await typed_in(request)
    return await one_page(request, session, vault, application_id, now, faults=faults, typed=typed)


def _on(row: Application, done: str) -> Response[None]:
    """Back to the application; to the queue when it is decided."""
    if row.closed_at is not None:
        return see_other(f"/staff{PATH}?done=decided")
    return see_other(f"/staff{PATH}/{row.id}?done={done}")
