"""What is printed on carriers, as far as partners may ask by it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base
from readers.contract.statuslist import Status


class CarrierFace(Base, kw_only=True):
    """The number and the code printed on one carrier, for venues that have no reader.

    Both are the carrier's, not the holder's: with the carrier they stop.

    Attributes:
        id: of the carrier.
        number: 14 digits.
        sealed_code: the number, a space and the code, for whoever prints them.
        code_index: keyed hash of the same.
        status: of the carrier.
    """

    __tablename__ = "carrier_face"
    __table_args__ = (CheckConstraint("status IN (0, 1, 2)", name="known_status"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"), index=True)
    number: Mapped[int] = mapped_column(BigInteger, unique=True)
    sealed_code: Mapped[bytes]
    code_index: Mapped[bytes]
    status: Mapped[int] = mapped_column(default=Status.VALID.value)
    announced_at: Mapped[datetime]
