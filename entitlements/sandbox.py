"""The sandbox: cards that are nobody's, and offers that nobody published.

They are published in docs/partners.md, with their codes; a test holds the two together.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Final

import msgspec

from entitlements.numbers import with_check_digit
from entitlements.partner_answers import Held
from entitlements.schemes.rule import Rule, Scheme
from entitlements.schemes.rulebook import BUILT_IN, open_book, texts_of

_INSTITUTION: Final = "20000"


class SandboxCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card of the sandbox.

    Attributes:
        number: as it is printed.
        code: as it is printed.
        about: what it is for.
        known: whether it is taken for a card at all; one that is not is a blocked one.
        entitled: whether its holder has every offer and scheme.
        band: place of the holder's band among the scheme's, where it has bands.
        used: how many uses of each offer are gone already, however many there are; None: all.
    """

    number: int
    code: str
    about: str
    known: bool = True
    entitled: bool = True
    band: int = 0
    used: int | None = 0


def _card(serial: int, code: str, about: str, **how: object) -> SandboxCard:
    number = with_check_digit(f"{_INSTITUTION}{serial:08d}")
    return msgspec.convert({"number": number, "code": code, "about": about, **how}, SandboxCard)


CARDS: Final[Sequence[SandboxCard]] = (
    _card(1, "111111", "yes, in the first band"),
    _card(2, "222222", "yes, in the second band", band=1),
    _card(3, "333333", "yes, in the third band", band=2),
    _card(4, "444444", "no: the holder is not entitled", entitled=False),
    _card(5, "555555", "no: nothing is left this year, in an offer with a quota", used=None),
    _card(6, "666666", "yes, and the first time was used before", used=1),
    _card(7, "777777", "unknown: the card is blocked", known=False),
)
BY_NUMBER: Final[Mapping[int, SandboxCard]] = {card.number: card for card in CARDS}


@cache
def examples() -> Mapping[str, Scheme]:
    """The example offers, which every sandbox knows."""
    files = (BUILT_IN / "examples").glob("offer-*.toml")
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    book = open_book({**texts_of(), **texts})
    return {name.removesuffix(".toml"): book.schemes[name.removesuffix(".toml")] for name in texts}


def holds_of(card: SandboxCard, rule: Rule | None, on: date, *, used: int) -> Held | None:
    """What a test card's holder has: until the end of the year, and what the card says is used."""
    if rule is None or not card.entitled:
        return None
    times = rule.offer.times_a_year if rule.offer else 0
    by_age = rule.bands[min(card.band, len(rule.bands) - 1)].id if rule.bands else ""
    gone = times if card.used is None else card.used
    return Held(by_age or rule.entitlement_class, date(on.year, 12, 31), used + gone)
