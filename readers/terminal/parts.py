"""The parts of a running terminal, put together once at the top."""

import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import httpx

from readers.clock import Clock
from readers.contract.products import Product, RemoteSettings
from readers.contract.reasons import Reason
from readers.contract.record import Record
from readers.contract.services import Service
from readers.contract.wire import PairingOffer, Purpose
from readers.terminal.clock import clock_problem
from readers.terminal.counter import Counter
from readers.terminal.decide import TryAgain, not_ready
from readers.terminal.display import NO_CODE, Picture, clock_state, of_idle, of_pairing
from readers.terminal.errors import TerminalError
from readers.terminal.front_desk import tell_holder
from readers.terminal.health import Health
from readers.terminal.holdings import Holdings
from readers.terminal.journal import Counts, Journal
from readers.terminal.online import Asker
from readers.terminal.pass_back import PassBack
from readers.terminal.screen.board import Board, Status
from readers.terminal.server import Network, Server
from readers.terminal.settings import Settings
from readers.terminal.state import State
from readers.terminal.sync import Sync

log = logging.getLogger(__name__)


class Terminal:
    """One terminal, not started yet.

    Attributes:
        clock: answers ``now``.
        random: so many unpredictable bytes.
        counter: what is beside it and is told of accepted taps.

    Args:
        settings: how it is set up.
        clock: answers ``now``.
        transport: another way to reach the server, for tests.

    Raises:
        NotEnrolled: there is no identity.
        StateUnusable, JournalFull, JournalUnreadable: what it keeps cannot be used.
        TillSecretUnusable, KeyboardUnusable: what was set to be told of taps cannot be.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock,
        random: Callable[[int], bytes] = secrets.token_bytes,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        state = State(settings.state_dir)
        self.settings = settings
        self.clock = clock
        self.random = random
        self.holdings = Holdings(state)
        self.counter = Counter(settings, self.holdings.identity, clock)
        state.prepare()
        self.journal = Journal(state.journal)
        self.network = Network()
        self.server = Server(
            settings.server_url,
            self.holdings.identity,
            network=self.network,
            transport=transport,
        )
        self.asker = Asker(self.server)
        self.board = Board(clock)
        self.pass_back = PassBack()
        self.health = Health(self.holdings, self.journal, started_at=clock())
        self.sync = Sync(
            self.holdings,
            self.journal,
            self.server,
            clock=clock,
            health=self.health,
            after_turn=self.refresh_edge,
        )
        self._counts = self.journal.counts()
        self._code: PairingOffer | None = None

    @property
    def service(self) -> Service | None:
        """What is checked here: as set, else the first of the terminal's services."""
        if self.settings.service is not None:
            return self.settings.service
        bundle = self.holdings.bundle
        return next(iter(bundle.services), None) if bundle else None

    @property
    def product(self) -> Product:
        """What this is: as set here, else as the server says, else by what it may do."""
        said = self.settings.product or self.holdings.set_up.product
        if said is not None:
            return said
        makes = self.may(Purpose.PERSONALISE)
        return Product.DESK_ENCODER if makes else Product.VALIDATOR

    @property
    def settings_from_afar(self) -> RemoteSettings:
        """What the server set."""
        return self.holdings.set_up.settings

    def may(self, purpose: Purpose) -> bool:
        """Whether the server gave this terminal that purpose."""
        bundle = self.holdings.bundle
        return bundle is not None and purpose in bundle.purposes

    @property
    def makes_cards(self) -> bool:
        """Whether a card that arrives is to be personalised, if one waits to be made."""
        return self.product is Product.DESK_ENCODER

    @property
    def tests_cards(self) -> bool:
        """Whether a desk checks the card that arrives while none waits to be made."""
        return self.may(Purpose.VALIDATE) and self._not_ready(self.clock()) is None

    @property
    def pairs(self) -> bool:
        """Whether a member of staff may have this terminal serve their own browser."""
        return self.makes_cards or self.product is Product.FRONT_DESK

    def problem(self, now: datetime) -> TryAgain | None:
        """Why nothing can be done with a card at ``now``."""
        holdings = self.holdings
        if self.makes_cards:
            reason = clock_problem(now, server_time=holdings.server_time)
            return TryAgain(reason) if reason else None
        return self._not_ready(now)

    def _not_ready(self, now: datetime) -> TryAgain | None:
        holdings, service = self.holdings, self.service
        problem = not_ready(holdings.bundle, service, now=now, server_time=holdings.server_time)
        if problem is None and service is not None and not holdings.keys.get(service):
            return TryAgain(Reason.NOT_READY)
        return problem

    def show(self, picture: Picture) -> None:
        """Put a picture on the screen; a code that was there is gone."""
        self._code = None
        self.board.show(picture, self._status())

    def show_idle(self) -> None:
        """What the screen says while no card is there."""
        self.health.product = self.product
        now, code = self.clock(), self._code
        picture = of_idle(self.problem(now), self.product, said=self.settings_from_afar)
        if code is not None and now < code.expires_at:
            picture = of_pairing(code.code)
        self.board.rest(picture, self._status())

    def show_code(self) -> None:
        """Ask the server for a code that pairs this terminal, and show it until a card comes."""
        try:
            code = self.server.pairing_code(now=self.clock())
        except TerminalError as error:
            log.warning("no pairing code: %s: %s", error.code, error)
            self.show(NO_CODE)
            return
        self.show(of_pairing(code.code))
        self._code = code

    def answer(self, picture: Picture, sequence: int) -> None:
        """Show the answer to the tap that was written down as `sequence`, and note that it was."""
        self._counts = Counts(sequence, self._counts.uploaded)
        try:
            self.show(picture)
        except BaseException:
            self.journal.note_shown(sequence, shown=False)
            raise
        self.journal.note_shown(sequence, shown=True)

    def tell_till(self, record: Record, *, now: datetime) -> None:
        """Tell whatever stands beside this terminal of a tap accepted at `now`."""
        self.counter.tapped(record, self.product, now=now)
        if self.product is Product.FRONT_DESK:
            self.show(tell_holder(self.server, record, now=now))

    def withdraw_from_till(self) -> None:
        """A card has come: whoever tapped before is not at the counter any more."""
        self.counter.card_came()

    def refresh_edge(self) -> None:
        """Say at the edge of the screen what has changed beside the reader."""
        with suppress(TerminalError):  # an old count is better than none
            self._counts = self.journal.counts()
        self.board.edge(self._status())

    def _status(self) -> Status:
        now = self.clock()
        problem = clock_problem(now, server_time=self.holdings.server_time)
        bundle = self.holdings.bundle
        rules = bundle.services.get(self.service) if bundle and self.service else None
        return Status(
            service=None if self.makes_cards else self.service,
            counts=self._counts,
            online=self.sync.online,
            clock=clock_state(problem),
            bundle_at=bundle.issued_at if bundle else None,
            listed_at=rules.listed_at if rules else None,
            list_is_old=rules.is_old(now) if rules else False,
            pairs=self.pairs,
        )

    def cut_network(self, *, cut: bool) -> None:
        """Cut the terminal from the server, or join it again, in a demonstration."""
        self.network.cut(yes=cut)
        self.sync.wake()

    def close(self) -> None:
        """Let go of everything; what was decided is safe without this."""
        self.counter.close()
        self.asker.close()
        self.server.close()
        self.journal.close()
