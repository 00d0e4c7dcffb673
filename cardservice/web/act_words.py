"""What staff did, in the words the resident reads, from the actions of the audit trail."""

from collections.abc import Iterable, Mapping
from typing import Final

from cardservice.web.words import gettext as _

WORDS: Final[Mapping[str, str]] = {
    "application-started": _("Started an application"),
    "application-answered": _("Answered a question of an application"),
    "application-submitted": _("Sent an application"),
    "application-evidence-wanted": _("Asked for proof"),
    "application-granted": _("Granted an application"),
    "application-refused": _("Refused an application"),
    "application-withdrawn": _("Withdrew an application"),
    "address-changed": _("Changed the address"),
    "address-protected": _("Protected the address"),
    "address-protection-ended": _("Ended the protection of the address"),
    "assurance-check-recorded": _("Recorded a check of who you are"),
    "bus-pass-linked": _("Linked a bus pass"),
    "bus-pass-unlinked": _("Unlinked a bus pass"),
    "card-brought-to-desk": _("Had a card made at a desk"),
    "card-moved": _("Changed the state of a card"),
    "card-ordered": _("Ordered a card"),
    "card-rewrite-asked": _("Asked for a card to be written again"),
    "document-sighted": _("Recorded a document"),
    "email-changed": _("Changed the e-mail address"),
    "evidence-accepted": _("Accepted evidence"),
    "evidence-opened": _("Opened a file that was sent"),
    "evidence-refused": _("Refused evidence"),
    "entitlement-granted": _("Added something to the account"),
    "entitlement-applied": _("Applied for something"),
    "entitlement-declined": _("Said no to something that was offered"),
    "entitlement-ended": _("Ended something on the account"),
    "entitlement-offered": _("Offered something"),
    "entitlement-suspended": _("Suspended something on the account"),
    "fact-told": _("Recorded an answer"),
    "giving-chosen": _("Chose what we do when there is something new"),
    "phone-ended": _("Reported the phone lost"),
    "photo-added": _("Added your photo"),
    "photo-opened": _("Looked at your photo"),
    "photo-removed": _("Removed your photo"),
    "request-made": _("Asked a colleague to approve a change"),
}
CONSEQUENCES: Final = frozenset({"carrier-status-set", "sessions-ended", "records-issued"})
"""What follows from one of these by itself, and is told by it."""


def in_words(actions: Iterable[str]) -> tuple[str, ...]:
    """Each thing once, in the order it was done; what has no words is named as the trail has it."""
    told = (action for action in actions if action not in CONSEQUENCES)
    return tuple(dict.fromkeys(WORDS.get(action, action) for action in told))
