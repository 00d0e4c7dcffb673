"""What a terminal holds to decide by: its bundle, its read keys, the latest server time.

The reader's thread reads, the thread that speaks with the server replaces; every attribute is
replaced whole, after it is safe on disk.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from readers.contract.products import SetUp, set_up_of
from readers.contract.services import Service
from readers.contract.shards import checked
from readers.contract.wire import ReadKey, ReadKeys
from readers.errors import ShardRefused
from readers.terminal.bundle import BundleView, check_newer, named_shards, open_bundle
from readers.terminal.errors import BundleRefused, StateUnusable
from readers.terminal.state import Identity, State, StoredBundle

log = logging.getLogger(__name__)

FetchShard = Callable[[Service, str], bytes]
"""A piece of a service's status list by its digest, from wherever."""

LONGEST_REFUSAL: Final = 200
SERVER_TIME_STEP: Final = timedelta(seconds=30)
"""How far the server's time runs ahead of the stored one before it is stored again."""


class Holdings:
    """Loaded from ``state``; what is damaged there is left out, and fetched again.

    Attributes:
        identity: who this terminal is.
        bundle: None until one was fetched.
        keys: by service, newest generation first.
        server_time: the latest the server ever gave; None before it gave any.
        set_up: what the server set of this terminal, as far as it could be taken.
        settings_refused: why the newest could not; empty if it could.

    Raises:
        NotEnrolled, StateUnusable: there is no identity to work under.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.identity: Identity = state.identity()
        self.bundle: BundleView | None = None
        self.keys: Mapping[Service, list[ReadKey]] = {}
        self.server_time: datetime | None = None
        self._shards: dict[str, bytes] = {}
        self._stored: frozenset[str] = frozenset()
        self._named: frozenset[str] = frozenset()
        self.set_up = SetUp()
        self.settings_refused = ""
        try:
            self.server_time = state.server_time()
            self.keys = state.read_keys().keys
            self._shards = state.shards()
            self._stored = frozenset(self._shards)
            self.bundle = self._bundle_from_disk()
        except (BundleRefused, ShardRefused, StateUnusable) as error:
            log.warning("what is stored cannot be used and will be fetched again: %s", error)

        self._load_set_up()

    @property
    def pinned(self) -> Mapping[str, bytes]:
        """The keys that the next bundle may be signed by."""
        return self.bundle.next_keys if self.bundle else self.identity.bundle_keys

    def adopt_bundle(self, token: str, *, fetch: FetchShard, now: datetime) -> BundleView:
        """Verify a fetched bundle, store it, and decide by it from now on.

        Args:
            token: as fetched.
            fetch: asked for the pieces of its lists that are not here.
            now: no list may be from later.

        Raises:
            BundleRefused: it cannot be trusted; the one before stays.
            ShardRefused: a piece of a list is not what was signed; the bundle before stays.
            StateUnusable: it cannot be stored; the one before stays.
            ReadersError: as `fetch` raises; the one before stays, and so do the pieces that came.
        """
        pinned = self.pinned
        named = named_shards(token, pinned)
        self._complete(named, fetch)
        view = open_bundle(
            token, pinned, terminal_id=self.identity.terminal_id, shards=self._shards
        )
        check_newer(view, self.bundle, now=now)
        self._keep_shards(named)
        self._state.keep_bundle(StoredBundle(token, dict(pinned)))
        self.bundle = view
        self._named = frozenset(named)
        self._adopt_set_up(view)
        return view

    def _complete(self, named: Mapping[str, Service], fetch: FetchShard) -> None:
        for digest, service in named.items():
            if digest not in self._shards:
                packed = fetch(service, digest)
                checked(packed, digest)
                self._shards[digest] = packed

    def _keep_shards(self, named: Mapping[str, Service]) -> None:
        """Store what this bundle names and the one on disk does: either must find its pieces."""
        needed = frozenset(named) | self._named
        self._shards = {
            digest: packed for digest, packed in self._shards.items() if digest in needed
        }
        if frozenset(self._shards) != self._stored:
            self._state.keep_shards(self._shards)
            self._stored = frozenset(self._shards)

    def _load_set_up(self) -> None:
        """What is on disk; what is damaged there is taken again from the bundle."""
        try:
            self.set_up = self._state.set_up()
        except StateUnusable as error:
            log.warning("the set-up cannot be used and is taken from the bundle: %s", error)
        if self.bundle is None:
            return
        try:
            self._adopt_set_up(self.bundle)
        except StateUnusable as error:
            log.warning("the set-up cannot be stored: %s", error)

    def _adopt_set_up(self, view: BundleView) -> None:
        """Take what the server set, whole, or keep what there is."""
        try:
            fresh = set_up_of(view.set_up)
        except ValueError as error:
            self.settings_refused = str(error)[:LONGEST_REFUSAL]
            log.warning("the server's settings are not taken: %s", error)
            return
        if fresh != self.set_up:
            self.set_up = fresh
            self._state.keep_set_up(fresh)
        self.settings_refused = ""

    def adopt_read_keys(self, keys: ReadKeys) -> None:
        """Store read keys and use them from now on; raises StateUnusable."""
        if keys.keys != self.keys:
            self._state.keep_read_keys(keys)
            self.keys = keys.keys

    def forget_read_keys(self) -> None:
        """Destroy the read keys, because this terminal was revoked; raises StateUnusable."""
        self.keys = {}
        self._state.forget_read_keys()

    def hear_server_time(self, server_time: datetime) -> None:
        """Remember the latest time the server gave: our clock may not run behind it.

        Raises:
            StateUnusable: it cannot be stored.
        """
        if self.server_time is None or server_time >= self.server_time + SERVER_TIME_STEP:
            self._state.keep_server_time(server_time)
            self.server_time = server_time

    def _bundle_from_disk(self) -> BundleView | None:
        stored = self._state.bundle()
        if stored is None:
            return None
        view = open_bundle(
            stored.token,
            stored.verified_with,
            terminal_id=self.identity.terminal_id,
            shards=self._shards,
        )
        self._named = frozenset(named_shards(stored.token, stored.verified_with))
        return view
