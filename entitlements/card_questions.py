"""The statements that lead from what was shown to its holder and to what they have.

One statement each, for many wait for it; built once, at import.
"""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, bindparam, func, select
from sqlalchemy.sql.elements import SQLCoreOperations

from entitlements.carrier_models import CarrierFace
from entitlements.grant_states import GrantState
from entitlements.models import Grant, ServiceRecord
from entitlements.redemption_models import PartnerSubject, Redemption, RedemptionState
from entitlements.status import listed
from identity.models import Account, AccountState
from identity.signin_models import NetworkThrottle, SignInThrottle
from readers.contract.statuslist import Status


class Question(msgspec.Struct, frozen=True):
    """What is asked about whoever showed something.

    Attributes:
        organisation_id: who asks.
        scheme: about what.
        on: the day in London.
        now: the moment.
    """

    organisation_id: UUID
    scheme: str
    on: date
    now: datetime

    def parameters(self) -> dict[str, Any]:
        """As the statements take them."""
        return {
            "organisation_id": self.organisation_id,
            "scheme": self.scheme,
            "on": self.on,
            "year": self.on.year,
            "now": self.now,
        }


class Holder(msgspec.Struct, frozen=True):
    """Whoever a card, token or pass belongs to.

    Attributes:
        subject: the organisation's name for them; None while it was told none.
        entitlement_class, valid_until: of what they were given; None when they hold nothing of it.
        used: how often the offer was used this year.
    """

    account_id: UUID
    subject: str | None
    entitlement_class: str | None
    valid_until: date | None
    used: int


def used_of(subject: SQLCoreOperations[str]) -> ScalarSelect[int]:
    """How often an offer was used in a year, with what is held for somebody now."""
    return (
        select(func.count())
        .where(
            Redemption.subject == subject,
            Redemption.scheme == bindparam("scheme"),
            Redemption.year == bindparam("year"),
            (Redemption.state == RedemptionState.CONFIRMED)
            | (
                (Redemption.state == RedemptionState.HELD)
                & (Redemption.expires_at > bindparam("now"))
            ),
        )
        .scalar_subquery()
    )


def given_on(
    account_id: SQLCoreOperations[Any] | UUID,
    scheme: SQLCoreOperations[str] | str,
    on: SQLCoreOperations[date] | date,
) -> ColumnElement[bool]:
    """Whether a grant gives somebody something on a day. What is suspended gives nothing."""
    return and_(
        Grant.account_id == account_id,
        Grant.scheme == scheme,
        Grant.ended_at.is_(None),  # says the index
        Grant.state == GrantState.GRANTED,
        Grant.valid_from <= on,
        Grant.valid_until >= on,
    )


def _question(owner: Any, *more: Any) -> Select[Any]:  # noqa: ANN401  (columns of any type)
    """What is asked of whoever owns a row: all in one statement, for many wait for it."""
    question: Select[Any] = (
        select(
            owner.account_id,
            PartnerSubject.subject,
            Grant.entitlement_class,
            Grant.valid_until,
            used_of(PartnerSubject.subject).label("used"),
            *more,
        )
        .join(Account, Account.id == owner.account_id)
        .outerjoin(
            PartnerSubject,
            (PartnerSubject.account_id == owner.account_id)
            & (PartnerSubject.organisation_id == bindparam("organisation_id")),
        )
        .outerjoin(
            Grant,
            given_on(owner.account_id, bindparam("scheme"), bindparam("on")),
        )
        .where(Account.state == AccountState.ACTIVE)
    )
    return question


BY_FACE: Final = (
    _question(
        CarrierFace,
        CarrierFace.code_index,
        SignInThrottle.retry_at,
        SignInThrottle.failures,
        NetworkThrottle.empty_at,
    )
    .outerjoin(SignInThrottle, SignInThrottle.subject_hash == bindparam("throttled"))
    .outerjoin(NetworkThrottle, NetworkThrottle.source_hash == bindparam("source"))
    .where(CarrierFace.number == bindparam("number"), CarrierFace.status == Status.VALID.value)
)
BY_RECORD: Final = _question(ServiceRecord).where(
    ServiceRecord.service == bindparam("service"),
    ServiceRecord.status_index == bindparam("status_index"),
    listed == Status.VALID.value,
)
BY_TEST_CARD: Final = select(
    PartnerSubject.subject, used_of(PartnerSubject.subject).label("used")
).where(
    PartnerSubject.organisation_id == bindparam("organisation_id"),
    PartnerSubject.test_card == bindparam("number"),
)
