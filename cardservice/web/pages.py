"""Turning a template into an answer."""

import secrets
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from uuid import UUID

import msgspec
from litestar import MediaType, Response
from litestar.datastructures import Cookie

from cardservice.web.assisted_words import in_one_line
from cardservice.web.defences import FIELD, content_security_policy, form_token
from cardservice.web.environment import environment
from cardservice.web.prepared import Prepared, prepare
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
    policy = content_security_policy(nonce, fetches=fetches)
    return _answer(html, policy, status, [*cookies, *([form_cookie] if form_cookie else [])])


def page_for_anybody(
    request: AnyRequest,
    template: str,
    *,
    status: int,
    kept: Mapping[str, str],
    action: str,
    **context: Hashable,
) -> Response[str]:
    """A page that sends a form again, for somebody who is not signed in: rendered once, not often.

    Args:
        request: what is answered.
        template: name below `templates/`, as `prepared.prepare` takes it.
        status: HTTP status.
        kept: what was typed.
        action: where to send it.
        context: what the template shows everybody.
    """
    prepared = _prepared(template, _part_of(request), request.app.state.settings.demo, **context)
    nonce = secrets.token_urlsafe(16)
    token, form_cookie = form_token(request)
    html = prepared.filled(kept, nonce=nonce, csrf_token=token, action=action)
    policy = content_security_policy(nonce)
    return _answer(html, policy, status, [form_cookie] if form_cookie else [])


@cache
def _prepared(template: str, part: str, demo: bool, **context: Hashable) -> Prepared:  # noqa: FBT001  (part of the key)
    marks = ("nonce", "csrf_token", "action")
    return prepare(template, marks, **context, faults={}, csrf_field=FIELD, part=part, demo=demo)


def _answer(html: str, policy: str, status: int, cookies: Iterable[Cookie]) -> Response[str]:
    return Response(
        html,
        media_type=MediaType.HTML,
        status_code=status,
        headers={"content-security-policy": policy},
        cookies=list(cookies),
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
