"""The tray: virtual cards are laid on readers and lifted, so that a newcomer can tap.

The cards are held by another process (`python -m readers.virtual.tray`), reached over loopback.
"""

from collections.abc import Mapping
from typing import Any, Final

import httpx
import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from cardservice.settings import Settings
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.visitors import AnyRequest
from cardservice.web.words import gettext as _

TEMPLATE: Final = "demo/tray.html"
PATIENCE: Final = 5.0
LONGEST_LABEL: Final = 40


class Reader(msgspec.Struct, frozen=True):
    """A reader; `card` is the id of what lies on it."""

    index: int
    name: str
    card: str | None = None


class Card(msgspec.Struct, frozen=True):
    """A virtual card."""

    id: str
    label: str


class Tray(msgspec.Struct, frozen=True):
    """What the tray process says."""

    readers: tuple[Reader, ...] = ()
    cards: tuple[Card, ...] = ()


class TrayRefused(Exception):
    """The tray did not do it; the text says why."""

    code = "tray-refused"


@get("/tray")
async def show_tray(request: AnyRequest) -> Response[str]:
    """Readers, what lies on them, and every card."""
    return await _page(request)


@post("/tray/cards", status_code=200)
async def make_card(request: AnyRequest) -> Response[Any]:
    """Make a blank card."""
    typed = await typed_in(request)
    label = typed.get("label", "").strip()
    if not label or len(label) > LONGEST_LABEL:
        words = _("Enter a name of at most %(most)d characters for the card")
        return await _page(request, faults={"label": words % {"most": LONGEST_LABEL}}, typed=typed)
    return await _done(request, "/cards", {"label": label}, "label", typed)


@post("/tray/readers/{index:int}/lay", status_code=200)
async def lay_card(request: AnyRequest, index: FromPath[int]) -> Response[Any]:
    """Lay a card on a reader, and tear it away if a number of commands was given."""
    typed = await typed_in(request)
    card, tear = typed.get(f"card-{index}", ""), typed.get(f"tear-{index}", "").strip()
    if not card:
        faults = {f"card-{index}": _("Select a card")}
        return await _page(request, faults=faults, typed=typed)
    if tear and not (tear.isascii() and tear.isdigit() and int(tear[:5]) > 0 and len(tear) < 5):  # noqa: PLR2004  (no card takes 9,999 commands)
        faults = {f"tear-{index}": _("Enter a number of commands, or nothing")}
        return await _page(request, faults=faults, typed=typed)
    asked = {"card": card, "tear_after": int(tear) if tear else None}
    return await _done(request, f"/readers/{index}/lay", asked, f"card-{index}", typed)


@post("/tray/readers/{index:int}/lift", status_code=200)
async def lift_card(request: AnyRequest, index: FromPath[int]) -> Response[Any]:
    """Lift whatever lies on a reader."""
    return await _done(request, f"/readers/{index}/lift", {}, f"reader-{index}", {})


async def _done(
    request: AnyRequest, path: str, asked: Mapping[str, object], field: str, typed: Typed
) -> Response[Any]:
    try:
        await _ask(_settings(request), "POST", path, asked)
    except TrayRefused as refused:
        return await _page(request, faults={field: str(refused)}, typed=typed)
    return see_other("/tray")


async def _page(
    request: AnyRequest,
    *,
    faults: Mapping[str, str] | None = None,
    typed: Typed | None = None,
) -> Response[str]:
    tray, away = Tray(), ""
    try:
        tray = msgspec.json.decode(await _ask(_settings(request), "GET", "/state"), type=Tray)
    except (TrayRefused, msgspec.MsgspecError) as fault:
        away = str(fault)
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed or {},
        tray=tray,
        labels={card.id: card.label for card in tray.cards},
        lying={reader.card for reader in tray.readers},
        away=away,
        screens=_settings(request).demo_screens.split(),
    )


async def _ask(
    settings: Settings, method: str, path: str, asked: Mapping[str, object] | None = None
) -> bytes:
    """One question to the tray process.

    Raises:
        TrayRefused: it is not there, or says no.
    """
    try:
        async with httpx.AsyncClient(base_url=settings.tray_url, timeout=PATIENCE) as client:
            answer = await client.request(method, path, json=asked)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TrayRefused(_("The tray of cards is not running.")) from error
    if answer.is_success:
        return answer.content
    raise TrayRefused(_REFUSALS.get(answer.status_code) or _("The tray could not do this."))


_REFUSALS: Final[Mapping[int, str]] = {
    404: _("There is no such card or reader."),
    409: _("A card lies there already, or this card lies on another reader."),
    503: _("The virtual readers are not running."),
}
"""Status of the tray's answer -> what the page says."""


def _settings(request: AnyRequest) -> Settings:
    settings: Settings = request.app.state.settings
    return settings
