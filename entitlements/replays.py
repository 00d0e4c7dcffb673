"""Decisions made again as of their day, with the facts and the rules they were made with."""

from collections.abc import AsyncIterator
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import assessing, rulebooks
from entitlements.models import Assessment
from identity import person_keys
from identity.personal import Vault

PAGE = 500


class Replayed(StrEnum):
    """How a decision came out when it was made again."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_KEPT = "not kept"


class Replay(msgspec.Struct, frozen=True):
    """One decision that was made again.

    Attributes:
        assessment_id: of the stored decision.
        scheme: it is of.
        outcome: whether every part of it, its trace included, is the same.
    """

    assessment_id: UUID
    scheme: str
    outcome: Replayed


async def replay(session: AsyncSession, vault: Vault, row: Assessment) -> Replay:
    """Make a stored decision again.

    Raises:
        NoSuchBook: its rules were lost.
        SchemesFaulty: this version of the software cannot read its rules any more.
    """
    personal = await person_keys.for_reading(session, vault, row.account_id)
    kept = assessing.stored_facts(personal, row)
    if kept is None or row.book is None:
        return Replay(row.id, row.scheme, Replayed.NOT_KEPT)
    book = await rulebooks.of_digest(session, row.book)
    again = rulebooks.deciders(book)[row.scheme](kept.facts, row.decided_on)
    same = again == assessing.stored_decision(personal, row)
    return Replay(row.id, row.scheme, Replayed.SAME if same else Replayed.DIFFERENT)


async def replay_all(
    session: AsyncSession, vault: Vault, *, account_id: UUID | None = None
) -> AsyncIterator[Replay]:
    """Make every decision again that was ever stored, or all of one resident's."""
    after: UUID | None = None
    while True:
        query = select(Assessment).order_by(Assessment.id).limit(PAGE)
        if account_id is not None:
            query = query.where(Assessment.account_id == account_id)
        if after is not None:
            query = query.where(Assessment.id > after)
        page = (await session.scalars(query)).all()
        if not page:
            return
        after = page[-1].id
        for row in page:
            yield await replay(session, vault, row)
