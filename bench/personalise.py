"""Seconds that a clerk waits for a card: blank to finished through a running pcscd, in parts.

The server is real (SQLite, on loopback), the reader is paired, so each stage is stored as it goes.
The floor is an echo card behind the same reader: as many commands and answers of the same lengths,
with no cryptography, no server and no database. The virtual card runs in this process, so its own
work is part of the exchange; a card of silicon has its own processor, but adds radio time.
"""

import asyncio
import logging
import statistics
import tempfile
import time
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from bench.tap import EchoCard, Watched, bare
from cardservice import issuance, progress
from cardservice.pairing import Paired
from identity.details import NewResident
from identity.keys import FileKeyStore
from readers.card.apdu import run
from readers.card.procedures import read_uid
from readers.contract.wire import Ended, Hello, Purpose, SessionResult
from readers.pcsc.channel import connect
from readers.terminal.relay import run_card_session
from readers.terminal.server import Network
from readers.virtual.namespace import enter_private_namespace
from readers.virtual.pcscd import Pcscd
from tests.support.pairs import paired, signed_in_clerk
from tests.support.pcsc import laid
from tests.support.people import CLERK, JEAN, NOW
from tests.support.server import Machine, World, new_card, world

READER = "Kent bench"
CARDS = 30
WARM_UP = 3
BARE_RUNS = 30


class Made(msgspec.Struct):
    """Seconds of one card by part, and the lengths of commands and answers."""

    connect: float
    exchange: float
    between: float
    exchanged: list[tuple[int, int]]

    @property
    def whole(self) -> float:
        """All parts together."""
        return self.connect + self.exchange + self.between


async def main() -> None:
    """Print the parts of a card."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    enter_private_namespace()
    with tempfile.TemporaryDirectory() as directory:
        keys = FileKeyStore.initialise(
            Path(directory) / "keys", "a passphrase of the bench", now=NOW
        )
        with Pcscd([READER], Path(directory)) as pcscd:
            async with world(f"sqlite:///{directory}/bench.db", keys) as served:
                made = await _cards(served, pcscd)
            lengths = made[0].exchanged
            with laid(pcscd, pcscd.readers[0], EchoCard([answer for _, answer in lengths])):
                floor = [bare(pcscd.readers[0], lengths) for _ in range(BARE_RUNS)]
    _print(made, floor)


async def _cards(served: World, pcscd: Pcscd) -> list[Made]:
    desk = await served.machine()
    async with served.database.transaction() as session:
        _, own = await signed_in_clerk(session, "sam", now=served.clock())
    pair, reader, made = await paired(served, desk, own), pcscd.readers[0], []
    for number in range(WARM_UP + CARDS):
        await _order(served, await served.register(_resident(number)), desk, pair)
        made.append(await asyncio.to_thread(_make, served, desk, pcscd, reader))
    return made[WARM_UP:]


def _resident(number: int) -> NewResident:
    return msgspec.structs.replace(JEAN, email=f"jean{number}@example.com")


async def _order(served: World, account_id: UUID, desk: Machine, pair: Paired) -> None:
    async with served.database.transaction() as session:
        await issuance.order(
            session,
            served.vault,
            account_id,
            desk.id,
            actor=CLERK,
            now=served.clock(),
            pairing_id=pair.id,
        )


def _make(served: World, desk: Machine, pcscd: Pcscd, reader: str) -> Made:
    """What a terminal does with a blank that is laid, and how long each part of it took."""
    with laid(pcscd, reader, new_card()):
        return _made(served, desk, reader)


def _made(served: World, desk: Machine, reader: str) -> Made:
    started = time.perf_counter()
    with connect(reader) as channel:
        connected = time.perf_counter()
        watched = Watched(channel)
        ended = run_card_session(
            served.url,
            Hello(purpose=Purpose.PERSONALISE, uid=run(read_uid(), watched)),
            watched,
            authorization=desk.header()["authorization"],
            network=Network(),
        )
        over = time.perf_counter()
    if not isinstance(ended, Ended) or ended.result is not SessionResult.DONE:
        raise RuntimeError(f"a card was not made: {ended}")
    return Made(
        connect=connected - started,
        exchange=watched.seconds,
        between=over - connected - watched.seconds,
        exchanged=watched.exchanged,
    )


def _print(made: list[Made], floor: list[float]) -> None:
    base = statistics.median(floor)
    stages = len(progress.ORDER)
    print(
        f"personalisation through pcscd, {len(made)} cards, {len(made[0].exchanged)} APDUs each, "
        f"{stages} stages stored as it goes (SQLite)"
    )
    for name, seconds in (
        ("bare APDU exchange (floor)", floor),
        ("connect", [each.connect for each in made]),
        ("APDU exchange", [each.exchange for each in made]),
        ("server, relay and database", [each.between for each in made]),
        ("whole card", [each.whole for each in made]),
    ):
        middle, worst = statistics.median(seconds), max(seconds)
        times = f"median {middle:7.4f} s  worst {worst:7.4f} s"
        print(f"  {name:28} {times}  {middle / base:6.2f} x floor")


if __name__ == "__main__":
    asyncio.run(main())
