"""Sending a photo or PDF with an application, and looking at what was sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from cardservice.settings import Settings, registers_in
from cardservice.web.apply import OPT
from cardservice.web.evidence_files import file_answer
from cardservice.web.evidence_lines import in_words
from cardservice.web.forms import LARGEST_WITH_FILE, Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.visitors import VisitorRequest
from cardservice.web.whose import whose_of
from cardservice.web.words import gettext as _
from entitlements import application_records as records
from entitlements import applying, deciding, evidence_records, looking_up, sending
from entitlements.application_models import WAITING, Application
from entitlements.cleaning.media import Clean
from entitlements.looking_up import NotAsked
from entitlements.references import read_reference
from entitlements.sending import NotGiven
from entitlements.uploads import NotTaken, Uploads
from entitlements.wanted import Said, can_be_sent, documents_wanted, said_of
from identity.dates import london_date
from identity.evidence import KINDS, Proof, sole_proof
from identity.personal import Vault

PATH: Final = "/applications/{reference:str}/evidence"
TEMPLATE: Final = "apply/evidence.html"
FILE: Final = "file"
DOCUMENT: Final = "document"
REGISTER: Final = "register"
NUMBER: Final = "number"
AGREED: Final = "agreed"


@get(PATH, opt=OPT)
async def ask(
    request: VisitorRequest,
    reference: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask for a file, and what it is.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
    """
    whose = whose_of(request)
    row = await records.own(session, whose.account_id, reference)
    if row.state not in WAITING:
        return see_other(f"{whose.base}/applications/{reference}")
    return await _form(request, session, vault, settings, row, now)


@post(PATH, status_code=303, opt=OPT, request_max_body_size=LARGEST_WITH_FILE)
async def send(
    request: VisitorRequest,
    reference: FromPath[str],
    database: NamedDependency[Database],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    uploads: NamedDependency[Uploads],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Take the file; or say why not, with the application as it was.

    No transaction is open while the file is made safe: that takes a second, in which nobody else
    may have to wait for the database.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
    """
    whose, typed = whose_of(request), await typed_in(request)
    said, file = said_of(typed.get(DOCUMENT, "")), (await request.form()).get(FILE)
    faults: dict[str, str] = {}
    if said is None:
        faults[DOCUMENT] = _("Select what the document is")
    if not isinstance(file, UploadFile):
        faults[FILE] = _("Select a photo or a PDF of the document")
    made: Clean | NotTaken | None = None
    if said is not None and isinstance(file, UploadFile):
        made = await uploads.clean(await file.read())
        faults |= {FILE: made.sentence} if isinstance(made, NotTaken) else {}
    async with database.transaction() as session:
        row = await records.own(session, whose.account_id, reference)
        if said is not None and isinstance(made, Clean):
            actor = whose.actor
            given = await sending.send_file(session, vault, row, made, said, actor=actor, now=now)
            if not isinstance(given, NotGiven):
                return see_other(f"{whose.base}/applications/{reference}?done=evidence")
            faults[FILE] = sending.WORDS[given]
        return await _form(request, session, vault, settings, row, now, typed=typed, faults=faults)


@post(f"{PATH}/reference", status_code=303, opt=OPT)
async def look_up(
    request: VisitorRequest,
    reference: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Take the number by which a register is to be asked, if they agree to that.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
    """
    whose, typed = whose_of(request), await typed_in(request)
    row = await records.own(session, whose.account_id, reference)
    kind, number = typed.get(REGISTER, ""), read_reference(typed.get(NUMBER, ""))
    faults: dict[str, str] = {}
    if kind not in registers_in(settings.registers):
        faults[REGISTER] = _("Select what you have")
    if number is None:
        faults[NUMBER] = _("Enter the number as it is on the document")
    if typed.get(AGREED) != "yes":
        faults[AGREED] = _("Agree that we ask, or send a photo or PDF instead")
    if number is not None and not faults:
        given = await looking_up.give(session, vault, row, kind, number, actor=whose.actor, now=now)
        if not isinstance(given, NotAsked):
            return see_other(f"{whose.base}/applications/{reference}?done=reference")
        faults[NUMBER] = looking_up.WORDS[given]
    return await _form(request, session, vault, settings, row, now, typed=typed, faults=faults)


@get(f"{PATH}/{{evidence_id:uuid}}/file", opt=OPT)
async def show_file(
    request: VisitorRequest,
    reference: FromPath[str],
    evidence_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[bytes]:
    """What was sent, as we keep it.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
        NoSuchEvidence: it was not sent with this application, or is deleted.
    """
    whose = whose_of(request)
    row = await records.own(session, whose.account_id, reference)
    shown = await evidence_records.open_file(
        session, vault, row, evidence_id, actor=whose.actor, now=now
    )
    return file_answer(shown, row.reference)


async def _form(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    settings: Settings,
    row: Application,
    now: datetime,
    *,
    typed: Typed | None = None,
    faults: Mapping[str, str] | None = None,
) -> Response[str]:
    found = await deciding.outlook(session, vault, row, on=london_date(now))
    base = whose_of(request).base
    wanted = documents_wanted(found.firm, found.said) or _everything()
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed or {},
        name=await applying.title_of(session, row.scheme),
        choices=[(each.code, in_words(each)) for each in wanted],
        registers=_registers(settings, wanted),
        megabytes=settings.evidence_megabytes,
        days=settings.evidence_days,
        here=f"{base}/applications/{row.reference}",
    )


def _registers(settings: Settings, wanted: Sequence[Said]) -> list[tuple[str, str]]:
    """What a register can be asked about that would help."""
    kinds, proofs = {each.kind for each in wanted}, {each.proof for each in wanted}
    return [
        (kind, KINDS[kind].name)
        for kind in registers_in(settings.registers)
        if kind in kinds or (sole_proof(kind) is Proof.ADDRESS and Proof.ADDRESS in proofs)
    ]


def _everything() -> tuple[Said, ...]:
    """Whatever may help where nothing certain is wanted."""
    return tuple(
        Said(kind.kind, proof)
        for kind in KINDS.values()
        if can_be_sent(kind)
        for proof in sorted(kind.proves)
    )
