"""The rows of applications: found, read and written; what is decided about them is elsewhere."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.application_models import (
    OPEN,
    Application,
    ApplicationEvent,
    ApplicationState,
    Happened,
)
from entitlements.errors import NoSuchApplication
from entitlements.facts import Fed
from identity import audit
from identity.actors import Actor
from identity.db import new_id
from identity.personal import PersonVault
from identity.rekeying import PersonalTable

PERSONAL: Final = (
    PersonalTable(Application, "account_id"),
    PersonalTable(ApplicationEvent, "account_id"),
)
"""Tables whose sealed columns belong to one person."""

Answers = Mapping[str, Fed | None]
"""Name of a fact -> what was answered; None where the resident does not know."""

_TABLE: Final = Application.__tablename__
_EVENT: Final = ApplicationEvent.__tablename__
_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without what is mistaken for something else when it is read out."""
_LENGTH: Final = 8


def new_application(
    personal: PersonVault, account_id: UUID, scheme: str, *, now: datetime
) -> Application:
    """A row without an answer, to be added by the caller."""
    row_id = new_id()
    return Application(
        id=row_id,
        account_id=account_id,
        scheme=scheme,
        reference="KA-" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)),
        sealed_answers=personal.seal(_TABLE, "sealed_answers", row_id, "{}"),
        started_at=now,
        saved_at=now,
    )


def answers_of(personal: PersonVault, row: Application) -> Answers:
    """What was answered so far."""
    text = personal.open(_TABLE, "sealed_answers", row.id, row.sealed_answers)
    return msgspec.json.decode(text, type=dict[str, bool | int | None])


def set_answers(
    personal: PersonVault, row: Application, answers: Answers, *, now: datetime
) -> None:
    """Keep what was answered."""
    text = msgspec.json.encode(answers).decode()
    row.sealed_answers = personal.seal(_TABLE, "sealed_answers", row.id, text)
    row.saves += 1
    row.saved_at = now


def outcome_of(personal: PersonVault, row: Application) -> tuple[str, ...]:
    """The sentences the resident was told when it was decided; none before."""
    if row.sealed_outcome is None:
        return ()
    text = personal.open(_TABLE, "sealed_outcome", row.id, row.sealed_outcome)
    return msgspec.json.decode(text, type=tuple[str, ...])


def set_outcome(personal: PersonVault, row: Application, sentences: Sequence[str]) -> None:
    """Keep what the resident is told."""
    text = msgspec.json.encode(sentences).decode()
    row.sealed_outcome = personal.seal(_TABLE, "sealed_outcome", row.id, text)


def note(
    session: AsyncSession,
    personal: PersonVault,
    row: Application,
    what: Happened,
    *,
    actor: Actor,
    now: datetime,
    words: str = "",
) -> None:
    """Write down what happened to an application, for its history and the trail."""
    event_id = new_id()
    session.add(
        ApplicationEvent(
            id=event_id,
            application_id=row.id,
            account_id=row.account_id,
            at=now,
            what=what.value,
            by_kind=actor.kind,
            by_id=actor.id,
            by_label=actor.label,
            sealed_words=personal.seal(_EVENT, "sealed_words", event_id, words) if words else None,
        )
    )
    # The scheme is left out: it may tell of a disability or a benefit.
    detail = {"application": row.reference}
    subject = audit.subject_of("account", row.account_id)
    audit.record(session, f"application-{what}", subject, actor=actor, now=now, detail=detail)


def words_of(personal: PersonVault, event: ApplicationEvent) -> str:
    """What was said with an event; empty where nothing was."""
    if event.sealed_words is None:
        return ""
    return personal.open(_EVENT, "sealed_words", event.id, event.sealed_words)


async def own(
    session: AsyncSession, account_id: UUID, reference: str, *, lock: bool = False
) -> Application:
    """A resident's application by its reference.

    Raises:
        NoSuchApplication: there is none, or it is somebody else's.
    """
    query = select(Application).where(
        Application.account_id == account_id, Application.reference == reference
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = await session.scalar(query)
    if found is None:
        raise NoSuchApplication("There is no such application.")
    return found


async def open_for(session: AsyncSession, account_id: UUID, scheme: str) -> Application | None:
    """The application for a scheme that is started or waits, if there is one."""
    query = select(Application).where(
        Application.account_id == account_id,
        Application.scheme == scheme,
        Application.state.in_(OPEN),
    )
    return await session.scalar(query)


async def open_by_scheme(session: AsyncSession, account_id: UUID) -> Mapping[str, Application]:
    """A resident's applications that are started or wait."""
    query = select(Application).where(
        Application.account_id == account_id, Application.state.in_(OPEN)
    )
    return {row.scheme: row for row in await session.scalars(query)}


async def of_account(session: AsyncSession, account_id: UUID) -> Sequence[Application]:
    """Every application of a resident, the newest first."""
    query = select(Application).where(Application.account_id == account_id)
    newest = query.order_by(Application.started_at.desc(), Application.id)
    return (await session.scalars(newest)).all()


async def in_state(
    session: AsyncSession, states: Sequence[ApplicationState], *, limit: int = 500
) -> Sequence[Application]:
    """Applications of everybody in these states, those saved longest ago first."""
    query = select(Application).where(Application.state.in_(states))
    return (await session.scalars(query.order_by(Application.saved_at).limit(limit))).all()


async def by_reference(session: AsyncSession, reference: str) -> Application:
    """Anybody's application.

    Raises:
        NoSuchApplication: there is none.
    """
    found = await session.scalar(select(Application).where(Application.reference == reference))
    if found is None:
        raise NoSuchApplication(f"There is no application {reference}.")
    return found


async def events_of(session: AsyncSession, application_id: UUID) -> Sequence[ApplicationEvent]:
    """What happened to an application, in order of time."""
    query = select(ApplicationEvent).where(ApplicationEvent.application_id == application_id)
    return (await session.scalars(query.order_by(ApplicationEvent.at, ApplicationEvent.id))).all()
