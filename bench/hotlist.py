"""Two million cards, 3 % revoked: how long a list takes to make, and how small it is.

``python -m bench.hotlist``: SQLite in a directory of its own, every record in the database. Places
are random in a list at least twice as long, as the server gives them out; half of what is revoked
may come back (suspended). Floors of the same run: the entropy of such a list, ZLIB over the bare
bits, and Python's own set and dict.
"""

import asyncio
import math
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
import numpy as np

from cardservice import schema
from cardservice.database import Database
from entitlements import status
from entitlements.status_lists import StatusLists
from identity.actors import SYSTEM
from identity.keys import FileKeyStore, Purpose
from readers.contract.services import Service
from readers.contract.shards import MANIFEST_TYPE, Manifest, ShardedList, put_together
from readers.contract.statuslist import TOKEN_TYPE, Status, StatusList, from_claim
from readers.contract.tokens import verify_signature

CARDS: Final = 2_000_000
REVOKED: Final = 60_000
SERVICE: Final = Service.LIBRARY
LOOK_UPS: Final = 200_000
AT_ONCE: Final = 100_000
RUNS: Final = 9
NOW: Final = datetime(2026, 11, 22, 9, tzinfo=UTC)
LIMIT_KB, LIMIT_MS, LIMIT_US = 150, 50, 2
"""Of all pieces together; of loading them; of one look-up."""
_RECORDS: Final = (
    "INSERT INTO service_record (id, account_id, carrier_id, service, status_index, status, held,"
    " sequence, written_sequence, blocked) VALUES (?, ?, ?, 'library', ?, ?, 1, 1, 1, 0)"
)


class Made(NamedTuple):
    """What was put into the database.

    Attributes:
        size: places of the list.
        marked: place -> status of what is revoked.
        good: carrier of a record that is not revoked.
    """

    size: int
    marked: Mapping[int, int]
    good: UUID


class Fetched(NamedTuple):
    """A list as a terminal has it."""

    manifest: Manifest
    packed: dict[str, bytes]
    token: str


def fill(path: Path) -> Made:
    """Two million records, straight into the file: how they came there is not measured."""
    draw = np.random.default_rng(20261122)
    size = status.LEAST_SIZE
    while size < 2 * CARDS:
        size *= 2
    places = draw.permutation(size)[:CARDS].tolist()
    kinds = draw.choice([Status.INVALID.value, Status.SUSPENDED.value], REVOKED).tolist()
    ids = draw.bytes(32 * CARDS)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for first in range(0, CARDS, AT_ONCE):
            connection.executemany(
                _RECORDS, _rows(range(first, first + AT_ONCE), places, kinds, ids)
            )
        connection.execute(
            "INSERT INTO status_list (service, version, size, used) VALUES ('library', 1, ?, ?)",
            (size, CARDS),
        )
    connection.close()
    return Made(size, dict(zip(places[:REVOKED], kinds, strict=True)), UUID(bytes=ids[-16:]))


def _rows(
    numbers: range, places: list[int], kinds: list[int], ids: bytes
) -> Iterator[tuple[str, str, str, int, int]]:
    nobody = "0" * 32
    for number in numbers:
        own, carrier = ids[32 * number : 32 * number + 16], ids[32 * number + 16 : 32 * number + 32]
        said = kinds[number] if number < REVOKED else Status.VALID.value
        yield own.hex(), nobody, carrier.hex(), places[number], said


async def build(database: Database, keystore: FileKeyStore, made: Made) -> Fetched:
    """From the database to what a terminal fetches; then once more after one card was lost."""
    lists = StatusLists(keystore, "http://localhost:8000")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took, fetched = await _timed_build(database, lists, keystore)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    _say("build from the database, all pieces", f"{took:.2f} s, memory grew {grown:.0f} MB")
    again, _ = await _timed_build(database, lists, keystore)
    _say("asked again, nothing changed", f"{again * 1e3:.1f} ms")
    async with database.transaction() as session:
        lost = Status.SUSPENDED
        await status.set_carrier_status(session, made.good, lost, actor=SYSTEM, now=NOW)
    one, later = await _timed_build(database, lists, keystore)
    new = [each for digest, each in later.packed.items() if digest not in fetched.packed]
    kilobytes = sum(map(len, new)) / 1000
    _say("one card lost: build", f"{one * 1e3:.1f} ms")
    _say(
        "one card lost: a terminal fetches",
        f"{len(new)} piece of {kilobytes:.1f} kB, and the manifest",
    )
    return fetched


async def _timed_build(
    database: Database, lists: StatusLists, keystore: FileKeyStore
) -> tuple[float, Fetched]:
    started = time.perf_counter()
    async with database.transaction() as session:
        token = await lists.hotlist(session, SERVICE, now=NOW)
    took = time.perf_counter() - started
    key = keystore.public_key(keystore.current(Purpose.STATUS_SIGN))
    claims = verify_signature(token, MANIFEST_TYPE, key)
    manifest = msgspec.convert(claims["hotlist"], Manifest)
    packed = dict[str, bytes]()
    async with database.transaction() as session:
        for digest in manifest.shards:
            piece = await lists.shard(session, SERVICE, digest)
            assert piece is not None, "a piece that was named is not there"
            packed[digest] = piece
    return took, Fetched(manifest, packed, token)


