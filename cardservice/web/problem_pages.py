"""What somebody at a browser is told when something does not work."""

from typing import Any, Final

import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from cardservice.errors import NoPhoto, NoSuchCard, NoSuchCharge
from cardservice.web import problems
from cardservice.web.environment import moment
from cardservice.web.errors import (
    AssistanceNeeded,
    ForeignForm,
    NoSuchPage,
    NotForYourRole,
    ProofNeeded,
    SignedInAlready,
    SignInExpired,
    SignInNeeded,
    TooManyTries,
)
from cardservice.web.kept_forms import kept_of
from cardservice.web.pages import page, page_for_anybody, see_other
from cardservice.web.visitors import AnyRequest, Part, no_cookie
from cardservice.web.words import gettext as _
from entitlements.errors import (
    NoSuchApplication,
    NoSuchEvidence,
    NoSuchGrant,
    NoSuchOffer,
    UnknownScheme,
)
from entitlements.partner_errors import NoSuchDelivery, NoSuchEndpoint, NoSuchOrganisation
from identity.errors import (
    Busy,
    NoSuchAccount,
    NoSuchStaff,
    NotYourRecord,
    PersonErased,
    SignInRequestRefused,
)

TEMPLATE: Final = "problems/plain.html"
KEPT: Final = "problems/kept.html"
NOT_FOUND: Final = 404
TOO_LARGE: Final = 413
GONE: Final = 410
SERVER_FAULT: Final = 500
_LOG = structlog.get_logger(__name__)


def problem_page(request: AnyRequest, error: Exception) -> Response[Any]:
    """The page for any exception raised on the way to a page."""
    match error:
        case SignInNeeded() | ProofNeeded() | SignedInAlready() | AssistanceNeeded():
            answer: Response[Any] = _first_to(request, error)
        case SignInExpired():
            answer = _sign_in_expired(request, error)
        case ForeignForm():
            answer = _foreign_form(request, error)
        case NotYourRecord() | NotForYourRole() | SignInRequestRefused():
            answer = _refused(request, error)
        case Busy() | TooManyTries():
            answer = _come_again(request, error)
        case (
            NoSuchPage()
            | NoSuchAccount()
            | NoSuchCard()
            | NoSuchCharge()
            | NoPhoto()
            | NoSuchStaff()
            | NoSuchOrganisation()
            | NoSuchEndpoint()
            | NoSuchDelivery()
            | PersonErased()
            | NoSuchApplication()
            | NoSuchEvidence()
            | NoSuchOffer()
            | NoSuchGrant()
            | UnknownScheme()
        ):
            answer = _erased(request) if isinstance(error, PersonErased) else _not_found(request)
        case HTTPException() if error.status_code < SERVER_FAULT:
            answer = _of_status(request, error)
        case _:
            answer = _fault(request, error)
    return answer


HANDLERS: Final[ExceptionHandlersMap] = {Exception: problem_page}
"""For the routers of the pages, and for addresses that belong to no router."""


def _first_to(
    request: AnyRequest,
    error: SignInNeeded | ProofNeeded | SignedInAlready | AssistanceNeeded,
) -> Response[Any]:
    if isinstance(error, AssistanceNeeded):
        return _assistance_needed(request, error)
    if isinstance(error, SignedInAlready):
        return see_other("/account")
    if isinstance(error, SignInNeeded):
        return see_other(error.sign_in)
    if not error.kept:
        return see_other(error.confirm)
    return page(
        request,
        KEPT,
        status=403,
        title=_("Confirm it is you"),
        sentences=[
            _("It is a while since you signed in. We ask again before anything like this."),
            _("What you typed is still here: confirm it is you first, and send it then."),
        ],
        link={"href": error.confirm, "text": _("Confirm it is you (opens in a new tab)")},
        button=_("I have confirmed it: send what I typed"),
        kept=error.kept,
        action=_own_address(request),
    )


def _come_again(request: AnyRequest, error: Busy | TooManyTries) -> Response[str]:
    """Turned away before anything was tried; what was typed waits in the page."""
    _LOG.warning("turned away", path=request.scope["path"], reason=str(error))
    if isinstance(error, Busy):
        status, title = problems.STATUS[Busy], _("We are very busy at this moment")
        why = _("Too many people are signing in at once. Nothing was tried yet.")
        when = _("Wait a few seconds and try again. A password or code must be typed again.")
    else:
        status, title = error.status, _("Too many tries")
        why = _(
            "Too many tries to sign in failed from the network you are on. That may not be you."
        )
        words = _(
            "Try again after %(time)s, or use a passkey or a device you signed in with before."
        )
        when = words % {"time": moment(error.again_at)}
    # The one that is answered most when there is least time to render it.
    prepared = isinstance(error, Busy) and request.scope.get("user") is None
    shown = page_for_anybody if prepared else page
    answer = shown(
        request,
        KEPT,
        status=status,
        title=title,
        sentences=(why, when),
        kept=kept_of(request),
        action=_own_address(request),
        button=_("Try again"),
    )
    answer.headers["retry-after"] = str(error.retry_after)
    return answer


def _of_status(request: AnyRequest, error: HTTPException) -> Response[str]:
    if error.status_code == NOT_FOUND:
        return _not_found(request)
    if error.status_code == TOO_LARGE:
        title = _("What you sent is too large")
        sentences = [
            _("Nothing was lost: everything is as it was before you sent it."),
            _("Go back and select a smaller file, or take the photo again with a smaller size."),
        ]
        return page(request, TEMPLATE, status=TOO_LARGE, title=title, sentences=sentences)
    sentences = [_("Go back and try again."), _("If it happens again, tell the council.")]
    title = _("Sorry, that could not be done")
    return page(request, TEMPLATE, status=error.status_code, title=title, sentences=sentences)


