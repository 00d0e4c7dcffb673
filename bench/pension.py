"""The older person's bus pass: one person with trace, and 1.6 million residents through NumPy.

The floors are measured in the same run on the same facts: for one person a bare Python call that
compares two dates; for everybody a bare NumPy comparison of the same columns, which knows no
table, no unknown, no reason and no day of change.
"""

import statistics
import time
from collections.abc import Callable
from datetime import date

import numpy as np

from entitlements.decision import Decision
from entitlements.facts import ResidentFacts
from entitlements.schemes.batch import YES, compile_numpy
from entitlements.schemes.columns import NO_DAY, EvidenceColumns, FactColumns
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
    births = np.datetime64("1930-11-22", "D") + draw.integers(0, 96 * 365, RESIDENTS)
    births[draw.random(RESIDENTS) < 0.01] = NO_DAY
    district = draw.integers(0, len(DISTRICTS), RESIDENTS).astype(np.int16)
    district[draw.random(RESIDENTS) < 0.01] = -1
    none = np.array([], dtype="datetime64[D]")
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


def each_call(call: Callable[[], object]) -> float:
    """Median microseconds for one call."""
    call()
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(CALLS):
            call()
        rounds.append((time.perf_counter() - started) / CALLS)
    return statistics.median(rounds) * 1e6


def each_batch(call: Callable[[], object]) -> float:
    """Median seconds for one call."""
    call()
    rounds = []
    for _ in range(BATCH_ROUNDS):
        started = time.perf_counter()
        call()
        rounds.append(time.perf_counter() - started)
    return statistics.median(rounds)


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
    floor = each_call(lambda: bare(born, YOUNGEST))
    print(f"one person, bare comparison of two dates  {floor:8.3f} us")
    for label, known in facts.items():

        def decision(known: ResidentFacts = known) -> Decision:
            return decide(known, ON)

        took = each_call(decision)
        print(f"one person, decision with trace, {label:8} {took:8.3f} us  {took / floor:6.1f} x")


def everybody() -> None:
    columns = residents()
    decide = compile_numpy(load_schemes()[SCHEME])
    youngest = np.datetime64(YOUNGEST, "D")
    kent = np.arange(len(DISTRICTS)) < len(DISTRICTS) - 1

    def bare() -> np.int_:
        old_enough = columns.birth_date <= youngest
        at_home = kent[columns.district] & (columns.district >= 0)
        return np.count_nonzero(old_enough & at_home & (columns.deceased == 0))

    decided = np.count_nonzero(decide(columns, ON).outcome == YES)
    assert decided == bare(), "the floor must give the same number of passes"
    floor = each_batch(bare)
    took = each_batch(lambda: decide(columns, ON))
    print(f"{RESIDENTS:,} residents, bare comparison   {floor * 1e3:8.1f} ms")
    print(f"{RESIDENTS:,} residents, decided           {took * 1e3:8.1f} ms  {took / floor:6.1f} x")
    print(f"  with reasons, unknowns, validity, day of eligibility and of change; {decided:,} yes")


if __name__ == "__main__":
    one_person()
    everybody()