async def published(database: Database, keystore: FileKeyStore) -> str:
    """The same list in the published form."""
    lists = StatusLists(keystore, "http://localhost:8000")
    started = time.perf_counter()
    async with database.transaction() as session:
        token = await lists.token(session, SERVICE, now=NOW)
    _say("the published form: build", f"{time.perf_counter() - started:.2f} s")
    return token


def sizes(fetched: Fetched, token: str, made: Made) -> bool:
    """How small both are, beside what no form can be smaller than."""
    entropy = _bits_of_choice(made.size, REVOKED)
    floor = (entropy + REVOKED) / 8000  # which, and for each of them one bit: may it come back?
    least = _bits_of_choice(CARDS, REVOKED) / 8000
    zipped = len(zlib.compress(bytes(_bare(made).data), 9)) / 1000
    pieces = sum(map(len, fetched.packed.values())) / 1000
    _say("entropy of 3 % of 2 million bits", f"{least:.1f} kB")
    _say(f"entropy of this list of {made.size:,} places", f"{floor:.1f} kB")
    _say("ZLIB 9 of its bare bits", f"{zipped:.1f} kB, {zipped / floor:.2f} of the entropy")
    _say("the published form, a token", f"{len(token) / 1000:.1f} kB")
    _say(
        f"{len(fetched.packed)} pieces",
        f"{pieces:.1f} kB, {pieces / floor:.2f} of the entropy (goal: under {LIMIT_KB} kB)",
    )
    _say("their manifest, a token", f"{len(fetched.token) / 1000:.1f} kB")
    return pieces + len(fetched.token) / 1000 < LIMIT_KB


def _bare(made: Made) -> StatusList:
    """The same without server and database."""
    bare = StatusList.of_size(made.size)
    for place, said in made.marked.items():
        bare[place] = said
    return bare


def _bits_of_choice(places: int, chosen: int) -> float:
    """The logarithm to base 2 of how many ways there are to choose."""
    ways = math.lgamma(places + 1) - math.lgamma(chosen + 1) - math.lgamma(places - chosen + 1)
    return ways / math.log(2)


def load(fetched: Fetched, made: Made) -> tuple[bool, ShardedList]:
    """From what lies on a terminal's disk to what it decides by."""
    on_disk = msgspec.json.encode(fetched.packed)
    zipped = zlib.compress(bytes(_bare(made).data), 9)
    whole = put_together(fetched.manifest, fetched.packed)

    def loading() -> ShardedList:
        kept = msgspec.json.decode(on_disk, type=dict[str, bytes])
        return put_together(fetched.manifest, kept)

    took = _median(loading)
    _say(
        "load, every piece shown to be the signed one", f"{took:.1f} ms (goal: under {LIMIT_MS} ms)"
    )
    _say(
        "floor: ZLIB unpacks as many bare bits",
        f"{_median(lambda: zlib.decompress(zipped)):.1f} ms",
    )
    return took < LIMIT_MS, whole


def look_up(whole: ShardedList, token: str, keystore: FileKeyStore, made: Made) -> bool:
    """One place in the list, half of them revoked; both forms say what is in the database."""
    key = keystore.public_key(keystore.current(Purpose.STATUS_SIGN))
    claim = verify_signature(token, TOKEN_TYPE, key)["status_list"]
    plain, known = from_claim(claim), dict(made.marked)
    draw = np.random.default_rng(1)
    asked = [*draw.choice(list(known), LOOK_UPS // 2).tolist()]
    asked += draw.integers(0, made.size, LOOK_UPS // 2).tolist()
    draw.shuffle(asked)
    lost = {place for place in asked if plain[place] != known.get(place, 0)}
    assert len(lost) <= 1, "the published list says something else"  # the card that was lost
    assert all(whole[place] == known.get(place, 0) for place in asked), "the pieces say otherwise"
    revoked = set(known)
    ours = _each_us(lambda: [whole[place] for place in asked])
    _say("look-up in the pieces", f"{ours:.2f} µs (goal: under {LIMIT_US} µs)")
    _say("look-up in the published list", f"{_each_us(lambda: [plain[p] for p in asked]):.2f} µs")
    _say("floor: in a set", f"{_each_us(lambda: [p in revoked for p in asked]):.2f} µs")
    _say("floor: in a dict", f"{_each_us(lambda: [known.get(p, 0) for p in asked]):.2f} µs")
    return ours < LIMIT_US


def _each_us(action: Callable[[], object]) -> float:
    return _median(action) * 1e3 / LOOK_UPS


def _median(action: Callable[[], object]) -> float:
    """Milliseconds."""
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        action()
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


def _say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:46} {figure}\n")
    sys.stdout.flush()


async def main() -> int:
    """Measure; 1 if a goal was missed."""
    _say("cards, revoked", f"{CARDS:,}, {REVOKED:,}")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        keystore = FileKeyStore.initialise(path / "keys", "a passphrase for a bench", now=NOW)
        database = Database(f"sqlite:///{path / 'bench.db'}")
        await schema.upgrade(database.engine)
        made = fill(path / "bench.db")
        fetched = await build(database, keystore, made)
        token = await published(database, keystore)
        await database.close()
    kept = [sizes(fetched, token, made)]
    loaded, whole = load(fetched, made)
    kept += [loaded, look_up(whole, token, keystore, made)]
    _say("goals", "all met" if all(kept) else "MISSED")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
