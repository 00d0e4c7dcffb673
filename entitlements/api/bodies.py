"""Reading what a partner sends: JSON as RFC 8259 says it, and nothing that is not documented."""

import json
import re
from datetime import date
from typing import Any, Final, TypeVar

import msgspec

from entitlements.partner_errors import (
    BodyFaulty,
    BodyTooLarge,
    Fault,
    KeyMissing,
    MediaTypeNotTaken,
    NotJson,
)

LARGEST: Final = 32 * 1024
JSON: Final = "application/json"
KEY_PATTERN: Final = r"^[A-Za-z0-9_.:-]{8,128}$"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_KEY: Final = re.compile(KEY_PATTERN)
_PLACE: Final = re.compile(r"(?P<words>.*) - at `(key in )?\$(?P<path>.*)`", re.DOTALL)
_STEP: Final = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<number>\d+)\]")

Asked = TypeVar("Asked")


def read(content_type: str, body: bytes, of: type[Asked]) -> Asked:
    """What was asked.

    Args:
        content_type: the header, or empty text.
        body: of the request.
        of: what it should be.

    Raises:
        MediaTypeNotTaken: it is not said to be JSON.
        BodyTooLarge: it is longer than any that is needed.
        NotJson: it is none, names something twice or is nested too deep.
        BodyFaulty: it is not as documented; the fault says where.
    """
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise MediaTypeNotTaken(f"Send the body as {JSON}.")
    if len(body) > LARGEST:
        raise BodyTooLarge(f"The body has more than {LARGEST} bytes.")
    try:
        content = json.loads(
            body, object_pairs_hook=_once, parse_float=_number, parse_constant=_none_of_json
        )
    except (ValueError, RecursionError) as error:  # a body that is no UTF-8 is a ValueError too
        raise NotJson("The body cannot be read as JSON in UTF-8 with unique names.") from error
    try:
        return msgspec.convert(content, of)
    except msgspec.ValidationError as error:
        raise BodyFaulty("The body is not as documented.", faults=(_fault(str(error)),)) from error


def idempotency_key(header: str) -> str:
    """The key of a request; quoted or not.

    Raises:
        KeyMissing: there is none, or it is not of 8 to 128 letters, digits and `_.:-`.

    Source: draft-ietf-httpapi-idempotency-key-header-07 section 2.1 (a string in quotes).
    """
    key = header[1:-1] if len(header) > 1 and header[0] == header[-1] == '"' else header
    if not _KEY.fullmatch(key):
        raise KeyMissing(
            "Send an Idempotency-Key of 8 to 128 letters, digits and _.:- that you use for this "
            "request alone."
        )
    return key


def day(name: str, text: str) -> date:
    """A day of the query.

    Raises:
        BodyFaulty: it is none.
    """
    try:
        return date.fromisoformat(text if _DAY.fullmatch(text) else "")
    except ValueError as error:
        fault = Fault("", "not-a-day", f"{name} is a day, written as 2026-11-22.")
        raise BodyFaulty(f"{name} is no day.", faults=(fault,)) from error


def number(name: str, text: str, *, least: int = 1, most: int) -> int:
    """A whole number of the query.

    Raises:
        BodyFaulty: it is none, smaller than `least` or larger than `most`.
    """
    found = int(text) if _NUMBER.fullmatch(text) else -1
    if not least <= found <= most:
        fault = Fault("", "not-a-number", f"{name} is a whole number from {least} to {most}.")
        raise BodyFaulty(f"{name} is no such number.", faults=(fault,))
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name is there twice")
    return content


def _number(text: str) -> int | float:
    """A whole number is one however it is written: JSON Schema 2020-12, validation 6.1.1."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _none_of_json(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _fault(words: str) -> Fault:
    """Where msgspec found something, as a JSON pointer."""
    found = _PLACE.fullmatch(words)
    if found is None:
        return Fault("", "not-as-documented", f"{words}.")
    steps = [each["name"] or each["number"] for each in _STEP.finditer(found["path"])]
    pointer = "".join(f"/{step}" for step in steps if step != "...")
    return Fault(pointer, "not-as-documented", f"{found['words']}.")
