"""Batches of cards for a bureau: made, released by a second person, sent, and their results."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import batch_files, batch_results, batches, bureaus, products
from cardservice.batch_results import Taken
from cardservice.bureau_models import BatchRow, BatchState, Bureau, ProductionBatch, RowState
from cardservice.bureau_results import BadLine
from cardservice.card_sessions import Means
from cardservice.errors import BureauError
from cardservice.models import Card
from cardservice.web.errors import NoSuchPage
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity.personal import Vault
from identity.roles import Act

LIST: Final = "staff/batches.html"
ONE: Final = "staff/batch.html"
PATH: Final = "/batches"
FILE: Final = "file"
STATES: Final[Mapping[BatchState, tuple[str, str]]] = {
    BatchState.MADE: (_("Waits to be released"), "yellow"),
    BatchState.RELEASED: (_("Can be sent"), "blue"),
    BatchState.SENT: (_("With the bureau"), "purple"),
    BatchState.ANSWERED: (_("Done"), "green"),
    BatchState.CANCELLED: (_("Cancelled"), "grey"),
}
ROW_STATES: Final[Mapping[RowState, str]] = {
    RowState.WAITING: _("not sent yet"),
    RowState.SENT: _("with the bureau"),
    RowState.DISPATCHED: _("posted"),
    RowState.FAILED: _("failed"),
    RowState.WITHDRAWN: _("left out"),
}


class BatchLine(msgspec.Struct, frozen=True):
    """A batch on the pages."""

    row: ProductionBatch
    product: str
    state: str
    colour: str


@get(PATH, opt={ACT: Act.SEND_BATCH})
async def show(
    request: VisitorRequest, session: NamedDependency[AsyncSession], done: FromQuery[str] = ""
) -> Response[str]:
    """What waits to be made, and every batch."""
    return await _list(request, session, done=done)


@post(PATH, status_code=200, opt={ACT: Act.MAKE_BATCH})
async def make(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Make a batch of the orders of one product that wait."""
    typed = await typed_in(request)
    bureau = _id(typed.get("bureau", ""))
    if bureau is None:
        faults = {"bureau": _("Select the bureau that will make the cards")}
        return await _list(request, session, typed=typed, faults=faults)
    product, actor = typed.get("product", ""), request.user.actor
    try:
        made = await batches.make(session, bureau, product, actor=actor, now=now)
    except BureauError as error:
        return await _list(request, session, typed=typed, faults={"batches": str(error)})
    return see_other(f"/staff{PATH}/{made.id}?done=made")


@get(f"{PATH}/{{batch_id:uuid}}", opt={ACT: Act.SEND_BATCH})
async def show_one(
    request: VisitorRequest,
    batch_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    done: FromQuery[str] = "",
) -> Response[str]:
    """One batch, how far it is and what can be done.

    Raises:
        NoSuchPage: there is no such batch.
    """
    return await _one(request, session, batch_id, done=_DONE.get(done, ""))


