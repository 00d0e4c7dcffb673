"""What is known of the cards that end on a day, and of their holders, page by page."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import photos, products, renewal_rules
from cardservice.last_uses import last_uses
from cardservice.models import COMING, LIVE, Card, CardState
from cardservice.products import Product
from cardservice.renewal_rules import Entitled, Known, Terms, Verdict
from entitlements import assessing, gathering, rulebooks
from entitlements.decision import Eligible, NotEligible
from entitlements.facts import ResidentFacts
from entitlements.gathering import Sealed
from entitlements.grant_states import GrantState
from entitlements.models import Grant
from entitlements.schemes.dates import day_after
from entitlements.schemes.rulebook import RuleBook
from identity.dates import LONDON
from identity.models import AccountState
from identity.personal import Vault

PAGE: Final = 200
OF_A_HOLDER: Final = LIVE | {CardState.RETURNED}
"""States of a card that its holder has, or that came back from the post."""


class Looked(msgspec.Struct, frozen=True):
    """One card that ends.

    Attributes:
        verdict: None where the holder's record could not be read.
        schemes: what of the product the holder may have on the day after.
    """

    card: Card
    verdict: Verdict | None
    schemes: frozenset[str] = frozenset()


async def page(
    session: AsyncSession,
    vault: Vault,
    expires_on: date,
    *,
    on: date,
    after: UUID | None = None,
    limit: int = PAGE,
) -> Sequence[Looked]:
    """The next cards that end on a day, by id, each with who renews; nothing is written.

    Args:
        session: the transaction.
        vault: opens what is known.
        expires_on: the last day printed on the cards.
        on: today.
        after: the last card of the page before.
        limit: length of a page.
    """
    query = select(Card).where(Card.expires_on == expires_on, Card.state.in_(OF_A_HOLDER))
    if after is not None:
        query = query.where(Card.id > after)
    cards = (await session.scalars(query.order_by(Card.id).limit(limit))).all()
    return await look(session, vault, cards, on=on)


async def look(
    session: AsyncSession,
    vault: Vault,
    cards: Sequence[Card],
    *,
    on: date,
    said: Collection[UUID] = (),
) -> Sequence[Looked]:
    """Who renews of these cards.

    Args:
        session: the transaction.
        vault: opens what is known.
        cards: with a last day.
        on: today.
        said: cards whose holders have said that they want them, and where they live.
    """
    people = sorted({card.account_id for card in cards})
    if not people:
        return []
    around = _Around(
        book=await rulebooks.in_force(session),
        stored=await gathering.gather_many(session, vault, people),
        used=await last_uses(session, people),
        photos=await photos.taken_on(session, people),
        held=await _held(session, people),
        others=await _others(session, people),
        on=on,
    )
    return [around.look(card, said=card.id in said) for card in cards]


class _Around(msgspec.Struct, frozen=True):
    """Everything about the holders of a page.

    Attributes:
        held: holder -> what they were given and hold.
        others: holder -> every card of theirs that is on its way or came back.
    """

    book: RuleBook
    stored: Mapping[UUID, Sealed]
    used: Mapping[UUID, date]
    photos: Mapping[UUID, date]
    held: Mapping[UUID, Sequence[Grant]]
    others: Mapping[UUID, Sequence[Card]]
    on: date

    def look(self, card: Card, *, said: bool) -> Looked:
        """Who renews."""
        stored = self.stored.get(card.account_id)
        if stored is None or card.expires_on is None:
            return Looked(card, None)
        erased = stored.account.state is AccountState.ERASED
        gathered = None if erased else gathering.try_open(stored)
        if gathered is None and not erased:
            return Looked(card, None)
        facts = ResidentFacts() if gathered is None else gathered.facts
        after = day_after(card.expires_on)
        product = products.built_in().product(card.product, after)
        entitled, schemes = self._entitled(product, facts, card.account_id, after)
        known = self._known(card, stored, facts, product, entitled, said=said)
        return Looked(card, renewal_rules.decide(known, terms_of(product), self.on), schemes)

    def _known(
        self,
        card: Card,
        stored: Sealed,
        facts: ResidentFacts,
        product: Product | None,
        entitled: Entitled,
        *,
        said: bool,
    ) -> Known:
        mine = self.others.get(card.account_id, ())
        return Known(
            deceased=stored.account.state is AccountState.CLOSED,
            erased=stored.account.state is AccountState.ERASED,
            in_hand=card.state is CardState.ACTIVE,
            issued=product is not None,
            coming=any(each.state in COMING and each.product == card.product for each in mine),
            used_on=self.used.get(card.account_id),
            address_shown=facts.district is not UNSET,
            came_back=any(_came_back(each, stored.address.valid_from) for each in mine),
            photo_on=self.photos.get(card.account_id),
            entitled=entitled,
            said=said,
        )

    def _entitled(
        self, product: Product | None, facts: ResidentFacts, holder: UUID, after: date
    ) -> tuple[Entitled, frozenset[str]]:
        """By the rules of the day after, and by what was given and holds until then."""
        if product is None:
            return Entitled.NO, frozenset()
        wanted = _schemes(product, self.book)
        held = [each for each in self.held.get(holder, ()) if each.valid_until >= after]
        decided = [
            each for each in assessing.decide_all(self.book, facts, after) if each.scheme in wanted
        ]
        given = {each.scheme for each in held} & wanted
        given |= {each.scheme for each in decided if isinstance(each, Eligible)}
        if given:
            return Entitled.YES, frozenset(given)
        never = all(isinstance(each, NotEligible) for each in decided)
        return (Entitled.NO if never else Entitled.NOT_KNOWN), frozenset()


def terms_of(product: Product | None) -> Terms:
    """What renewing a product asks for."""
    if product is None:  # not issued any more, so that nobody is asked for anything
        return Terms(used_within_months=0, photo_years=None)
    return product.renewal


def _schemes(product: Product, book: RuleBook) -> frozenset[str]:
    """What a card of the product is for: what its strips stand for, or anything it can carry."""
    if product.strips:
        return frozenset(product.strips)
    return frozenset(each for each, one in book.schemes.items() if one.service is not None)


def _came_back(card: Card, since: date) -> bool:
    """Whether a card came back from where its holder still lives, as far as we know."""
    moved_in = datetime.combine(since, time.min, LONDON)
    return card.state is CardState.RETURNED and card.state_since >= moved_in


async def _held(session: AsyncSession, people: Sequence[UUID]) -> Mapping[UUID, Sequence[Grant]]:
    query = select(Grant).where(
        Grant.account_id.in_(people), Grant.ended_at.is_(None), Grant.state == GrantState.GRANTED
    )
    found: dict[UUID, list[Grant]] = {}
    for each in await session.scalars(query):
        found.setdefault(each.account_id, []).append(each)
    return found


async def _others(session: AsyncSession, people: Sequence[UUID]) -> Mapping[UUID, Sequence[Card]]:
    query = select(Card).where(
        Card.account_id.in_(people), Card.state.in_(COMING | {CardState.RETURNED})
    )
    found: dict[UUID, list[Card]] = {}
    for each in await session.scalars(query):
        found.setdefault(each.account_id, []).append(each)
    return found
