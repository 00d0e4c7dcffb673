"""Every row of every table of the OpenID provider: it refuses what it should, and it alone does.

The cases are listed by hand and not read from the tables: a row taken out of a table fails the test
of its name.
"""

import inspect
import re
from typing import Any

import pytest

from identity.oidc.checks import Check, first_refusal
from tests.support.oidc_cases import TABLES, Table

CASES = [
    pytest.param(table, name, subject, id=f"{named}-{name}")
    for named, (table, cases, _) in TABLES.items()
    for name, subject in cases.items()
]
# What these rows stop, a later row would stop too: whoever removes one of them opens no hole.
STOPPED_TWICE = {
    "nothing_is_critical": "signature_verifies",
    "header_is_understood": "proof_is_signed_by_its_key",
    "key_is_public": "proof_is_signed_by_its_key",
    "assertion_is_understood": "assertion_is_signed",
    "one_proof_is_used": "proof_is_the_registered_one",
    "algorithm_is_allowed": "signature_verifies",
    "key_is_known": "signature_verifies",
    "algorithm_is_asymmetric": "proof_is_signed_by_its_key",
    "assertion_algorithm_is_allowed": "assertion_key_is_registered",
    "assertion_key_is_registered": "assertion_is_signed",
}


def without(table: Table, name: str) -> Table:
    return [check for check in table if check.name != name]


@pytest.mark.parametrize(("table", "name", "subject"), CASES)
def test_the_row_refuses(table: Table, name: str, subject: Any) -> None:  # noqa: ANN401  (of the table's kind)
    refused = first_refusal(table, subject)
    assert refused is not None
    assert refused.check == name
    left = first_refusal(without(table, name), subject)
    assert (left.check if left else None) == STOPPED_TWICE.get(name)


@pytest.mark.parametrize("named", TABLES)
def test_what_is_in_order_passes_every_row(named: str) -> None:
    table, _, in_order = TABLES[named]
    assert in_order
    for subject in in_order:
        assert first_refusal(table, subject) is None


@pytest.mark.parametrize("named", TABLES)
def test_every_row_has_its_case(named: str) -> None:
    table, cases, _ = TABLES[named]
    assert [check.name for check in table] == sorted(cases, key=[c.name for c in table].index)
    assert len({check.name for check in table}) == len(table)


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{named}-{check.name}")
        for named, (table, _, _) in TABLES.items()
        for check in table
    ],
)
def test_every_row_says_why_and_cites_its_clause(check: Check[Any]) -> None:
    assert re.search(r"\b(RFC \d{4}|OpenID Connect|OAuth 2\.0|UK GDPR)\b.* \w", check.clause)
    assert inspect.getdoc(check.judge)
