"""Terminals: made by an operator, enrolled once by code, known by their key, revoked."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from cardservice.errors import (
    BadTerminalRole,
    CodeNotAccepted,
    NoSuchTerminal,
    TerminalNameTaken,
    TerminalUnknown,
    VersionNotSpoken,
)
from cardservice.models import EnrolmentCode, Terminal
from entitlements import rulebooks
from identity import audit
from identity.actors import Actor, ActorKind
from readers.contract.services import Service
from readers.contract.tokens import (
    MAX_REQUEST_BYTES,
    REQUEST_AUDIENCE,
    REQUEST_LIFETIME,
    REQUEST_TYPE,
    key_id_of,
    verify_token,
)
from readers.contract.wire import KENT, OLDEST_WIRE_VERSION, WIRE_VERSION, Purpose
from readers.errors import TokenRefused

CODE_LASTS: Final = timedelta(hours=24)
ALPHABET: Final = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""No letter or digit that is read or heard as another."""
CODE_GROUPS, GROUP_LETTERS = 4, 4
SEEN_AGAIN_AFTER: Final = timedelta(minutes=1)
LONGEST_NAME: Final = 80
REQUEST_LIFETIME_LIMIT: Final = int(REQUEST_LIFETIME.total_seconds())


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What a terminal is there for.

    Attributes:
        name: unlike any other's.
        place: where it stands, as residents call it.
        authority: id of the authority whose times apply there.
    """

    name: str
    place: str
    services: tuple[Service, ...]
    purposes: tuple[Purpose, ...]
    authority: str = KENT


class KnownTerminal(msgspec.Struct, frozen=True):
    """A terminal that proved who it is by the request it signed."""

    id: UUID
    name: str
    place: str
    authority: str
    services: frozenset[Service]
    purposes: frozenset[Purpose]
    revoked: bool
    last_seen_at: datetime | None

    @property
    def actor(self) -> Actor:
        """The terminal as service functions take it."""
        return Actor(ActorKind.TERMINAL, str(self.id), self.place)


async def create(session: AsyncSession, role: Role, *, actor: Actor, now: datetime) -> Terminal:
    """Add a terminal that no machine has enrolled as yet.

    Raises:
        BadTerminalRole: no name, place, service or purpose, or an authority that does not exist.
        TerminalNameTaken: another terminal has the name.
    """
    await _check(session, role)
    terminal = Terminal(
        name=role.name.strip(),
        place=role.place.strip(),
        authority=role.authority,
        services=[service.value for service in role.services],
        purposes=[purpose.value for purpose in role.purposes],
        created_at=now,
    )
    try:
        async with session.begin_nested():
            session.add(terminal)
    except IntegrityError as error:
        raise TerminalNameTaken(f"There is a terminal called {role.name!r} already.") from error
    _audit(session, "terminal-created", terminal.id, actor=actor, now=now)
    return terminal


async def new_code(session: AsyncSession, terminal_id: UUID, *, actor: Actor, now: datetime) -> str:
    """A code that enrols one machine as this terminal, within a day. Older codes stop working.

    Raises:
        NoSuchTerminal: no terminal with that id.
    """
    if await session.get(Terminal, terminal_id) is None:
        raise NoSuchTerminal("There is no such terminal.")
    unused = update(EnrolmentCode).where(
        EnrolmentCode.terminal_id == terminal_id, EnrolmentCode.used_at.is_(None)
    )
    await session.execute(unused.values(used_at=now))
    code = "-".join(
        "".join(secrets.choice(ALPHABET) for _ in range(GROUP_LETTERS)) for _ in range(CODE_GROUPS)
    )
    session.add(
        EnrolmentCode(
            terminal_id=terminal_id,
            code_hash=_hash(code),
            created_at=now,
            expires_at=now + CODE_LASTS,
        )
    )
    _audit(session, "terminal-code-given", terminal_id, actor=actor, now=now)
    return code


async def enrol(session: AsyncSession, code: str, public_key: bytes, *, now: datetime) -> Terminal:
    """Make the machine that holds the code the terminal. Of two that try at once, one wins.

    Enrolling again replaces the key, and brings a revoked terminal back.

    Raises:
        CodeNotAccepted: the code is wrong, used or too old, or the key is no key.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public_key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CodeNotAccepted("The terminal sent no usable key.") from error
    using = (
        update(EnrolmentCode)
        .where(
            EnrolmentCode.code_hash == _hash(code),
            EnrolmentCode.used_at.is_(None),
            EnrolmentCode.expires_at > now,
        )
        .values(used_at=now)
        .returning(EnrolmentCode.terminal_id)
    )
    terminal_id = await session.scalar(using)
    if terminal_id is None:
        raise CodeNotAccepted("This code is wrong, was used before, or is older than a day.")
    terminal = await session.get_one(Terminal, terminal_id)
    terminal.public_key, terminal.enrolled_at, terminal.revoked_at = public_key, now, None
    actor = Actor(ActorKind.TERMINAL, str(terminal_id), terminal.place)
    _audit(session, "terminal-enrolled", terminal_id, actor=actor, now=now)
    return terminal


