"""Every scheme: one decision with its trace, 1.6 million residents, and OpenFisca-Core beside one.

OpenFisca-Core (AGPL) is installed into an environment of its own below `var/` and run as another
program; Kent Card never imports it. It reads the same table of the law, vectorised too, and decides
yes or no; ours gives the conditions that failed or are unknown, the validity, the day of
eligibility and the day of the next change besides.
Where it cannot be installed, that is said and nothing is compared.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.pension import (
    DISTRICTS,
    ON,
    RESIDENTS,
    SCHEME,
    SEED,
    Took,
    each_batch,
    each_call,
)
from bench.pension import residents as without_documents
from entitlements.facts import Evidence, ResidentFacts
from entitlements.schemes.batch import YES, compile_numpy
from entitlements.schemes.batch_dates import pensionable_days
from entitlements.schemes.columns import (
    NO_DAY,
    UNKNOWN_SUM,
    EvidenceColumns,
    FactColumns,
    day_number,
)
from entitlements.schemes.engine import compile_traced
from entitlements.schemes.pension import load_pension_table
from entitlements.schemes.rulebook import built_in_book

PEER = "OpenFisca-Core==46.0.1"
ENVIRONMENT = Path("var/bench-openfisca")
PROGRAM = Path(__file__).parent / "peers" / "openfisca_older.py"
DECISION_LIMIT_US = 20
BATCH_LIMIT_S = 10
LONG_TO_COME = 100_000_000  # days: a birth so late that an unknown one comes out as a no
SHARE_WITH_A_DOCUMENT = 0.15
LETTER = Evidence(kind="pip-moving-around", dated=date(2026, 9, 1), sighted=date(2026, 9, 1))
PEOPLE = {
    "old": ResidentFacts(
        birth_date=date(1950, 1, 1),
        district="E07000110",
        deceased=False,
        evidence=(LETTER,),
        fed={"library_debt": 100, "companion_agreed": True},
    ),
    "young": ResidentFacts(
        birth_date=date(2009, 1, 1), district="E07000115", deceased=False, evidence=(LETTER,)
    ),
    "unknown": ResidentFacts(deceased=False),
}


def residents() -> FactColumns:
    """Those of `bench.pension`, of whom some have shown a document and some facts were fed."""
    bare, draw = without_documents(), np.random.default_rng(SEED + 1)
    kinds = tuple(built_in_book().evidence_words)
    holders = np.flatnonzero(draw.random(RESIDENTS) < SHARE_WITH_A_DOCUMENT)
    dated = day_number(ON) - draw.integers(0, 600, len(holders)).astype(np.int32)
    later = dated + draw.integers(0, 1500, len(holders)).astype(np.int32)
    states = np.where(draw.random(len(holders)) < 0.3, later, NO_DAY)
    return FactColumns(
        birth_date=bare.birth_date,
        district=bare.district,
        districts=bare.districts,
        deceased=bare.deceased,
        evidence=EvidenceColumns(
            row=holders,
            kind=draw.integers(0, len(kinds), len(holders)).astype(np.int16),
            kinds=kinds,
            dated=dated,
            counts_from=dated,
            stated_until=states,
        ),
        fed={
            name: np.where(
                draw.random(RESIDENTS) < 0.2, draw.integers(0, 2, RESIDENTS), UNKNOWN_SUM
            )
            for name in built_in_book().fed
        },
    )


def one_person() -> bool:
    """Median microseconds of a decision with its whole trace, for each scheme and person."""
    slowest = Took(0, 0)
    for name, scheme in built_in_book().schemes.items():
        decide = compile_traced(scheme)
        took = [each_call(partial(decide, facts, ON)) for facts in PEOPLE.values()]
        slowest = Took(*map(max, slowest, *took))
        each = "   ".join(
            f"{who} {us.wall:6.2f} {us.cpu:6.2f}" for who, us in zip(PEOPLE, took, strict=True)
        )
        print(f"one decision, {name:28} {each} us (wall, CPU)")
    print(f"slowest: {slowest.wall:.1f} us wall, {slowest.cpu:.1f} us CPU;", end=" ")
    print(f"wanted: under {DECISION_LIMIT_US} us")
    return slowest.cpu < DECISION_LIMIT_US


def everybody(columns: FactColumns) -> bool:
    """Median seconds for each scheme, and for all of them one after the other."""
    schemes, every = built_in_book().schemes, []
    for name, scheme in schemes.items():
        decide = compile_numpy(scheme)
        took = each_batch(partial(decide, columns, ON))
        yes = np.count_nonzero(decide(columns, ON).outcome == YES)
        every.append(took)
        print(
            f"{RESIDENTS:,} residents, {name:28} {took.wall:6.2f} {took.cpu:6.2f} s  {yes:9,} yes"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    whole = Took(*map(sum, zip(*every, strict=True)))
    print(f"{RESIDENTS:,} residents x {len(schemes)} schemes: {whole.wall:.2f} s wall,", end=" ")
    print(f"{whole.cpu:.2f} s CPU, peak {peak:.0f} MiB; wanted: under {BATCH_LIMIT_S} s wall")
    return whole.wall < BATCH_LIMIT_S


def beside_the_peer(columns: FactColumns) -> bool:
    """Ours against OpenFisca-Core on the same residents in the same run."""
    python = _peer()
    if python is None:
        print(f"{PEER} could not be installed here, so nothing was compared with it.")
        return True
    decide = compile_numpy(built_in_book().schemes[SCHEME])
    answers = _ask(python, columns)
    yes = int(np.count_nonzero(decide(columns, ON).outcome == YES))
    same = all(answer["yes"] == yes for answer in answers.values())
    assert same, "both must give the same number of passes"
    ours = each_batch(partial(decide, columns, ON))
    every = {way: Took(each["wall"], each["cpu"]) for way, each in answers.items()}
    for who, took in {"ours": ours, **every}.items():
        print(f"{SCHEME}, {RESIDENTS:,} residents, {who:10} {took.wall:6.2f} {took.cpu:6.2f} s")
    print(f"  the same {yes:,} yes; OpenFisca-Core reckons by the calendar, or has our table")
    for way, theirs in every.items():
        wall, cpu = theirs.wall / ours.wall, theirs.cpu / ours.cpu
        print(f"ours is {wall:.2f} times as fast by the wall, {cpu:.2f} by CPU: {way} (medians)")
    return every["calendar"].cpu > ours.cpu


def _ask(python: Path, columns: FactColumns) -> dict[str, dict[str, float]]:
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        born, kent, deceased = _for_the_peer(columns)
        rows = load_pension_table().rows
        births = np.datetime64("1900-01-01") + np.arange(140 * 365)
        np.savez(
            file.name,
            born=born,
            lives_in_kent=kent,
            deceased=deceased,
            starts=np.array([row.born_from for row in rows], "datetime64[D]").astype(np.int64),
            months=np.array([row.months or 0 for row in rows], np.int64),
            named=np.array([row.day for row in rows], "datetime64[D]"),
            days=pensionable_days(load_pension_table(), births),
            first=births[0].astype(np.int32),
        )
        asked = [str(python), str(PROGRAM), file.name]
        done = subprocess.run(asked, check=True, capture_output=True, text=True)
    answers: dict[str, dict[str, float]] = json.loads(done.stdout)
    return answers


def _for_the_peer(
    columns: FactColumns,
) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_]]:
    days = columns.birth_date
    born = np.where(days == NO_DAY, LONG_TO_COME, days)
    kent = np.arange(len(DISTRICTS)) < len(DISTRICTS) - 1
    return (
        born.astype(np.int32),
        kent[columns.district] & (columns.district >= 0),
        columns.deceased == 1,
    )


def _peer() -> Path | None:
    """The Python of the peer's environment, made if it is not there; None if it cannot be."""
    python = ENVIRONMENT / "bin" / "python"
    if python.exists() and _works(python):
        return python
    made = subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=False)
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", PEER]
    if made.returncode or subprocess.run(pip, check=False).returncode:
        return None
    return python if _works(python) else None


def _works(python: Path) -> bool:
    ask = [str(python), "-c", "import openfisca_core"]
    return subprocess.run(ask, check=False, env={"PATH": os.environ["PATH"]}).returncode == 0


if __name__ == "__main__":
    everybodys = residents()
    results = [one_person(), everybody(everybodys), beside_the_peer(everybodys)]
    sys.exit(0 if all(results) else 1)
