"""What belongs to an entitlement besides yes or no: its terms, charges and offer."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from msgspec import UNSET

from entitlements.decision import Decision, Eligible, Truth
from entitlements.facts import ResidentFacts
from entitlements.schemes.rule import Charge, Offer, Scheme

PENCE_IN_A_POUND: Final = 100


def notes_of(scheme: Scheme, decision: Decision) -> tuple[str, ...]:
    """Sentences for whoever reads the decision, in the order of a page."""
    rule = scheme.rule_on(decision.on)
    uses = decision.uses if isinstance(decision, Eligible) else ()
    return (
        *(step.why for step in uses if step.outcome is not Truth.UNKNOWN),
        *(offer_words(rule.offer) if rule and rule.offer else ()),
        *(rule.terms if rule else ()),
        *(charge_words(charge) for charge in scheme.charges_on(decision.on)),
    )


def last_day_shown(scheme: Scheme, facts: ResidentFacts, on: date) -> date | None:
    """The last day of what others gave, by the newest document seen; None without one in force."""
    if not scheme.shown_by or facts.evidence is UNSET:
        return None
    stated = [
        each.stated_until
        for each in facts.evidence
        if each.kind == scheme.shown_by and each.stated_until and each.counts_from <= on
    ]
    return max((day for day in stated if day >= on), default=None)


def money(pence: int) -> str:
    """A sum as people write it: `£10`, `£5.20`, `20p`.

    Source: GOV.UK content style guide, money.
    """
    pounds, rest = divmod(pence, PENCE_IN_A_POUND)
    if not pounds and rest:
        return f"{rest}p"
    return f"£{pounds:,}.{rest:02}" if rest else f"£{pounds:,}"


def charge_words(charge: Charge) -> str:
    """A charge as a sentence."""
    confirmed = "" if charge.confirmed else " (to be confirmed)"
    return f"{charge.words}: {money(charge.pence)}{confirmed}."


def offer_words(offer: Offer) -> Iterator[str]:
    """What a partner gives, sentence by sentence."""
    if offer.first_free:
        yield f"Your first time at {offer.partner} is free."
    if offer.percent_off:
        yield f"{offer.percent_off}% off at {offer.partner}."
    if offer.times_a_year:
        times = "once" if offer.times_a_year == 1 else f"{offer.times_a_year} times"
        yield f"You can use it {times} in a calendar year."
    if offer.companions:
        who = "One other person" if offer.companions == 1 else f"{offer.companions} other people"
        yield f"{who} can come with you on the same terms."
