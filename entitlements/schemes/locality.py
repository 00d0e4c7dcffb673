"""Which schemes tell where somebody lives by their answer alone."""

from typing import assert_never

from entitlements.schemes.rule import (
    AgedInSchoolYear,
    AnyOf,
    AtLeastAge,
    AtMost,
    EligibleFor,
    Equals,
    HasEvidence,
    NotEligibleFor,
    Operator,
    PensionableBy,
    ResidentIn,
    Scheme,
    UnderAge,
)


def tells_district(scheme: Scheme) -> bool:
    """Whether a yes or no to a scheme tells that somebody lives in one known district, or not."""
    return any(_tells(each.operator) for rule in scheme.rules for each in rule.conditions)


def _tells(operator: Operator) -> bool:
    match operator:
        case ResidentIn():
            return operator.area.is_one_district
        case AnyOf():
            return any(_tells(each) for each in operator.of)
        case EligibleFor() | NotEligibleFor():
            return tells_district(operator.scheme)
        case (
            Equals()
            | AtLeastAge()
            | UnderAge()
            | AgedInSchoolYear()
            | AtMost()
            | PensionableBy()
            | HasEvidence()
        ):
            return False
        case never:
            assert_never(never)
