"""The names under which organisations know holders: random, told once and kept.

A name that was computed from a key would change with the key; this one never does.
"""

import secrets
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select

from entitlements.redemption_models import PartnerSubject
from identity.executors import Executor
from identity.oidc.statements import insert_if_new

_BYTES: Final = 24
_OF_ACCOUNT: Final = select(PartnerSubject.subject).where(
    PartnerSubject.organisation_id == bindparam("organisation_id"),
    PartnerSubject.account_id == bindparam("account_id"),
)
_OF_TEST_CARD: Final = select(PartnerSubject.subject).where(
    PartnerSubject.organisation_id == bindparam("organisation_id"),
    PartnerSubject.test_card == bindparam("test_card"),
)


async def of_account(
    executor: Executor, organisation_id: UUID, account_id: UUID, *, now: datetime
) -> str:
    """An organisation's name for a resident, made now if it was told none before."""
    who = {"organisation_id": organisation_id, "account_id": account_id}
    await _make(executor, who, now)
    return str((await executor.execute(_OF_ACCOUNT, who)).scalar_one())


async def of_test_card(
    executor: Executor, organisation_id: UUID, number: int, *, now: datetime
) -> str:
    """The same for a card of the sandbox."""
    who = {"organisation_id": organisation_id, "test_card": number}
    await _make(executor, who, now)
    return str((await executor.execute(_OF_TEST_CARD, who)).scalar_one())


async def _make(executor: Executor, who: dict[str, Any], now: datetime) -> None:
    """Of two requests at once, one makes it."""
    row = who | {"subject": secrets.token_urlsafe(_BYTES), "told_at": now}
    await executor.execute(insert_if_new(executor, PartnerSubject, row))
