"""The questions of a registration, one page each, in any order, with what was typed before."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.contact_cookies import registration_token
from cardservice.web.errors import NoSuchPage
from cardservice.web.forms import Typed, typed_day, typed_in
from cardservice.web.kept_forms import what_to_keep
from cardservice.web.pages import page, see_other
from cardservice.web.resident.onward import carry, sign_in_page
from cardservice.web.resident.register import pending_of
from cardservice.web.visitors import AnyRequest
from cardservice.web.words import gettext as _
from identity import registrations
from identity.dates import london_date, parse_date
from identity.details import check_birth_date, check_listed_address, check_names
from identity.personal import Vault
from identity.registrations import NoRegistration, Pending

ADDRESS_LINES: Final = ("address_lines", "address_line_2", "town")
TOO_YOUNG: Final = "register/too_young.html"
KEPT: Final = "register/kept.html"
CHECK: Final = "check"
Faults = dict[str, str]


class Step(msgspec.Struct, frozen=True):
    """A question: its page, its fields, and what is wrong with what was typed into them."""

    template: str
    fields: tuple[str, ...]
    judge: Callable[[Typed, date, Faults], object]


def _judge_names(typed: Typed, _on: date, faults: Faults) -> object:
    return check_names(typed.get("given_names", ""), typed.get("family_name", ""), faults)


def _judge_birth_date(typed: Typed, on: date, faults: Faults) -> object:
    return check_birth_date(typed_day(typed, "birth_date"), on, faults)


def _judge_address(typed: Typed, _on: date, faults: Faults) -> object:
    lines = tuple(typed.get(field, "") for field in ADDRESS_LINES)
    return check_listed_address(lines, typed.get("postcode", ""), faults)


STEPS: Final[Mapping[str, Step]] = {
    "name": Step("register/name.html", ("given_names", "family_name"), _judge_names),
    "birth-date": Step(
        "register/birth_date.html",
        tuple(f"birth_date-{part}" for part in ("day", "month", "year")),
        _judge_birth_date,
    ),
    "address": Step("register/address.html", (*ADDRESS_LINES, "postcode"), _judge_address),
}
ORDER: Final = (*STEPS, "mobile", CHECK)


@get("/{step:str}")
async def ask(
    request: AnyRequest,
    step: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask a question, with what was answered before."""
    asked = _step(step)
    pending = await pending_of(request, session, vault, now)
    if (elsewhere := not_ready(request, pending)) or isinstance(pending, NoRegistration):
        return elsewhere or see_other(carry(request, "/register"))
    return step_page(request, step, asked.template, pending.typed)


@post("/{step:str}", status_code=200)
async def answer(
    request: AnyRequest,
    step: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Keep what was typed and go on, or say what is wrong with it."""
    asked, typed = _step(step), await typed_in(request)
    pending = await keep(request, session, vault, asked.fields, now)
    if (elsewhere := not_ready(request, pending)) or isinstance(pending, NoRegistration):
        return elsewhere or await lost(request)
    faults: Faults = {}
    asked.judge(typed, london_date(now), faults)
    if faults:
        order = {field: place for place, field in enumerate(asked.fields)}
        faults = dict(sorted(faults.items(), key=lambda item: order.get(item[0], 0)))
        return step_page(request, step, asked.template, typed, faults)
    if step == "birth-date" and is_too_young(pending, settings, now):
        return too_young_page(request, settings)
    return see_other(carry(request, f"/register/{next_step(pending, now)}"))


async def keep(
    request: AnyRequest,
    session: AsyncSession,
    vault: Vault,
    fields: tuple[str, ...],
    now: datetime,
) -> Pending | NoRegistration:
    """Keep these fields of the form; one that was emptied is kept empty."""
    typed = await typed_in(request)
    new = {field: typed.get(field, "") for field in fields}
    return await registrations.keep(session, vault, registration_token(request), new, now=now)


def not_ready(request: AnyRequest, pending: Pending | NoRegistration) -> Response[Any] | None:
    """Where to send somebody who must prove their address again, because they paused."""
    if isinstance(pending, Pending) and not pending.is_proved:
        return see_other(carry(request, "/register/again"))
    return None


async def lost(request: AnyRequest) -> Response[Any]:
    """A form of a registration that is gone: what it held goes back to who typed it."""
    kept = await what_to_keep(request)
    if not kept:
        return see_other(carry(request, "/register"))
    start, action = carry(request, "/register"), carry(request, request.url.path)
    return page(request, KEPT, status=403, kept=kept, start=start, action=action)


def next_step(pending: Pending, now: datetime) -> str:
    """The first question without a good answer."""
    for name, step in STEPS.items():
        faults: Faults = {}
        step.judge(pending.typed, london_date(now), faults)
        if faults:
            return name
    return CHECK if "mobile" in pending.typed and has_proved_mobile(pending) else "mobile"


def has_proved_mobile(pending: Pending) -> bool:
    """Whether the number that was typed was proved; nothing typed needs no proof."""
    return not pending.typed.get("mobile", "").strip() or bool(pending.mobile)


def is_too_young(pending: Pending, settings: Settings, now: datetime) -> bool:
    """Whether who was born on the day that was typed is too young to register alone."""
    born = parse_date(typed_day(pending.typed, "birth_date"))
    return born is not None and registrations.is_too_young(born, settings.minimum_age, now=now)


def too_young_page(request: AnyRequest, settings: Settings) -> Response[str]:
    """Say kindly who can register them, and where."""
    return sign_in_page(request, TOO_YOUNG, typed={}, age=settings.minimum_age)


def step_page(
    request: AnyRequest,
    step: str,
    template: str,
    typed: Typed,
    faults: Faults | None = None,
    **context: object,
) -> Response[str]:
    """A question with what was typed; back leads to the question before."""
    place = ORDER.index(step)
    back = f"/register/{ORDER[place - 1]}" if place else "/register"
    return sign_in_page(
        request, template, faults=faults, typed=typed, back=carry(request, back), **context
    )


def _step(name: str) -> Step:
    if name not in STEPS:
        raise NoSuchPage(_("Page not found"))
    return STEPS[name]
