"""What is held of what partners asked and gave."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from cardservice.holdings.holding import (
    CLAIMS,
    NEEDED_NO_LONGER,
    SIX_YEARS,
    Holding,
    LawfulBasis,
    Period,
    Topic,
)
from entitlements.answered_keys import KEPT
from entitlements.carrier_models import CarrierFace
from entitlements.redemption_models import (
    AnsweredKey,
    PartnerSubject,
    Redemption,
    ShownPass,
)

HOLDINGS: Final = (
    Holding(
        model=CarrierFace,
        topic=Topic.CARD,
        what="The number and the code printed on each card of yours",
        of=lambda person: CarrierFace.account_id == person,
    ),
    Holding(
        model=PartnerSubject,
        topic=Topic.SHARING,
        what="The name by which each partner that you showed your card knows you: random",
        of=lambda person: PartnerSubject.account_id == person,
    ),
    Holding(
        model=Redemption,
        topic=Topic.SHARING,
        what="When you used which offer of which partner",
        of=lambda person: Redemption.subject.in_(
            select(PartnerSubject.subject).where(PartnerSubject.account_id == person)
        ),
        period=Period(SIX_YEARS, "you used it", lambda cut: Redemption.held_at < cut, CLAIMS),
    ),
    Holding(
        model=AnsweredKey,
        topic=Topic.TECHNICAL,
        what="What a partner was answered, in case it asks the same again",
        basis=LawfulBasis.SECURITY,
        period=Period(
            KEPT, "it was answered", lambda cut: AnsweredKey.answered_at < cut, NEEDED_NO_LONGER
        ),
    ),
    Holding(
        model=ShownPass,
        topic=Topic.TECHNICAL,
        what="That a code on a phone, or a card at a reader, was shown to a partner",
        basis=LawfulBasis.SECURITY,
        period=Period(
            timedelta(0), "it runs out", lambda cut: ShownPass.expires_at < cut, NEEDED_NO_LONGER
        ),
    ),
)
