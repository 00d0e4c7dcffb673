"""How sure we are that somebody is who they say, in the words of a page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, assert_never

import msgspec

from cardservice.web.words import gettext as _
from identity.assurance import Assurance, AssuranceLevel, Confidence
from identity.assurance_records import Check, Recorded, scores_of
from identity.evidence import KINDS
from identity.models import AssurancePart

PART_WORDS: Final[Mapping[AssurancePart, str]] = {
    AssurancePart.STRENGTH: _("Strength of the evidence"),
    AssurancePart.VALIDITY: _("Is the evidence genuine?"),
    AssurancePart.ACTIVITY: _("Has the identity existed over time?"),
    AssurancePart.FRAUD: _("Is the identity at risk of fraud?"),
    AssurancePart.VERIFICATION: _("Does it belong to this person?"),
}
_HOW: Final[Mapping[str, str]] = {
    "copy-seen": _("a copy they sent was looked at"),
    "looked-at": _("the original was looked at"),
    "features-checked": _("its security features were checked"),
    "photo-compared": _("its photo was compared with the person"),
    "photo-not-compared": _("its photo was not compared with the person"),
}
"""How a document was checked, after its name."""


class CheckLine(msgspec.Struct, frozen=True):
    """A document and how it was checked, or another check: in words, by whom and when.

    Attributes:
        scores: for staff, in the order of the parts.
    """

    words: str
    scores: str
    who: str
    at: datetime


class AssuranceLines(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of who a resident is.

    Attributes:
        title: the level, as staff call it.
        sentence: the same in plain words.
        profile: that is met, as staff are told.
        parts: the five parts and what they score together, for staff.
        checks: newest first.
    """

    title: str
    sentence: str
    profile: str
    parts: tuple[tuple[str, str], ...]
    checks: tuple[CheckLine, ...]


def assurance_lines(recorded: Recorded) -> AssuranceLines:
    """Everything a page says of it."""
    found = recorded.found
    return AssuranceLines(
        title=_title(found.level),
        sentence=_sentence(found, seen=bool(recorded.checks)),
        profile=_profile(found),
        parts=_parts(recorded),
        checks=tuple(_line(checks) for checks in reversed(_by_document(recorded))),
    )


def _title(level: AssuranceLevel) -> str:
    match level:
        case AssuranceLevel.SELF_ASSERTED:
            return _("Self-asserted")
        case AssuranceLevel.SEEN_AT_GATEWAY:
            return _("Seen at a Gateway")
        case never:
            assert_never(never)


def _sentence(found: Assurance, *, seen: bool) -> str:
    if found.profile is not None:
        return _("A member of staff checked a document, and that it belongs to who showed it.")
    if seen:
        return _("A document was seen, but not checked closely enough to be proof of identity.")
    return _("No check of identity is recorded. Staff at a Kent Gateway can make one.")


def _profile(found: Assurance) -> str:
    if found.profile is None:
        return _("None")
    confidence = {Confidence.LOW: _("low"), Confidence.MEDIUM: _("medium")}
    words = _("%(name)s, %(confidence)s confidence")
    profile = found.profile
    return words % {"name": profile.name, "confidence": confidence[profile.confidence]}


def _parts(recorded: Recorded) -> tuple[tuple[str, str], ...]:
    scores = scores_of(recorded.checks)
    told = {
        AssurancePart.STRENGTH: ", ".join(str(piece.strength) for piece in scores.pieces),
        AssurancePart.VALIDITY: ", ".join(str(piece.validity) for piece in scores.pieces),
        AssurancePart.ACTIVITY: str(scores.activity),
        AssurancePart.FRAUD: str(scores.fraud),
        AssurancePart.VERIFICATION: str(scores.verification),
    }
    return tuple((PART_WORDS[part], told[part] or "0") for part in AssurancePart)


def _by_document(recorded: Recorded) -> Sequence[Sequence[Check]]:
    """The checks of each document together, and every other check by itself; oldest first."""
    grouped: dict[object, list[Check]] = {}
    for place, check in enumerate(recorded.checks):
        grouped.setdefault(check.document_id or place, []).append(check)
    return list(grouped.values())


def _line(checks: Sequence[Check]) -> CheckLine:
    order = list(AssurancePart)
    in_order = sorted(checks, key=lambda check: order.index(check.part))
    first = in_order[0]
    if first.document_id is None:
        words = f"{PART_WORDS[first.part]} {first.source}: {first.how}"
    else:
        how = ", ".join(_HOW[check.how] for check in in_order if check.how in _HOW)
        words = f"{KINDS[first.source].name}: {how}"
    scores = ", ".join(f"{check.part.value} {check.score}" for check in in_order)
    return CheckLine(words, scores, first.who, first.at)
