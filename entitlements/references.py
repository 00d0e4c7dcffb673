"""Registers that can be asked about evidence, by the number a resident has there: the port.

None is asked unless the settings name it. What is not a clear yes is never one.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, Protocol

import msgspec

from identity.evidence import Proof, sole_proof

LONGEST: Final = 40
_REFERENCE: Final = re.compile(rf"[0-9A-Z][0-9A-Z/-]{{2,{LONGEST - 1}}}")


class Subject(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whom a register is asked about: no more than tells one person there from another.

    Attributes:
        birth_date: of a benefit or a disability.
        postcode: of an address.
    """

    family_name: str
    birth_date: date | None = None
    postcode: str | None = None


class Found(msgspec.Struct, frozen=True):
    """The register knows that person by that number, and this holds.

    Attributes:
        kind: what it found, a kind of `identity.evidence.KINDS`.
        dated: since when it holds, or the day of the answer.
        until: the last day it holds; None when it states none.
    """

    kind: str
    dated: date | None
    until: date | None


class NotFound(msgspec.Struct, frozen=True):
    """The register knows no such person by that number, or it does not hold any more."""


class NotNow(msgspec.Struct, frozen=True):
    """There is no answer that can be relied on. `reason` is a permanent word for the log."""

    reason: str


Answer = Found | NotFound | NotNow


class Register(Protocol):
    """A register of one kind of evidence.

    Attributes:
        name: how residents are told of it.
    """

    name: str

    async def look_up(self, reference: str, subject: Subject, *, now: datetime) -> Answer:
        """Ask once. Whatever happens is an answer, never an exception."""
        ...


Registers = Mapping[str, Register]
"""By the kind of evidence that each is asked about."""


def can_be_asked(kind: str) -> bool:
    """Whether a register may stand for a kind of evidence: who somebody is, none can tell."""
    return sole_proof(kind) in {Proof.ADDRESS, Proof.BENEFIT, Proof.DISABILITY}


def read_reference(typed: str) -> str | None:
    """A number as registers have it: capitals and digits, without spaces; None for what is none."""
    found = "".join(typed.split()).upper()
    return found if _REFERENCE.fullmatch(found) else None
