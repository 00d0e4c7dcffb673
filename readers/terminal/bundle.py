"""The signed bundle: everything a terminal needs to decide without the server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from readers.contract import tokens
from readers.contract.products import LEAST_REFRESH_SECONDS, MOST_REFRESH_SECONDS
from readers.contract.services import Service
from readers.contract.shards import (
    MANIFEST_TYPE,
    Manifest,
    ShardedList,
    Statuses,
    put_together,
)
from readers.contract.statuslist import TOKEN_TYPE, from_claim
from readers.contract.windows import DatedWindow, Window
from readers.contract.wire import (
    WIRE_VERSION,
    Bundle,
    Purpose,
    ServiceSettings,
    StalePolicy,
    status_list_path,
    status_shards_path,
)
from readers.errors import (
    ShardRefused,
    SignatureWrong,
    SignerUnknown,
    StatusListError,
    TokenRefused,
)
from readers.terminal.errors import (
    BundleForged,
    BundleKeyUnknown,
    BundleRefused,
    BundleRolledBack,
    ListRolledBack,
)

TOO_OLD_HERE: Final = (
    "This terminal is too old for the server: install the newer version of its software."
)
TOO_OLD_THERE: Final = (
    "The server is too old for this terminal: go back to the version it had, or upgrade the server."
)
MAX_BUNDLE_BYTES: Final = 32 * 1024 * 1024


class ServiceRules(msgspec.Struct, frozen=True, kw_only=True):
    """How one service is checked, and its status list.

    Attributes:
        window: when a use may begin on a working day that none of `windows` covers; None means at
            any time.
        windows: when it may on the days that each covers.
        pass_back: how long the same card gets the same answer.
        minima: place in the status list -> lowest sequence that a record there may have.
        listed_at: when the status list was made.
        list_expires_at: from when it may no longer be believed.
    """

    stale_after: timedelta
    stale_policy: StalePolicy
    window: Window | None
    windows: tuple[DatedWindow, ...] = ()
    pass_back: timedelta = timedelta(0)
    minima: Mapping[int, int] = {}
    statuses: Statuses
    listed_at: datetime
    list_expires_at: datetime

    def window_on(self, day: date) -> Window | None:
        """When a use may begin if that is a working day; None means at any time."""
        return next((each.window for each in self.windows if each.covers(day)), self.window)

    def is_old(self, now: datetime) -> bool:
        """Whether the status list is older than the service tolerates, or has expired."""
        return now - self.listed_at >= self.stale_after or now >= self.list_expires_at


class BundleView(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle whose every signature was verified, ready to decide by.

    Attributes:
        issued_at, expires_at: aware UTC; :func:`decide.not_ready` judges them.
        next_keys: key id -> key (32 bytes) that may sign the bundle after this one.
    """

    terminal_id: str
    name: str
    place: str
    issued_at: datetime
    expires_at: datetime
    refresh: timedelta
    purposes: frozenset[Purpose]
    services: Mapping[Service, ServiceRules]
    issuer_keys: Mapping[bytes, Ed25519PublicKey]
    next_keys: Mapping[str, bytes]
    bank_holidays: frozenset[date]
    set_up: Mapping[str, Any] = {}

    @property
    def lists_at(self) -> datetime | None:
        """When the oldest of the status lists was made; None when there is none."""
        return min((rules.listed_at for rules in self.services.values()), default=None)


def open_bundle(
    token: str,
    pinned: Mapping[str, bytes],
    *,
    terminal_id: str,
    shards: Mapping[str, bytes] = MappingProxyType({}),
) -> BundleView:
    """The bundle in ``token``, whatever the time: a clock may be wrong today and right tomorrow.

    Args:
        token: as fetched.
        pinned: key id -> Ed25519 key (32 bytes) that a bundle may be signed by.
        terminal_id: of this terminal.
        shards: pieces of status lists as they travel, by digest.

    Raises:
        BundleRefused: with a text that says which check failed.
        ShardRefused: a piece that the bundle names is missing, or is not what was signed.
    """
    with _refused():
        bundle = _verified(token, pinned)
        _check_meant(bundle, terminal_id)
        return _view(bundle, shards)


def _check_meant(bundle: Bundle, terminal_id: str) -> None:
    """Raises `BundleRefused`: it is not for this terminal, or not for one of its age."""
    if bundle.terminal_id != terminal_id:
        raise BundleRefused(f"The bundle is for terminal {bundle.terminal_id}.")
    if bundle.wire_version > WIRE_VERSION:
        raise BundleRefused(TOO_OLD_HERE)
    if bundle.wire_version < WIRE_VERSION:
        raise BundleRefused(TOO_OLD_THERE)
    if not bundle.bundle_keys:
        raise BundleRefused("The bundle names no key that may sign the next one.")


def named_shards(token: str, pinned: Mapping[str, bytes]) -> Mapping[str, Service]:
    """Digest -> service of every piece of a list that the bundle in ``token`` names.

    Raises:
        BundleRefused: it, or a manifest in it, cannot be trusted.
    """
    with _refused():
        bundle = _verified(token, pinned)
        return {
            digest: service
            for service in bundle.hotlists
            for digest in _manifest(_list_claims(service, bundle)).shards
        }


