"""Whether a resident's stored answers are today's, told without opening them.

A look at everybody would otherwise open and read ten stored decisions for each resident to find
that they stand. Their fingerprint, made with the resident's own key, says the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from operator import attrgetter
from typing import Any, Final

import msgspec

from entitlements.decision import Decision, Eligible, NeedsEvidence, NeedsFacts, NotEligible
from entitlements.models import Holder
from entitlements.schemes.dates import NEVER
from identity.personal import PersonVault

OF_THE_DAY: Final = frozenset({"on", "valid_from", "valid_until", "next_change_on"})
"""What a decision says anew every day although nothing has changed."""
_OF_A_NO: Final = OF_THE_DAY | {"trace", "reasons"}
"""A no stands until the last of its reasons may fall: one of several may fall, or a document that
would not have helped may grow old, and the answer is the same."""


class Answers(msgspec.Struct, frozen=True):
    """Every scheme's answer about one resident, in short.

    Attributes:
        fingerprint: 16 bytes over the `substance` of each.
        change_on: the first day on which one may change by time alone; None if none does.
    """

    fingerprint: bytes
    change_on: date | None


def answers_of(personal: PersonVault, decisions: Sequence[Decision]) -> Answers:
    """The answers in short.

    Raises:
        PersonErased: the person has no key.
    """
    said = [substance(each) for each in decisions]
    days = [each.next_change_on for each in decisions if each.next_change_on is not None]
    fingerprint = personal.fingerprint(msgspec.json.encode(said))
    return Answers(fingerprint, min(days, default=None))


def keep(
    holder: Holder,
    personal: PersonVault,
    decisions: Sequence[Decision],
    days: Iterable[date | None],
) -> None:
    """Note on the holder what was stored for them, and the days on which that is due to change."""
    holder.answers = answers_of(personal, decisions).fingerprint
    holder.answers_change_on = min((day for day in days if day is not None), default=None)


def stand(
    stored: Answers | None, personal: PersonVault, decisions: Sequence[Decision], on: date
) -> bool:
    """Whether what is stored says what these decisions of the day `on` do.

    It need not name the same day of change: a term that would begin anew today ends later every
    day. A day that is still to come, and no later than it should be, will do.
    """
    if stored is None or not personal.has_key:
        return False
    today = answers_of(personal, decisions)
    if stored.fingerprint != today.fingerprint:
        return False
    return on < (stored.change_on or NEVER) <= (today.change_on or NEVER)


def substance(decision: Decision) -> tuple[object, ...]:
    """What of a decision only a fact, a rule or the day of its next change can change."""
    return _SUBSTANCE[type(decision)](decision)


def _substance_of(
    kind: type[Decision], without: frozenset[str]
) -> Callable[[Any], tuple[object, ...]]:
    tag = kind.__struct_config__.tag
    fields = attrgetter(*(name for name in kind.__struct_fields__ if name not in without))
    return lambda decision: (tag, *fields(decision))


_SUBSTANCE: Final[Mapping[type[Decision], Callable[[Any], tuple[object, ...]]]] = {
    Eligible: _substance_of(Eligible, OF_THE_DAY),
    NotEligible: _substance_of(NotEligible, _OF_A_NO),
    NeedsFacts: _substance_of(NeedsFacts, OF_THE_DAY),
    NeedsEvidence: _substance_of(NeedsEvidence, OF_THE_DAY),
}