def check_version(wire_version: int) -> None:
    """Refuse a terminal whose messages this server cannot speak.

    Raises:
        VersionNotSpoken: with words for the terminal's log.
    """
    if wire_version < OLDEST_WIRE_VERSION:
        raise VersionNotSpoken(
            "This terminal is too old for the server: install the newer version of its software."
        )
    if wire_version > WIRE_VERSION:
        raise VersionNotSpoken(
            "The server is too old for this terminal: go back to the version it had, or upgrade "
            "the server."
        )


async def rename(
    session: AsyncSession,
    terminal_id: UUID,
    *,
    name: str | None = None,
    place: str | None = None,
    actor: Actor,
    now: datetime,
) -> Terminal:
    """Call a terminal, or where it stands, by another name. It stays the same terminal.

    Raises:
        NoSuchTerminal: no terminal with that id.
        BadTerminalRole: a name or place that is empty or too long, or neither is given.
        TerminalNameTaken: another terminal has the name.
    """
    terminal = await session.get(Terminal, terminal_id, with_for_update=True)
    if terminal is None:
        raise NoSuchTerminal("There is no such terminal.")
    before = {"name": terminal.name, "place": terminal.place}
    given = {"name": name, "place": place}
    after = before | {field: text.strip() for field, text in given.items() if text is not None}
    if not any(text is not None for text in given.values()):
        raise BadTerminalRole("Say the new name, the new place, or both.")
    for field, text in after.items():
        if not text or len(text) > LONGEST_NAME or not text.isprintable():
            raise BadTerminalRole(f"The {field} is 1 to {LONGEST_NAME} letters.")
    try:
        async with session.begin_nested():
            terminal.name, terminal.place = after["name"], after["place"]
    except IntegrityError as error:
        raise TerminalNameTaken(f"There is a terminal called {after['name']!r} already.") from error
    detail: audit.Detail = {"before": list(before.values()), "after": list(after.values())}
    subject = audit.subject_of("terminal", terminal_id)
    audit.record(session, "terminal-renamed", subject, actor=actor, now=now, detail=detail)
    return terminal


