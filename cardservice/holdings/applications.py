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
from entitlements.evidence_models import (
    ApplicationEvidence,
    EndNotice,
    EvidenceFile,
    ProofNotice,
    ReferenceQuestion,
)
from entitlements.grant_models import GrantMove
from entitlements.models import Grant

UNFINISHED_KEPT: Final = timedelta(days=90)


def _unfinished(cut: datetime) -> ColumnElement[bool]:
    return (Application.state == ApplicationState.STARTED) & (Application.saved_at < cut)


def _closed(cut: datetime) -> ColumnElement[bool]:
    return Application.closed_at < cut


def _over(cut: datetime) -> ColumnElement[bool]:
    """The end of each file was set when it was checked, or its application was decided."""
    return EvidenceFile.kept_until < cut


HOLDINGS: Final = (
    Holding(
        model=EvidenceFile,
        topic=Topic.CARD,
        what="Files you sent as evidence, made anew without what they told besides. They can tell "
        "of a disability or a benefit (UK GDPR Article 9(2)(g); Data Protection Act 2018 Schedule "
        "1 paragraph 6). Your copy says what there is; the files are on the page of each request",
        of=lambda person: EvidenceFile.account_id == person,
        period=Period(
            timedelta(0),
            "the days after it was checked, or the request was decided, that "
            "KENTCARD_EVIDENCE_DAYS sets",
            _over,
            NEEDED_NO_LONGER,
        ),
    ),
    Holding(
        model=ApplicationEvidence,
        topic=Topic.CARD,
        what="Which documents you gave with a request, and whether they were accepted",
        of=lambda person: ApplicationEvidence.account_id == person,
        period=Period(
            YEAR,
            "the request was decided or withdrawn",
            lambda cut: ApplicationEvidence.application_id.in_(
                select(Application.id).where(_closed(cut))
            ),
            COMPLAINTS,
        ),
    ),
    Holding(
        model=EndNotice,
        topic=Topic.CARD,
        what="That we told you that something ends",
        of=lambda person: EndNotice.account_id == person,
        period=Period(
            SIX_YEARS,
            "it ended",
            lambda cut: EndNotice.grant_id.in_(select(Grant.id).where(Grant.ended_at < cut)),
            CLAIMS,
        ),
    ),
    Holding(
        model=ProofNotice,
        topic=Topic.CARD,
        what="That we told you that something you showed us is over soon",
        of=lambda person: ProofNotice.account_id == person,
        period=Period(
            SIX_YEARS, "it was over", lambda cut: ProofNotice.over_on < cut.date(), CLAIMS
        ),
    ),
    Holding(
        model=ReferenceQuestion,
        topic=Topic.CARD,
        what="The number under which another register is to be asked about you, until it is asked",
        of=lambda person: ReferenceQuestion.account_id == person,
        period=Period(
            timedelta(days=7),
            "you gave it; it goes at once when the register has answered",
            lambda cut: ReferenceQuestion.asked_at < cut,
            NEEDED_NO_LONGER,
        ),
    ),
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
