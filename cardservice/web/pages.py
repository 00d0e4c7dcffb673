"""Turning a template into an answer."""

import secrets
from collections.abc import Iterable, Mapping
from uuid import UUID

import msgspec
from litestar import MediaType, Response
from litestar.datastructures import Cookie

from cardservice.web.assisted_words import in_one_line
from cardservice.web.defences import FIELD, content_security_policy, form_token
from cardservice.web.environment import environment
from cardservice.web.visitors import AnyRequest, Part, Visitor


def page(
    request: AnyRequest,
    template: str,
    *,
    status: int = 200,
    faults: Mapping[str, str] | None = None,
    cookies: Iterable[Cookie] = (),
    fetches: bool = False,
    **context: object,
) -> Response[str]:
    """Render a page, with a policy of its own and the token for its forms.

    Args:
        request: what is answered.
        template: name below `templates/`.
        status: HTTP status.
        faults: field -> sentence, for the error summary and the fields themselves.
        cookies: to set beside the form's own.
        fetches: whether its script asks the server for something.
        context: what the template shows.
    """
    nonce = secrets.token_urlsafe(16)
    token, form_cookie = form_token(request)
    html = (
        environment()
        .get_template(template)
        .render(
            **context,
            faults=dict(faults or {}),
            nonce=nonce,
            csrf_field=FIELD,
            csrf_token=token,
            visitor=request.scope.get("user"),
            path=request.scope["path"],
            part=_part_of(request),
            assisting=_assisting(request),
            demo=request.app.state.settings.demo,
        )
    )
    return Response(
        html,
        media_type=MediaType.HTML,
        status_code=status,
        headers={"content-security-policy": content_security_policy(nonce, fetches=fetches)},
        cookies=[*cookies, *([form_cookie] if form_cookie else [])],
    )


def _part_of(request: AnyRequest) -> str:
    """The part of the site the page belongs to, in lower case; empty for the pages of all."""
    handler = request.scope.get("route_handler")  # none where no route matched
    part: Part | None = getattr(handler, "opt", {}).get("part")
    return part.name.lower() if part else ""


class Assisting(msgspec.Struct, frozen=True):
    """The banner over every page of a member of staff who acts for a resident."""

    account_id: UUID
    name: str
    number: str
    why: str
    minutes: int


def _assisting(request: AnyRequest) -> Assisting | None:
    visitor: Visitor | None = request.scope.get("user")
    open_now = visitor.assisted if visitor else None
    if open_now is None:
        return None
    return Assisting(
        account_id=open_now.account_id,
        name=open_now.name,
        number=open_now.number,
        why=in_one_line(open_now.reason, open_now.presence),
        minutes=open_now.minutes_left(request.app.state.clock()),
    )


def see_other(path: str, *, cookies: Iterable[Cookie] = ()) -> Response[None]:
    """Send the browser to a page of ours after a form, so that going back repeats nothing."""
    return Response(None, status_code=303, headers={"location": path}, cookies=list(cookies))
