"""The photo for a resident's card: taken or chosen, cut to the part that is printed, removed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import photos
from cardservice.database import Database
from cardservice.photo_models import PhotoStage
from cardservice.web.errors import NoSuchPage
from cardservice.web.forms import LARGEST_WITH_FILE, Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements.cleaning.media import Clean
from entitlements.uploads import NotTaken, Uploads
from identity.errors import NoSuchAccount
from identity.models import Account
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/photo.html"
PATH: Final = "/residents/{account_id:uuid}/photo"
OPT: Final = {ACT: Act.MAKE_CARD}
FILE: Final = "photo"
CAMERA: Final = "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"
"""Of this page alone: its script may ask the browser for the camera, which asks the clerk."""
FRAME: Final[Mapping[str, tuple[int, int, int]]] = {
    "across": (0, 100, 50),
    "down": (0, 100, 40),
    "size": (10, 100, 100),
}
"""Field of the frame -> least, most, and what it begins with."""
DONE: Final = {
    "sent": _("The photo is here. Choose the part that is printed"),
    "cut": _("This is what is printed. Choose another part, or go on"),
    "removed": _("There is no photo any more"),
}


@get(PATH, opt=OPT)
async def show(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    reason: FromQuery[str] = "",
    done: FromQuery[str] = "",
) -> Response[str]:
    """What there is, and the forms to change it."""
    return await _page(request, session, account_id, reason, done=DONE.get(done, ""))


@post(PATH, status_code=200, opt=OPT, request_max_body_size=LARGEST_WITH_FILE)
async def send(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    database: NamedDependency[Database],
    vault: NamedDependency[Vault],
    uploads: NamedDependency[Uploads],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Take the whole picture; no transaction is open while it is made safe."""
    await typed_in(request)  # so that the file is closed with the request
    file = (await request.form()).get(FILE)
    made = await uploads.photo(await file.read()) if isinstance(file, UploadFile) else None
    async with database.transaction() as session:
        await _check(session, account_id)
        if not isinstance(made, Clean):
            sentence = made.sentence if made else _("Select a photo, or take one")
            return await _page(request, session, account_id, reason, faults={FILE: sentence})
        actor, stage = request.user.actor, PhotoStage.WHOLE
        await photos.keep(session, vault, account_id, stage, made.content, actor=actor, now=now)
    return see_other(_address(account_id, reason, "sent"))


@post(f"{PATH}/cut", status_code=200, opt=OPT)
async def cut(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    database: NamedDependency[Database],
    vault: NamedDependency[Vault],
    uploads: NamedDependency[Uploads],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Cut the whole picture to a frame.

    Raises:
        NoPhoto: there is no whole picture to cut.
    """
    typed, actor = await typed_in(request), request.user.actor
    faults = _faults(typed)
    async with database.transaction() as session:
        if faults:
            return await _page(request, session, account_id, reason, faults=faults, typed=typed)
        whole = await photos.show(
            session, vault, account_id, PhotoStage.WHOLE, actor=actor, now=now
        )
    frame = ",".join(typed[field].strip() for field in FRAME)
    made = await uploads.portrait(whole, frame)
    async with database.transaction() as session:
        if isinstance(made, NotTaken):
            faults = {"size": made.sentence}
            return await _page(request, session, account_id, reason, faults=faults, typed=typed)
        await photos.keep(
            session, vault, account_id, PhotoStage.CARD, made.content, actor=actor, now=now
        )
    return see_other(_address(account_id, reason, f"cut&frame={frame}"))


@post(f"{PATH}/remove", status_code=303, opt=OPT)
async def remove(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[None]:
    """Forget every picture."""
    await photos.remove(session, account_id, actor=request.user.actor, now=now)
    return see_other(_address(account_id, reason, "removed"))


@get(f"{PATH}/{{stage:str}}", opt=OPT)
async def picture(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    stage: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[bytes]:
    """One of the pictures; that it was looked at is in the trail.

    Raises:
        NoSuchPage: there is no such stage.
        NoPhoto: there is no such picture.
    """
    if stage not in set(PhotoStage):
        raise NoSuchPage("There is no such picture.")
    content = await photos.show(
        session, vault, account_id, PhotoStage(stage), actor=request.user.actor, now=now
    )
    return Response(content, media_type="image/jpeg")


def _faults(typed: Typed) -> dict[str, str]:
    faults = {}
    for field, (least, most, _begins) in FRAME.items():
        text = typed.get(field, "").strip()
        if not (text.isascii() and text.isdigit() and least <= int(text[:4]) <= most):
            words = _("Enter a number from %(least)d to %(most)d")
            faults[field] = words % {"least": least, "most": most}
    return faults


async def _check(session: AsyncSession, account_id: UUID) -> None:
    if await session.get(Account, account_id) is None:
        raise NoSuchAccount("There is no such account.")


async def _page(
    request: VisitorRequest,
    session: AsyncSession,
    account_id: UUID,
    reason: str,
    *,
    faults: Mapping[str, str] | None = None,
    typed: Typed | None = None,
    done: str = "",
) -> Response[str]:
    await _check(session, account_id)
    there = {stage.value: await photos.is_there(session, account_id, stage) for stage in PhotoStage}
    frame = request.query_params.get("frame", "").split(",")
    values = frame if len(frame) == len(FRAME) else [str(each[2]) for each in FRAME.values()]
    answer = page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed or dict(zip(FRAME, values, strict=True)),
        here=f"/staff/residents/{account_id}",
        reason=reason if reason_of(reason) else "",
        there=there,
        done=done,
    )
    answer.headers["permissions-policy"] = CAMERA
    return answer


def _address(account_id: UUID, reason: str, done: str) -> str:
    why = reason if reason_of(reason) else ""
    return f"/staff/residents/{account_id}/photo?reason={why}&done={done}"
