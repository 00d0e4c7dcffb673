"""People drawn at random, sealed and indexed by the product's own code, for benchmarks.

Given names come from our table of nicknames, family names from syllables and some common ones, both
as unevenly spread as in England (the commonest near 3% and 1.2%), postcodes are real ones of Kent.
"""

import csv
import gzip
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]  # it ships none
import numpy as np

from cardservice.database import Database
from identity import name_index, person_keys
from identity.db import new_id
from identity.likeness import words_of
from identity.personal import PersonVault, Vault

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
PEOPLE = 1_600_000
AT_ONCE = 50_000
KNOWN = 100
FAMILY_NAMES = 50_000
COMMON = (
    *("Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Johnson", "Davies", "Patel"),
    *("Robinson", "Wright", "Thompson", "Evans", "Walker", "White", "Roberts", "Green", "Hall"),
    *("Wood", "Jackson", "Clarke", "Khan", "Kaur", "Singh", "Begum", "Hughes", "Edwards"),
)
BEGINNINGS = (
    *("ban", "bel", "car", "cor", "dal", "den", "fen", "gar", "hal", "ham", "har", "kel", "lan"),
    *("lor", "mal", "mar", "nor", "pen", "ral", "sel", "tor", "wal", "wes", "win", "yar", "zel"),
)
MIDDLES = ("", *("a", "er", "in", "o", "le", "ting", "der", "mi", "na", "ro", "ste", "va", "wi"))
ENDINGS = (
    *("bury", "by", "combe", "den", "field", "ford", "gate", "ham", "hurst", "ing", "ley", "low"),
    *("man", "mere", "more", "ridge", "sey", "shaw", "son", "stone", "ton", "well", "wick", "wood"),
)

Person = tuple[str, str, date, str, str]


class Population:
    """People drawn at random, the same in every run."""

    def __init__(self, people: int) -> None:
        self.people = people
        self.known: list[tuple[str, Person]] = []
        self.draw = np.random.default_rng(20261122)
        table = (files("identity") / "tables" / "nicknames.csv").read_text(encoding="utf-8")
        self.groups = [[name.title() for name in row] for row in csv.reader(table.splitlines())]
        self.given = list(dict.fromkeys(name for group in self.groups for name in group[:3]))
        self.draw.shuffle(self.given)
        made = itertools.product(BEGINNINGS, MIDDLES, BEGINNINGS, ENDINGS)
        invented = ["".join(parts).title() for parts in made]
        self.draw.shuffle(invented)
        self.family = [*COMMON, *invented][:FAMILY_NAMES]
        self.given_odds = _uneven(len(self.given), 0.6)
        self.family_odds = _uneven(len(self.family), 0.7)
        rows = (files("identity") / "tables" / "kent_postcodes.csv.gz").read_bytes()
        self.places = [line.split(",") for line in gzip.decompress(rows).decode().splitlines()[1:]]

    def some(self, count: int) -> list[Person]:
        first = self.draw.choice(self.given, count, p=self.given_odds)
        second = self.draw.choice(self.given, count, p=self.given_odds)
        family = self.draw.choice(self.family, count, p=self.family_odds)
        has_second = self.draw.random(count) < 0.6
        ages = self.draw.integers(0, 95 * 365, count)
        places = self.draw.integers(0, len(self.places), count)
        return [
            (
                f"{first[i]} {second[i]}" if has_second[i] else str(first[i]),
                str(family[i]),
                NOW.date() - timedelta(days=int(ages[i])),
                f"{self.places[places[i]][0][:-3]} {self.places[places[i]][0][-3:]}",
                self.places[places[i]][1],
            )
            for i in range(count)
        ]

    def meet(self, people: Sequence[Person], first: int) -> None:
        """Keep some of those who were stored, with their numbers, to search for them."""
        places = self.draw.choice(len(people), min(KNOWN, len(people)), replace=False)
        self.known = [(f"{first + int(place):09}", people[place]) for place in places]


def _uneven(count: int, steepness: float) -> Any:  # noqa: ANN401  an array
    odds = 1 / np.arange(1, count + 1) ** steepness
    return odds / odds.sum()