@post(f"{PATH}/{{batch_id:uuid}}/release", status_code=200, opt={ACT: Act.RELEASE_BATCH})
async def release(
    request: VisitorRequest,
    batch_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Let a batch leave the house."""
    try:
        await batches.release(session, batch_id, actor=request.user.actor, now=now)
    except BureauError as error:
        return await _one(request, session, batch_id, faults={"batch": str(error)})
    return see_other(f"/staff{PATH}/{batch_id}?done=released")


@post(f"{PATH}/{{batch_id:uuid}}/cancel", status_code=200, opt={ACT: Act.MAKE_BATCH})
async def cancel(
    request: VisitorRequest,
    batch_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Give up a batch that was not sent."""
    try:
        await batches.cancel(session, batch_id, actor=request.user.actor, now=now)
    except BureauError as error:
        return await _one(request, session, batch_id, faults={"batch": str(error)})
    return see_other(f"/staff{PATH}?done=cancelled")


@post(f"{PATH}/{{batch_id:uuid}}/file", status_code=200, opt={ACT: Act.SEND_BATCH})
async def download(
    request: VisitorRequest,
    batch_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    means: NamedDependency[Means],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """The file for the bureau: sealed, so that nobody on its way can read it."""
    own = batch_files.Means(means.keystore, means.vault, means.institution)
    batch = await batches.locked(session, batch_id)
    try:
        async with session.begin_nested():  # all of it or nothing
            made = await batch_files.export(session, own, batch, actor=request.user.actor, now=now)
    except BureauError as error:
        return await _one(request, session, batch_id, faults={"batch": str(error)})
    return Response(
        made.data,
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{made.name}"'},
    )


@post(f"{PATH}/{{batch_id:uuid}}/results", status_code=200, opt={ACT: Act.SEND_BATCH})
async def take_results(
    request: VisitorRequest,
    batch_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Take the bureau's file whole; or say on which line it is wrong, with nothing changed."""
    await typed_in(request)
    file = (await request.form()).get(FILE)
    if not isinstance(file, UploadFile):
        faults = {FILE: _("Select the file of results that the bureau sent")}
        return await _one(request, session, batch_id, faults=faults)
    data = await file.read(batch_results.LARGEST_FILE + 1)
    found = await batch_results.take(
        session, vault, batch_id, data, actor=request.user.actor, now=now
    )
    if isinstance(found, BadLine):
        return await _one(request, session, batch_id, faults={FILE: refusal(found)})
    return await _one(request, session, batch_id, done=said(found))


def refusal(found: BadLine) -> str:
    """Why a file of results was refused, and where it is wrong."""
    if not found.line:
        return _("Nothing was taken from this file. %(why)s") % {"why": found.sentence}
    words = _("Nothing was taken from this file. Line %(line)s: %(why)s")
    return words % {"line": found.line, "why": found.sentence}


def said(taken: Taken) -> str:
    """What a file of results did."""
    words = _(
        "The results are taken: %(posted)s posted, %(again)s ordered again, %(look)s to look at, "
        "%(destroy)s to be destroyed by the bureau"
    )
    counts = {
        "posted": taken.dispatched,
        "again": taken.ordered_again,
        "look": taken.to_look_at,
        "destroy": taken.to_destroy,
    }
    return words % counts


async def _list(
    request: VisitorRequest,
    session: AsyncSession,
    *,
    typed: Typed | None = None,
    faults: Mapping[str, str] | None = None,
    done: str = "",
) -> Response[str]:
    return page(
        request,
        LIST,
        status=422 if faults else 200,
        faults=faults,
        typed=typed or {},
        waiting=[
            (products.built_in().name_of(each.product), each)
            for each in await batches.waiting(session)
        ],
        bureaus=[(str(each.id), each.name) for each in await bureaus.in_use(session)],
        batches=[_line(each) for each in await batches.newest(session)],
        most=batches.MOST_ROWS,
        done=_DONE.get(done, ""),
    )


async def _one(
    request: VisitorRequest,
    session: AsyncSession,
    batch_id: UUID,
    *,
    faults: Mapping[str, str] | None = None,
    done: str = "",
) -> Response[str]:
    batch = await session.get(ProductionBatch, batch_id)
    if batch is None:
        raise NoSuchPage("There is no such batch.")
    rows = await batches.rows_of(session, batch_id)
    return page(
        request,
        ONE,
        status=422 if faults else 200,
        faults=faults,
        line=_line(batch),
        bureau=(await session.get_one(Bureau, batch.bureau_id)).name,
        counts=_counts(rows),
        failed=[
            (each, (await session.get_one(Card, each.card_id)).account_id)
            for each in rows
            if each.state is RowState.FAILED
        ],
        is_own=batch.made_by_id == request.user.actor.id,
        done=done,
    )


def _line(row: ProductionBatch) -> BatchLine:
    return BatchLine(row, products.built_in().name_of(row.product), *STATES[row.state])


def _counts(rows: Sequence[BatchRow]) -> list[tuple[str, int]]:
    states = [each.state for each in rows]
    return [(words, states.count(each)) for each, words in ROW_STATES.items() if each in states]


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


_DONE: Final = {
    "made": _("The batch is made. Another person must release it before it leaves the house"),
    "released": _("The batch is released"),
    "cancelled": _("The batch is cancelled, and its orders wait again"),
}
