"""Evidence that was given, in the words its resident reads; and what can be done after a no."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.words import gettext as _
from entitlements import deciding, evidence_records, looking_up
from entitlements.application_models import WAITING, Application, ApplicationState
from entitlements.deciding import NoReview
from entitlements.evidence_models import EvidenceOutcome
from entitlements.wanted import Said
from identity.evidence import KINDS, Proof
from identity.personal import Vault

OWN_PROOFS: Final[Mapping[Proof, str]] = {
    Proof.IDENTITY: _("to show who you are"),
    Proof.ADDRESS: _("to show where you live"),
    Proof.BENEFIT: _("to show a benefit"),
    Proof.DISABILITY: _("to show a disability"),
}
_OUTCOMES: Final[Mapping[EvidenceOutcome, str]] = {
    EvidenceOutcome.WAITING: _("we have not looked at it yet"),
    EvidenceOutcome.ACCEPTED: _("accepted"),
    EvidenceOutcome.REFUSED: _("not accepted"),
}
_ASKING: Final = _("we are asking the register")


class GivenLine(msgspec.Struct, frozen=True):
    """A piece of evidence that was given.

    Attributes:
        reason: why it was not accepted; empty otherwise.
        has_file: whether it can still be looked at.
    """

    id: UUID
    name: str
    given_at: datetime
    outcome: str
    reason: str
    has_file: bool


class After(msgspec.Struct, frozen=True):
    """What the page of an application shows of evidence and review.

    Attributes:
        can_send: whether a file can be sent with it.
        can_review: whether a review can be asked for.
        reviewed: it was refused twice: what is left is outside the council.
        review_until: the last moment to ask for a review.
    """

    given: Sequence[GivenLine]
    can_send: bool
    can_review: bool
    reviewed: bool
    review_until: datetime | None


async def after(
    session: AsyncSession, vault: Vault, row: Application, settings: Settings, *, now: datetime
) -> After:
    """What was given with an application, and what its resident can do next."""
    pieces = await evidence_records.of_application(session, vault, row)
    within = timedelta(days=settings.review_days)
    closed = await deciding.why_no_review(session, row, within=within, now=now)
    refused = row.state is ApplicationState.REFUSED and row.closed_at is not None
    return After(
        given=tuple(
            GivenLine(
                each.row.id,
                in_words(each.said),
                each.row.given_at,
                _ASKING if looking_up.is_being_asked(each.row) else _OUTCOMES[each.row.outcome],
                each.reason,
                each.file is not None,
            )
            for each in pieces
        ),
        can_send=row.state in WAITING,
        can_review=closed is None,
        reviewed=closed is NoReview.REVIEWED,
        review_until=row.closed_at + within if refused and row.closed_at else None,
    )


def in_words(said: Said) -> str:
    """A document; where it can show more than one thing, which of them."""
    kind = KINDS[said.kind]
    return f"{kind.name}, {OWN_PROOFS[said.proof]}" if len(kind.proves) > 1 else kind.name
