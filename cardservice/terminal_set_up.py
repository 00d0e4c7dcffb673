"""What the server sets of a terminal from afar; it travels in the terminal's signed bundle."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.errors import BadSetUp, NoSuchTerminal
from cardservice.models import Terminal
from cardservice.terminal_models import TerminalSetUp
from identity import audit
from identity.actors import Actor
from readers.contract.products import Product, RemoteSettings, SetUp, set_up_of


async def of(session: AsyncSession, terminal_id: UUID) -> SetUp:
    """How a terminal is set up; untouched when nobody has set anything."""
    return set_up_of(await told(session, terminal_id))


async def told(session: AsyncSession, terminal_id: UUID) -> Mapping[str, Any]:
    """The same as the bundle tells it: what was set and no more, the rest the terminal has."""
    row = await session.get(TerminalSetUp, terminal_id)
    if row is None:
        return {}
    return {"product": row.product or None, "settings": row.settings}


async def change(
    session: AsyncSession,
    terminal_id: UUID,
    *,
    product: Product | None = None,
    settings: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> SetUp:
    """Set some of it; the rest stays. The terminal has it with its next bundle.

    Args:
        session: the transaction.
        terminal_id: of the terminal.
        product: what it is from now on; None: as before.
        settings: fields of `RemoteSettings`; a field that is None goes back to what every terminal
            does.
        actor: who sets it.
        now: when.

    Raises:
        NoSuchTerminal: no terminal with that id.
        BadSetUp: a field does not exist or is out of its bounds; nothing is changed.
    """
    if await session.get(Terminal, terminal_id, with_for_update=True) is None:
        raise NoSuchTerminal("There is no such terminal.")
    row = await session.get(TerminalSetUp, terminal_id)
    merged = {**(row.settings if row else {}), **settings}
    kept = {name: value for name, value in merged.items() if value is not None}
    _check(kept)
    if row is None:
        row = TerminalSetUp(terminal_id=terminal_id, product="", settings={}, changed_at=now)
        session.add(row)
    row.product = product.value if product else row.product
    row.settings, row.changed_at = kept, now
    await session.flush()
    detail: audit.Detail = {"product": row.product, "set": sorted(kept)}
    subject = audit.subject_of("terminal", terminal_id)
    audit.record(session, "terminal-set-up", subject, actor=actor, now=now, detail=detail)
    return await of(session, terminal_id)


def _check(settings: Mapping[str, Any]) -> None:
    known = RemoteSettings.__struct_fields__
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise BadSetUp(f"There is no setting {unknown[0]!r}; there are: {', '.join(known)}.")
    try:
        msgspec.convert(settings, RemoteSettings)
    except msgspec.ValidationError as error:
        raise BadSetUp(f"That cannot be set: {error}.") from error
    if settings.get("advice") and not settings.get("title"):
        raise BadSetUp("A line of advice needs a title above it.")
