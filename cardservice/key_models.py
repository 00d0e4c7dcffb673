"""Generations of card keys: from when each is written to cards, and until when it counts.

The keys themselves are in the key store.
"""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from identity.db import Base


class KeyGeneration(Base, kw_only=True):
    """A generation of a card key. The first of each is in use without a row.

    Attributes:
        purpose: value of the key's `Purpose`.
        used_from: from when cards are made with it, and rolled onto it.
        retires_on: the first day on which no card may still need it; None: no such day.
        check_value: six hexadecimal digits by which custodians know the key; see `ceremonies`.
    """

    __tablename__ = "key_generation"
    __table_args__ = (CheckConstraint("generation BETWEEN 1 AND 255", name="on_a_card"),)

    purpose: Mapped[str] = mapped_column(String(40), primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    made_at: Mapped[datetime]
    used_from: Mapped[datetime]
    retires_on: Mapped[date | None] = mapped_column(default=None)
    check_value: Mapped[str | None] = mapped_column(String(6), default=None)
