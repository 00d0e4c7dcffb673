"""What a scheme says about one person on one day, and why.

How decisions bear on grants: `Eligible` may be granted, `NotEligible` ends a grant in force.
`NeedsFacts` and `NeedsEvidence` do neither: what is not known is never a yes, and a pass given on
good evidence is not taken away because the evidence has since grown old: it runs out on its last
day.
"""

from datetime import date
from enum import StrEnum

import msgspec

from readers.contract.services import Service


class Truth(StrEnum):
    """Yes, no or unknown.

    Source: Kleene's strong three-valued logic: a no settles "all of these" whatever is unknown.
    """

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Step(msgspec.Struct, frozen=True):
    """One condition of the rule and how it came out.

    Attributes:
        condition: the condition's name in the rule file.
        outcome: whether it is met.
        why: one plain sentence for the person.
        law: the reference the condition rests on.
    """

    condition: str
    outcome: Truth
    why: str
    law: str


class _Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What every decision carries.

    Attributes:
        scheme: id of the scheme.
        service: whose record on a card says it; None where no card ever does.
        rule: version of the rule that was in force, or `""` if none was.
        on: the day decided for.
        trace: every condition, in the rule's order.
        next_change_on: the first later day on which the passing of time alone could change the
            outcome, class or validity; None when nothing but a new fact or a new rule can.
    """

    scheme: str
    service: Service | None
    rule: str
    on: date
    trace: tuple[Step, ...]
    next_change_on: date | None


class Eligible(_Decided, frozen=True, kw_only=True, tag="eligible"):
    """The person may have it.

    Attributes:
        entitlement_class: what the card says; in a scheme with bands, the band's id.
        band: the band by age, or None in a scheme without bands.
        valid_from: first day of a grant made on this decision.
        valid_until: last day of it, inclusive.
        uses: what may be done with it; only a yes allows it.
        terms: sentences that belong to it.
        card_rank: of two grants of one service a card shows the higher.
    """

    entitlement_class: str
    band: str | None
    valid_from: date
    valid_until: date
    uses: tuple[Step, ...] = ()
    terms: tuple[str, ...] = ()
    card_rank: int = 0


class NotEligible(_Decided, frozen=True, kw_only=True, tag="not-eligible"):
    """The person may not have it, or not yet.

    Attributes:
        reasons: one sentence for each condition not met, in the rule's order; never empty.
        eligible_from: the day the person becomes eligible if no fact changes; None when that never
            happens or cannot be told.
    """

    reasons: tuple[str, ...]
    eligible_from: date | None


class NeedsFacts(_Decided, frozen=True, kw_only=True, tag="needs-facts"):
    """Cannot be told until more is known.

    Attributes:
        needed: names of facts of `ResidentFacts`, in the rule's order.
    """

    needed: tuple[str, ...]


class NeedsEvidence(_Decided, frozen=True, kw_only=True, tag="needs-evidence"):
    """Everything else is met; a document has to be seen.

    Attributes:
        needed: kinds of evidence, any one of which will do.
    """

    needed: tuple[str, ...]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a scheme gives somebody, or would give them.

    Attributes:
        valid_until: the last day, inclusive.
    """

    scheme: str
    service: Service | None
    entitlement_class: str
    card_rank: int
    valid_from: date
    valid_until: date

    @classmethod
    def of(cls, decision: Eligible) -> "Terms":
        """What a yes gives."""
        return cls(**{name: getattr(decision, name) for name in cls.__struct_fields__})


Decision = Eligible | NotEligible | NeedsFacts | NeedsEvidence
