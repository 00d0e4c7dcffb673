"""Which browser somebody uses: in words they know it by, and by a cookie of our own."""

import secrets
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from cardservice.web.visitors import Part, host_cookie
from identity.devices import Browser

DEVICE_COOKIE: Final = "__Host-kentcard-device"
_DEVICE: Final = "kent_device"
_KEPT_SECONDS: Final = 365 * 24 * 3600
_LONGEST: Final = 100
# The first that fits: browsers also name the ones they descend from.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def browser_of(request: ASGIConnection[Any, Any, Any, Any]) -> Browser:
    """The browser of a request; one without our cookie is a new device."""
    said = request.headers.get("user-agent", "")
    sent = request.cookies.get(DEVICE_COOKIE, "")[:_LONGEST]
    device = request.scope["state"].setdefault(_DEVICE, sent or secrets.token_urlsafe(32))
    part: Part | None = request.route_handler.opt.get("part")
    signed_in = request.cookies.get(part.cookie, "") if part else ""
    return Browser(name=browser_name(said), device=device, token=signed_in)


def device_cookie(browser: Browser) -> Cookie:
    """The cookie by which the browser is known again, for a year from its last use."""
    return host_cookie(DEVICE_COOKIE, browser.device, max_age=_KEPT_SECONDS)


def browser_name(user_agent: str) -> str:
    """`Firefox on Windows`, as far as the browser says; nothing it says is repeated."""
    browser = _first(_BROWSERS, user_agent) or "A browser"
    system = _first(_SYSTEMS, user_agent)
    return f"{browser} on {system}" if system else browser


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for mark, name in names if mark in user_agent), "")