def _not_found(request: AnyRequest) -> Response[str]:
    sentences = [
        _("If you typed the address, check that it is correct."),
        _("If you followed a link, what it led to may be gone, or may not be for you."),
    ]
    return page(request, TEMPLATE, status=404, title=_("Page not found"), sentences=sentences)


def _erased(request: AnyRequest) -> Response[str]:
    title = _("This record was erased")
    sentences = [_("Nothing is kept that tells who it was. It cannot be brought back.")]
    return page(request, TEMPLATE, status=GONE, title=title, sentences=sentences)


def _refused(
    request: AnyRequest, error: NotYourRecord | NotForYourRole | SignInRequestRefused
) -> Response[str]:
    if isinstance(error, SignInRequestRefused):
        return _request_refused(request, error)
    if isinstance(error, NotForYourRole):
        return _not_for_role(request, error)
    _LOG.warning("not allowed", path=request.scope["path"])
    title = _("You cannot see this page")
    sentences = [_("It is not for the account you are signed in to.")]
    return page(request, TEMPLATE, status=403, title=title, sentences=sentences)


def _not_for_role(request: AnyRequest, error: NotForYourRole) -> Response[str]:
    title = _("Your role does not include this")
    sentences = [_("Nothing was changed. Ask a colleague whose role it is, or an administrator.")]
    return page(request, TEMPLATE, status=error.status, title=title, sentences=sentences)


def _request_refused(request: AnyRequest, error: SignInRequestRefused) -> Response[str]:
    """The page is for the resident; what the site did wrong is for its developers, in the log."""
    _LOG.warning("sign-in request refused", path=request.scope["path"], reason=str(error))
    title = _("The service you came from could not sign you in or out")
    sentences = [
        _("Its request had a fault, was used before, or waited too long."),
        _("Nothing about you was shared. Go back to the service and try again."),
    ]
    own = {"href": "/account", "text": _("Go to your Kent Card account")}
    return page(request, TEMPLATE, status=400, title=title, sentences=sentences, link=own)


def _foreign_form(request: AnyRequest, error: ForeignForm) -> Response[str]:
    _LOG.warning("form refused", path=request.scope["path"], reason=str(error))
    if error.kept:
        return page(
            request,
            KEPT,
            status=error.status,
            title=_("Send what you typed"),
            sentences=[_("You signed in again. What you typed is still here, and not sent yet.")],
            kept=error.kept,
            action=_own_address(request),
        )
    sentences = [
        _("It came from another site, or from a page that was open for too long."),
        _("Nothing was changed. Go back, reload the page and try again."),
    ]
    title = _("We could not accept this form")
    return page(request, TEMPLATE, status=error.status, title=title, sentences=sentences)


def _assistance_needed(request: AnyRequest, error: AssistanceNeeded) -> Response[Any]:
    """Open one first, and go on to what was wanted; of a form nothing typed is lost."""
    record = f"/staff/residents/{error.account_id}"
    wanted = request.url.path.removeprefix(f"{record}/").split("/")[0]
    opening = f"{record}/assisted/new?then={wanted}"
    if request.method in {"GET", "HEAD"}:
        return see_other(opening)
    title = _("You are not acting for this resident any more")
    sentences = [_("It ends after a while, or when you open the record of somebody else.")]
    if not error.kept:
        link = {"href": opening, "text": _("Act for them again")}
        return page(
            request, TEMPLATE, status=error.status, title=title, sentences=sentences, link=link
        )
    return page(
        request,
        KEPT,
        status=error.status,
        title=title,
        sentences=[
            *sentences,
            _("What you typed is still here: act for them again first, and send it then."),
        ],
        link={"href": opening, "text": _("Act for them again (opens in a new tab)")},
        button=_("I act for them again: send what I typed"),
        kept=error.kept,
        action=_own_address(request),
    )


def _sign_in_expired(request: AnyRequest, error: SignInExpired) -> Response[str]:
    part = next(part for part in Part if part.cookie == error.cookie)
    if error.kept:
        return page(
            request,
            KEPT,
            status=error.status,
            title=_("You have been signed out"),
            sentences=[
                _("This happens when you do nothing for a while, to protect people’s data."),
                _("What you typed is still here: sign in again first, and send it then."),
            ],
            link={"href": error.sign_in, "text": _("Sign in again (opens in a new tab)")},
            button=_("I have signed in: send what I typed"),
            kept=error.kept,
            action=_own_address(request),
            cookies=[no_cookie(part)],
        )
    return page(
        request,
        TEMPLATE,
        status=error.status,
        title=_("You have been signed out"),
        sentences=[
            _("This happens when you do nothing for a while, to protect people’s data."),
            _("Anything you had not saved was not kept."),
        ],
        link={"href": error.sign_in, "text": _("Sign in again")},
        cookies=[no_cookie(part)],
    )


def _own_address(request: AnyRequest) -> str:
    """The address a form was sent to, for sending it again."""
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def _fault(request: AnyRequest, error: Exception) -> Response[str]:
    """The log gets what happened; the page says what to do."""
    _LOG.error("page failed", method=request.method, fault=type(error).__name__, exc_info=error)
    sentences = [
        _("Nothing was changed. Try again in a few minutes."),
        _("If it happens again, tell the council what you were doing and when."),
    ]
    title = _("Sorry, there is a problem with the service")
    return page(request, TEMPLATE, status=SERVER_FAULT, title=title, sentences=sentences)
