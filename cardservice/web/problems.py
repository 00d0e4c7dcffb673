"""Errors as RFC 9457 problems: one table from error to HTTP status, for every API.

The `type` of a problem ends in the error's permanent `code`; what a person reads may change.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.routes import HTTPRoute
from litestar.types import ExceptionHandlersMap

from cardservice import errors as cards
from cardservice.errors import CardServiceError
from entitlements import errors as rights
from entitlements import partner_errors as partners
from entitlements.errors import EntitlementsError
from identity import errors as people
from identity.errors import IdentityError
from readers.errors import MalformedShell, ReadersError

MEDIA_TYPE: Final = "application/problem+json"
SERVER_FAULT: Final = 500
NOT_ALLOWED: Final = 405
UNAUTHORISED: Final = 401
REFUSALS: Final = frozenset({UNAUTHORISED, 403})

ROOTS: Final = (CardServiceError, EntitlementsError, IdentityError, ReadersError)

STATUS: Final[Mapping[type[Exception], int]] = {
    cards.TerminalUnknown: UNAUTHORISED,
    cards.TerminalRevoked: 403,
    cards.ServiceNotAllowed: 403,
    cards.CodeNotAccepted: 403,
    cards.NoSuchAuthority: 404,
    cards.NoSuchCard: 404,
    cards.NoSuchFinding: 404,
    cards.NoPhoto: 404,
    cards.NoSuchTerminal: 404,
    cards.MoveNotAllowed: 409,
    cards.NotTheirMove: 403,
    cards.NoSuchProduct: 422,
    cards.NoSuchCharge: 404,
    cards.ChargeSettled: 409,
    cards.CardInHand: 409,
    cards.IdentityNotShown: 409,
    cards.DeskBusy: 409,
    cards.NotYourDesk: 409,
    cards.TerminalNameTaken: 409,
    cards.NothingAsked: 404,
    cards.NoSuchBatch: 404,
    cards.NoSuchBureau: 404,
    cards.BatchNotReady: 409,
    cards.BureauNameTaken: 409,
    cards.NothingToMake: 409,
    cards.BadBureauKeys: 422,
    cards.NotADesk: 422,
    cards.BadTerminalRole: 422,
    cards.BadSetUp: 422,
    cards.NotAFrontDesk: 403,
    MalformedShell: 422,
    cards.VersionNotSpoken: 409,
    rights.NoSuchApplication: 404,
    rights.NoSuchOffer: 404,
    rights.NoSuchGrant: 404,
    rights.ApplicationClosed: 409,
    rights.GrantMoveRefused: 409,
    partners.NoSuchOrganisation: 404,
    partners.TokenNotAccepted: UNAUTHORISED,
    partners.OrganisationSuspended: 403,
    partners.ScopeMissing: 403,
    partners.MediaTypeNotTaken: 415,
    partners.BodyTooLarge: 413,
    partners.NotJson: 400,
    partners.BodyFaulty: 422,
    partners.OfferUnknown: 404,
    partners.NoSuchRedemption: 404,
    partners.RedemptionRefused: 409,
    partners.RedemptionEnded: 409,
    partners.NoSuchPlace: 404,
    partners.EventsGone: 410,
    partners.KeyMissing: 400,
    partners.KeyReused: 422,
    partners.TooManyRequests: 429,
    partners.TooManyGuesses: 429,
    partners.OrganisationNameTaken: 409,
    people.NoSuchAccount: 404,
    people.PersonErased: 404,
    people.NoSuchClient: 404,
    people.SignInRequestRefused: 400,
    people.NotYourRecord: 403,
    people.InvalidDetails: 422,
    people.BadPostcode: 422,
    people.BadMobile: 422,
    people.Busy: 503,
    people.KeyTokenAway: 503,
}
"""Errors a caller can do something about. Any other is a fault of ours: 500, and no details."""

_LOG = structlog.get_logger(__name__)


def problem(
    request: Request[Any, Any, Any], status: int, code: str, title: str, detail: str, **more: object
) -> Response[dict[str, object]]:
    """An `application/problem+json` answer."""
    content = {
        "type": f"{request.app.state.settings.base_url}/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    headers = {"www-authenticate": "Bearer"} if status == UNAUTHORISED else {}
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def problem_of(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, object]]:
    """The problem for any exception."""
    status = STATUS.get(type(error))
    if status is not None:
        if status in REFUSALS:
            _LOG.warning("not allowed", path=request.scope["path"], code=code_of(type(error)))
        kind, more = type(error), _more(error)
        answer = problem(request, status, code_of(kind), title_of(kind), str(error), **more)
        if isinstance(error, people.Busy):
            answer.headers["retry-after"] = str(error.retry_after)
        if isinstance(error, partners.RequestRefused):
            answer.headers.update(error.headers)
        return answer
    if isinstance(error, HTTPException) and error.status_code < SERVER_FAULT:
        return _of_framework(request, error)
    if isinstance(error, RecursionError):  # only reading a body goes that deep
        _LOG.warning("body nested too deep", path=request.scope["path"])
        title, detail = "The request cannot be understood.", "The body is nested too deep."
        return problem(request, 400, "bad-request", title, detail)
    _LOG.error("request failed", fault=type(error).__name__, exc_info=error)
    detail = "The server could not do this. Nothing was changed. Try again later."
    return problem(request, SERVER_FAULT, "server-fault", "Something went wrong here.", detail)


HANDLERS: Final[ExceptionHandlersMap] = {Exception: problem_of}


def code_of(error: type[Exception]) -> str:
    """The permanent code of one of our errors."""
    return str(getattr(error, "code", "server-fault"))


def title_of(error: type[Exception]) -> str:
    """What the error means, in one sentence: its docstring's first."""
    return (error.__doc__ or code_of(error)).strip().splitlines()[0]


def every_error() -> Mapping[str, type[Exception]]:
    """Every error of ours by its code."""
    return {code_of(error): error for root in ROOTS for error in _tree(root)}


def _tree(error: type[Exception]) -> Iterator[type[Exception]]:
    yield error
    for child in error.__subclasses__():
        yield from _tree(child)


def _more(error: Exception) -> Mapping[str, object]:
    """The parts of a partner's request that are wrong, by JSON pointer."""
    faults = error.faults if isinstance(error, partners.RequestRefused) else ()
    return {"errors": list(faults)} if faults else {}


def _of_framework(
    request: Request[Any, Any, Any], error: HTTPException
) -> Response[dict[str, object]]:
    more = {"errors": error.extra} if isinstance(error.extra, list) and error.extra else {}
    code = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}.get(
        error.status_code, "bad-request"
    )
    title = "The request cannot be understood." if code == "bad-request" else "No such thing here."
    answer = problem(request, error.status_code, code, title, error.detail, **more)
    if error.status_code == NOT_ALLOWED:
        said = (error.headers or {}).get("allow", "")
        answer.headers["allow"] = said or ", ".join(_allowed(request))
    return answer


def _allowed(request: Request[Any, Any, Any]) -> Sequence[str]:
    """The methods of an address. Source: RFC 9110 section 15.5.6."""
    parts = request.scope["path"].strip("/").split("/")
    methods: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, HTTPRoute) and _leads(route.path_components, parts):
            methods |= set(route.methods)
    return sorted(methods)


def _leads(components: Sequence[object], parts: Sequence[str]) -> bool:
    return len(components) == len(parts) and all(
        not isinstance(component, str) or component == part
        for component, part in zip(components, parts, strict=True)
    )
