"""The parts of the table of what is held."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement

from identity.db import Base
from identity.grounds import Ground


class Topic(StrEnum):
    """Under which heading the privacy notice tells of it."""

    YOU = "About you"
    CARD = "Your card and what you may have"
    SHARING = "Other services you sign in to"
    SIGN_IN = "How you sign in"
    TRAIL = "Who did what"
    TECHNICAL = "For minutes or days, to keep the service safe"


class LawfulBasis(StrEnum):
    """Why it may be held."""

    PUBLIC_TASK = "public-task"
    CONSENT = "consent"
    SECURITY = "security"


BASES: Final[Mapping[LawfulBasis, str]] = {
    LawfulBasis.PUBLIC_TASK: "Public task (UK GDPR Article 6(1)(e))",
    LawfulBasis.CONSENT: "Your consent (UK GDPR Article 6(1)(a))",
    LawfulBasis.SECURITY: "Public task, kept secure (UK GDPR Articles 6(1)(e) and 32)",
}


class Fate(StrEnum):
    """What becomes of the rows when their person is erased."""

    REMOVED = "removed"
    EMPTIED = "emptied"
    KEPT = "kept"


class Period(msgspec.Struct, frozen=True):
    """How long rows are kept.

    Attributes:
        length: the time.
        since: what it counts from, completing "90 days after ..."; with no length, "until ...".
        is_over: the rows whose time began before a moment.
        why: the law or reason for this length.
    """

    length: timedelta
    since: str
    is_over: Callable[[datetime], ColumnElement[bool]]
    why: str

    def in_words(self) -> str:
        """`6 years after you left the address`; `until it runs out`."""
        if not self.length:
            return f"until {self.since}"
        return f"{length_in_words(self.length)} after {self.since}"


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a table, or some of them, that are held for one reason.

    Attributes:
        model: the table.
        topic: its heading.
        what: what it holds of residents, as they read it.
        basis: why it may be held.
        of: the rows of one account; None when a row belongs to no account.
        fate: what becomes of them when the person is erased.
        ground: why anything stays then; None when nothing does.
        period: how long they are kept; None for as long as there is the account or, where a ground
            is given, the service.
        cleared: columns that lose what they say when rows are emptied or kept, besides what is
            sealed.
    """

    model: type[Base]
    topic: Topic
    what: str
    basis: LawfulBasis = LawfulBasis.PUBLIC_TASK
    of: Callable[[UUID], ColumnElement[bool]] | None = None
    fate: Fate = Fate.REMOVED
    ground: Ground | None = None
    period: Period | None = None
    cleared: Mapping[str, None] = {}

    @property
    def table(self) -> str:
        """Name of the table."""
        return str(self.model.__tablename__)

    def how_long(self) -> str:
        """For how long, as residents read it."""
        if self.period is not None:
            return self.period.in_words()
        if self.of is None or self.fate is Fate.KEPT:
            return "as long as the service runs"
        return "as long as you have an account"


def length_in_words(length: timedelta) -> str:
    """`6 years`, `90 days`, `1 day`."""
    years, over = divmod(length.days, DAYS_OF_A_YEAR)
    number, unit = (years, "year") if years and not over else (length.days, "day")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


DAYS_OF_A_YEAR: Final = 365
YEAR: Final = timedelta(days=DAYS_OF_A_YEAR)
SIX_YEARS: Final = 6 * YEAR
CLAIMS: Final = "Limitation Act 1980 section 9: claims may be brought for six years"
COMPLAINTS: Final = (
    "Local Government Act 1974 section 26B: the Ombudsman takes complaints for 12 months"
)
NEEDED_NO_LONGER: Final = "UK GDPR Article 5(1)(e): not needed for longer"
