"""What is held of applications, and of what became of what was given."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, select

from cardservice.holdings.holding import (
    CLAIMS,
    COMPLAINTS,
    NEEDED_NO_LONGER,
    SIX_YEARS,
    YEAR,
    Holding,
    Period,
    Topic,
)
from entitlements.application_models import Application, ApplicationEvent, ApplicationState
from entitlements.grant_models import GrantMove
from entitlements.models import Grant

UNFINISHED_KEPT: Final = timedelta(days=90)


def _unfinished(cut: datetime) -> ColumnElement[bool]:
    return (Application.state == ApplicationState.STARTED) & (Application.saved_at < cut)


def _closed(cut: datetime) -> ColumnElement[bool]:
    return Application.closed_at < cut


HOLDINGS: Final = (
    Holding(
        model=ApplicationEvent,
        topic=Topic.CARD,
        what="What became of each application, when, and who did it",
        of=lambda person: (
            (ApplicationEvent.account_id == person)
            & ApplicationEvent.application_id.in_(
                select(Application.id).where(Application.state != ApplicationState.STARTED)
            )
        ),
        period=Period(
            YEAR,
            "it was decided or withdrawn",
            lambda cut: ApplicationEvent.application_id.in_(
                select(Application.id).where(_closed(cut))
            ),
            COMPLAINTS,
        ),
    ),
    Holding(
        model=ApplicationEvent,
        topic=Topic.CARD,
        what="When you started an application you have not sent",
        of=lambda person: (
            (ApplicationEvent.account_id == person)
            & ApplicationEvent.application_id.in_(
                select(Application.id).where(Application.state == ApplicationState.STARTED)
            )
        ),
        period=Period(
            UNFINISHED_KEPT,
            "your last answer",
            lambda cut: ApplicationEvent.application_id.in_(
                select(Application.id).where(_unfinished(cut))
            ),
            NEEDED_NO_LONGER,
        ),
    ),
    Holding(
        model=Application,
        topic=Topic.CARD,
        what="What you applied for, what you answered and what we decided. It can tell of a "
        "disability or a benefit",
        of=lambda person: (
            (Application.account_id == person) & (Application.state != ApplicationState.STARTED)
        ),
        period=Period(YEAR, "it was decided or withdrawn", _closed, COMPLAINTS),
    ),
    Holding(
        model=Application,
        topic=Topic.CARD,
        what="Applications you started and have not sent",
        of=lambda person: (
            (Application.account_id == person) & (Application.state == ApplicationState.STARTED)
        ),
        period=Period(UNFINISHED_KEPT, "your last answer", _unfinished, NEEDED_NO_LONGER),
    ),
    Holding(
        model=GrantMove,
        topic=Topic.CARD,
        what="When something was offered, granted, suspended or ended, and why",
        of=lambda person: GrantMove.account_id == person,
        period=Period(
            SIX_YEARS,
            "it ended",
            lambda cut: GrantMove.grant_id.in_(select(Grant.id).where(Grant.ended_at < cut)),
            CLAIMS,
        ),
    ),
)
