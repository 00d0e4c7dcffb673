"""docs/schemes.md: every scheme that comes with the software, from its rule file."""

from collections.abc import Iterator, Mapping, Sequence

from entitlements.schemes.dates import NEVER, in_words
from entitlements.schemes.notes import charge_words
from entitlements.schemes.rule import (
    AgedInSchoolYear,
    AnyOf,
    AtLeastAge,
    AtMost,
    Condition,
    EligibleFor,
    Equals,
    Given,
    HasEvidence,
    NotEligibleFor,
    Operator,
    PensionableBy,
    ResidentIn,
    Rule,
    Scheme,
    UnderAge,
)
from entitlements.schemes.rulebook import RuleBook, built_in_book
from entitlements.schemes.rulefacts import facts_of

GIVEN: Mapping[Given, str] = {
    Given.AUTOMATICALLY: "to everybody who is eligible",
    Given.ON_APPLICATION: "to whoever is eligible and asks for it",
    Given.ELSEWHERE: "by others; the account shows it",
}
HEADS = "it is met when | law | if it is not |\n|---|---|---|---|"


def schemes() -> str:
    """docs/schemes.md."""
    book = built_in_book()
    every = book.schemes.values()
    rows = "\n".join(_row(book, scheme) for scheme in every)
    facts, authorities, pension = map("\n".join, (_facts(book), _authorities(book), _pension(book)))
    kinds = "\n".join(f"| `{kind}` | {words} |" for kind, words in book.evidence_words.items())
    parts = "\n".join(_scheme(scheme) for scheme in every)
    return f"""# The schemes

Generated from the rule files (`make docs`); a test keeps it true. These are the rules that come
with the software; what an installation published since is under *Rules* on its staff pages, and
`kentcard schemes list --in-force` names it. `docs/rules.md` says how rules are changed.

| scheme | what it is | on the card | given | it asks for |
|---|---|---|---|---|
{rows}

## Facts

What is not known is never a yes. Residents and staff are asked for what is missing in these words.

| fact | what is asked for | who may tell it |
|---|---|---|
{facts}

## Kinds of evidence

| kind | what it is called |
|---|---|
{kinds}

## Authorities and their times

| authority | area | from | until | journeys begin on working days | cards end |
|---|---|---|---|---|---|
{authorities}

## Pensionable age

Rows of `state_pension_age.csv`, for the older person's pass; the source of each is in the table.

| born from | reaches it |
|---|---|
{pension}
{parts}"""


def _row(book: RuleBook, scheme: Scheme) -> str:
    service = scheme.service.value if scheme.service else "never"
    needed = [name for name in book.fact_words if name in facts_of(scheme)]
    return (
        f"| [`{scheme.id}`](#{scheme.id}) | {scheme.title} | {service} | {GIVEN[scheme.given]} | "
        f"{', '.join(f'`{name}`' for name in needed)} |"
    )


def _facts(book: RuleBook) -> Iterator[str]:
    for name, words in book.fact_words.items():
        fed = book.fed.get(name)
        if fed is None:
            tellers = ["a document that was seen"]
        else:
            tellers = ["another system"]
            tellers += ["an officer, with a reason"] if fed.by_officer else []
            tellers += ["the resident"] if fed.own_word else []
        yield f"| `{name}` | {words} | {', '.join(tellers)} |"


def _authorities(book: RuleBook) -> Iterator[str]:
    for each in book.authorities.authorities:
        until = "–" if each.last == NEVER else in_words(each.last)
        times = f"{each.travel.start:%H:%M} to {each.travel.end:%H:%M}"
        expiry = each.card_expiry
        ends = f"every {expiry.every_years} years, as on {in_words(expiry.day)}" if expiry else "–"
        since = in_words(each.first)
        yield f"| {each.name} | {each.area.name} | {since} | {until} | {times} | {ends} |"


def _pension(book: RuleBook) -> Iterator[str]:
    rules = [rule for scheme in book.schemes.values() for rule in scheme.rules]
    operators = [condition.operator for rule in rules for condition in rule.conditions]
    table = next(each.table for each in operators if isinstance(each, PensionableBy))
    for row in table.rows:
        reaches = in_words(row.day) if row.day else _age(row.months or 0)
        yield f"| {in_words(row.born_from)} | {reaches} |"


