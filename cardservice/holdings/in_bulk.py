"""What is held of cards made by a bureau, and of cards that end."""

from typing import Final
from uuid import UUID

from sqlalchemy import Select, select

from cardservice.bureau_models import BatchRow, ProductionBatch
from cardservice.holdings.holding import COMPLAINTS, YEAR, Fate, Holding, Period, Topic
from cardservice.models import Card
from cardservice.renewal_models import Renewal
from identity.grounds import Ground


def _cards_of(person: UUID) -> Select[UUID]:
    return select(Card.id).where(Card.account_id == person)


HOLDINGS: Final = (
    Holding(
        model=BatchRow,
        topic=Topic.CARD,
        what="That your card was in a batch for the firm that prints and posts cards, which was "
        "told your name, your address and what is printed on the card",
        of=lambda person: BatchRow.card_id.in_(_cards_of(person)),
        fate=Fate.KEPT,
        ground=Ground.SAFE_CARDS,
        period=Period(
            YEAR,
            "the batch was done",
            lambda cut: BatchRow.batch_id.in_(
                select(ProductionBatch.id).where(ProductionBatch.closed_at < cut)
            ),
            COMPLAINTS,
        ),
    ),
    Holding(
        model=Renewal,
        topic=Topic.CARD,
        what="Whether your card was renewed when it ended, or we asked you first, and why",
        of=lambda person: Renewal.account_id == person,
        period=Period(YEAR, "it was decided", lambda cut: Renewal.decided_at < cut, COMPLAINTS),
    ),
)