async def revoke(session: AsyncSession, terminal_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Refuse a terminal from now on. False: it was revoked before.

    Raises:
        NoSuchTerminal: no terminal with that id.
    """
    terminal = await session.get(Terminal, terminal_id)
    if terminal is None:
        raise NoSuchTerminal("There is no such terminal.")
    if terminal.revoked_at is not None:
        return False
    terminal.revoked_at = now
    _audit(session, "terminal-revoked", terminal_id, actor=actor, now=now)
    return True


async def all_terminals(session: AsyncSession) -> Sequence[Terminal]:
    """Every terminal, by name."""
    return (await session.scalars(select(Terminal).order_by(Terminal.name))).all()


async def desks(session: AsyncSession) -> Sequence[Terminal]:
    """Terminals at which a card can be ordered now, by name."""
    return [
        terminal
        for terminal in await all_terminals(session)
        if Purpose.PERSONALISE.value in terminal.purposes
        and terminal.public_key is not None
        and terminal.revoked_at is None
    ]


async def authenticate(connection: AsyncConnection, token: str, *, now: datetime) -> KnownTerminal:
    """Who signed a request. Whether they were revoked is for the caller to judge.

    A token lives a minute at most and `jti` is not remembered: over TLS nobody sees one, reading
    twice changes nothing, a batch of taps is stored once however often it comes, and a card session
    needs the card.

    Raises:
        TerminalUnknown: no terminal of ours, or not signed by its key; the log has the reason.
    """
    try:
        terminal_id = UUID(key_id_of(token) if len(token) <= MAX_REQUEST_BYTES else "")
    except (TokenRefused, ValueError) as error:
        raise TerminalUnknown("This request is not from a terminal we know.") from error
    table = Terminal.__table__
    row = (await connection.execute(select(table).where(table.c.id == terminal_id))).one_or_none()
    if row is None or row.public_key is None:
        raise TerminalUnknown("This request is not from a terminal we know.")
    _verify(token, row.public_key, now)
    return KnownTerminal(
        id=row.id,
        name=row.name,
        place=row.place,
        authority=row.authority,
        services=frozenset(Service(value) for value in row.services),
        purposes=frozenset(Purpose(value) for value in row.purposes),
        revoked=row.revoked_at is not None,
        last_seen_at=row.last_seen_at,
    )


async def seen(session: AsyncSession, terminal: KnownTerminal, *, now: datetime) -> None:
    """Note that a terminal is alive, once a minute at most."""
    if terminal.last_seen_at is None or now - terminal.last_seen_at >= SEEN_AGAIN_AFTER:
        noting = update(Terminal).where(Terminal.id == terminal.id)
        await session.execute(noting.values(last_seen_at=now))


def _verify(token: str, public_key: bytes, now: datetime) -> None:
    try:
        claims = verify_token(
            token,
            REQUEST_TYPE,
            Ed25519PublicKey.from_public_bytes(public_key),
            now=now,
            audience=REQUEST_AUDIENCE,
            max_bytes=MAX_REQUEST_BYTES,
        )
    except TokenRefused as error:
        raise TerminalUnknown(f"The terminal's request was not accepted: {error}.") from error
    if claims["exp"] - claims["iat"] > REQUEST_LIFETIME_LIMIT:
        raise TerminalUnknown("The terminal's request lives longer than a request may.")


async def _check(session: AsyncSession, role: Role) -> None:
    if not role.name.strip() or not role.place.strip():
        raise BadTerminalRole("A terminal needs a name and a place.")
    if not role.services and Purpose.PERSONALISE not in role.purposes:
        raise BadTerminalRole("A terminal checks at least one service, or makes cards.")
    if not role.purposes:
        raise BadTerminalRole("A terminal needs at least one purpose.")
    book = await rulebooks.in_force(session)
    known: Collection[str] = {authority.id for authority in book.authorities.authorities}
    if role.authority not in known:
        raise BadTerminalRole(f"The authority is one of: {', '.join(sorted(known))}.")


def _hash(code: str) -> bytes:
    """Of a code as people type it: case, spaces and hyphens do not matter."""
    typed = code.upper().replace("-", "").replace(" ", "")
    return hashlib.sha256(b"kent-card enrolment\0" + typed.encode(errors="replace")).digest()


def _audit(
    session: AsyncSession, action: str, terminal_id: UUID, *, actor: Actor, now: datetime
) -> None:
    audit.record(session, action, audit.subject_of("terminal", terminal_id), actor=actor, now=now)
