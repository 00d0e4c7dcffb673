"""What partners are told can hold no more than they may know: by type, and by the document."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect

from entitlements.api.document import document
from entitlements.api.events import EventsAnswer
from entitlements.api.partner import UsageAnswer
from entitlements.partner_answers import CheckAnswer
from entitlements.redemption_rules import BatchAnswer, RedemptionAnswer
from entitlements.schemes.rulebook import built_in_book

ANSWERS = (CheckAnswer, BatchAnswer, RedemptionAnswer, UsageAnswer, EventsAnswer)
MEMBERS = {
    *("decision", "band", "remaining", "valid_until", "subject", "messages"),
    *("redemptions", "id", "offer", "state", "first_free", "percent_off", "companions"),
    *("held_at", "expires_at"),
    *("kind", "days", "day", "what", "times"),
    *("events", "next", "more", "type", "timestamp", "data", "scheme", "redemption"),
}
"""Everything that is ever told. Whoever adds a word here says why in an ADR."""
PERSONAL = re.compile(
    r"(^|_)(birth|born|age|name|address|postcode|disab\w*|benefit|account|health|reason)(_|$)"
)
DAYS = {"valid_until", "day"}
MOMENTS = {"held_at", "expires_at", "timestamp"}
PLAIN = (inspect.IntType, inspect.BoolType, inspect.EnumType, inspect.UUIDType, inspect.NoneType)


def leaves(of: inspect.Type, name: str = "") -> Iterator[tuple[str, inspect.Type]]:
    match of:
        case inspect.Metadata():
            yield from leaves(of.type, name)
        case inspect.StructType():
            for field in of.fields:
                yield from leaves(field.type, field.name)
        case inspect.UnionType():
            for each in of.types:
                yield from leaves(each, name)
        case inspect.VarTupleType() | inspect.CollectionType():
            yield from leaves(of.item_type, name)
        case _:
            yield name, of


def test_answers_are_made_of_known_members_and_every_text_has_a_form() -> None:
    found = [leaf for answer in ANSWERS for leaf in leaves(inspect.type_info(answer))]
    assert {name for name, _ in found} <= MEMBERS
    assert len(found) > 20
    for name, of in found:
        match of:
            case inspect.StrType():
                assert of.pattern or (name == "messages" and of.max_length), name
            case inspect.DateType():
                assert name in DAYS
            case inspect.DateTimeType():
                assert name in MOMENTS
            case _:
                assert isinstance(of, PLAIN), (name, of)


def test_a_band_is_no_class_of_a_benefit_or_a_disability() -> None:
    """What tells of either is the class of a scheme without bands, which is never told."""
    bands = {
        band.id
        for scheme in built_in_book().schemes.values()
        for rule in scheme.rules
        for band in rule.bands
    }
    assert bands == {"child", "adult", "over-60"}


def test_the_document_promises_nothing_else_and_no_answer_is_open_to_more() -> None:
    described = document("https://kent.example")
    schemas: Mapping[str, Any] = described["components"]["schemas"]
    told = [schemas[answer.__name__] for answer in ANSWERS]
    reached = {name for schema in told for name in _members(schema, schemas)}
    assert reached == MEMBERS
    assert not any(PERSONAL.search(member) for member in reached)
    assert all(schema["additionalProperties"] is False for schema in told)
    paths = described["paths"].values()
    operations = [each for path in paths for each in path.values() if isinstance(each, dict)]
    answered = {
        answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for operation in operations
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    }
    assert answered == {answer.__name__ for answer in ANSWERS}


def test_asking_for_what_partners_must_not_send_is_no_part_of_it_either() -> None:
    asked = str(msgspec.json.encode(document("https://kent.example")["components"]["schemas"]))
    assert "birth_date" not in asked


def _members(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, of in schema.get("properties", {}).items():
        yield name
        yield from _members(of, schemas)
    if "items" in schema and "properties" not in schema:
        yield from _members(schema["items"], schemas)
    if "$ref" in schema:
        yield from _members(schemas[schema["$ref"].rpartition("/")[2]], schemas)
