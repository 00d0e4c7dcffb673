"""Card bureaus: who prints and posts cards, by which keys, and where they write chips."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.bureau_files import BureauKeys
from cardservice.bureau_models import Bureau
from cardservice.errors import BadTerminalRole, BureauNameTaken, NoSuchBureau, NoSuchTerminal
from cardservice.models import Terminal
from identity import audit
from identity.actors import Actor
from readers.contract.wire import Purpose


async def add(
    session: AsyncSession, name: str, keys: BureauKeys, *, actor: Actor, now: datetime
) -> Bureau:
    """Add a bureau by its public keys.

    Raises:
        BureauNameTaken: there is one of that name, or the name is empty.
    """
    tidied = " ".join(name.split())
    if not tidied:
        raise BureauNameTaken("A bureau needs a name.")
    made = Bureau(name=tidied, sealing_key=keys.sealing, signing_key=keys.signing, created_at=now)
    try:
        async with session.begin_nested():
            session.add(made)
    except IntegrityError as error:
        raise BureauNameTaken(f"There is a bureau called {tidied!r} already.") from error
    _audit(session, "bureau-added", made, actor=actor, now=now)
    return made


async def change_keys(
    session: AsyncSession, name: str, keys: BureauKeys, *, actor: Actor, now: datetime
) -> Bureau:
    """Give a bureau other keys: batches from now on are for them, and so are results.

    Raises:
        NoSuchBureau: none has that name.
    """
    found = await named(session, name)
    found.sealing_key, found.signing_key = keys.sealing, keys.signing
    _audit(session, "bureau-keys-changed", found, actor=actor, now=now)
    return found


async def set_encoder(
    session: AsyncSession, name: str, terminal: str, *, actor: Actor, now: datetime
) -> Bureau:
    """Say at which terminal a bureau writes the chips of its batches.

    Raises:
        NoSuchBureau: none has that name.
        NoSuchTerminal: no terminal has that name.
        BadTerminalRole: the terminal makes no cards, or is another bureau's.
    """
    found = await named(session, name)
    encoder = await session.scalar(select(Terminal).where(Terminal.name == terminal))
    if encoder is None:
        raise NoSuchTerminal(f"There is no terminal called {terminal!r}.")
    if Purpose.PERSONALISE.value not in encoder.purposes:
        raise BadTerminalRole("An encoder needs the purpose of making cards.")
    try:
        async with session.begin_nested():
            found.encoder_id = encoder.id
    except IntegrityError as error:
        raise BadTerminalRole("This terminal is another bureau's encoder.") from error
    _audit(session, "bureau-encoder-set", found, actor=actor, now=now)
    return found


async def end(session: AsyncSession, name: str, *, actor: Actor, now: datetime) -> Bureau:
    """Send a bureau no more batches; results of those it has are still taken.

    Raises:
        NoSuchBureau: none in use has that name.
    """
    found = await named(session, name)
    found.ended_at = now
    _audit(session, "bureau-ended", found, actor=actor, now=now)
    return found


async def named(session: AsyncSession, name: str) -> Bureau:
    """A bureau in use.

    Raises:
        NoSuchBureau: none has that name.
    """
    query = select(Bureau).where(Bureau.name == name, Bureau.ended_at.is_(None))
    found = await session.scalar(query.with_for_update())
    if found is None:
        raise NoSuchBureau(f"There is no bureau called {name!r}.")
    return found


async def in_use(session: AsyncSession) -> Sequence[Bureau]:
    """Every bureau that batches may be sent to, by name."""
    query = select(Bureau).where(Bureau.ended_at.is_(None)).order_by(Bureau.name)
    return (await session.scalars(query)).all()


async def of_id(session: AsyncSession, bureau_id: UUID) -> Bureau:
    """A bureau in use.

    Raises:
        NoSuchBureau: there is none with that id.
    """
    found = await session.get(Bureau, bureau_id)
    if found is None or found.ended_at is not None:
        raise NoSuchBureau("There is no such bureau.")
    return found


def _audit(
    session: AsyncSession, action: str, bureau: Bureau, *, actor: Actor, now: datetime
) -> None:
    subject = audit.subject_of("bureau", bureau.id)
    audit.record(session, action, subject, actor=actor, now=now, detail={"name": bureau.name})
