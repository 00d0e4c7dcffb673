"""A service's status list in pieces, each packed when it changed and kept until it changes again.

What is kept is two to three kilobytes a shard. A piece is read by its range of places, so that no
more than one is in memory as rows at a time. Versions are read before rows: what is packed is at
least as new as the version that it is kept under.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from entitlements.models import NOT_VALID, KeptStatus, ServiceRecord, StatusListState
from entitlements.shard_models import StatusShard
from entitlements.status import listed
from readers.contract.services import Service
from readers.contract.shards import (
    SHARD_PLACES,
    Manifest,
    deflated,
    digest_of,
    pack,
    shard_count,
)
from readers.contract.statuslist import Segment, StatusList, segment_of

NEVER_CHANGED: Final = 0


class Shard(msgspec.Struct, frozen=True):
    """A piece of a list in both forms.

    Attributes:
        version: of the piece.
        places: how many of them the list has.
        digest, packed: for terminals, as `readers.contract.shards` says.
        segment: of the published list.
    """

    version: int
    places: int
    digest: str
    packed: bytes
    segment: Segment


class Pieces(msgspec.Struct, frozen=True):
    """A whole list at one version.

    Attributes:
        before: the pieces that the last change took the place of, by digest: whoever has the
            manifest of before may still come for them.
    """

    version: int
    places: int
    shards: tuple[Shard, ...]
    before: Mapping[str, bytes]

    @property
    def manifest(self) -> Manifest:
        """What names every piece."""
        return Manifest(places=self.places, shards=[each.digest for each in self.shards])

    def packed(self, digest: str) -> bytes | None:
        """The piece of that digest; None if there is none, now or just before."""
        now = (each.packed for each in self.shards if each.digest == digest)
        return next(now, None) or self.before.get(digest)


async def refreshed(session: AsyncSession, state: StatusListState, kept: Pieces | None) -> Pieces:
    """The list as it is now; pieces that did not change are those that were kept.

    Args:
        session: for the rows.
        state: of the service's list, read in the same transaction.
        kept: the list as it was; None if it was never read.
    """
    if kept is not None and kept.version == state.version:
        return kept
    versions = await _versions(session, state.service)
    shards = list[Shard]()
    for number in range(shard_count(state.size)):
        version = versions.get(number, NEVER_CHANGED)
        places = min(SHARD_PLACES, state.size - number * SHARD_PLACES)
        old = kept.shards[number] if kept and number < len(kept.shards) else None
        if old is None or (old.version, old.places) != (version, places):
            old = await _read(session, state.service, number, version, places)
        shards.append(old)
    return Pieces(state.version, state.size, tuple(shards), _replaced(kept, shards))


async def _versions(session: AsyncSession, service: Service) -> Mapping[int, int]:
    query = select(StatusShard.number, StatusShard.version).where(StatusShard.service == service)
    return {row.number: row.version for row in await session.execute(query)}


async def _read(
    session: AsyncSession, service: Service, number: int, version: int, places: int
) -> Shard:
    first = number * SHARD_PLACES
    marked = select(ServiceRecord.status_index, listed).where(
        ServiceRecord.service == service,
        NOT_VALID,
        *_covered(ServiceRecord.status_index, first, places),
    )
    kept = select(KeptStatus.status_index, KeptStatus.status).where(
        KeptStatus.service == service, *_covered(KeptStatus.status_index, first, places)
    )
    found = (*await session.execute(kept), *await session.execute(marked))
    said = {index - first: status for index, status in found}
    published = StatusList.of_size(places)
    for place, status in said.items():
        published[place] = status
    told = pack(said)
    return Shard(version, places, digest_of(told), deflated(told), segment_of(published))


def _covered(
    place: InstrumentedAttribute[int], first: int, places: int
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return place >= first, place < first + places


def _replaced(kept: Pieces | None, shards: list[Shard]) -> Mapping[str, bytes]:
    if kept is None:
        return {}
    now = {each.digest for each in shards}
    return {each.digest: each.packed for each in kept.shards if each.digest not in now}
