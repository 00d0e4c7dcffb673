"""The table of what became of each grant, move by move."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from entitlements.grant_states import GrantState
from identity.actors import ActorKind
from identity.db import Base, new_id


class GrantMove(Base, kw_only=True):
    """One move of a grant. Rows are only ever added.

    Attributes:
        now_is: where it stands after.
        reason: a code of `grants.EndReason` or `grants.SuspendReason`; none where there is nothing
            to say.
        by_label: who, as a resident may be shown it.
    """

    __tablename__ = "grant_move"

    id: Mapped[UUID] = mapped_column(primary_key=True, default_factory=new_id)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("entitlement_grant.id"), index=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    now_is: Mapped[GrantState]
    at: Mapped[datetime]
    reason: Mapped[str | None] = mapped_column(String(64), default=None)
    by_kind: Mapped[ActorKind]
    by_id: Mapped[str] = mapped_column(String(64))
    by_label: Mapped[str] = mapped_column(String(200))
