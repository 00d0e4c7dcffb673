"""Hash chains: each link covers the one before it, so nothing inside can change unseen.

    link(n) = SHA-256( link(n-1) || n as 8 bytes || SHA-256(canonical content of row n) )

The first link follows `first_link`, which names the chain. The format is permanent: rows hashed
today must still verify in twenty years, so another format needs another `_FORMAT`.

Source: Haber and Stornetta, How to time-stamp a digital document, Journal of Cryptology 3 (1991),
section 5.1.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from identity.trail_models import ChainHead

_FORMAT: Final = "kent-card-audit-1"
ACTS: Final = "acts"
"""The chain of what people did; every other chain is a stream of sealed batches."""


class Link(msgspec.Struct, frozen=True):
    """A place in a chain.

    Attributes:
        number: 0 before the first row, then one more for each.
        hash: 32 bytes, over everything up to and including this row.
    """

    number: int
    hash: bytes

    def then(self, number: int, content: Mapping[str, Any]) -> "Link":
        """The link of the row that follows."""
        covered = self.hash + number.to_bytes(8) + digest_of(content)
        return Link(number, hashlib.sha256(covered).digest())


def first_link(chain: str) -> Link:
    """What the first row of a chain follows; no two chains begin alike."""
    return Link(0, hashlib.sha256(f"{_FORMAT}:{chain}".encode()).digest())


def digest_of(content: Mapping[str, Any]) -> bytes:
    """SHA-256 of a row's content, the same whatever database it was read from."""
    plain = {name: _plain(value) for name, value in content.items()}
    return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).digest()


def locked_head(connection: Connection, chain: str) -> Link:
    """The last link, with every other writer of the chain kept waiting until the transaction ends.

    The lock is taken by writing: whoever had to wait is given what the one before has left, on
    PostgreSQL as on SQLite.
    """
    lock = (
        update(ChainHead)
        .where(ChainHead.chain == chain)
        .values(number=ChainHead.number)
        .returning(ChainHead.number, ChainHead.hash)
    )
    found = connection.execute(lock).one_or_none()
    if found is None:
        begin(connection, chain)
        found = connection.execute(lock).one()
    return Link(found.number, found.hash)


def move_head(connection: Connection, chain: str, link: Link) -> None:
    """Say where the chain ends now; the caller holds it with `locked_head`."""
    moved = update(ChainHead).where(ChainHead.chain == chain)
    connection.execute(moved.values(number=link.number, hash=link.hash))


def begin(connection: Connection, chain: str) -> None:
    """Make the chain's head, unless somebody else just did."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    link = first_link(chain)
    head = {"chain": chain, "number": link.number, "hash": link.hash}
    connection.execute(dialect.insert(ChainHead).on_conflict_do_nothing(), head)


def moving(chain: str, content_digest: ColumnElement[bytes]) -> ReturningUpdate[int, bytes]:
    """Lock the head, link one more row and move the head, for PostgreSQL in one statement.

    The same sum as `Link.then`.

    Args:
        chain: whose head.
        content_digest: an SQL expression for the `digest_of` the row.
    """
    number = ChainHead.number + 1
    covered = ChainHead.hash.op("||")(func.int8send(number)).op("||")(content_digest)
    moved = update(ChainHead).where(ChainHead.chain == chain)
    return moved.values(number=number, hash=func.sha256(covered)).returning(
        ChainHead.number, ChainHead.hash
    )


def heads(connection: Connection) -> Mapping[str, Link]:
    """Where each chain ends, all at one moment."""
    rows = connection.execute(select(ChainHead.chain, ChainHead.number, ChainHead.hash))
    return {row.chain: Link(row.number, row.hash) for row in rows}


def _plain(value: Any) -> Any:  # noqa: ANN401  (whatever a column holds)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.hex() if isinstance(value, bytes) else value
