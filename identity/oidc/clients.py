"""The clients of the provider: registered by staff, never by themselves."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

import msgspec
from sqlalchemy import Row, Update, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import audit
from identity.actors import Actor, ActorKind
from identity.errors import InvalidDetails, NoSuchClient
from identity.executors import SELDOM_CHANGES, Executor
from identity.oidc.models import Basis, ClientAuth, OidcClient
from identity.oidc.registration import NewClient, faults_in, sector_of
from identity.oidc.spent import digest
from identity.oidc.statements import UNSYNCHRONISED

_COLUMNS: Final = tuple(OidcClient.__table__.columns)
_BY_ID: Final = (
    select(*_COLUMNS)
    .where(OidcClient.id == bindparam("client_id"))
    .execution_options(**{SELDOM_CHANGES: True})
)
_KEPT: Final = 256
_MADE: Final[dict[str, tuple[Row[Any], "Client"]]] = {}
"""What a row became the last time. The row is read at every request: while it says the same, so
does the client; whatever staff change is a row that says something else."""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client, as the checks see it."""

    id: str
    name: str
    basis: Basis
    auth: ClientAuth
    sector: str
    created_at: datetime
    grant_types: frozenset[str]
    scopes: frozenset[str]
    redirect_uris: frozenset[str]
    post_logout_redirect_uris: frozenset[str]
    keys: tuple[Mapping[str, str], ...]
    backchannel_logout_uri: str | None
    secret_hash: bytes | None
    id_token_alg: str
    pkce_required: bool
    par_required: bool
    dpop_required: bool
    introspects: bool
    disabled: bool

    @property
    def actor(self) -> Actor:
        """The client as the one who acts or reads; residents see its name."""
        return Actor(ActorKind.PARTNER, self.id, self.name)

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """From the columns of `OidcClient`."""
        values = row._asdict()
        values["disabled"] = values.pop("disabled_at") is not None
        for name in ("grant_types", "scopes", "redirect_uris", "post_logout_redirect_uris"):
            values[name] = frozenset(values[name])
        return cls(**values | {"keys": tuple(values["keys"])})


class Registered(msgspec.Struct, frozen=True):
    """A client was registered.

    Attributes:
        client_id: its permanent name.
        secret: shown once, kept nowhere; None when the client proves itself otherwise.
    """

    client_id: str
    secret: str | None


async def add(
    session: AsyncSession, details: NewClient, *, actor: Actor, now: datetime
) -> Registered:
    """Register a client.

    Raises:
        InvalidDetails: every fault, by field; nothing is stored.
    """
    if faults := faults_in(details):
        raise InvalidDetails(faults)
    client_id = f"kc-{secrets.token_hex(8)}"
    secret = _new_secret() if details.auth is ClientAuth.CLIENT_SECRET_BASIC else None
    columns = msgspec.structs.asdict(details) | {"sector": sector_of(details, client_id)}
    lists = {name: list(value) for name, value in columns.items() if isinstance(value, tuple)}
    session.add(
        OidcClient(
            **columns | lists,
            id=client_id,
            created_at=now,
            secret_hash=digest(secret) if secret else None,
        )
    )
    await session.flush()
    detail: dict[str, str | list[str]] = {
        "basis": details.basis.value,
        "scopes": list(details.scopes),
    }
    audit.record(session, "client-added", _subject(client_id), actor=actor, now=now, detail=detail)
    return Registered(client_id, secret)


async def find(session: Executor, client_id: str) -> Client | None:
    """The client with that id; None for an id we did not give."""
    if not (client_id.isascii() and client_id.isprintable()):
        return None  # whatever anybody may send, some of which a database does not take
    row = (await session.execute(_BY_ID, {"client_id": client_id})).one_or_none()
    return _client(row) if row is not None else None


async def listed(session: AsyncSession) -> Sequence[Client]:
    """Every client, by name."""
    rows = await session.execute(select(*_COLUMNS).order_by(OidcClient.name, OidcClient.id))
    return [Client.of(row) for row in rows]


async def change_secret(
    session: AsyncSession, client_id: str, *, actor: Actor, now: datetime
) -> str:
    """Give a client a new secret; the old one stops working at once.

    Raises:
        NoSuchClient: no client of that id has a secret.
    """
    secret = _new_secret()
    changing = (
        update(OidcClient)
        .where(OidcClient.id == client_id, OidcClient.auth == ClientAuth.CLIENT_SECRET_BASIC)
        .values(secret_hash=digest(secret))
    )
    await _changed(session, changing, client_id)
    audit.record(session, "client-secret-changed", _subject(client_id), actor=actor, now=now)
    return secret


async def disable(session: AsyncSession, client_id: str, *, actor: Actor, now: datetime) -> None:
    """Stop a client: no sign-in, no token of it is accepted from now on.

    Raises:
        NoSuchClient: no client of that id is in use.
    """
    changing = (
        update(OidcClient)
        .where(OidcClient.id == client_id, OidcClient.disabled_at.is_(None))
        .values(disabled_at=now)
    )
    await _changed(session, changing, client_id)
    audit.record(session, "client-disabled", _subject(client_id), actor=actor, now=now)


def _client(row: Row[Any]) -> Client:
    kept = _MADE.get(row.id)
    if kept is not None and kept[0] == row:
        return kept[1]
    if len(_MADE) >= _KEPT:
        _MADE.clear()
    client = Client.of(row)
    _MADE[client.id] = row, client
    return client


async def _changed(session: AsyncSession, changing: Update, client_id: str) -> None:
    changed = await session.execute(changing.returning(OidcClient.id), **UNSYNCHRONISED)
    if changed.one_or_none() is None:
        raise NoSuchClient(f"There is no client {client_id!r} that this can be done to.")


def _new_secret() -> str:
    return secrets.token_urlsafe(32)


def _subject(client_id: str) -> str:
    return audit.subject_of("client", client_id)
