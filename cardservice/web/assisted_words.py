"""Assisted sessions in words: what a clerk chooses, and what the resident and the auditor read."""

from collections.abc import Mapping
from typing import Final

from cardservice.web.words import gettext as _
from identity.actors import Basis
from identity.assisted import WhyNotOpened
from identity.trail_models import AssistedEnd, AssistReason, Presence

REASON_WORDS: Final[Mapping[AssistReason, str]] = {
    AssistReason.ADDRESS: _("To change the address"),
    AssistReason.CONTACT: _("To change how to reach them"),
    AssistReason.DETAILS: _("To correct the name or date of birth"),
    AssistReason.ENTITLEMENT: _("To apply for something, or ask about it"),
    AssistReason.CARD: _("Because of the card"),
    AssistReason.EXPLAIN: _("To explain what is on the account"),
    AssistReason.OTHER: _("Another reason"),
}
PRESENCE_WORDS: Final[Mapping[Presence, str]] = {
    Presence.CARD_TAPPED: _("in person, and the card was tapped"),
    Presence.DOCUMENTS_SEEN: _("in person, and documents were seen"),
    Presence.TELEPHONE: _("by telephone"),
    Presence.LETTER: _("by letter"),
}
END_WORDS: Final[Mapping[AssistedEnd, str]] = {
    AssistedEnd.CLERK: _("Ended by the clerk"),
    AssistedEnd.TIME: _("The time was over"),
    AssistedEnd.SIGN_IN_ENDED: _("The clerk’s sign-in ended"),
    AssistedEnd.ANOTHER_RESIDENT: _("The clerk opened another resident’s record"),
}
REFUSED: Final[Mapping[WhyNotOpened, str]] = {
    WhyNotOpened.OWN_ACCOUNT: _("This is your own account. A colleague must act for you"),
    WhyNotOpened.PROTECTED: _("This address is protected. A supervisor must act for them"),
    WhyNotOpened.CLOSED: _("This resident is recorded as deceased. Nobody can act for them"),
}


def capital(words: str) -> str:
    """Words that stand by themselves and not within a sentence."""
    return words[:1].upper() + words[1:]


def in_one_line(reason: AssistReason, presence: Presence) -> str:
    """Why, and how the resident is present: `To change the address, by telephone`."""
    return f"{REASON_WORDS[reason]}, {PRESENCE_WORDS[presence]}"


def why_assisted(basis: Basis) -> str:
    """The same of a basis."""
    return in_one_line(AssistReason(basis.reason), Presence(basis.presence))