COLUMNS = {
    "account": "id number state created_at sealed_given_names sealed_family_name"
    " sealed_birth_date birth_date_index",
    "person_key": "account_id sealed_key generation index_generation",
    "address": "id account_id valid_from district_code district_basis sealed_lines sealed_postcode"
    " postcode_index",
    "name_part": "part account_id",
}


class Loader:
    """Seals and indexes people as the product does, and copies them in.

    Attributes:
        columns: of each table that is filled, those that are given.
        at_once: people in one copy, all of them in memory.
    """

    columns: Mapping[str, str] = COLUMNS
    at_once = AT_ONCE

    def __init__(self, vault: Vault, connection: Any) -> None:  # noqa: ANN401  asyncpg has no types
        self.vault = vault
        self.connection = connection
        self.part = cache(lambda word: next(iter(name_index.exactly(vault, word))))
        self.postcode = cache(lambda postcode: vault.blind("postcode", postcode))
        self.born = cache(lambda day: vault.blind("birth-date", day))
        self.words: set[str] = set()

    async def load(self, people: Sequence[Person], first: int) -> None:
        rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in self.columns}
        for number, person in enumerate(people, start=first):
            for table, row in self._rows(person, number):
                if table in rows:
                    rows[table].append(row)
        for table, columns in self.columns.items():
            await self.connection.copy_records_to_table(
                table, records=rows[table], columns=columns.split()
            )

    def _rows(self, person: Person, number: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
        given, family, born, postcode, district = person
        one, home, day = new_id(), new_id(), born.isoformat()
        key, own = person_keys.make(self.vault, one)
        yield (
            "account",
            (
                *(one, f"{number:09}", "active", NOW),
                own.seal("account", "sealed_given_names", one, given),
                own.seal("account", "sealed_family_name", one, family),
                own.seal("account", "sealed_birth_date", one, day),
                self.born(day),
            ),
        )
        yield "person_key", (one, key.sealed_key, key.generation, 1)
        yield (
            "address",
            (
                *(home, one, NOW.date(), district, "table"),
                own.seal("address", "sealed_lines", home, "1 Example Street"),
                own.seal("address", "sealed_postcode", home, postcode),
                self.postcode(postcode),
            ),
        )
        words = words_of(given, family)
        self.words.update(words)
        for word in words:
            yield "name_part", (self.part(word), one)
        yield from self.more(own, one, home, person)

    def more(
        self, _own: PersonVault, _one: UUID, _home: UUID, _person: Person
    ) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Other rows of theirs."""
        return iter(())


async def populate(
    url: str,
    vault: Vault,
    population: Population,
    database: Database,
    kind: type[Loader] = Loader,
) -> None:
    """Fill the tables without their indexes, then make those as they were."""
    directory = parse_qs(urlsplit(url).query)["host"][0]
    connection = await asyncpg.connect(user="postgres", database="postgres", host=directory)
    loader = kind(vault, connection)
    indexes = await _without_indexes(connection, list(loader.columns))
    for first in range(0, population.people, loader.at_once):
        people = population.some(min(loader.at_once, population.people - first))
        await loader.load(people, first)
        population.meet(people, first)
    words = sorted(loader.words) if "name_part" in loader.columns else []
    for first in range(0, len(words), 2000):
        async with database.transaction() as session:
            await name_index.add_words(session, vault, words[first : first + 2000])
    for statement in indexes:
        await connection.execute(statement)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def _without_indexes(connection: Any, tables: list[str]) -> list[str]:  # noqa: ANN401  asyncpg has no types
    """Drop the indexes of what is loaded, and answer the statements that make them again."""
    found = await connection.fetch(
        "SELECT i.tablename, i.indexname, i.indexdef, c.conname FROM pg_indexes i"
        " LEFT JOIN pg_constraint c ON c.conname = i.indexname WHERE i.tablename = ANY($1)",
        tables,
    )
    for table, index, _, constraint in found:
        await connection.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT {index} CASCADE"
            if constraint
            else f"DROP INDEX {index}"
        )
    return [row["indexdef"] for row in found]
