"""What the partners' API is, as OpenAPI 3.1: made from the types that requests are read into.

Source: OpenAPI Specification 3.1.1; RFC 9457 (problems).
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from entitlements.api import examples
from entitlements.api.bodies import JSON, KEY_PATTERN
from entitlements.api.events import PLACE, EventAnswer, EventsAnswer
from entitlements.api.partner import MONTH, UsageAnswer
from entitlements.event_data import EventData
from entitlements.event_feed import MOST, USUAL
from entitlements.partner_answers import CheckAnswer
from entitlements.partner_checks import CheckRequest
from entitlements.partner_errors import Fault
from entitlements.partner_paths import CHECKS, DOCUMENT, REDEMPTIONS, USAGE
from entitlements.partner_paths import EVENTS as FEED
from entitlements.redemption_rules import Batch, BatchAnswer, RedemptionAnswer
from entitlements.usage import MOST_DAYS
from identity.oidc.provider import Endpoint, Provider
from identity.oidc.scopes import CHECK, EVENTS, REDEEM

Json = Mapping[str, Any]
PROBLEM: Final = "application/problem+json"
_SECURITY: Final = "credentials"
_BY_HAND: Final = "fetched"
_PASTED: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "An access token that you fetched, to try things on this page.",
}
_ANSWERS: Final = (CheckAnswer, BatchAnswer, RedemptionAnswer, UsageAnswer, EventsAnswer)
_REFERENCE: Final = "#/components/schemas/{name}"
_SCOPES: Final = {
    CHECK: "Ask about whoever shows a card.",
    REDEEM: "Hold, confirm and cancel uses of offers.",
    EVENTS: "Be told what changes for those you asked about.",
}
_TEXT: Final = {"type": "string"}
_MEMBER: Final = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


class Problem(msgspec.Struct, frozen=True):
    """Why a request was not answered (RFC 9457). Act on `code`; words may change."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[Fault, ...] = ()


_PROBLEMS: Final[Mapping[int, str]] = {
    400: "The body is no JSON, names something twice, or a header is missing.",
    401: "No access token of yours, or one that has run out.",
    403: "Your token does not allow this, or your organisation is suspended.",
    404: "There is no such offer, redemption or place in the feed, or it is not yours.",
    409: "It cannot be held or confirmed: `errors` says why.",
    410: "Events that come next are not kept any more. `detail` says where to go on.",
    413: "The body is longer than any that is needed.",
    415: "The body is not said to be JSON.",
    422: "The request is not as documented: `errors` says where.",
    429: "Too many requests or wrong codes. `Retry-After` says when to ask again.",
    500: "A fault of ours. Nothing was changed.",
}
_WITH_BODY: Final = (400, 401, 403, 404, 413, 415, 422, 429, 500)
_WITHOUT: Final = (401, 403, 404, 429, 500)


@get(DOCUMENT, opt={"public": "the description of an API is for whoever will use it"})
async def openapi(provider: NamedDependency[Provider]) -> Response[Json]:
    """The document, for programs."""
    return Response(document(provider.issuer), headers={"cache-control": "public, max-age=300"})


def document(base_url: str) -> Json:
    """The whole document.

    Args:
        base_url: scheme, host and port of the server.
    """
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Kent Card for partners",
            "version": "1",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base_url}],
        "security": [{_SECURITY: []}, {_BY_HAND: []}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "headers": _HEADERS,
            "responses": {str(status): _problem(status) for status in _PROBLEMS},
            "securitySchemes": {_SECURITY: _security(base_url), _BY_HAND: _PASTED},
        },
    }


