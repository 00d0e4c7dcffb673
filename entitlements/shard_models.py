"""Which pieces of the status lists have changed, so that no others are packed again."""

from sqlalchemy import BigInteger, CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base
from readers.contract.services import Service


class StatusShard(Base, kw_only=True):
    """A piece of a service's status list.

    Attributes:
        number: from 0, as `readers.contract.shards.shard_of` gives it.
        version: rises whenever the piece would come out differently; none that never changed has a
            row.
    """

    __tablename__ = "status_shard"
    __table_args__ = (CheckConstraint("number >= 0", name="number_from_zero"),)

    service: Mapped[Service] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
