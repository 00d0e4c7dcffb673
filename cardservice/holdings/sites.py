"""What is held of the sites and services that people sign in to."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, inspect, select

from cardservice.holdings.holding import (
    CLAIMS,
    SIX_YEARS,
    Fate,
    Holding,
    LawfulBasis,
    Period,
    Topic,
)
from identity.db import Base
from identity.grounds import Ground
from identity.oidc.models import (
    OidcCode,
    OidcConsent,
    OidcGrant,
    OidcLogoutNotice,
    OidcRefreshToken,
    OidcRequest,
    OidcSpentId,
    OidcSubject,
)
from identity.oidc.retention import RETENTION

_KEPT: Final = {kept.table: kept for kept in RETENTION}
GRANTS_KEPT: Final = timedelta(days=_KEPT[OidcGrant].days)


def grant_is_over(cut: datetime) -> ColumnElement[bool]:
    """Sign-ins to a site whose time began before a moment."""
    return OidcGrant.expires_at < cut


def _period(model: type[Base], since: str) -> Period:
    """As the provider keeps it."""
    kept = _KEPT[model]
    column = inspect(model).columns[kept.since]
    return Period(timedelta(days=kept.days), since, lambda cut: column < cut, kept.why)


def _with_grant(model: Any) -> Period:  # noqa: ANN401  (a mapped class)
    """Children go with their grant."""

    def is_over(cut: datetime) -> ColumnElement[bool]:
        over: ColumnElement[bool] = model.grant_id.in_(
            select(OidcGrant.id).where(grant_is_over(cut))
        )
        return over

    return Period(GRANTS_KEPT, "its time was over", is_over, _KEPT[OidcGrant].why)


def _by_grant(model: Any) -> Callable[[UUID], ColumnElement[bool]]:  # noqa: ANN401  (a mapped class)
    def of(person: UUID) -> ColumnElement[bool]:
        granted: ColumnElement[bool] = model.grant_id.in_(
            select(OidcGrant.id).where(OidcGrant.account_id == person)
        )
        return granted

    return of


HOLDINGS: Final = (
    Holding(
        model=OidcSubject,
        topic=Topic.SHARING,
        what="The name each service knows you by: random, and another one for each",
        of=lambda person: OidcSubject.account_id == person,
    ),
    Holding(
        model=OidcConsent,
        topic=Topic.SHARING,
        what="What you agreed to share, with whom and when",
        basis=LawfulBasis.CONSENT,
        of=lambda person: OidcConsent.account_id == person,
        period=Period(
            SIX_YEARS,
            "you withdrew or replaced it",
            lambda cut: OidcConsent.ended_at < cut,
            f"UK GDPR Article 7(1): consent must be shown. {CLAIMS}",
        ),
    ),
    Holding(
        model=OidcGrant,
        topic=Topic.SHARING,
        what="When you signed in to a service, and what it may see",
        of=lambda person: OidcGrant.account_id == person,
        period=_period(OidcGrant, "its time was over"),
    ),
    Holding(
        model=OidcCode,
        topic=Topic.SHARING,
        what="Codes by which a service was told that you signed in",
        basis=LawfulBasis.SECURITY,
        of=_by_grant(OidcCode),
        period=_with_grant(OidcCode),
    ),
    Holding(
        model=OidcRefreshToken,
        topic=Topic.SHARING,
        what="Keys by which a service may go on asking",
        basis=LawfulBasis.SECURITY,
        of=_by_grant(OidcRefreshToken),
        period=_with_grant(OidcRefreshToken),
    ),
    Holding(
        model=OidcLogoutNotice,
        topic=Topic.SHARING,
        what="That a service must be told you signed out",
        basis=LawfulBasis.SECURITY,
        of=lambda person: OidcLogoutNotice.subject.in_(
            select(OidcSubject.subject).where(OidcSubject.account_id == person)
        ),
        fate=Fate.KEPT,
        ground=Ground.PROOF,
        period=_period(OidcLogoutNotice, "you signed out"),
    ),
    Holding(
        model=OidcRequest,
        topic=Topic.TECHNICAL,
        what="What a service asked when it sent you here",
        basis=LawfulBasis.SECURITY,
        period=_period(OidcRequest, "it ran out"),
    ),
    Holding(
        model=OidcSpentId,
        topic=Topic.TECHNICAL,
        what="Numbers that no service may use again; nothing about residents",
        basis=LawfulBasis.SECURITY,
        period=_period(OidcSpentId, "they run out"),
    ),
)
