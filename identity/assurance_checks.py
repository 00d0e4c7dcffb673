"""Checks of somebody's history and of identity fraud: made elsewhere, recorded with the source."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from identity import assurance_records, audit, names, person_keys
from identity.actors import Actor
from identity.assurance_records import CheckBasis
from identity.errors import InvalidDetails, NoSuchAccount
from identity.models import Account, AssurancePart
from identity.personal import Vault

ELSEWHERE: Final = (AssurancePart.ACTIVITY, AssurancePart.FRAUD)
"""Parts that no document at a desk shows."""
HIGHEST: Final = 4
LONGEST_SOURCE: Final = 100


class CheckMade(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a check made elsewhere, as it was filled in.

    Attributes:
        part: `activity` or `fraud`.
        score: 0 to 4, as whoever made it says.
        source: whom or what was asked.
        how: what they did, in a few words.
    """

    part: str
    score: str
    source: str
    how: str


async def record(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    made: CheckMade,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Record a check of history or fraud that somebody else made. The newest of a part counts.

    Raises:
        InvalidDetails: faults by field: `part`, `score`, `source`, `how`; nothing is stored.
        NoSuchAccount: no account with that id.
    """
    part, score, basis = _checked(made)
    if await session.get(Account, account_id) is None:
        raise NoSuchAccount("There is no such account.")
    personal = await person_keys.for_writing(session, vault, account_id)
    session.add(
        assurance_records.new_score(personal, account_id, part, score, basis, None, actor, now)
    )
    await session.flush()
    subject, detail = audit.subject_of("account", account_id), {"part": part.value, "score": score}
    audit.record(session, "assurance-check-recorded", subject, actor=actor, now=now, detail=detail)


def _checked(made: CheckMade) -> tuple[AssurancePart, int, CheckBasis]:
    faults: dict[str, str] = {}
    part = next((part for part in ELSEWHERE if part.value == made.part), None)
    score = next((each for each in range(HIGHEST + 1) if str(each) == made.score.strip()), None)
    if part is None:
        faults["part"] = "Select what was checked"
    if score is None:
        faults["score"] = "Select the score they gave"
    words = {field: names.tidy(getattr(made, field)) for field in ("source", "how")}
    for field, text in words.items():
        if not text:
            faults[field] = "Enter who checked it" if field == "source" else "Say what they did"
        elif len(text) > LONGEST_SOURCE:
            faults[field] = f"Use {LONGEST_SOURCE} characters or fewer"
        elif not names.is_printable(text):
            faults[field] = names.UNPRINTABLE
    if faults or part is None or score is None:
        raise InvalidDetails(faults)
    return part, score, CheckBasis(words["how"], words["source"])
