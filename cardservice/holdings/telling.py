"""What is held of what partners were told."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select

from cardservice.holdings.holding import Fate, Holding, LawfulBasis, Period, Topic
from entitlements.event_data import KEPT_DAYS
from entitlements.event_models import PartnerEvent, WebhookDelivery, WebhookTry
from entitlements.redemption_models import PartnerSubject
from identity.grounds import Ground

_KEPT: Final = timedelta(days=KEPT_DAYS)
_SINCE: Final = "it happened"
_WHY: Final = "So that a service whose computer failed can be told again"


def _told_before(cut: datetime) -> Select[UUID]:
    return select(PartnerEvent.id).where(PartnerEvent.at < cut)


def _delivery_is_over(cut: datetime) -> ColumnElement[bool]:
    return WebhookDelivery.event_id.in_(_told_before(cut))


def _try_is_over(cut: datetime) -> ColumnElement[bool]:
    over = select(WebhookDelivery.id).where(_delivery_is_over(cut))
    return WebhookTry.delivery_id.in_(over)


HOLDINGS: Final = (
    Holding(
        model=PartnerEvent,
        topic=Topic.SHARING,
        what="What a service that knows you was told: that something on your card changed, not why",
        of=lambda person: PartnerEvent.subject.in_(
            select(PartnerSubject.subject).where(PartnerSubject.account_id == person)
        ),
        fate=Fate.KEPT,
        ground=Ground.PROOF,
        period=Period(_KEPT, _SINCE, lambda cut: PartnerEvent.at < cut, _WHY),
    ),
    Holding(
        model=WebhookDelivery,
        topic=Topic.TECHNICAL,
        what="Whether such a message has reached the service",
        basis=LawfulBasis.SECURITY,
        period=Period(_KEPT, _SINCE, _delivery_is_over, _WHY),
    ),
    Holding(
        model=WebhookTry,
        topic=Topic.TECHNICAL,
        what="When it was sent, and what the service’s computer answered",
        basis=LawfulBasis.SECURITY,
        period=Period(_KEPT, _SINCE, _try_is_over, _WHY),
    ),
)
