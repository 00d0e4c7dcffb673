"""What stands behind the partners' API in one process: who asks, rules, counts.

Who a token stands for and which rules are in force is kept for a few seconds: every partner asks
for them at every call. A credential that was stopped, an organisation that was suspended and a rule
that was published are noticed that much later, and no later.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from litestar import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import callers, rulebooks
from entitlements.callers import Caller
from entitlements.partner_errors import OrganisationSuspended, TokenNotAccepted
from entitlements.rates import Meter, Policy
from entitlements.schemes.rule import Scheme
from entitlements.showing import Means
from entitlements.usage import Tally
from identity.executors import Executor
from identity.oidc import dpop, holders
from identity.oidc.access import Access
from identity.oidc.checks import Refused
from identity.oidc.provider import Provider

KEPT_FOR: Final = timedelta(seconds=5)
_MOST: Final = 10_000
_BEARER: Final = "bearer "


class Rates(msgspec.Struct, frozen=True):
    """Requests that each organisation may send in a minute to one process."""

    checks: int
    redemptions: int


class Backing(msgspec.Struct, frozen=True):
    """What the application gives.

    Attributes:
        provider: gave out the tokens.
        clock: says when it is.
        transaction: opens a session in a transaction of its own.
        statements: lends what commits each statement by itself.
        means: finds whose card it is.
        problem: an error as a problem.
        rates: how often organisations may ask.
    """

    provider: Provider
    clock: Callable[[], datetime]
    transaction: Callable[[], AbstractAsyncContextManager[AsyncSession]]
    statements: Callable[[], AbstractAsyncContextManager[Executor]]
    means: Means
    problem: Callable[[Request[Any, Any, Any], Exception], Response[Any]]
    rates: Rates


class Desk:
    """Everything of the API that lives as long as the process."""

    def __init__(self, backing: Backing) -> None:
        self.backing = backing
        self.checks = Meter(Policy("checks", backing.rates.checks))
        self.redemptions = Meter(Policy("redemptions", backing.rates.redemptions))
        self.tally = Tally()
        self._callers: dict[str, tuple[Caller, datetime, datetime]] = {}
        self._schemes: tuple[Mapping[str, Scheme], datetime] | None = None

    async def caller(self, authorization: str, request: dpop.Request) -> Caller:
        """The organisation that sent a request.

        Raises:
            TokenNotAccepted: it sent no access token of a partner, or one that is not good.
            OrganisationSuspended: it is answered nothing.
        """
        now = self.backing.clock()
        kept = self._callers.get(authorization)
        if kept is not None and kept[1] <= now < kept[2]:
            return _in_use(kept[0])
        async with self.backing.statements() as executor:
            access = await self._access(executor, authorization, request, now)
            scopes = frozenset(access.scopes)
            caller = await callers.behind(executor, access.client_id, scopes, now=now)
        if caller is None:
            raise _not_accepted("The access token is not of a partner in use.")
        if not access.bound_to and authorization.lower().startswith(_BEARER):
            self._keep(authorization, caller, access, now)
        return _in_use(caller)

    async def schemes(self, now: datetime) -> Mapping[str, Scheme]:
        """The schemes in force, by id."""
        if self._schemes is None or not self._schemes[1] <= now < self._schemes[1] + KEPT_FOR:
            async with self.backing.transaction() as session:
                self._schemes = ((await rulebooks.in_force(session)).schemes, now)
        return self._schemes[0]

    async def write(self) -> None:
        """Write what was counted.

        Raises:
            SQLAlchemyError: the database does not take it; it stays counted.
        """
        await self.tally.write(self.backing.transaction)

    async def _access(
        self, executor: Executor, authorization: str, request: dpop.Request, now: datetime
    ) -> Access:
        access = await holders.held(
            executor, self.backing.provider, authorization, request, now=now
        )
        if isinstance(access, Refused):
            raise _not_accepted("Send an access token of yours.", error=access.error)
        if access.account_id is not None:
            raise _not_accepted("The access token stands for a resident, not for a partner.")
        return access

    def _keep(self, authorization: str, caller: Caller, access: Access, now: datetime) -> None:
        if len(self._callers) >= _MOST:
            self._callers.clear()
        ends = datetime.fromtimestamp(access.claims["exp"], UTC)
        self._callers[authorization] = (caller, now, min(now + KEPT_FOR, ends))


def _in_use(caller: Caller) -> Caller:
    if caller.suspended:
        raise OrganisationSuspended("Your organisation is suspended. Ask the council why.")
    return caller


def _not_accepted(words: str, *, error: str = "invalid_token") -> TokenNotAccepted:
    """Source: RFC 6750 section 3; without a token no error is named (3.1)."""
    said = f' error="{error}"' if error else ""
    return TokenNotAccepted(words, headers={"www-authenticate": f"Bearer{said}"})
