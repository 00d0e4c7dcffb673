"""The life of cards as a state machine, on both engines: whatever happens, in whatever order."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from cardservice import charges, expiring, issuance, lifecycle, replacement
from cardservice.charge_models import ChargeState
from cardservice.database import Database
from cardservice.errors import CardError
from cardservice.issuance import Term
from cardservice.models import COMING, LIVE, Card, CardState
from entitlements import issuing
from entitlements.issuing import Carrier
from entitlements.models import ServiceRecord
from identity import accounts
from identity.actors import SYSTEM, Actor, resident_actor
from identity.keys import FileKeyStore
from identity.personal import Vault
from readers.contract.statuslist import Status
from tests.support.people import CLERK, JEAN, NOW
from tests.support.templates import migrated_copy

T = TypeVar("T")
WHO = st.sampled_from(("holder", "staff", "system", "stranger"))


class Life(RuleBasedStateMachine):
    """One resident, their cards, and whoever moves them."""

    url: ClassVar[str]
    keystore: ClassVar[FileKeyStore]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.seen: dict[UUID, CardState] = {}
        self.now = NOW
        self.chips = 0

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def register(self) -> None:
        self.vault = Vault(self.keystore)
        self.wait(self._begin())

    async def _begin(self) -> None:
        copy = await self.stack.enter_async_context(migrated_copy(self.url))
        self.database = Database(copy)
        self.stack.push_async_callback(self.database.close)
        async with self.database.transaction() as session:
            account = await accounts.register(session, self.vault, JEAN, actor=CLERK, now=NOW)
            self.account = account.id

    def actor(self, who: str) -> Actor:
        return {
            "holder": resident_actor(self.account, "123456789"),
            "staff": CLERK,
            "system": SYSTEM,
            "stranger": resident_actor(UUID(int=1), "223456789"),
        }[who]

    @rule(who=WHO)
    def order(self, who: str) -> None:
        self.wait(self._try("order", self.actor(who)))

    @rule(who=WHO)
    def renew(self, who: str) -> None:
        self.wait(self._try("renew", self.actor(who)))

    @rule(who=WHO)
    def replace(self, who: str) -> None:
        self.wait(self._try("replace", self.actor(who)))

    async def _try(self, what: str, actor: Actor) -> None:
        """What is refused leaves nothing behind; the invariants see to that."""
        asked = (self.vault, self.account)
        try:
            async with self.database.transaction() as session:
                if what == "order":
                    await issuance.order(session, *asked, None, actor=actor, now=self.now)
                elif what == "renew":
                    term = Term(self.now.date(), frozenset())
                    await issuance.renew(session, *asked, term=term, actor=actor, now=self.now)
                else:
                    await replacement.replace(session, *asked, None, actor=actor, now=self.now)
        except CardError:
            return

    @rule()
    def make_chip(self) -> None:
        self.wait(self._make_chip())

    async def _make_chip(self) -> None:
        """What a card session leaves behind, all but the move."""
        async with self.database.transaction() as session:
            card = await lifecycle.coming_card(session, self.account)
            if card is None or card.state is not CardState.ORDERED:
                return
            self.chips += 1
            card.sealed_uid, card.uid_index = b"sealed", self.chips.to_bytes(7, "big")
            await issuing.issue_records(
                session,
                self.keystore,
                Carrier(self.account, card.id, card.uid_index),
                institution="1234",
                everything=True,
                actor=CLERK,
                now=self.now,
            )

    @rule(who=WHO, which=st.integers(0, 3), nth=st.integers(0, 9))
    def move(self, who: str, which: int, nth: int) -> None:
        """A move of the table."""
        cards = self.wait(self._cards())
        if cards:
            state = cards[which % len(cards)].state
            known = [to for before, to in lifecycle.MOVES if before is state]
            if known:
                self.wait(self._move(known[nth % len(known)], self.actor(who), which))

    @rule(to=st.sampled_from(list(CardState)), which=st.integers(0, 3))
    def move_anywhere(self, to: CardState, which: int) -> None:
        """A move that the table may not have."""
        self.wait(self._move(to, SYSTEM, which))

    async def _move(self, to: CardState, actor: Actor, which: int) -> None:
        cards = await self._cards()
        if not cards:
            return
        card_id, before = cards[which % len(cards)].id, cards[which % len(cards)].state
        try:
            async with self.database.transaction() as session:
                card = await lifecycle.locked(session, card_id)
                await lifecycle.move(session, card, to, actor=actor, now=self.now)
        except CardError:
            return
        allowed = lifecycle.MOVES[before, to]
        assert actor.id != str(UUID(int=1))
        assert actor == SYSTEM or allowed.act or allowed.holder

    @rule(days=st.sampled_from((1, 200, 800)))
    def night(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.wait(expiring.expire_cards(self.database, now=self.now))
        for card in self.wait(self._cards()):
            over = card.expires_on is not None and card.expires_on < self.now.date()
            assert not (over and card.state in expiring.EXPIRING)

    async def _cards(self) -> list[Card]:
        async with self.database.transaction() as session:
            return list(await issuance.cards_of(session, self.account))

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "account"):
            self.wait(self._holds())

    async def _holds(self) -> None:
        cards = await self._cards()
        assert sum(card.state in LIVE for card in cards) <= 1
        assert sum(card.state in COMING for card in cards) <= 1
        for card in cards:
            before = self.seen.get(card.id, card.state)
            assert before not in lifecycle.FINAL or card.state is before
            self.seen[card.id] = card.state
        async with self.database.transaction() as session:
            query = select(ServiceRecord.carrier_id, ServiceRecord.status)
            for carrier_id, status in await session.execute(query):
                assert Status(status) is lifecycle.STATUS[self.seen[carrier_id]]
            ended = {card.id for card in cards if card.state is CardState.DESTROYED}
            for charge in await charges.of_account(session, self.account):
                assert charge.state is not ChargeState.DUE or charge.card_id not in ended

    def teardown(self) -> None:
        self.wait(self.stack.aclose())
        self.loop.close()


@pytest.fixture
def life(database_url: str, tmp_path: Path) -> type[Life]:
    store = FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    return type("LifeHere", (Life,), {"url": database_url, "keystore": store})


def test_whatever_becomes_of_cards_the_table_and_the_database_hold(life: type[Life]) -> None:
    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