_ABOUT: Final = (
    "Ask whether whoever shows a card has your offer, and redeem it. You are never told a name, an "
    "age, an address or a reason."
)
_HEADERS: Final[Json] = {
    "RateLimit": {
        "description": "How many more you may send (`r`) in how many seconds (`t`).",
        "schema": _TEXT,
    },
    "RateLimit-Policy": {
        "description": "How many you may send (`q`) in how many seconds (`w`).",
        "schema": _TEXT,
    },
    "Retry-After": {
        "description": "Seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {"description": "RFC 6750.", "required": True, "schema": _TEXT},
}


def _paths() -> Json:
    one = f"{REDEMPTIONS}/{{redemption}}"
    return {
        CHECKS: {
            "post": _operation(
                "check",
                "Ask about whoever shows a card",
                CHECK,
                body=(CheckRequest, examples.CHECKS),
                answer=(200, CheckAnswer, examples.ANSWERS),
                problems=_WITH_BODY,
                links={"hold": _HOLD},
            )
        },
        REDEMPTIONS: {
            "post": _operation(
                "hold",
                "Hold uses of offers for 15 minutes, all or none",
                REDEEM,
                body=(Batch, examples.BATCHES),
                answer=(201, BatchAnswer, examples.HELD),
                problems=(*_WITH_BODY, 409),
                parameters=(_KEY,),
                links={name: _with_first(name) for name in ("redemption", "confirm", "cancel")},
            )
        },
        one: {
            "parameters": [_REDEMPTION],
            "get": _operation(
                "redemption",
                "How a redemption stands",
                REDEEM,
                answer=(200, RedemptionAnswer, {}),
                problems=_WITHOUT,
            ),
        },
        f"{one}/confirm": {
            "parameters": [_REDEMPTION],
            "post": _operation(
                "confirm",
                "Say that a use has happened; twice changes nothing",
                REDEEM,
                answer=(200, RedemptionAnswer, {}),
                problems=(*_WITHOUT, 409),
            ),
        },
        f"{one}/cancel": {
            "parameters": [_REDEMPTION],
            "post": _operation(
                "cancel",
                "Give a use back; twice changes nothing",
                REDEEM,
                answer=(200, RedemptionAnswer, {}),
                problems=_WITHOUT,
            ),
        },
        FEED: {
            "get": _operation(
                "events",
                "What changed for those you asked about, in order",
                EVENTS,
                answer=(200, EventsAnswer, examples.EVENTS),
                problems=(401, 403, 404, 410, 422, 429, 500),
                parameters=(_AFTER, _SIZE),
                links={"onward": _ONWARD},
            )
        },
        USAGE: {
            "get": _operation(
                "usage",
                "How often you were answered what, by day",
                "",
                answer=(200, UsageAnswer, {}),
                problems=(401, 403, 422, 429, 500),
                parameters=(_LAST_DAY, _DAYS),
            )
        },
    }


def _operation(
    name: str,
    summary: str,
    scope: str,
    *,
    answer: tuple[int, type, Json],
    problems: Sequence[int],
    body: tuple[type, Json] | None = None,
    parameters: Sequence[Json] = (),
    links: Json | None = None,
) -> Json:
    status, of, shown = answer
    answers: dict[str, Json] = {
        str(status): {
            "description": "The answer.",
            "headers": _limits(),
            "content": {JSON: _content(of, shown)},
            "links": links or {},
        }
    }
    answers |= {str(each): {"$ref": f"#/components/responses/{each}"} for each in sorted(problems)}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "security": [{_SECURITY: [scope] if scope else []}, {_BY_HAND: []}],
        "responses": answers,
    }
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: _content(*body)}}
    return operation


def _content(of: type, shown: Json) -> Json:
    schema = {"$ref": _REFERENCE.format(name=of.__name__)}
    return {"schema": schema, "examples": shown} if shown else {"schema": schema}


def _limits() -> dict[str, Json]:
    return {
        name: {"$ref": f"#/components/headers/{name}"} for name in ("RateLimit", "RateLimit-Policy")
    }


def _problem(status: int) -> Json:
    headers = {
        401: ("WWW-Authenticate",),
        429: ("Retry-After",),
    }.get(status, ())
    return {
        "description": _PROBLEMS[status],
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {PROBLEM: _content(Problem, {})},
    }


_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Of your making, for this request alone. The same request with the same key is "
    "answered the same for 24 hours.",
    "schema": {"type": "string", "pattern": KEY_PATTERN},
    "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
}
_REDEMPTION: Final[Json] = {
    "name": "redemption",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}


_HOLD: Final[Json] = {
    "operationId": "hold",
    "description": "After a yes, the subject is what a use is held for.",
    "requestBody": {"items": [{"offer": examples.OFFER, "subject": "$response.body#/subject"}]},
}


def _with_first(operation: str) -> Json:
    """The id of the first use that was held is what an operation takes."""
    place = "$response.body#/redemptions/0/id"
    return {"operationId": operation, "parameters": {"redemption": place}}


_ONWARD: Final[Json] = {
    "operationId": "events",
    "parameters": {"after": "$response.body#/next"},
}
_AFTER: Final[Json] = {
    "name": "after",
    "in": "query",
    "description": "`next` of the page before; left out: from the oldest event that is kept.",
    "schema": {"type": "string", "pattern": PLACE},
}
_SIZE: Final[Json] = {
    "name": "size",
    "in": "query",
    "description": "How many events at most.",
    "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
}
_LAST_DAY: Final[Json] = {
    "name": "to",
    "in": "query",
    "description": "The last day, in London; today if it is left out.",
    "schema": {"type": "string", "format": "date"},
}
_DAYS: Final[Json] = {
    "name": "days",
    "in": "query",
    "description": "How many days.",
    "schema": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": MONTH},
}


def _schemas() -> Json:
    """Of answers every member is there, always, and no other."""
    types = (CheckRequest, Batch, *_ANSWERS, Problem)
    _, schemas = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    for schema in schemas.values():
        _describe(schema)
    for part in (EventAnswer, EventData):
        schemas[part.__name__]["additionalProperties"] = False
    for of in _ANSWERS:
        schema = schemas[of.__name__]
        schema["required"] = list(schema["properties"])
        schema["additionalProperties"] = False
    return schemas


def _describe(schema: dict[str, Any]) -> None:
    """From the docstring of its type: what it is, and what each member is."""
    words = inspect.cleandoc(schema.get("description", ""))
    about, _, members = words.partition("\n\nAttributes:\n")
    schema["description"] = " ".join(about.split())
    for name, text in _MEMBER.findall(members):
        of = schema.get("properties", {}).get(name)
        if of is not None and "$ref" not in of:
            of["description"] = " ".join(text.split())


def _security(base_url: str) -> Json:
    return {
        "type": "oauth2",
        "description": "Client credentials with `private_key_jwt` (RFC 7523).",
        "flows": {
            "clientCredentials": {
                "tokenUrl": f"{base_url}{Endpoint.TOKEN.value}",
                "scopes": _SCOPES,
            }
        },
    }
