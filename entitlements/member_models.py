"""The table of who works for a partner."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base


class OrganisationMember(Base, kw_only=True):
    """Somebody who signs in for an organisation: for one, and for no other ever."""

    __tablename__ = "organisation_member"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"), index=True)
    added_at: Mapped[datetime]
