"""A member of staff records a document they have seen; it serves every scheme."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, document_shown, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import assessing
from identity import accounts
from identity.errors import InvalidDetails
from identity.evidence import KINDS, Proof, sole_proof
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/document.html"
OPT: Final = {ACT: Act.RECORD_DOCUMENT}


@get("/residents/{account_id:uuid}/documents/new", opt=OPT)
async def ask(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Show the empty form."""
    return _form(request, account_id, reason, {}, {})


@post("/residents/{account_id:uuid}/documents/new", status_code=200, opt=OPT)
async def record(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Record it and decide anew what the resident may have; or say what is wrong."""
    typed = await typed_in(request)
    actor, shown = request.user.actor, document_shown(typed)
    proof = proof_of(typed)
    if shown.kind in KINDS and proof is None:
        faults = {"proof": _("Select what the document shows")}
        return _form(request, account_id, reason, typed, faults)
    try:
        await accounts.sight_document(
            session, vault, account_id, shown, proof or Proof.IDENTITY, actor=actor, now=now
        )
    except InvalidDetails as invalid:
        return _form(request, account_id, reason, typed, invalid.faults)
    await assessing.assess(session, vault, account_id, actor=actor, now=now)
    return see_other(f"/staff/residents/{account_id}?reason={_known(reason)}&done=document")


def proof_of(typed: Typed) -> Proof | None:
    """What the document is taken to show: what was selected, or the one thing it can show."""
    chosen = typed.get("proof", "")
    named = next((proof for proof in Proof if proof.value == chosen), None)
    return named or sole_proof(typed.get("kind", ""))


def _known(reason: str) -> str:
    """A reason of ours, or nothing: it goes back into an address."""
    return reason if reason_of(reason) else ""


def _form(
    request: AnyRequest, account_id: UUID, reason: str, typed: Typed, faults: Mapping[str, str]
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        here=f"/staff/residents/{account_id}",
        reason=_known(reason),
        kinds=tuple((kind.kind, kind.name) for kind in KINDS.values()),
        proofs=tuple((proof.value, _proof(proof)) for proof in Proof),
    )


def _proof(proof: Proof) -> str:
    match proof:
        case Proof.IDENTITY:
            return _("Who the resident is")
        case Proof.ADDRESS:
            return _("Where the resident lives")
        case Proof.BENEFIT:
            return _("A benefit")
        case Proof.DISABILITY:
            return _("A disability")
        case never:
            assert_never(never)
