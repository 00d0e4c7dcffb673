"""What can go wrong in entitlements.

    EntitlementsError
    |- SchemesFaulty           rule files or their tables have faults; every fault is listed
    |- UnknownScheme           no scheme has that id
    |- NoSuchBook              no rule book was kept under that digest
    |- UnknownFact             a fact was told that no table of facts names, or with no such value
    |- GrantMoveRefused        a grant cannot go from where it stands to there
    |- NoSuchOffer             nothing of that scheme is offered to the resident
    |- NoSuchGrant             there is no such grant, or it is not this resident's
    |- NoSuchApplication       there is no such application, or it is not this resident's
    |- ApplicationClosed       what was asked of an application can only be done before that
    |- PartnerError            what partners ask for: see `partner_errors`
    |- NoSuchEvidence          it was not given with that application, or its file is deleted
    |- EvidenceJudged          it was accepted or refused before
    `- PublicationError        a change of the rules that cannot be asked for or decided
       |- PublicationDecided   no such publication waits: somebody decided it
       |- PublicationWaits     another change of the same file waits for a decision
       |- PublicationUnchanged the text is what is in force already
       |- PublicationUncounted its consequences are still being counted
       |- PublicationBackdated it would change rules of days that have passed
       `- NotAnotherPerson     who asked for a publication may not decide it

`code` never changes once published: programs act on it.
"""

from collections.abc import Iterable, Sequence


class EntitlementsError(Exception):
    """Anything entitlements refuses to do."""

    code = "entitlements-error"


class SchemesFaulty(EntitlementsError):
    """Rule files or tables that cannot be trusted; nothing is decided with them.

    Attributes:
        faults: one line for each fault, with file, line and column where they are known.
    """

    code = "schemes-faulty"

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults: Sequence[str] = tuple(faults)
        super().__init__("\n".join(self.faults))


class UnknownScheme(EntitlementsError):
    """A scheme was named that no rule file describes."""

    code = "unknown-scheme"


class NoSuchBook(EntitlementsError):
    """No rule book was kept under that digest."""

    code = "no-such-rule-book"


class UnknownFact(EntitlementsError):
    """A fact was told that no table of facts names, or with a value that is not of its type."""

    code = "unknown-fact"


class GrantMoveRefused(EntitlementsError):
    """A grant cannot go from where it stands to there."""

    code = "grant-move-refused"


class NoSuchOffer(EntitlementsError):
    """Nothing of that scheme is offered to the resident now."""

    code = "no-such-offer"


class NoSuchGrant(EntitlementsError):
    """There is no such grant, or it is not this resident's."""

    code = "no-such-grant"


class NoSuchApplication(EntitlementsError):
    """There is no such application, or it is not this resident's."""

    code = "no-such-application"


class NoSuchEvidence(EntitlementsError):
    """What was asked for was not given with that application, or its file is deleted."""

    code = "no-such-evidence"


class EvidenceJudged(EntitlementsError):
    """Somebody has accepted or refused it already."""

    code = "evidence-judged"


class ApplicationClosed(EntitlementsError):
    """The application was sent, decided or withdrawn, so this cannot be done with it any more."""

    code = "application-closed"


class PublicationError(EntitlementsError):
    """A change of the rules that cannot be asked for or decided."""

    code = "publication-error"


class PublicationDecided(PublicationError):
    """No such publication waits: somebody decided it already."""

    code = "publication-decided"


class PublicationWaits(PublicationError):
    """Another change of the same file waits for a decision."""

    code = "publication-waits"


class PublicationUnchanged(PublicationError):
    """The text is what is in force already."""

    code = "publication-unchanged"


class PublicationUncounted(PublicationError):
    """What it would do is still being counted, so nobody can have seen it."""

    code = "publication-uncounted"


class PublicationBackdated(PublicationError):
    """It would change the rules of days that have passed, and was not asked for as such."""

    code = "publication-backdated"


class NotAnotherPerson(PublicationError):
    """Who asked for a publication may not decide it."""

    code = "not-another-person"
