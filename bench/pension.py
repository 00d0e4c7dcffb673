"""The older person's bus pass: one person with trace, and 1.6 million residents through NumPy.

The floors are measured in the same run on the same facts: for one person a bare Python call that
compares two dates; for everybody a bare NumPy comparison of the same columns, which knows no
table, no unknown, no reason and no day of change.
"""

import statistics
import time
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

import numpy as np

from entitlements.decision import Decision
from entitlements.facts import ResidentFacts
from entitlements.schemes.batch import YES, compile_numpy
from entitlements.schemes.columns import NO_DAY, EvidenceColumns, FactColumns, day_number
from entitlements.schemes.engine import compile_traced
from entitlements.schemes.rulebook import load_schemes

SCHEME = "travel-older"
ON = date(2026, 11, 22)
YOUNGEST = date(1960, 7, 22)
RESIDENTS = 1_600_000
DISTRICTS = (*(f"E070001{n:02}" for n in range(5, 17)), "E06000035")
CALLS = 2_000
ROUNDS = 30
BATCH_ROUNDS = 5
SEED = 2026


def residents() -> FactColumns:
    """Births spread over 96 years; one in a hundred facts unknown, one person in a hundred dead."""
    draw = np.random.default_rng(SEED)
    births = day_number(date(1930, 11, 22)) + draw.integers(0, 96 * 365, RESIDENTS).astype(np.int32)
    births[draw.random(RESIDENTS) < 0.01] = NO_DAY
    district = draw.integers(0, len(DISTRICTS), RESIDENTS).astype(np.int16)
    district[draw.random(RESIDENTS) < 0.01] = -1
    none = np.array([], dtype=np.int32)
    return FactColumns(
        birth_date=births,
        district=district,
        districts=DISTRICTS,
        deceased=(draw.random(RESIDENTS) < 0.01).astype(np.int8),
        evidence=EvidenceColumns(
            row=np.array([], dtype=np.intp),
            kind=np.array([], dtype=np.int16),
            kinds=(),
            dated=none,
            counts_from=none,
            stated_until=none,
        ),
    )


class Took(NamedTuple):
    """Medians of one call: by the wall's clock, and of this process's processor alone."""

    wall: float
    cpu: float


def each_call(call: Callable[[], object]) -> Took:
    """Median microseconds for one call."""
    return _medians(call, ROUNDS, CALLS, 1e6)


def each_batch(call: Callable[[], object]) -> Took:
    """Median seconds for one call."""
    return _medians(call, BATCH_ROUNDS, 1, 1)


def _medians(call: Callable[[], object], rounds: int, calls: int, units: float) -> Took:
    call()
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(calls):
            call()
        walls.append((time.perf_counter() - wall) / calls * units)
        cpus.append((time.process_time() - cpu) / calls * units)
    return Took(statistics.median(walls), statistics.median(cpus))


def one_person() -> None:
    decide = compile_traced(load_schemes()[SCHEME])
    facts = {
        label: ResidentFacts(birth_date=born, district="E07000110", deceased=False)
        for label, born in (("yes", date(1950, 1, 1)), ("not yet", date(1960, 7, 31)))
    }
    facts["unknown"] = ResidentFacts(district="E07000110", deceased=False)

    def bare(born: date, youngest: date) -> bool:
        return born <= youngest

    born = date(1950, 1, 1)
    floor = each_call(lambda: bare(born, YOUNGEST)).wall
    print(f"one person, bare comparison of two dates  {floor:8.3f} us")
    for label, known in facts.items():

        def decision(known: ResidentFacts = known) -> Decision:
            return decide(known, ON)

        took = each_call(decision).wall
        print(f"one person, decision with trace, {label:8} {took:8.3f} us  {took / floor:6.1f} x")


def everybody() -> None:
    columns = residents()
    decide = compile_numpy(load_schemes()[SCHEME])
    youngest = day_number(YOUNGEST)
    kent = np.arange(len(DISTRICTS)) < len(DISTRICTS) - 1

    def bare() -> np.int_:
        old_enough = (columns.birth_date <= youngest) & (columns.birth_date != NO_DAY)
        at_home = kent[columns.district] & (columns.district >= 0)
        return np.count_nonzero(old_enough & at_home & (columns.deceased == 0))

    decided = np.count_nonzero(decide(columns, ON).outcome == YES)
    assert decided == bare(), "the floor must give the same number of passes"
    floor = each_batch(bare).wall
    took = each_batch(lambda: decide(columns, ON)).wall
    print(f"{RESIDENTS:,} residents, bare comparison   {floor * 1e3:8.1f} ms")
    print(f"{RESIDENTS:,} residents, decided           {took * 1e3:8.1f} ms  {took / floor:6.1f} x")
    print(f"  with reasons, unknowns, validity, day of eligibility and of change; {decided:,} yes")


if __name__ == "__main__":
    one_person()
    everybody()