def _age(months: int) -> str:
    years, rest = divmod(months, 12)
    return f"aged {years}" + (f" and {rest} month{'s' if rest > 1 else ''}" if rest else "")


def _scheme(scheme: Scheme) -> str:
    versions = "\n".join(_version(rule) for rule in scheme.rules)
    charges = "".join(
        f"- {charge_words(each)} From {in_words(each.first)}{_until(each.until)}.\n"
        for each in scheme.charges
    )
    paid = f"\nCharges:\n\n{charges}" if charges else ""
    return f'\n<a id="{scheme.id}"></a>\n\n## {scheme.title}\n\n{versions}{paid}'


def _version(rule: Rule) -> str:
    conditions = "\n".join(_condition(each) for each in rule.conditions)
    uses = "".join(f"{_condition(each)}\n" for each in rule.uses)
    term = f"from {in_words(rule.effective_from)}{_until(rule.effective_to)}"
    bands = ", ".join(f"`{band.id}` from {band.from_age}" for band in rule.bands)
    said = [
        f"Version {rule.version}, {term}. {rule.law}. It lasts {_validity(rule)}.",
        f"Bands: {bands}." if bands else f"On the card: `{rule.entitlement_class}`.",
        " ".join(rule.terms),
    ]
    head = "\n\n".join(part for part in said if part)
    table = f"| condition | {HEADS}\n{conditions}\n"
    more = f"\nWhat a holder may do with it:\n\n| use | {HEADS}\n{uses}" if uses else ""
    return f"{head}\n\n{table}{more}"


def _validity(rule: Rule) -> str:
    said = f"{rule.validity.months} months"
    if rule.validity.authorities is not None:
        said += ", and no longer than the authority’s cards"
    if rule.validity.ends is not None:
        said += f", and not beyond {in_words(rule.validity.ends.on_or_after(rule.effective_from))}"
        said = said.rsplit(" ", 1)[0] + " of a year"
    return said


def _until(day: object) -> str:
    return "" if day == NEVER else f" until {in_words(day)}"  # type: ignore[arg-type]  # a date


def _condition(condition: Condition) -> str:
    otherwise = condition.why_not or condition.ask
    met = _met(condition.operator)
    return f"| `{condition.name}` | {met} | {condition.law} | {otherwise} |"


def _met(operator: Operator) -> str:  # noqa: C901, PLR0911  (one case for each operator)
    match operator:
        case Equals(fact, value):
            return f"`{fact}` is {'yes' if value else 'no'}"
        case AtLeastAge(_, age):
            return f"aged {age} or over"
        case UnderAge(_, age):
            return f"under {age}"
        case AgedInSchoolYear(_, first, last):
            return f"aged {first} to {last} on 31 August before the school year"
        case AtMost(fact, most):
            return f"`{fact}` is at most £{most // 100}.{most % 100:02}"
        case PensionableBy():
            return "pensionable age is reached"
        case ResidentIn(_, area):
            return f"the main home is in {area.name}"
        case HasEvidence():
            return _evidence(operator)
        case EligibleFor(scheme):
            return f"eligible for `{scheme.id}`"
        case NotEligibleFor(scheme):
            return f"not eligible for `{scheme.id}`"
        case AnyOf(of):
            return " or ".join(_met(each) for each in of)


def _evidence(operator: HasEvidence) -> str:
    by_months: dict[int, list[str]] = {}
    for kind, months in operator.within_months.items():
        by_months.setdefault(months, []).append(kind)
    stated = " or until the day it states" if operator.or_until_stated else ""
    said = [
        f"within {months} months of its date{stated}: {_listed(kinds)}"
        for months, kinds in by_months.items()
    ]
    if operator.until_stated:
        said.append(f"until the day it states: {_listed(operator.until_stated)}")
    return "; ".join(said)


def _listed(kinds: Sequence[str]) -> str:
    return ", ".join(f"`{kind}`" for kind in kinds)
