"""OpenFisca-Core deciding the older person's bus pass for many people: a peer of `bench.schemes`.

Run by that benchmark with the Python of an environment of its own: OpenFisca-Core is under the AGPL
and no part of Kent Card. Takes the columns as an `.npz` file, prints JSON: seconds for building the
situation and for deciding, and how many may have the pass. A fact that is missing takes its default
here; the benchmark gives each so that it comes out as a no.
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
        old_enough = _pensionable(person("born", period)) <= today
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


def main() -> None:
    """Build, decide, and say how long each took."""
    columns = np.load(sys.argv[1])
    system = TaxBenefitSystem([PERSON])
    TABLE.update({name: columns[name] for name in ("starts", "months", "named")})
    for variable in (born, lives_in_kent, deceased, older_pass):
        system.add_variable(variable)
    built, decided, yes = [], [], 0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        simulation = SimulationBuilder().build_default_simulation(
            system, count=len(columns["deceased"])
        )
        for name in ("born", "lives_in_kent", "deceased"):
            simulation.set_input(name, PERIOD, columns[name])
        between = time.perf_counter()
        yes = int(simulation.calculate("older_pass", PERIOD).sum())
        built.append(between - started)
        decided.append(time.perf_counter() - between)
    answer = {
        "build": statistics.median(built),
        "decide": statistics.median(decided),
        "yes": yes,
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
