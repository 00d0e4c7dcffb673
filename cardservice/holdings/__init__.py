"""What is held of people: one table from which it is erased, forgotten, copied and told.

Every table of the database is either here or in `NOT_OF_PEOPLE`; a test sees to it. From it follow
`cardservice.erasing`, `cardservice.retention`, a resident's copy of their data, the privacy notice
and docs/retention.md.
"""

from collections.abc import Mapping
from typing import Final

from cardservice.holdings import (
    applications,
    cards,
    in_bulk,
    partners,
    people,
    signing_in,
    sites,
    telling,
)
from cardservice.holdings.holding import Holding
from identity.grounds import EXCEPTIONS, Exception17

HOLDINGS: Final[tuple[Holding, ...]] = (
    *people.HOLDINGS,
    *applications.HOLDINGS,
    *cards.HOLDINGS,
    *in_bulk.HOLDINGS,
    *sites.HOLDINGS,
    *partners.HOLDINGS,
    *telling.HOLDINGS,
    *signing_in.HOLDINGS,
)


def kept_after_erasure() -> tuple[Exception17, ...]:
    """What outlives an erasure and why, each ground once."""
    grounds = dict.fromkeys(holding.ground for holding in HOLDINGS if holding.ground)
    return tuple(EXCEPTIONS[ground] for ground in grounds)


NOT_OF_PEOPLE: Final[Mapping[str, str]] = {
    "name_form": "how words may be mistyped, whoever bears them; goes with the last who does",
    "chain_head": "where the audit chains end",
    "audit_batch": "sums over sealed taps, not the taps",
    "audit_checkpoint": "where the audit chains ended, signed",
    "oidc_client": "sites, not people",
    "organisation": "partners, not people",
    "organisation_scheme": "what partners may ask about",
    "partner_credential": "by what partners prove who they are",
    "partner_feed": "how many events a partner was told",
    "organisation_member": "who signs in for a partner, as long as the trail names them",
    "webhook_endpoint": "partners' own addresses, until they remove them",
    "webhook_secret": "by what partners know that a message is ours; goes with its address",
    "partner_usage": "how often partners were answered; counts, not people",
    "status_list": "how long a list is",
    "status_shard": "how often each piece of a list changed",
    "tap_tail": "how far the taps of a reader were looked at",
    "taps_looked_at": "how far the taps of all readers were looked at",
    "kept_status": "places in lists that no record here has",
    "library_machine": "machines of libraries, not people",
    "library_usage": "how often library machines were answered; counts, not people",
    "terminal": "readers, not people",
    "key_generation": "since when keys are in use; keys, not people",
    "pairing_code": "the code on a reader's screen for two minutes, scrambled",
    "pairing": "which reader served whose browser: staff, as long as the trail names them",
    "terminal_set_up": "how readers are set up, not people",
    "terminal_health": "how readers are, not people",
    "bureau": "firms that print cards, not people",
    "production_batch": "how far a batch is, and the staff who made and released it",
    "renewal_run": "how far a run over cards that end is; counts, not people",
    "rule_text": "rules, not people",
    "rule_book": "rules, not people",
    "rule_publication": "rules, and the staff who asked for them and decided",
    "reassessment_run": "how far a run over everybody is; counts, not people",
    "staff_member": "staff: their name and work address, as long as the trail names them",
    "staff_totp": "staff: as long as they sign in with it",
    "staff_recovery_code": "staff: until new ones are made",
}
"""Tables without a resident's data and without a period: name -> why."""
