"""What may be kept although a person asks to be erased: one table, with its law.

The right to erasure does not reach what is needed for these. Staff choose one when they refuse; the
tables of what is held (`cardservice.holdings`) name one for each row that outlives its person.
Source: UK GDPR Article 17(3).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec


class Ground(StrEnum):
    """Why something is kept."""

    FRAUD = "fraud"
    CHARGES = "charges"
    LEGAL_CLAIM = "legal-claim"
    PAYMENTS = "payments"
    TRAVEL_RECORDS = "travel-records"
    AUDIT_TRAIL = "audit-trail"
    SAFE_CARDS = "safe-cards"
    PROOF = "proof"


class Exception17(msgspec.Struct, frozen=True):
    """One ground.

    Attributes:
        words: what is kept and why, as residents read it.
        law: what it rests on.
        whole_record: whether staff may refuse an erasure on it; the others keep single tables.
    """

    words: str
    law: str
    whole_record: bool = False


EXCEPTIONS: Final[Mapping[Ground, Exception17]] = {
    Ground.FRAUD: Exception17(
        "An investigation of fraud is open, and the record is evidence in it",
        "UK GDPR Article 17(3)(e)",
        whole_record=True,
    ),
    Ground.CHARGES: Exception17(
        "Money is owed to the council, and the record shows it",
        "UK GDPR Article 17(3)(e); Limitation Act 1980 section 9 (six years)",
        whole_record=True,
    ),
    Ground.LEGAL_CLAIM: Exception17(
        "A legal claim or a complaint is open, and the record is needed for it",
        "UK GDPR Article 17(3)(e)",
        whole_record=True,
    ),
    Ground.PAYMENTS: Exception17(
        "What was charged and paid, so that the council's accounts can be audited",
        "UK GDPR Article 17(3)(b); Accounts and Audit Regulations 2015 (SI 2015/234) regulation 4",
    ),
    Ground.TRAVEL_RECORDS: Exception17(
        "That a travel concession was given, and when, because public money was paid for journeys",
        "UK GDPR Article 17(3)(b); Transport Act 2000 sections 145A and 149",
    ),
    Ground.AUDIT_TRAIL: Exception17(
        "What was done with the record and by whom, so that misuse can be shown",
        "UK GDPR Articles 5(2) and 17(3)(e)",
    ),
    Ground.SAFE_CARDS: Exception17(
        "The numbers of cards and accounts, so that readers go on refusing an old card and nobody "
        "else is given the number",
        "UK GDPR Articles 17(3)(b) and 32(1)",
    ),
    Ground.PROOF: Exception17(
        "That the record was erased, and when, so that it is erased again if a backup is restored",
        "UK GDPR Article 5(2)",
    ),
}

REFUSING: Final = tuple(ground for ground, each in EXCEPTIONS.items() if each.whole_record)
"""The grounds on which staff may refuse an erasure."""
