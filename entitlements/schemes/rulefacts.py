"""Which facts a scheme may ask for."""

from collections.abc import Iterator

from entitlements.schemes.rule import AnyOf, EligibleFor, NotEligibleFor, Operator, Rule, Scheme


def facts_of(scheme: Scheme) -> frozenset[str]:
    """The facts that any version of a scheme's rule rests on, and of the schemes it names."""
    return frozenset(fact for rule in scheme.rules for fact in _facts_of_rule(rule))


def facts_of_operator(operator: Operator) -> frozenset[str]:
    """The facts that one condition rests on."""
    match operator:
        case AnyOf(of):
            return frozenset[str]().union(*(facts_of_operator(each) for each in of))
        case EligibleFor(scheme) | NotEligibleFor(scheme):
            return facts_of(scheme)
        case _:
            return frozenset({operator.fact})


def _facts_of_rule(rule: Rule) -> Iterator[str]:
    for condition in (*rule.conditions, *rule.uses):
        yield from facts_of_operator(condition.operator)
    if rule.bands:
        yield "birth_date"
    if rule.validity.authorities is not None:
        yield "district"
