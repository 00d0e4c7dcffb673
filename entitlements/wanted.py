"""Which documents an application waits for, from what its rule says; pure."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from entitlements.decision import Decision, NeedsEvidence, NeedsFacts
from identity.evidence import KINDS, DocumentKind, Proof

_SHOWN_BY: Final = {"birth_date": Proof.IDENTITY, "district": Proof.ADDRESS}
"""Facts that a document shows."""


class Said(msgspec.Struct, frozen=True):
    """What a document is, and of what it is given as proof."""

    kind: str
    proof: Proof

    @property
    def code(self) -> str:
        """As a form carries it: `address:utility-bill`."""
        return f"{self.proof.value}:{self.kind}"


def said_of(code: str) -> Said | None:
    """What a form says; None when there is no such document, or it proves no such thing."""
    proof, _, kind = code.partition(":")
    known = KINDS.get(kind)
    found = next((each for each in Proof if each.value == proof), None)
    if known is None or found is None or found not in known.proves:
        return None
    return Said(kind, found)


def documents_wanted(*decisions: Decision) -> Sequence[Said]:
    """The documents any of which would bring an application on, in the order of the table.

    Args:
        decisions: what the rule says on what is proved, and on what the resident said: the first
            tells which facts want proof, the second what else will be asked.
    """
    wanted: dict[str, Said] = {}
    for decision in decisions:
        for said in _of(decision):
            wanted.setdefault(said.code, said)
    return tuple(wanted.values())


def can_be_sent(kind: DocumentKind) -> bool:
    """Whether it is a paper at all: what is looked up on the day cannot be sent."""
    return kind.max_age_months != 0


def facts_wanted(decision: Decision) -> Sequence[str]:
    """Facts that no document shows, so that an officer has to find them out."""
    if not isinstance(decision, NeedsFacts):
        return ()
    return tuple(fact for fact in decision.needed if fact not in {*_SHOWN_BY, "evidence"})


def _of(decision: Decision) -> Iterable[Said]:
    match decision:
        case NeedsFacts(needed=facts):
            for fact in facts:
                if fact in _SHOWN_BY:
                    yield from _proving(_SHOWN_BY[fact])
        case NeedsEvidence(needed=kinds):
            for kind in kinds:
                if kind in KINDS:
                    yield from (Said(kind, proof) for proof in sorted(KINDS[kind].proves))
        case _:
            return


def _proving(proof: Proof) -> Iterable[Said]:
    return (
        Said(kind.kind, proof)
        for kind in KINDS.values()
        if proof in kind.proves and can_be_sent(kind)
    )
