"""A resident's record, for staff. Each look is recorded with its reason."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import faces_owed, front_desk, issuance, pairing, phones, terminals
from cardservice.models import CardState
from cardservice.web.assisted_words import why_assisted
from cardservice.web.charge_lines import RELIEFS
from cardservice.web.move_words import WHY_WORDS, allowed
from cardservice.web.pages import page
from cardservice.web.records import record_of
from cardservice.web.staff.reasons import TO_CHOOSE, ReadReason, in_words, reason_of
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import accounts, assisted_ends, erasure
from identity.actors import Actor
from identity.personal import Vault
from identity.roles import Act
from identity.trail_models import AssistedEnd

ASK_REASON: Final = "staff/reason.html"
RECORD: Final = "staff/resident.html"


class Look(msgspec.Struct, frozen=True):
    """Somebody's look at a record.

    Attributes:
        actor: who looks.
        account_id: at whose.
        reason: code of a `ReadReason`, as the address carries it; may be anything typed there.
        now: when.
    """

    actor: Actor
    account_id: UUID
    reason: str
    now: datetime

    @property
    def why(self) -> str:
        """Why, in the words the resident sees; empty when nobody has said it yet."""
        if self.actor.basis is not None:
            return why_assisted(self.actor.basis)
        chosen = reason_of(self.reason)
        return in_words(chosen) if chosen else ""

    def address(self, *, done: str = "") -> str:
        """Where the record is, with the reason if it is one of ours, and what was done."""
        why = reason_of(self.reason)
        return f"/staff/residents/{self.account_id}?reason={why.value if why else ''}&done={done}"


@get("/residents/{account_id:uuid}", opt={ACT: Act.VIEW_RECORD})
async def show(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
    done: FromQuery[str] = "",
) -> Response[str]:
    """Show the record to somebody who said why; ask why first if they did not."""
    look = Look(request.user.actor, account_id, reason, now)
    helping = request.user.assisted
    if helping and helping.account_id != account_id:  # whoever is served now, it is not them
        ended, own = AssistedEnd.ANOTHER_RESIDENT, request.user
        await assisted_ends.end_open(session, own.subject_id, ended, actor=own.actor, now=now)
        request.scope["user"] = msgspec.structs.replace(own, assisted=None)
    return await record_page(request, session, vault, look, done=done)


async def is_true(session: AsyncSession, request: VisitorRequest, look: Look) -> bool:
    """Whether the reason in the address may be given: nobody is present by a tap that was not."""
    if reason_of(look.reason) is not ReadReason.TAPPED:
        return True
    own = request.user.signed_in
    return await front_desk.was_tapped(session, own, look.account_id, now=look.now)


async def record_page(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    look: Look,
    *,
    faults: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    done: str = "",
) -> Response[str]:
    """The record, or the question why.

    Raises:
        NoSuchAccount: no account with that id.
    """
    if not await is_true(session, request, look):
        look = msgspec.structs.replace(look, reason="")
    if not look.why:
        choices = [(choice.value, in_words(choice)) for choice in TO_CHOOSE]
        return page(request, ASK_REASON, typed={}, reasons=choices)
    person = await accounts.person(
        session,
        vault,
        look.account_id,
        actor=look.actor,
        reason=look.why,
        now=look.now,
        sees_protected=request.user.may(Act.SEE_PROTECTED_ADDRESS),
    )
    desks = [
        (str(desk.id), desk.name)
        for desk in await terminals.desks(session)
        if await pairing.of_terminal(session, desk.id, now=look.now) is None
    ]
    return page(
        request,
        RECORD,
        status=422 if faults else 200,
        faults=faults,
        typed=typed or {},
        record=await record_of(session, vault, person, now=look.now),
        erasure=await erasure.waiting(session, look.account_id),
        reason=look.reason if reason_of(look.reason) else "",
        desks=desks,
        identity_shown=await issuance.may_be_ordered_for(session, vault, look.account_id),
        phone=await phones.in_use(session, look.account_id),
        faces=await faces_owed.of_account(session, look.account_id, now=look.now),
        moves={state: allowed(state, request.user.may) for state in CardState},
        whys=[(why.value, words) for why, words in WHY_WORDS.items()],
        reliefs=[(relief.value, words) for relief, words in RELIEFS.items()],
        done=DONE.get(done, ""),
    )


DONE: Final = {
    "suspend": _("It is suspended. Readers will refuse it"),
    "resume": _("The suspension has ended"),
    "app": _("The app was removed. The resident signs in without it and was told"),
    "registered": _("The resident is registered"),
    "document": _("The document is recorded"),
    "fact": _("It is told, and what the resident may have is decided anew"),
    "address": _("The address is changed, and what the resident may have is decided anew"),
    "protected": _("The address is protected"),
    "unprotected": _("The protection of the address has ended"),
    "email": _("The e-mail address is changed. The old address was told, and is signed out"),
    "assurance": _("The check is recorded"),
    "asked": _("A colleague must approve it before anything changes"),
    "erasure-stopped": _("The record will not be erased"),
    "ordered": _("The card is ordered. Lay a blank card on the desk’s reader"),
    "lost": _("The card is reported lost. Readers will refuse it"),
    "phone-lost": _("Codes from the phone are stopped, and every sign-in has ended"),
    "found": _("The card can be used again"),
    "face-ordered": _("The card is ordered. A bureau makes it, and it comes by post"),
    "moved": _("What became of the card is recorded"),
    "paid": _("The payment is recorded"),
    "waived": _("Nothing is to be paid"),
    "refunded": _("The payment is given back"),
    "replaced": _("A new card is ordered. The old one stays refused"),
    "pass-linked": _("The bus pass is linked. It gives the resident nothing by itself"),
    "pass-unlinked": _("The bus pass is not linked any more"),
    "renewal-kept": _("Another card is ordered, and will be posted to the resident"),
    "renewal-declined": _("The resident’s card will not be renewed. They can change their mind"),
    "rewrite": _("The card will be written again at its next tap on a reader that is online"),
    "cancelled": _("The order is cancelled"),
}
"""What was done, by the word the address carries after a form."""
