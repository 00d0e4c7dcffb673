"""The tables of partners: organisations, what they may ask about, how they prove who they are."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base, new_id

_ORGANISATION = "organisation.id"


class CredentialKind(StrEnum):
    """What a credential sees: residents' cards, or published test cards and nothing else."""

    LIVE = "live"
    SANDBOX = "sandbox"


class Organisation(Base, kw_only=True):
    """A partner. One that is suspended is answered nothing, whatever credential it has."""

    __tablename__ = "organisation"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None] = mapped_column(default=None)


class OrganisationScheme(Base, kw_only=True):
    """A scheme or offer that an organisation may ask about.

    `tells_band` says whether it is told the band by age; only a scheme with bands has one.
    """

    __tablename__ = "organisation_scheme"

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey(_ORGANISATION), primary_key=True)
    scheme: Mapped[str] = mapped_column(String(64), primary_key=True)
    tells_band: Mapped[bool] = mapped_column(default=False)
    agreed_at: Mapped[datetime]


class PartnerCredential(Base, kw_only=True):
    """A client of the provider that stands for an organisation.

    Attributes:
        replaced_at: when a newer one was made; at most one of each kind is not replaced.
        stops_at: from when on it is refused: after the time in which a partner changes over, or at
            once if it was stopped.
    """

    __tablename__ = "partner_credential"
    __table_args__ = (
        CheckConstraint(
            "replaced_at IS NULL OR stops_at IS NOT NULL", name="what_is_replaced_stops"
        ),
        Index(
            "uq_partner_credential_current",
            "organisation_id",
            "kind",
            unique=True,
            sqlite_where=text("replaced_at IS NULL"),
            postgresql_where=text("replaced_at IS NULL"),
        ),
    )

    client_id: Mapped[str] = mapped_column(ForeignKey("oidc_client.id"), primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey(_ORGANISATION), index=True)
    kind: Mapped[CredentialKind]
    made_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None] = mapped_column(default=None)
    stops_at: Mapped[datetime | None] = mapped_column(default=None)
