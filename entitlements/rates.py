"""How often organisations may ask: a number in each minute, and headers that say what is left.

Counted by each server process for itself: with several behind one address, an organisation may ask
as often as that of each.
Source: draft-ietf-httpapi-ratelimit-headers-10.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from entitlements.callers import Caller
from entitlements.partner_models import CredentialKind

WINDOW: Final = timedelta(minutes=1)


class Policy(msgspec.Struct, frozen=True):
    """How many requests of one sort an organisation may send in a minute."""

    name: str
    quota: int


class Taken(msgspec.Struct, frozen=True):
    """A request was counted.

    Attributes:
        allowed: whether it may be answered.
        remaining: how many more may, until `reset` has passed.
    """

    policy: Policy
    allowed: bool
    remaining: int
    reset: timedelta

    @property
    def headers(self) -> Mapping[str, str]:
        """`RateLimit-Policy` and `RateLimit`."""
        name, seconds = self.policy.name, max(1, round(self.reset.total_seconds()))
        window = int(WINDOW.total_seconds())
        return {
            "ratelimit-policy": f'"{name}";q={self.policy.quota};w={window}',
            "ratelimit": f'"{name}";r={self.remaining};t={seconds}',
        }


class _Window(msgspec.Struct):
    began: datetime
    used: int


class Meter:
    """Counts the requests of one policy, by organisation and kind of credential."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._windows: dict[tuple[UUID, CredentialKind], _Window] = {}

    def take(self, caller: Caller, *, now: datetime) -> Taken:
        """Count a request; one that is not allowed counts for nothing."""
        who = (caller.organisation_id, caller.kind)
        began = _minute(now)
        window = self._windows.get(who)
        if window is None or window.began != began:
            window = self._windows[who] = _Window(began, 0)
        allowed = window.used < self.policy.quota
        window.used += allowed
        left = self.policy.quota - window.used
        return Taken(self.policy, allowed, left, began + WINDOW - now)


def _minute(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(second=0, microsecond=0)
