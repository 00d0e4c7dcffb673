"""Sending what is due: claimed in one transaction, sent in none, and written down in another.

Of several workers each claims other messages. A worker that dies after its claim only delays them:
a claim lapses by itself, and then the message is sent again, perhaps twice, always under one id.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import webhook_endpoints, webhook_sending
from entitlements.event_data import happening
from entitlements.event_models import (
    Disabled,
    PartnerEvent,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookTry,
)
from entitlements.webhook_addresses import Place, read_url
from entitlements.webhook_schedule import wait_after
from entitlements.webhook_sending import Result, Tried, Way
from entitlements.webhook_signatures import SigningSecret, headers
from identity.actors import SYSTEM
from identity.personal import Vault

CLAIM: Final = timedelta(minutes=2)
"""After that another worker takes a message over; no turn lasts nearly as long."""
TURN_SECONDS: Final = 5.0
"""How long one address is sent to in a turn, besides its last try; they do not wait for one
another."""
_BATCH: Final = 20

Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class Turn(msgspec.Struct, frozen=True):
    """How a turn went: messages taken, tries that failed, and messages given up among them."""

    taken: int
    failed: int
    given_up: int


class Letter(msgspec.Struct, frozen=True):
    """A message that was claimed. `tries` counts this one."""

    id: UUID
    event_id: UUID
    body: bytes
    tries: int


class Bundle(msgspec.Struct, frozen=True):
    """What goes to one address."""

    endpoint_id: UUID
    organisation_id: UUID
    url: str
    signing: Sequence[SigningSecret]
    letters: Sequence[Letter]


Sent = tuple[Letter, Tried]


async def deliver(transaction: Transaction, vault: Vault, way: Way, *, now: datetime) -> Turn:
    """Send what is due, at most `_BATCH` messages to each address.

    Args:
        transaction: opens a session in a transaction of its own.
        vault: opens the secrets.
        way: how messages leave.
        now: when.
    """
    async with transaction() as session:
        bundles = await _claimed(session, vault, now=now)
    sent = await asyncio.gather(*(_send(way, each, now=now) for each in bundles))
    total = Turn(0, 0, 0)
    for bundle, outcomes in zip(bundles, sent, strict=True):
        async with transaction() as session:
            done = await _written_down(session, bundle, outcomes, now=now)
        total = Turn(
            total.taken + done.taken, total.failed + done.failed, total.given_up + done.given_up
        )
    return total


async def _claimed(session: AsyncSession, vault: Vault, *, now: datetime) -> list[Bundle]:
    """What is due, address by address, so that none waits behind another's many."""
    waiting = (
        select(WebhookEndpoint)
        .where(
            WebhookEndpoint.disabled_at.is_(None),
            select(WebhookDelivery.id)
            .where(WebhookDelivery.endpoint_id == WebhookEndpoint.id, WebhookDelivery.due_at <= now)
            .exists(),
        )
        .order_by(WebhookEndpoint.id)
    )
    bundles = []
    for endpoint in (await session.scalars(waiting)).all():
        if letters := await _letters(session, endpoint.id, now=now):
            signing = await webhook_endpoints.signing(session, vault, endpoint.id, now=now)
            bundles.append(
                Bundle(endpoint.id, endpoint.organisation_id, endpoint.url, signing, letters)
            )
    return bundles


async def _letters(session: AsyncSession, endpoint_id: UUID, *, now: datetime) -> list[Letter]:
    due = (
        select(WebhookDelivery, PartnerEvent)
        .join(PartnerEvent, PartnerEvent.id == WebhookDelivery.event_id)
        .where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.due_at <= now)
        .order_by(PartnerEvent.serial)
        .limit(_BATCH)
        .with_for_update(skip_locked=True, of=WebhookDelivery)
    )
    letters = []
    for row, event in (await session.execute(due)).all():
        row.due_at, row.tries = now + CLAIM, row.tries + 1
        body = msgspec.json.encode(happening(event))
        letters.append(Letter(row.id, event.id, body, row.tries))
    return letters


async def _send(way: Way, bundle: Bundle, *, now: datetime) -> list[Sent]:
    """One message after another, until the first that is not taken or the time is over."""
    place = read_url(bundle.url, loopback=way.loopback)
    clock = asyncio.get_running_loop().time
    until = clock() + TURN_SECONDS
    sent: list[Sent] = []
    for letter in bundle.letters:
        if sent and (clock() >= until or sent[-1][1].result is not Result.TAKEN):
            break
        sent.append((letter, await _send_one(way, place, bundle.signing, letter, now=now)))
    return sent


async def _send_one(
    way: Way,
    place: Place | str,
    signing: Sequence[SigningSecret],
    letter: Letter,
    *,
    now: datetime,
) -> Tried:
    if not isinstance(place, Place):  # what was allowed when it was registered no longer is
        return Tried(Result.NOT_PUBLIC)
    made = headers(str(letter.event_id), letter.body, signing, now=now)
    return await webhook_sending.send(way, place, letter.body, made)


async def _written_down(
    session: AsyncSession, bundle: Bundle, sent: Sequence[Sent], *, now: datetime
) -> Turn:
    taken = given_up = 0
    for letter, tried in sent:
        session.add(_try(letter, tried, now=now))
        wait = None if tried.result is Result.GONE else wait_after(letter.tries)
        if tried.result is Result.TAKEN:
            taken += 1
            await _change(session, letter, due_at=None, taken_at=now)
        elif wait is None:
            given_up += 1
            await _change(session, letter, due_at=None, given_up_at=now)
        else:
            await _change(session, letter, due_at=now + max(wait, tried.rest))
    for letter in bundle.letters[len(sent) :]:
        await _change(session, letter, due_at=now, tries=letter.tries - 1)
    if any(tried.result is Result.GONE for _, tried in sent):
        await webhook_endpoints.disable(
            session,
            bundle.organisation_id,
            bundle.endpoint_id,
            Disabled.GONE,
            actor=SYSTEM,
            now=now,
        )
    return Turn(taken, len(sent) - taken, given_up)


def _try(letter: Letter, tried: Tried, *, now: datetime) -> WebhookTry:
    return WebhookTry(
        delivery_id=letter.id,
        at=now,
        result=tried.result,
        status=tried.status,
        took_ms=tried.took_ms,
        line=tried.line,
    )


async def _change(session: AsyncSession, letter: Letter, **values: object) -> None:
    """Change a delivery that is still ours: neither given up nor sent anew meanwhile."""
    ours = update(WebhookDelivery).where(
        WebhookDelivery.id == letter.id,
        WebhookDelivery.tries == letter.tries,
        WebhookDelivery.due_at.is_not(None),
    )
    await session.execute(ours.values(**values), execution_options={"synchronize_session": False})
