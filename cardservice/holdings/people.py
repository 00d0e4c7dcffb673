"""What the account itself holds of people, and the trail of what was done with it."""

from datetime import timedelta
from typing import Final

from cardservice.holdings.holding import (
    CLAIMS,
    NEEDED_NO_LONGER,
    SIX_YEARS,
    YEAR,
    Fate,
    Holding,
    LawfulBasis,
    Period,
    Topic,
)
from identity.grounds import Ground
from identity.models import (
    Account,
    Address,
    AssuranceScore,
    ChangeRequest,
    Erasure,
    Guardian,
    NamePart,
    OutboxMessage,
    OwnAccount,
    PersonKey,
    PossibleDuplicate,
    RequestState,
    SightedDocument,
)
from identity.trail_models import AssistedSession, AuditRow, RecordRead

MESSAGES_KEPT: Final = timedelta(days=7)
DECEASED_KEPT: Final = YEAR
"""After a report of death the record is kept this long, then erased."""

HOLDINGS: Final = (
    Holding(
        model=Account,
        topic=Topic.YOU,
        what="Your name, date of birth, e-mail address, mobile number and account number",
        of=lambda person: Account.id == person,
        fate=Fate.EMPTIED,
        ground=Ground.SAFE_CARDS,
        cleared={"email_proved_at": None},
    ),
    Holding(
        model=PersonKey,
        topic=Topic.YOU,
        what="The key that your data is locked with",
        basis=LawfulBasis.SECURITY,
        of=lambda person: PersonKey.account_id == person,
        fate=Fate.EMPTIED,
        ground=Ground.PROOF,
    ),
    Holding(
        model=NamePart,
        topic=Topic.YOU,
        what="Scrambled words of your name, by which staff find you",
        of=lambda person: NamePart.account_id == person,
    ),
    Holding(
        model=Address,
        topic=Topic.YOU,
        what="Where you live and have lived",
        of=lambda person: Address.account_id == person,
        period=Period(
            SIX_YEARS, "you left the address", lambda cut: Address.valid_to < cut.date(), CLAIMS
        ),
    ),
    Holding(
        model=SightedDocument,
        topic=Topic.YOU,
        what="Which documents staff have seen, and their dates; no copies. They can tell of a "
        "disability or a benefit (UK GDPR Article 9(2)(g); Data Protection Act 2018 Schedule 1 "
        "paragraph 6)",
        of=lambda person: SightedDocument.account_id == person,
    ),
    Holding(
        model=AssuranceScore,
        topic=Topic.YOU,
        what="How your documents were checked, by whom, and what each check scored",
        of=lambda person: AssuranceScore.account_id == person,
    ),
    Holding(
        model=OwnAccount,
        topic=Topic.YOU,
        what="That you work for the council, so that you never act for yourself there",
        of=lambda person: OwnAccount.account_id == person,
    ),
    Holding(
        model=AssistedSession,
        topic=Topic.TRAIL,
        what="When a member of staff acted for you, why, and how you were present",
        of=lambda person: AssistedSession.account_id == person,
        fate=Fate.EMPTIED,
        ground=Ground.AUDIT_TRAIL,
        period=Period(SIX_YEARS, "it ended", lambda cut: AssistedSession.expires_at < cut, CLAIMS),
    ),
    Holding(
        model=ChangeRequest,
        topic=Topic.TRAIL,
        what="Changes that one member of staff asked for and another decided",
        of=lambda person: ChangeRequest.account_id == person,
        fate=Fate.EMPTIED,
        ground=Ground.AUDIT_TRAIL,
        period=Period(
            SIX_YEARS,
            "the decision",
            lambda cut: (
                (ChangeRequest.state != RequestState.WAITING) & (ChangeRequest.decided_at < cut)
            ),
            CLAIMS,
        ),
    ),
    Holding(
        model=Guardian,
        topic=Topic.YOU,
        what="Who your parent or guardian is, if you were registered with one, and whose you are",
        of=lambda person: (
            (Guardian.account_id == person) | (Guardian.guardian_account_id == person)
        ),
    ),
    Holding(
        model=PossibleDuplicate,
        topic=Topic.TRAIL,
        what="That another account may be yours too, and what staff found",
        of=lambda person: (
            (PossibleDuplicate.account_id == person) | (PossibleDuplicate.other_id == person)
        ),
        period=Period(
            SIX_YEARS, "the decision", lambda cut: PossibleDuplicate.decided_at < cut, CLAIMS
        ),
    ),
    Holding(
        model=RecordRead,
        topic=Topic.TRAIL,
        what="Who looked at your record, when and why",
        of=lambda person: RecordRead.account_id == person,
        fate=Fate.KEPT,
        ground=Ground.AUDIT_TRAIL,
        period=Period(SIX_YEARS, "the look", lambda cut: RecordRead.at < cut, CLAIMS),
    ),
    Holding(
        model=AuditRow,
        topic=Topic.TRAIL,
        what="What was done with your account, by whom and when; never your name or details",
        basis=LawfulBasis.SECURITY,
        of=lambda person: (
            (AuditRow.subject == f"account:{person}") | (AuditRow.actor_id == str(person))
        ),
        fate=Fate.KEPT,
        ground=Ground.AUDIT_TRAIL,
    ),
    Holding(
        model=Erasure,
        topic=Topic.TRAIL,
        what="Whether you asked to be erased, and what became of it",
        of=lambda person: Erasure.account_id == person,
        fate=Fate.KEPT,
        ground=Ground.PROOF,
    ),
    Holding(
        model=OutboxMessage,
        topic=Topic.TECHNICAL,
        what="Messages we sent you",
        period=Period(
            MESSAGES_KEPT,
            "we sent or tried to send it",
            lambda cut: OutboxMessage.created_at < cut,
            NEEDED_NO_LONGER,
        ),
    ),
)
