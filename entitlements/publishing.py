"""A change of the rules: one person asks, another decides, and what was published is kept.

A change of days that have passed is refused unless it was asked for as such, with its consequences
shown to both. It alters no decision that was made: from the approval on, everybody is decided for
anew, as of today.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import previews, reassessment, rulebooks
from entitlements.errors import (
    NotAnotherPerson,
    PublicationBackdated,
    PublicationDecided,
    PublicationUnchanged,
    PublicationUncounted,
    PublicationWaits,
    SchemesFaulty,
)
from entitlements.models import Assessment, Publication, PublicationState, RuleText
from entitlements.previews import Preview
from entitlements.schemes.changes import changed_schemes, first_changed_day
from entitlements.schemes.dates import in_words
from entitlements.schemes.rulebook import FILE_NAME, TABLES, RuleBook, open_book
from identity import audit
from identity.actors import Actor
from identity.four_eyes import checked_reason
from identity.personal import Vault
from readers.contract.windows import london_date

LONGEST_TEXT: Final = 200_000  # characters


class Consequences(msgspec.Struct, frozen=True):
    """What a change would do.

    Attributes:
        preview: counts by scheme, never people; None when it cannot be published any more.
        decided_since: of the schemes it changes, decisions that were made for days it changes.
        faults: why it cannot be published any more, with what was published meanwhile.
    """

    preview: Preview | None
    decided_since: int
    faults: tuple[str, ...] = ()


def proposed(book: RuleBook, file: str, text: str) -> RuleBook:
    """The book with one file changed or added.

    Raises:
        SchemesFaulty: the name is no rule file's or table's, or the book would have faults.
        PublicationUnchanged: the book has that text already.
    """
    if not (FILE_NAME.fullmatch(file) or file in TABLES):
        raise SchemesFaulty(
            [f"{file}: a rule file is called like its scheme, such as library.toml"]
        )
    if len(text) > LONGEST_TEXT:
        raise SchemesFaulty([f"{file}: it is longer than {LONGEST_TEXT} characters"])
    if book.texts.get(file) == text:
        raise PublicationUnchanged(f"{file} says this already.")
    return open_book({**book.texts, file: text})


async def consequences(
    session: AsyncSession, vault: Vault, before: RuleBook, after: RuleBook, *, today: date
) -> Consequences:
    """What a change would do to everybody, on the first day it changes that is not past."""
    first = first_changed_day(before, after)
    on = max(first or today, today)
    shown = await previews.preview(session, vault, before, after, on=on)
    return Consequences(shown, await _decided_since(session, before, after, first, today))


async def ask(
    session: AsyncSession,
    file: str,
    text: str,
    reason: str,
    *,
    backdated: bool,
    actor: Actor,
    now: datetime,
) -> Publication:
    """Ask to publish a rule file or table. Nothing changes until somebody else approves it.

    Raises:
        SchemesFaulty: every fault of the book as it would be.
        InvalidDetails: `reason` is empty, too long or cannot be shown.
        PublicationUnchanged: it is in force already.
        PublicationBackdated: it changes days that have passed, and `backdated` is not said.
        PublicationWaits: another change of the file waits for a decision.
    """
    reason, today = checked_reason(reason), london_date(now)
    before = await rulebooks.in_force(session)
    after = proposed(before, file, text)
    first = first_changed_day(before, after)
    _refuse_backdated(first, today, allowed=backdated)
    row = Publication(
        file=file,
        text_digest=await rulebooks.keep_text(session, text),
        reason=reason,
        first_day=first,
        backdated=first is not None and first < today,
        asked_at=now,
        asked_by_id=actor.id,
        asked_by_label=actor.label,
    )
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise PublicationWaits(f"Another change of {file} waits for a decision.") from error
    _audit(session, "rules-publication-asked", row, actor=actor, now=now)
    return row


async def count(
    session: AsyncSession, vault: Vault, publication_id: UUID, *, now: datetime
) -> Consequences:
    """Count what a waiting publication would do, for both to see.

    Raises:
        PublicationDecided: no such publication waits.
    """
    row = await session.get(Publication, publication_id)
    if row is None or row.state is not PublicationState.WAITING:
        raise PublicationDecided("No such publication waits. Somebody may have decided it.")
    before = await rulebooks.in_force(session)
    try:
        after = proposed(before, row.file, await text_of(session, row))
    except (SchemesFaulty, PublicationUnchanged) as error:
        shown = Consequences(None, 0, tuple(str(error).splitlines()))
    else:
        shown = await consequences(session, vault, before, after, today=london_date(now))
    row.consequences = msgspec.to_builtins(shown)
    await session.flush()
    return shown


async def text_of(session: AsyncSession, row: Publication) -> str:
    """What is, or was, to be published."""
    return (await session.get_one(RuleText, row.text_digest)).text


async def approve(
    session: AsyncSession, publication_id: UUID, *, actor: Actor, now: datetime
) -> Publication:
    """Publish what was asked for. It is in force at once, and everybody is decided for anew.

    Raises:
        PublicationDecided: no such publication waits.
        NotAnotherPerson: the actor asked for it.
        SchemesFaulty: with what was published meanwhile, the book would have faults.
        PublicationUnchanged: it is in force already.
        PublicationUncounted: its consequences are still being counted.
        PublicationBackdated: its first day has passed since it was asked for.
    """
    row = await _to_decide(session, publication_id, actor)
    if row.consequences is None:
        raise PublicationUncounted("What it would do is still being counted. Try again soon.")
    before = await rulebooks.in_force(session)
    after = proposed(before, row.file, await text_of(session, row))
    first = first_changed_day(before, after)
    _refuse_backdated(first, london_date(now), allowed=row.backdated)
    last = await session.scalar(select(func.max(Publication.number)))
    _decide(row, PublicationState.APPROVED, actor, now)
    row.number, row.first_day = (last or 0) + 1, first
    await session.flush()
    await rulebooks.keep(session, after, now=now)
    await reassessment.begin(session, f"publication {row.number} of {row.file}", now=now)
    _audit(session, "rules-published", row, actor=actor, now=now)
    return row


async def refuse(
    session: AsyncSession, publication_id: UUID, reason: str, *, actor: Actor, now: datetime
) -> None:
    """Refuse it, and say why.

    Raises:
        InvalidDetails: `reason` is empty, too long or cannot be shown.
        PublicationDecided: no such publication waits.
        NotAnotherPerson: the actor asked for it.
    """
    row = await _to_decide(session, publication_id, actor)
    row.refusal = checked_reason(reason)
    _decide(row, PublicationState.REFUSED, actor, now)
    await session.flush()
    _audit(session, "rules-publication-refused", row, actor=actor, now=now)


async def waiting(session: AsyncSession) -> Sequence[Publication]:
    """What waits for a second person, oldest first."""
    query = select(Publication).where(Publication.state == PublicationState.WAITING)
    return (await session.scalars(query.order_by(Publication.asked_at, Publication.id))).all()


async def published(session: AsyncSession) -> Sequence[Publication]:
    """Everything that was ever published, newest first."""
    query = select(Publication).where(Publication.state == PublicationState.APPROVED)
    return (await session.scalars(query.order_by(Publication.number.desc()))).all()


def consequences_of(row: Publication) -> Consequences | None:
    """What it would do; None until that is counted."""
    return None if row.consequences is None else msgspec.convert(row.consequences, Consequences)


def _refuse_backdated(first: date | None, today: date, *, allowed: bool) -> None:
    if first is not None and first < today and not allowed:
        raise PublicationBackdated(
            f"It changes the rules of {in_words(first)} and after, which has passed. Give a new "
            "version that begins today or later, or ask for it as backdated."
        )


async def _decided_since(
    session: AsyncSession, before: RuleBook, after: RuleBook, first: date | None, today: date
) -> int:
    if first is None or first >= today:
        return 0
    query = (
        select(func.count())
        .select_from(Assessment)
        .where(
            Assessment.scheme.in_(changed_schemes(before, after)), Assessment.decided_on >= first
        )
    )
    return await session.scalar(query) or 0


def _decide(row: Publication, state: PublicationState, actor: Actor, now: datetime) -> None:
    row.state, row.decided_at = state, now
    row.decided_by_id, row.decided_by_label = actor.id, actor.label


async def _to_decide(session: AsyncSession, publication_id: UUID, actor: Actor) -> Publication:
    """The publication, locked: of two who decide at once the second finds it decided."""
    row = await session.get(
        Publication, publication_id, with_for_update=True, populate_existing=True
    )
    if row is None or row.state is not PublicationState.WAITING:
        raise PublicationDecided("No such publication waits. Somebody may have decided it.")
    if row.asked_by_id == actor.id:
        raise NotAnotherPerson("You asked for this yourself. Another person must decide.")
    return row


def _audit(
    session: AsyncSession, action: str, row: Publication, *, actor: Actor, now: datetime
) -> None:
    detail: audit.Detail = {
        "file": row.file,
        "text": row.text_digest,
        "number": row.number,
        "first_day": str(row.first_day) if row.first_day else None,
        "backdated": row.backdated,
    }
    subject = audit.subject_of("rules", row.id)
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)
