"""Status lists as readers get them: signed, whole for anybody, in pieces for terminals.

Source: draft-ietf-oauth-status-list-21 sections 5.1 and 8, for the whole.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.status import state_of
from entitlements.status_shards import Pieces, refreshed
from identity.keys import KeyStore, Purpose
from readers.contract.services import Service
from readers.contract.shards import MANIFEST_TYPE
from readers.contract.statuslist import (
    EXPIRY_DAYS,
    TOKEN_TYPE,
    TTL_SECONDS,
    Bits,
    joined_claim,
)
from readers.contract.tokens import sign_token
from readers.contract.wire import status_list_path, status_shards_path

BITS: Final[Bits] = 2
SIGN_AGAIN_AFTER: Final = timedelta(seconds=30)
"""A list that did not change is signed anew when its `iat` is older, so that it does not age."""


class _Signed(msgspec.Struct, frozen=True):
    version: int
    token: str
    issued_at: datetime


class StatusLists:
    """Builds the lists, and keeps of each what did not change.

    Args:
        keystore: signs them.
        base_url: of the server; `sub` of a list is where it can be fetched.
    """

    def __init__(self, keystore: KeyStore, base_url: str) -> None:
        self._keystore = keystore
        self._base_url = base_url
        self._pieces: dict[Service, Pieces] = {}
        self._signed: dict[Service, _Signed] = {}

    async def token(self, session: AsyncSession, service: Service, *, now: datetime) -> str:
        """The service's list as a signed JWT (`statuslist+jwt`), at most half a minute old."""
        pieces = await self._fresh(session, service)
        kept = self._signed.get(service)
        is_young = kept and timedelta(0) <= now - kept.issued_at < SIGN_AGAIN_AFTER
        if kept is None or kept.version != pieces.version or not is_young:
            claim = joined_claim(BITS, [each.segment for each in pieces.shards])
            about = {"ttl": TTL_SECONDS, "status_list": claim}
            token = self._sign(TOKEN_TYPE, status_list_path(service), about, now)
            kept = _Signed(pieces.version, token, now)
            self._signed[service] = kept
        return kept.token

    async def hotlist(self, session: AsyncSession, service: Service, *, now: datetime) -> str:
        """The service's manifest, signed at `now`: no terminal takes one older than its own."""
        pieces = await self._fresh(session, service)
        about = {"hotlist": msgspec.to_builtins(pieces.manifest)}
        return self._sign(MANIFEST_TYPE, status_shards_path(service), about, now)

    async def shard(self, session: AsyncSession, service: Service, digest: str) -> bytes | None:
        """The piece that a manifest of now, or of just before, names so; None if there is none."""
        return (await self._fresh(session, service)).packed(digest)

    async def _fresh(self, session: AsyncSession, service: Service) -> Pieces:
        state = await state_of(session, service, lock=False)
        pieces = await refreshed(session, state, self._pieces.get(service))
        self._pieces[service] = pieces
        return pieces

    def _sign(self, typ: str, path: str, about: Mapping[str, Any], now: datetime) -> str:
        key = self._keystore.current(Purpose.STATUS_SIGN)
        claims = {
            "sub": f"{self._base_url}{path}",
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(days=EXPIRY_DAYS)).timestamp()),
            **about,
        }
        return sign_token(
            typ,
            claims,
            key_id=key.wire.decode(),
            sign=lambda message: self._keystore.sign(key, message),
        )
