"""OpenFisca-Core deciding the older person's bus pass for many people: a peer of `bench.schemes`.

Run by that benchmark with the Python of an environment of its own: OpenFisca-Core is under the AGPL
and no part of Kent Card. Takes the columns as an `.npz` file, prints JSON: seconds for building the
situation and for all of it, wall and CPU, and how many may have the pass. A fact that is missing
takes its default here; the benchmark gives each so that it comes out as a no.
"""

import json
import statistics
import sys
import time
from typing import Any

import numpy as np
from openfisca_core.entities import build_entity  # type: ignore[import-not-found]  # not installed here
from openfisca_core.periods import DateUnit  # type: ignore[import-not-found]  # not installed here
from openfisca_core.simulation_builder import SimulationBuilder  # type: ignore[import-not-found]  # not installed here
from openfisca_core.taxbenefitsystems import TaxBenefitSystem  # type: ignore[import-not-found]  # not installed here
from openfisca_core.variables import Variable  # type: ignore[import-not-found]  # not installed here

ROUNDS = 3
PERIOD = "2026-11-22"
PERSON = build_entity(key="person", plural="persons", label="A resident", is_person=True)


class born(Variable):  # type: ignore[misc]  # noqa: N801  (untyped here; named by its class)
    """The date of birth, as days since 1970."""

    value_type = int
    entity = PERSON
    definition_period = DateUnit.DAY
    default_value = 2**31 - 1


class lives_in_kent(Variable):  # type: ignore[misc]  # noqa: N801  (as above)
    """Whether the main home is in the area."""

    value_type = bool
    entity = PERSON
    definition_period = DateUnit.DAY


class deceased(Variable):  # type: ignore[misc]  # noqa: N801  (as above)
    """Whether the person has died."""

    value_type = bool
    entity = PERSON
    definition_period = DateUnit.DAY


class older_pass(Variable):  # type: ignore[misc]  # noqa: N801  (as above)
    """Whether the person may have the pass."""

    value_type = bool
    entity = PERSON
    definition_period = DateUnit.DAY

    def formula(person: Any, period: Any) -> Any:  # noqa: N805, ANN401  (as OpenFisca calls it)
        """Every condition, together."""
        today = np.datetime64(str(period.start), "D")
        day_of = _by_table if TABLE["by_table"] else _pensionable
        old_enough = day_of(person("born", period)) <= today
        living = np.logical_not(person("deceased", period))
        return old_enough * person("lives_in_kent", period) * living


TABLE: dict[str, Any] = {}
"""The rows of the law: first day of birth, age in months, and the day where the law names it."""


def _pensionable(days: Any) -> Any:  # noqa: ANN401  (columns)
    """The day each reaches pensionable age: vectorised as well as we know how."""
    row = np.searchsorted(TABLE["starts"], days, side="right") - 1
    months, named = TABLE["months"][row], TABLE["named"][row]
    birth = days.astype("datetime64[D]")
    month = birth.astype("datetime64[M]")
    later = (month + months).astype("datetime64[D]") + (birth - month.astype("datetime64[D]"))
    ends = (month + months + 1).astype("datetime64[D]") - 1
    day = np.where(months % 12 != 0, np.minimum(later, ends), later)
    return np.where(np.isnat(named), day, named)


def _by_table(days: Any) -> Any:  # noqa: ANN401  (columns)
    """The same, worked out before for every day of birth: the trick that ours uses."""
    return TABLE["days"].take(days - TABLE["first"], mode="clip")


def main() -> None:
    """Build, decide, and say how long each took: by the calendar, and by a table of days."""
    columns = np.load(sys.argv[1])
    system = TaxBenefitSystem([PERSON])
    TABLE.update({name: columns[name] for name in ("starts", "months", "named", "days", "first")})
    for variable in (born, lives_in_kent, deceased, older_pass):
        system.add_variable(variable)
    ways = {"calendar": False, "table": True}
    answers = {name: _measure(system, columns, by_table=way) for name, way in ways.items()}
    sys.stdout.write(json.dumps(answers))


def _measure(system: Any, columns: Any, *, by_table: bool) -> dict[str, float]:  # noqa: ANN401  (untyped)
    TABLE["by_table"] = by_table
    built, walls, cpus, yes = [], [], [], 0
    for _ in range(ROUNDS):
        started, cpu = time.perf_counter(), time.process_time()
        simulation = SimulationBuilder().build_default_simulation(
            system, count=len(columns["deceased"])
        )
        for name in ("born", "lives_in_kent", "deceased"):
            simulation.set_input(name, PERIOD, columns[name])
        between = time.perf_counter()
        yes = int(simulation.calculate("older_pass", PERIOD).sum())
        built.append(between - started)
        walls.append(time.perf_counter() - started)
        cpus.append(time.process_time() - cpu)
    return {
        "build": statistics.median(built),
        "wall": statistics.median(walls),
        "cpu": statistics.median(cpus),
        "yes": yes,
    }


if __name__ == "__main__":
    main()
