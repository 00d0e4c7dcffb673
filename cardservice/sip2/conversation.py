"""What is answered to each message of one connection, in the order they come."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import library_machines
from cardservice.library_machines import SignedIn
from cardservice.sip2 import answers
from cardservice.sip2.counting import Tally
from cardservice.sip2.messages import (
    END_SESSION,
    LOGIN,
    RESEND,
    SC_STATUS,
    Garbled,
    Request,
    Unsupported,
    parse,
)
from cardservice.sip2.pace import Pace
from entitlements import memberships
from identity.executors import Executor
from identity.personal import Vault
from readers.contract.windows import london_date

KEPT_FOR: Final = timedelta(seconds=5)
"""A machine that is revoked is noticed that much later, and no later."""
MOST_GARBLED: Final = 5
MOST_LOGINS: Final = 3
_LOG: Final = structlog.get_logger(__name__)


class Means(msgspec.Struct, frozen=True):
    """What answering needs of the process.

    Attributes:
        transaction: opens a session in a transaction of its own.
        statements: lends what commits each statement by itself.
        pace: how soon each machine may ask again.
        institution: id of the library service, where a machine names none.
        library: name of the council.
    """

    transaction: Callable[[], AbstractAsyncContextManager[AsyncSession]]
    statements: Callable[[], AbstractAsyncContextManager[Executor]]
    vault: Vault
    clock: Callable[[], datetime]
    tally: Tally
    pace: Pace[UUID]
    institution: str
    library: str


class Over(Exception):
    """There is nothing more to be said; the text is for the log."""


class Conversation:
    """One connection of a machine.

    Args:
        means: of the process.
        address: it comes from.
    """

    def __init__(self, means: Means, address: str) -> None:
        self.machine: SignedIn | None = None
        self._means = means
        self._address = address
        self._last = answers.RESEND
        self._live_until: datetime | None = None
        self._checks = False
        self._garbled = 0
        self._logins = 0

    async def answer(self, line: bytes) -> bytes:
        """The answer to a message; nothing for one that SIP2 knows and we do not answer.

        Raises:
            Over: the connection is to be closed, without an answer.
        """
        match parse(line):
            case Garbled(why):
                return self._again(why)
            case Unsupported(code):
                self._garbled = 0
                _LOG.info("sip2 message not supported", code=code, machine=self._name)
                return b""
            case Request(checked=False) if self._checks:
                return self._again("without the checksum it sent before")
            case Request(code=code) if code == RESEND:
                return self._last
            case Request() as request:
                self._garbled, self._checks = 0, request.checked
                self._last = await self._to(request)
                return self._last

    @property
    def _name(self) -> str:
        return self.machine.name if self.machine else ""

    def _again(self, why: str) -> bytes:
        self._garbled += 1
        _LOG.info("sip2 message garbled", why=why, machine=self._name)
        if self._garbled >= MOST_GARBLED:
            raise Over("too many garbled messages")
        return answers.RESEND

    async def _to(self, request: Request) -> bytes:
        now = self._means.clock()
        if request.code == LOGIN:
            return await self._login(request, now)
        if request.code == SC_STATUS:
            place = self.machine.place if self.machine else None
            institution, library = self._means.institution, self._means.library
            return answers.sc_status(
                request, institution=institution, library=library, place=place, now=now
            )
        machine = await self._signed_in(now)
        if request.code == END_SESSION:
            return answers.session_ended(request, now=now)
        return await self._patron(machine, request, now)

    async def _login(self, request: Request, now: datetime) -> bytes:
        self._logins += 1
        if self._logins > MOST_LOGINS:
            raise Over("too many sign-ins")
        name, secret, means = request.fields["CN"], request.fields["CO"], self._means
        async with means.transaction() as session:
            found = await library_machines.sign_in(
                session, means.vault, name, secret, self._address, now=now
            )
        self.machine = found if isinstance(found, SignedIn) else None
        self._live_until = now + KEPT_FOR if self.machine else None
        if isinstance(found, SignedIn):
            _LOG.info("library machine signed in", machine=found.name)
        else:
            _LOG.warning("library machine refused", why=found.why)
        return answers.login(request, accepted=self.machine is not None)

    async def _signed_in(self, now: datetime) -> SignedIn:
        if self.machine is None:
            raise Over("asked before it signed in")
        if self._live_until is None or not self._live_until - KEPT_FOR <= now < self._live_until:
            async with self._means.statements() as executor:
                if not await library_machines.is_live(executor, self.machine.id):
                    raise Over("revoked")
            self._live_until = now + KEPT_FOR
        return self.machine

    async def _patron(self, machine: SignedIn, request: Request, now: datetime) -> bytes:
        means, on = self._means, london_date(now)
        await means.pace.turn(machine.id)
        async with means.statements() as executor:
            found = await memberships.of_number(executor, request.fields["AA"], on=on)
        means.tally.count(machine.id, found, on)
        return answers.patron(request, found, now=now)
