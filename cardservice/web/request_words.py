"""What was asked for, in the words of a page."""

from typing import Final, assert_never

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.environment import day
from cardservice.web.words import gettext as _
from identity import corrections, four_eyes, names
from identity.deaths import DeathEvidence, DeathReported, FalseReport
from identity.erasure import ErasureAsked, KeepingAsked
from identity.evidence import KINDS
from identity.grounds import EXCEPTIONS
from identity.models import ChangeRequest, RequestKind, RequestState
from identity.personal import Vault

EVIDENCE: Final = {
    DeathEvidence.DEATH_CERTIFICATE: _("Death certificate"),
    DeathEvidence.CORONERS_CERTIFICATE: _("Coroner’s interim certificate"),
    DeathEvidence.TELL_US_ONCE: _("Notice from Tell Us Once"),
}
KIND_WORDS: Final = {
    RequestKind.CORRECTION: _("Correct the name or date of birth"),
    RequestKind.DEATH: _("Record a death"),
    RequestKind.FALSE_REPORT: _("Undo a false report of death"),
    RequestKind.ERASURE: _("Erase the record"),
    RequestKind.KEEPING: _("Keep a record that was to be erased"),
}
STATES: Final = {
    RequestState.WAITING: _("Waiting for a decision"),
    RequestState.APPROVED: _("Done"),
    RequestState.REFUSED: _("Refused"),
}


async def sentences_of(
    session: AsyncSession, vault: Vault, request: ChangeRequest
) -> tuple[str, ...]:
    """What a request asks, line by line."""
    if request.kind is RequestKind.CORRECTION:
        asked = await corrections.asked_of(session, vault, request)
        return (
            _("Name: %(name)s") % {"name": names.full(asked.given_names, asked.family_name)},
            _("Date of birth: %(day)s") % {"day": day(asked.birth_date)},
            _("Shown by: %(document)s") % {"document": KINDS[asked.document.kind].name},
        )
    as_json = await four_eyes.what_is_asked(session, vault, request)
    match request.kind:
        case RequestKind.DEATH:
            death = msgspec.json.decode(as_json, type=DeathReported)
            return (
                _("Died on %(day)s") % {"day": day(death.died_on)},
                _("Shown by: %(document)s") % {"document": EVIDENCE[death.evidence]},
            )
        case RequestKind.FALSE_REPORT:
            return (msgspec.json.decode(as_json, type=FalseReport).reason,)
        case RequestKind.ERASURE:
            return (msgspec.json.decode(as_json, type=ErasureAsked).reason,)
        case RequestKind.KEEPING:
            keeping = msgspec.json.decode(as_json, type=KeepingAsked)
            each = EXCEPTIONS[keeping.ground]
            return (f"{each.words} ({each.law})", keeping.reason)
        case never:
            assert_never(never)
