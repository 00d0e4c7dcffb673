"""The photo of a person that is printed on their card: taken in, cropped, shown and forgotten.

Pictures are opened in the cleaning process alone (`entitlements.uploads`). What is kept here was
made anew there, and is sealed with the person's own key. Whoever sees it is recorded.
"""

from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from cardservice.errors import NoPhoto
from cardservice.photo_models import Photo, PhotoStage
from identity import audit, person_keys
from identity.actors import Actor
from identity.dates import london_date
from identity.db import new_id
from identity.personal import Vault
from identity.rekeying import PersonalTable

PERSONAL: Final = (PersonalTable(Photo, "account_id"),)
WHOLE_KEPT: Final = timedelta(days=1)
_TABLE: Final = Photo.__tablename__
_COLUMN: Final = "sealed_picture"


async def keep(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    stage: PhotoStage,
    jpeg: bytes,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Keep a picture in place of the one there was.

    Args:
        session: of the request.
        vault: seals it.
        account_id: of the person it shows.
        stage: the whole picture, or the part for the card.
        jpeg: as the cleaning process wrote it.
        actor: who gave it.
        now: when.
    """
    personal = await person_keys.for_writing(session, vault, account_id)
    await session.execute(delete(Photo).where(_of(account_id, stage)))
    row_id = new_id()
    session.add(
        Photo(
            id=row_id,
            account_id=account_id,
            stage=stage,
            added_at=now,
            added_by_id=actor.id,
            sealed_picture=personal.seal(_TABLE, _COLUMN, row_id, b64encode(jpeg).decode()),
        )
    )
    await session.flush()
    if stage is PhotoStage.CARD:
        subject = audit.subject_of("account", account_id)
        audit.record(session, "photo-added", subject, actor=actor, now=now)


async def is_there(session: AsyncSession, account_id: UUID, stage: PhotoStage) -> bool:
    """Whether there is such a picture; nobody sees it by that."""
    return await session.scalar(select(Photo.id).where(_of(account_id, stage))) is not None


async def taken_on(session: AsyncSession, people: Collection[UUID]) -> Mapping[UUID, date]:
    """Person -> day from which the photo for their card counts; who has none is not there."""
    query = select(Photo.account_id, Photo.added_at).where(
        Photo.account_id.in_(people), Photo.stage == PhotoStage.CARD
    )
    return {person: london_date(at) for person, at in (await session.execute(query)).all()}


async def show(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    stage: PhotoStage,
    *,
    actor: Actor,
    now: datetime,
) -> bytes:
    """A picture as JPEG, for somebody who is recorded.

    Raises:
        NoPhoto: there is none.
        SealBroken: it was changed.
    """
    query = select(Photo).where(_of(account_id, stage)).options(undefer(Photo.sealed_picture))
    row = await session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise NoPhoto("There is no photo of this resident.")
    personal = await person_keys.for_reading(session, vault, account_id)
    subject = audit.subject_of("account", account_id)
    audit.record(session, "photo-opened", subject, actor=actor, now=now)
    return b64decode(personal.open(_TABLE, _COLUMN, row.id, row.sealed_picture))


async def forget_whole(session: AsyncSession, account_id: UUID) -> None:
    """The part for the card is chosen: the rest of the picture is needed no longer."""
    await session.execute(delete(Photo).where(_of(account_id, PhotoStage.WHOLE)))


async def remove(session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Forget every photo of a person."""
    await session.execute(delete(Photo).where(Photo.account_id == account_id))
    subject = audit.subject_of("account", account_id)
    audit.record(session, "photo-removed", subject, actor=actor, now=now)


def _of(account_id: UUID, stage: PhotoStage) -> ColumnElement[bool]:
    return (Photo.account_id == account_id) & (Photo.stage == stage)