@contextmanager
def _refused() -> Iterator[None]:
    """Whatever is wrong with a bundle, as the error that says which of its kinds it is."""
    try:
        yield
    except ShardRefused:
        raise
    except SignerUnknown as error:
        raise BundleKeyUnknown(f"The bundle cannot be trusted: {error}") from error
    except SignatureWrong as error:
        raise BundleForged(f"The bundle cannot be trusted: {error}") from error
    except (TokenRefused, StatusListError, msgspec.ValidationError, ValueError) as error:
        raise BundleRefused(f"The bundle cannot be trusted: {error}") from error


def check_newer(view: BundleView, than: BundleView | None, *, now: datetime) -> None:
    """Refuse a bundle that was just fetched and yet is too old, or made after ``now``.

    Raises:
        BundleRefused: expired, from the future, made before ``than``, or with an expired list.
        ListRolledBack: with a list that was made before that of ``than``.
    """
    if than is not None and view.issued_at < than.issued_at:
        raise BundleRolledBack("The bundle is older than the one this terminal has.")
    if view.issued_at > now + tokens.SKEW:
        raise BundleRefused("The bundle was made in the future: one of the two clocks is wrong.")
    if view.expires_at <= now:
        raise BundleRefused("The bundle has expired.")
    for service, rules in view.services.items():
        if rules.list_expires_at <= now:
            raise BundleRefused(f"The status list of {service} has expired.")
        before = than.services.get(service) if than else None
        if before is not None and _is_rolled_back(rules, before):
            raise ListRolledBack(f"The status list of {service} is older than the one kept.")


def _is_rolled_back(rules: ServiceRules, before: ServiceRules) -> bool:
    """Manifests are signed when they are asked for, whole lists some time before by each server."""
    spread = timedelta(0) if isinstance(rules.statuses, ShardedList) else tokens.SKEW
    return rules.listed_at < before.listed_at - spread


def _verified(token: str, pinned: Mapping[str, bytes]) -> Bundle:
    key = _key(pinned, tokens.key_id_of(token))
    claims = tokens.verify_signature(token, tokens.BUNDLE_TYPE, key, max_bytes=MAX_BUNDLE_BYTES)
    return msgspec.convert(claims, Bundle, str_keys=True)


def _key(keys: Mapping[str, bytes], key_id: str) -> Ed25519PublicKey:
    if key_id not in keys:
        raise SignerUnknown(f"signed by {key_id!r}, which is not among {sorted(keys)}")
    return Ed25519PublicKey.from_public_bytes(keys[key_id])


def _view(bundle: Bundle, shards: Mapping[str, bytes]) -> BundleView:
    return BundleView(
        terminal_id=bundle.terminal_id,
        name=bundle.name,
        place=bundle.place,
        issued_at=_instant(bundle.iat),
        expires_at=_instant(bundle.exp),
        refresh=timedelta(
            seconds=min(max(bundle.refresh_seconds, LEAST_REFRESH_SECONDS), MOST_REFRESH_SECONDS)
        ),
        purposes=frozenset(bundle.purposes),
        services={
            service: _rules(service, settings, bundle, shards)
            for service, settings in bundle.services.items()
        },
        issuer_keys={
            key_id.encode(): Ed25519PublicKey.from_public_bytes(key)
            for key_id, key in bundle.issuer_keys.items()
        },
        next_keys=bundle.bundle_keys,
        bank_holidays=frozenset(bundle.bank_holidays),
        set_up=bundle.set_up,
    )


def _rules(
    service: Service, settings: ServiceSettings, bundle: Bundle, shards: Mapping[str, bytes]
) -> ServiceRules:
    claims = _list_claims(service, bundle)
    in_shards = service in bundle.hotlists
    return ServiceRules(
        stale_after=timedelta(hours=settings.stale_after_hours),
        stale_policy=settings.stale_policy,
        window=_window(settings),
        windows=_windows(settings),
        pass_back=timedelta(seconds=settings.pass_back_seconds),
        minima=bundle.minima.get(service, {}),
        statuses=put_together(_manifest(claims), shards)
        if in_shards
        else from_claim(claims.get("status_list")),
        listed_at=_instant(claims["iat"]),
        list_expires_at=_instant(claims["exp"]),
    )


def _manifest(claims: Mapping[str, Any]) -> Manifest:
    return msgspec.convert(claims.get("hotlist"), Manifest)


def _list_claims(service: Service, bundle: Bundle) -> dict[str, Any]:
    """Verified, of the list in pieces where there is one."""
    if service in bundle.hotlists:
        token, typ, path = bundle.hotlists[service], MANIFEST_TYPE, status_shards_path(service)
    elif service in bundle.status_lists:
        token, typ, path = bundle.status_lists[service], TOKEN_TYPE, status_list_path(service)
    else:
        raise BundleRefused(f"The bundle has no status list for {service}.")
    key = _key(bundle.status_keys, tokens.key_id_of(token))
    claims = tokens.verify_signature(token, typ, key)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject.endswith(path):
        raise BundleRefused(f"The status list of {service} is of {subject!r}.")
    return claims


def _window(settings: ServiceSettings) -> Window | None:
    match settings.window_start, settings.window_end:
        case None, None:
            return None
        case start, end if start is not None and end is not None:
            return Window(start, end)
        case _:
            raise BundleRefused("A service's window has a start without an end, or the reverse.")


def _windows(settings: ServiceSettings) -> tuple[DatedWindow, ...]:
    if settings.windows and settings.window_start is None:
        raise BundleRefused("A service has windows with dates and none for other days.")
    return tuple(settings.windows)


def _instant(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise BundleRefused(f"{seconds} is no time.") from error
