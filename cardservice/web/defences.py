"""What keeps other sites out of our pages: headers on every answer, and a token in every form.

Source: OWASP ASVS 5.0 V3 (cookies, headers, cross-site requests); CSP Level 3; Fetch Metadata.
"""

import base64
import binascii
import secrets
from functools import lru_cache
from typing import Any, Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Scope

from cardservice.web.errors import ForeignForm
from cardservice.web.forms import typed_in
from cardservice.web.kept_forms import keep, what_to_keep
from cardservice.web.origins import is_cross_site
from cardservice.web.visitors import AnyRequest, Visitor, host_cookie
from identity import sessions
from identity.keys import KeyId, KeyStore, Purpose

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
FORM_COOKIE: Final = "__Host-kentcard-form"
FIELD: Final = "csrf_token"
_SIGNED: Final = b"kent-card form\0"
_HEADERS: Final = {
    # Of what is no page: nothing in it runs or loads, also when somebody opens it as one.
    "content-security-policy": (
        "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; sandbox"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
_ENCODED: Final = tuple((name.encode(), value.encode()) for name, value in _HEADERS.items())
_HTTPS_ONLY: Final = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
"""Said when browsers know us by https, whatever the proxy in between speaks to us."""


def content_security_policy(nonce: str, *, fetches: bool = False) -> str:
    """The policy of a page: our own styles and images, and scripts that carry the nonce.

    With `fetches` those scripts may ask this server, and no other.
    """
    return "; ".join(
        (
            "default-src 'none'",
            *(("connect-src 'self'",) if fetches else ()),
            f"script-src 'nonce-{nonce}'",
            "style-src 'self'",
            "img-src 'self'",
            "object-src 'none'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


async def add_security_headers(message: Message, scope: Scope) -> None:
    """Hook before anything is sent: what the answer does not say itself, it says safely."""
    if message["type"] != "http.response.start":
        return
    given = message["headers"]
    said = frozenset(name.lower() for name, _ in given)
    safe = scope["litestar_app"].state.settings.base_url.startswith("https:")
    message["headers"] = [*given, *_left_to_say(said, safe=safe)]


@lru_cache(maxsize=256)
def _left_to_say(said: frozenset[bytes], *, safe: bool) -> Headers:
    wanted = (*_ENCODED, _HTTPS_ONLY) if safe else _ENCODED
    return tuple(header for header in wanted if header[0] not in said)


async def our_own_form(
    connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler
) -> None:
    """Guard: an unsafe request comes from a form on a page that we gave to this visitor.

    Raises:
        ForeignForm: from another site, or without the right token.
    """
    if not isinstance(connection, Request) or connection.method in {"GET", "HEAD"}:
        return
    if is_cross_site(connection):
        raise ForeignForm("The form was sent by another site.")
    if not _is_given_to(connection, (await typed_in(connection)).get(FIELD, "")):
        reason = "The form has no token of this visitor."
        raise ForeignForm(reason, await what_to_keep(connection) if connection.user else {})
    await keep(connection)


def form_token(request: AnyRequest) -> tuple[str, Cookie | None]:
    """The token for the forms of a page, and the cookie it needs if there is none yet.

    Of somebody signed in it is bound to their session. Before that it is the signature of a random
    value in a cookie, so that neither half can be made up elsewhere.
    """
    visitor: Visitor | None = request.scope.get("user")
    if visitor is not None:
        return sessions.csrf_token(visitor.token), None
    value = request.cookies.get(FORM_COOKIE, "")
    if value:
        return _sign(request.app.state.keystore, value), None
    value = secrets.token_urlsafe(24)
    return _sign(request.app.state.keystore, value), host_cookie(FORM_COOKIE, value)


def _is_given_to(request: AnyRequest, presented: str) -> bool:
    visitor: Visitor | None = request.scope.get("user")
    if visitor is not None:
        return sessions.csrf_matches(visitor.token, presented)
    value = request.cookies.get(FORM_COOKIE, "")
    return bool(value) and _is_signature(request.app.state.keystore, value, presented)


def _sign(keystore: KeyStore, value: str) -> str:
    signature = keystore.sign(keystore.current(Purpose.SESSION_SIGN), _message(value))
    return base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


def _is_signature(keystore: KeyStore, value: str, presented: str) -> bool:
    try:
        signature = base64.b64decode(presented + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return any(
        _verifies(keystore, key, value, signature)
        for key in keystore.generations(Purpose.SESSION_SIGN)
    )


def _verifies(keystore: KeyStore, key: KeyId, value: str, signature: bytes) -> bool:
    try:
        keystore.public_key(key).verify(signature, _message(value))
    except InvalidSignature:
        return False
    return True


def _message(value: str) -> bytes:
    return _SIGNED + value.encode(errors="surrogatepass")
