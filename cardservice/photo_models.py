"""The table of photos of people for their cards."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base, new_id


class PhotoStage(StrEnum):
    """What a photo is there for."""

    WHOLE = "whole"
    CARD = "card"


class Photo(Base, kw_only=True):
    """A photo of a person, made anew from what was sent. One of each stage at most.

    Attributes:
        stage: the whole picture, kept while somebody chooses the part of it that is printed; or
            that part.
        sealed_picture: a JPEG in Base64, sealed with the person's own key.
    """

    __tablename__ = "photo"
    __table_args__ = (UniqueConstraint("account_id", "stage"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    stage: Mapped[PhotoStage]
    added_at: Mapped[datetime]
    added_by_id: Mapped[str] = mapped_column(String(64))
    sealed_picture: Mapped[bytes] = mapped_column(deferred=True)
