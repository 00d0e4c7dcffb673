"""What each role of the staff may do: one table, read by guards, pages and documents alike."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from identity.models import StaffRole


class Act(StrEnum):
    """Something a member of staff may do. Every staff route names the act it is."""

    OWN_SIGN_IN = "own-sign-in"
    CHANGE_OWN_SIGN_IN = "change-own-sign-in"
    FIND_RESIDENT = "find-resident"
    VIEW_RECORD = "view-record"
    REGISTER_RESIDENT = "register-resident"
    RECORD_DOCUMENT = "record-document"
    RECORD_CHECK = "record-check"
    TELL_FACT = "tell-fact"
    ASSIST_RESIDENT = "assist-resident"
    SEE_AS_RESIDENT = "see-as-resident"
    APPLY_FOR_RESIDENT = "apply-for-resident"
    CHANGE_CONTACT = "change-contact"
    CHANGE_ADDRESS = "change-address"
    PROTECT_ADDRESS = "protect-address"
    SEE_PROTECTED_ADDRESS = "see-protected-address"
    LIFT_PROTECTION = "lift-protection"
    GIVE_ACTIVATION_CODE = "give-activation-code"
    FORGET_RESIDENT_APP = "forget-resident-app"
    REPORT_CARD = "report-card"
    LINK_BUS_PASS = "link-bus-pass"  # noqa: S105  a pass, no password
    MAKE_CARD = "make-card"
    TAKE_PAYMENT = "take-payment"
    WAIVE_CHARGE = "waive-charge"
    REFUND_CHARGE = "refund-charge"
    PAIR_READER = "pair-reader"
    MAKE_BATCH = "make-batch"
    RELEASE_BATCH = "release-batch"
    SEND_BATCH = "send-batch"
    RENEW_CARDS = "renew-cards"
    SUSPEND_GRANT = "suspend-grant"
    ASK_CORRECTION = "ask-correction"
    REPORT_DEATH = "report-death"
    ASK_ERASURE = "ask-erasure"
    DECIDE_REQUEST = "decide-request"
    SEE_APPLICATIONS = "see-applications"
    DECIDE_APPLICATION = "decide-application"
    REVIEW_APPLICATION = "review-application"
    RECONCILE_TAPS = "reconcile-taps"
    READ_RULES = "read-rules"
    ASK_RULES = "ask-rules"
    DECIDE_RULES = "decide-rules"
    SEE_WHO_CHANGES = "see-who-changes"
    SEE_TERMINALS = "see-terminals"
    READ_AUDIT = "read-audit"
    MANAGE_STAFF = "manage-staff"
    MANAGE_PARTNERS = "manage-partners"
    WORK_FOR_PARTNER = "work-for-partner"
    CHANGE_PARTNER_KEYS = "change-partner-keys"


WORDS: Final[Mapping[Act, str]] = {
    Act.OWN_SIGN_IN: "be signed in, and sign out",
    Act.CHANGE_OWN_SIGN_IN: "change their own password, authenticator app and passkeys",
    Act.FIND_RESIDENT: "search for residents",
    Act.VIEW_RECORD: "open a resident’s record, with a reason the resident sees",
    Act.REGISTER_RESIDENT: "register a resident on two documents",
    Act.RECORD_DOCUMENT: "record a document they have seen",
    Act.RECORD_CHECK: "record a check of history or fraud that somebody else made",
    Act.TELL_FACT: "tell what rules ask of a resident and no document shows, with a reason",
    Act.ASSIST_RESIDENT: "act for a resident, for a while and with a reason the resident sees",
    Act.SEE_AS_RESIDENT: "see what a resident sees of themselves",
    Act.APPLY_FOR_RESIDENT: "apply for a resident, and answer what they are offered",
    Act.CHANGE_CONTACT: "change a resident’s e-mail address, face to face",
    Act.CHANGE_ADDRESS: "change a resident’s address on a document they have seen",
    Act.PROTECT_ADDRESS: "protect a resident’s address",
    Act.SEE_PROTECTED_ADDRESS: "see a protected address, and search by it",
    Act.LIFT_PROTECTION: "end the protection of an address",
    Act.GIVE_ACTIVATION_CODE: "give a resident the code that opens their own account",
    Act.FORGET_RESIDENT_APP: "remove the lost authenticator app of a resident, on a document",
    Act.REPORT_CARD: "say what became of a card (lost, stolen, damaged, faulty, found, handed in) "
    "or of a phone",
    Act.MAKE_CARD: "order, post, replace, rewrite, suspend, cancel or destroy a card",
    Act.TAKE_PAYMENT: "take a payment for a card at a desk",
    Act.WAIVE_CHARGE: "waive what is due for a card, with a reason",
    Act.REFUND_CHARGE: "give back what a colleague took for a card, with a reason",
    Act.LINK_BUS_PASS: "link a bus pass of another issuer to a record by its number, and unlink it",
    Act.PAIR_READER: "pair a reader with their own browser, by the code on its screen",
    Act.REPORT_CARD: "say what became of a card: lost, stolen, damaged, faulty, handed in or "
    "found; or that a phone was lost",
    Act.MAKE_CARD: "order, post, replace, rewrite, suspend, cancel or destroy a card",
    Act.MAKE_BATCH: "make a batch of cards for a card bureau, or cancel one that was not sent",
    Act.RELEASE_BATCH: "let a batch that a colleague made leave the house",
    Act.SEND_BATCH: "download a batch that was released, and hand in what the bureau made of it",
    Act.RENEW_CARDS: "preview and begin the renewal of the cards that end on a day",
    Act.SUSPEND_GRANT: "suspend what a resident was given, and end the suspension, with a reason",
    Act.ASK_CORRECTION: "ask for a correction of a name or date of birth, on a document",
    Act.REPORT_DEATH: "report a death, or that such a report was false",
    Act.ASK_ERASURE: "ask that a record be erased, or kept although its resident asked; stop an "
    "erasure when the resident says so",
    Act.DECIDE_REQUEST: "approve or refuse what a colleague asked for",
    Act.SEE_APPLICATIONS: "see which applications wait, and open one, which its resident sees",
    Act.DECIDE_APPLICATION: "look after an application, open what was sent with it, accept or "
    "refuse that, and decide",
    Act.REVIEW_APPLICATION: "decide anew an application that a colleague refused",
    Act.RECONCILE_TAPS: "see taps that do not add up, and close what was found with a note",
    Act.READ_RULES: "read the rules, their history and what waits to be published",
    Act.ASK_RULES: "ask for a change of the rules to be published",
    Act.DECIDE_RULES: "approve or refuse a change of the rules",
    Act.SEE_WHO_CHANGES: "see which residents gain or lose by a change of the rules",
    Act.SEE_TERMINALS: "see how every card reader is, and which need somebody to go there",
    Act.READ_AUDIT: "read what was done and by whom",
    Act.MANAGE_STAFF: "change the role of a member of staff, end and restore their access, note "
    "their own account and work address, and have a code for a new password sent there",
    Act.MANAGE_PARTNERS: "see the partners, and add a person who signs in for one",
    Act.WORK_FOR_PARTNER: "see what their own organisation may ask, its usage and what it was sent",
    Act.CHANGE_PARTNER_KEYS: "change the keys and the webhooks of their own organisation",
}

_EVERYBODY: Final = frozenset({Act.OWN_SIGN_IN, Act.CHANGE_OWN_SIGN_IN})
_ADVISER: Final = _EVERYBODY | {
    Act.FIND_RESIDENT,
    Act.VIEW_RECORD,
    Act.REGISTER_RESIDENT,
    Act.RECORD_DOCUMENT,
    Act.ASSIST_RESIDENT,
    Act.SEE_AS_RESIDENT,
    Act.APPLY_FOR_RESIDENT,
    Act.CHANGE_CONTACT,
    Act.CHANGE_ADDRESS,
    Act.PROTECT_ADDRESS,
    Act.GIVE_ACTIVATION_CODE,
    Act.FORGET_RESIDENT_APP,
    Act.REPORT_CARD,
    Act.TAKE_PAYMENT,
    Act.PAIR_READER,
    Act.LINK_BUS_PASS,
    Act.ASK_CORRECTION,
    Act.REPORT_DEATH,
    Act.ASK_ERASURE,
    Act.SEE_APPLICATIONS,
    Act.READ_RULES,
}
_CARD_OFFICER: Final = _ADVISER | {
    Act.RECONCILE_TAPS,
    Act.MAKE_CARD,
    Act.MAKE_BATCH,
    Act.SEND_BATCH,
    Act.WAIVE_CHARGE,
    Act.SUSPEND_GRANT,
    Act.TELL_FACT,
    Act.DECIDE_APPLICATION,
    Act.SEE_TERMINALS,
}
_SUPERVISOR: Final = _CARD_OFFICER | {
    Act.SEE_PROTECTED_ADDRESS,
    Act.LIFT_PROTECTION,
    Act.REFUND_CHARGE,
    Act.DECIDE_REQUEST,
    Act.RELEASE_BATCH,
    Act.RENEW_CARDS,
    Act.RECORD_CHECK,
    Act.REVIEW_APPLICATION,
    Act.ASK_RULES,
    Act.DECIDE_RULES,
    Act.SEE_WHO_CHANGES,
}

RIGHTS: Final[Mapping[StaffRole, frozenset[Act]]] = {
    StaffRole.ADVISER: _ADVISER,
    StaffRole.CARD_OFFICER: _CARD_OFFICER,
    StaffRole.SUPERVISOR: _SUPERVISOR,
    StaffRole.AUDITOR: _EVERYBODY | {Act.READ_AUDIT, Act.READ_RULES},
    StaffRole.ADMINISTRATOR: _EVERYBODY
    | {Act.MANAGE_STAFF, Act.MANAGE_PARTNERS, Act.SEE_TERMINALS},
    StaffRole.PARTNER: _EVERYBODY | {Act.WORK_FOR_PARTNER, Act.CHANGE_PARTNER_KEYS},
}
"""Role -> everything it may do. What is not here is refused."""

FOUR_EYES: Final = frozenset(
    {Act.ASK_CORRECTION, Act.REPORT_DEATH, Act.ASK_ERASURE, Act.ASK_RULES, Act.MAKE_BATCH}
)
"""Acts that change nothing until a second person, who may decide, has approved them."""

STEP_UP: Final = frozenset(
    {
        Act.CHANGE_OWN_SIGN_IN,
        Act.LIFT_PROTECTION,
        Act.FORGET_RESIDENT_APP,
        Act.REFUND_CHARGE,
        Act.DECIDE_REQUEST,
        Act.RELEASE_BATCH,
        Act.DECIDE_RULES,
        Act.MANAGE_STAFF,
        Act.MANAGE_PARTNERS,
        Act.CHANGE_PARTNER_KEYS,
    }
)
"""Acts before which somebody shows again who they are, if they last did five minutes ago."""


ON_BEHALF: Final = frozenset(
    {
        Act.SEE_AS_RESIDENT,
        Act.APPLY_FOR_RESIDENT,
        Act.CHANGE_CONTACT,
        Act.CHANGE_ADDRESS,
        Act.ASK_CORRECTION,
    }
)
"""Acts that are the resident's own word: staff do them only in an assisted session for them.

What the council does of itself (registering, sighting a document, cards, deaths, protection) is not
among them. Sign-in acts are nobody's but the resident's, and so no act of staff at all.
"""


OF_THE_COUNCIL: Final = tuple(role for role in StaffRole if role is not StaffRole.PARTNER)
"""The roles of people who work with residents' accounts, between which somebody may change."""


def may(role: StaffRole | None, act: Act) -> bool:
    """Whether a role may do it; nobody without a role may do anything."""
    return role is not None and act in RIGHTS[role]
