"""What anybody may fetch: status lists, bundles for venues, meanings of problems, and health."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from litestar import MediaType, Request, Response, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import hotlist, metrics, schema
from cardservice.card_sessions import Means
from cardservice.database import Database
from cardservice.web.problems import STATUS, every_error, title_of
from entitlements.status_lists import StatusLists
from identity.errors import KeyStoreError, KeyTokenAway
from identity.keys import KeyStore, Purpose
from readers.contract.services import Service
from readers.contract.shards import MEDIA_TYPE as SHARD_MEDIA_TYPE
from readers.contract.statuslist import MEDIA_TYPE, TTL_SECONDS
from readers.contract.wire import (
    KENT,
    STATUS_SHARDS_PATH,
    VENUE_BUNDLE_PATH,
    SignedBundle,
)

SHARD_KEPT_SECONDS: Final = 365 * 24 * 60 * 60
_SERVICES: Final[Mapping[str, Service]] = {service.value: service for service in Service}


@get(
    "/status-lists/{service:str}",
    opt={"public": "a status list tells nothing about anybody without their card"},
    media_type=MEDIA_TYPE,
)
async def status_list(
    request: Request[Any, Any, Any],
    service: FromPath[str],
    session: NamedDependency[AsyncSession],
    status_lists: NamedDependency[StatusLists],
    now: NamedDependency[datetime],
) -> Response[bytes | str]:
    """A service's status list token, which may be kept for its `ttl`.

    Raises:
        NotFoundException: no such service.
    """
    found = _SERVICES.get(service)
    if found is None:
        raise NotFoundException("There is no such service.")
    token = await status_lists.token(session, found, now=now)
    caching = CacheControlHeader(public=True, max_age=TTL_SECONDS)
    tag = hashlib.sha256(token.encode()).hexdigest()
    return _kept(request, token, MEDIA_TYPE, tag, caching)


@get(
    STATUS_SHARDS_PATH + "/{service:str}/{digest:str}",
    opt={"public": "pieces of the status lists, which are public whole"},
    media_type=SHARD_MEDIA_TYPE,
)
async def status_shard(
    request: Request[Any, Any, Any],
    service: FromPath[str],
    digest: FromPath[str],
    session: NamedDependency[AsyncSession],
    status_lists: NamedDependency[StatusLists],
) -> Response[bytes | str]:
    """A piece of a service's status list, by the digest in a manifest; it never changes.

    Raises:
        NotFoundException: no such service, or the list has changed since that manifest.
    """
    found = _SERVICES.get(service)
    shard = await status_lists.shard(session, found, digest) if found else None
    if shard is None:
        raise NotFoundException("There is no such piece, or no more. Fetch the manifest again.")
    caching = CacheControlHeader(public=True, immutable=True, max_age=SHARD_KEPT_SECONDS)
    return _kept(request, shard, SHARD_MEDIA_TYPE, digest, caching)


@get(
    VENUE_BUNDLE_PATH,
    opt={"public": "public keys and status lists: they tell nothing about anybody without a code"},
)
async def venue_bundle(
    session: NamedDependency[AsyncSession],
    means: NamedDependency[Means],
    status_lists: NamedDependency[StatusLists],
    now: NamedDependency[datetime],
    authority: FromQuery[str] = KENT,
) -> SignedBundle:
    """What a venue needs to check codes on phones without the network.

    Raises:
        NoSuchAuthority: no authority has that id.
    """
    token = await hotlist.venue_bundle(
        session, means.keystore, status_lists, authority=authority, now=now
    )
    return SignedBundle(token=token, server_time=now)


@get(
    "/problems/{code:str}",
    opt={"public": "what an error means is in the documentation"},
    media_type=MediaType.TEXT,
)
async def problem_meaning(code: FromPath[str]) -> str:
    """What a problem type means.

    Raises:
        NotFoundException: no error of ours has that code.
    """
    error = every_error().get(code)
    if error is None:
        raise NotFoundException("There is no such problem.")
    return f"{code} (HTTP {STATUS.get(error, 500)}): {title_of(error)}\n"


@get("/healthz", opt={"public": "says only that the process answers"}, media_type=MediaType.TEXT)
async def healthz() -> str:
    """The process is alive."""
    return "ok\n"


@get("/readyz", opt={"public": "says what is missing in general words"})
async def readyz(
    database: NamedDependency[Database], means: NamedDependency[Means]
) -> Response[dict[str, str]]:
    """Whether requests can be served: database, its schema, and keys."""
    checks = {
        "database": await _database(database),
        "schema": await _schema(database),
        "keys": _keys(means.keystore),
    }
    ready = all(answer == "ok" for answer in checks.values())
    return Response(checks, status_code=200 if ready else 503)


@get("/metrics", opt={"public": "counts without personal data; keep it inside by the proxy"})
async def metric_counts() -> Response[bytes]:
    """Counts for Prometheus."""
    return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)


def _kept(
    request: Request[Any, Any, Any],
    content: bytes | str,
    media_type: str,
    tag: str,
    caching: CacheControlHeader,
) -> Response[bytes | str]:
    """The content with its tag; or, to who has it, that it is still the same.

    Source: RFC 9110 section 13.1.2.
    """
    headers = {"cache-control": caching.to_header(), "etag": f'"{tag}"'}
    asked = {each.strip().removeprefix("W/") for each in _tags(request)}
    if asked & {f'"{tag}"', "*"}:
        return Response(b"", status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def _tags(request: Request[Any, Any, Any]) -> list[str]:
    return str(request.headers.get("if-none-match", "")).split(",")


async def _database(database: Database) -> str:
    try:
        async with database.reading() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError):
        return "does not answer"
    return "ok"


async def _schema(database: Database) -> str:
    try:
        current = await schema.current(database.engine)
    except (SQLAlchemyError, OSError):
        return "cannot be read"
    return "ok" if current == schema.head() else "run: kentcard db upgrade"


def _keys(keystore: KeyStore) -> str:
    try:
        for purpose in Purpose:
            keystore.current(purpose)
        keystore.sign(keystore.current(Purpose.SESSION_SIGN), b"readyz")
    except KeyTokenAway:
        return "the token does not answer"
    except KeyStoreError:
        return "a key is missing"
    return "ok"
