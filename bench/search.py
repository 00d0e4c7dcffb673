"""How long a clerk waits for a search, by what they typed: ``python -m bench.search [PEOPLE]``.

The population is made up (`_population`). A search includes its audit row and its commit.
PostgreSQL without fsync and with 32 MB of buffers of its own.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench._population import KNOWN, NOW, PEOPLE, Population, populate
from cardservice.database import Database
from identity import accounts
from identity.actors import SYSTEM
from identity.keys import FileKeyStore, Purpose
from identity.personal import Vault
from identity.rekeying import rekey_some
from tests.support.people import tables
from tests.support.postgresql import cluster

SEARCHES = KNOWN
REKEYINGS = 10
GOAL = 0.2


def queries(population: Population) -> dict[str, list[tuple[str, str]]]:
    """What clerks type, by kind, each with the number of the resident who is meant."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for number, (given, family, born, postcode, _) in population.known:
        first, day = given.split()[0], f"{born:%d/%m/%Y}"
        nickname = next((g[1] for g in population.groups if g[0] == first), first)
        typed = {
            "full name": f"{given} {family}",
            "name with an error": f"{first} {mistyped(population, family)}",
            "two errors": f"{mistyped(population, first)} {mistyped(population, family)}",
            "nickname and family name": f"{nickname} {family}",
            "family name alone": family,
            "family name with an error": mistyped(population, family),
            "given name alone": first,
            "given name with an error": mistyped(population, first),
            "birth date": day,
            "postcode": postcode,
            "mistyped name and birth date": f"{mistyped(population, family)} {day}",
            "mistyped name and postcode": f"{mistyped(population, first)} {postcode}",
            "commonest names, mistyped": f"{mistyped(population, population.given[0])} Smiht",
            "nobody": f"{mistyped(population, first)} Zzyzxwq",
        }
        for kind, text in typed.items():
            kinds.setdefault(kind, []).append((text, number))
    return kinds


def mistyped(population: Population, word: str) -> str:
    """The word with two neighbouring letters swapped, or one of them left out."""
    place = int(population.draw.integers(0, len(word) - 1))
    swapped = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return swapped if population.draw.random() < 0.5 else word[:place] + word[place + 1 :]


async def ask(database: Database, vault: Vault, typed: str, meant: str) -> tuple[float, bool]:
    """Seconds, and whether the resident who is meant is among the answers."""
    started = time.perf_counter()
    async with database.transaction() as session:
        found = await accounts.find(session, vault, typed, actor=SYSTEM, now=NOW)
    return time.perf_counter() - started, any(match.number == meant for match in found)


async def measure(url: str, keystore: FileKeyStore, people: int) -> None:
    vault = Vault(keystore)
    async with tables(url) as database:
        population = Population(people)
        started = time.perf_counter()
        await populate(url, vault, population, database)
        print(f"{people} residents made, sealed, indexed in {time.perf_counter() - started:.0f} s")
        asked = queries(population)
        for typed in asked.values():
            await ask(database, vault, *typed[0])
        print(
            f"{'ms, of ' + str(SEARCHES) + ' searches each':30} median     p95     max  shows whom"
        )
        every: list[float] = []
        for kind, typed in asked.items():
            answers = [await ask(database, vault, *one) for one in typed]
            every += line(kind, *map(list, zip(*answers, strict=True)))
        line("all", every, [])
        verdict = "within" if np.percentile(every, 95) <= GOAL else "NOT within"
        print(f"p95 of all is {verdict} the goal of {GOAL * 1000:.0f} ms")
        for purpose in (Purpose.DATA, Purpose.INDEX):
            keystore.rotate(purpose, now=NOW)
            print(f"new {purpose} key: {await rekeyed(database, vault):.0f} residents/s")


async def rekeyed(database: Database, vault: Vault) -> float:
    """Residents a second that are brought to the newest keys, of some of them."""
    started, done = time.perf_counter(), 0
    for _ in range(REKEYINGS):
        async with database.transaction() as session:
            done += len(await rekey_some(session, vault))
    return done / (time.perf_counter() - started)


def line(kind: str, seconds: list[float], shown: list[bool]) -> list[float]:
    middle, late, last = (1000 * float(np.percentile(seconds, part)) for part in (50, 95, 100))
    share = f"{np.mean(shown):10.0%}" if shown else ""
    print(f"{kind:30} {middle:6.1f} {late:7.1f} {last:7.1f}  {share}", flush=True)
    return seconds


def main() -> None:
    """Print the figures."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    with tempfile.TemporaryDirectory() as directory, cluster() as url:
        path = Path(directory) / "keys"
        keystore = FileKeyStore.initialise(path, "a passphrase for a bench", now=NOW)
        asyncio.run(measure(url, keystore, people))


if __name__ == "__main__":
    main()
