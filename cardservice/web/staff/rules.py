"""The rules, to be read by staff; and asking for a change of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.errors import NoSuchPage
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import publishing, rulebooks
from entitlements.errors import PublicationError, SchemesFaulty
from entitlements.schemes.dates import NEVER
from entitlements.schemes.notes import charge_words
from entitlements.schemes.rule import Given
from entitlements.schemes.rulebook import RuleBook
from identity.dates import london_date
from identity.errors import InvalidDetails
from identity.roles import Act

LIST: Final = "staff/rules.html"
FILE: Final = "staff/rule_file.html"
PATH: Final = "/rules"
NEW: Final = "new"
GIVEN: Final[Mapping[Given, str]] = {
    Given.AUTOMATICALLY: _("By itself"),
    Given.ON_APPLICATION: _("On application"),
    Given.ELSEWHERE: _("By others"),
}


@get(PATH, opt={ACT: Act.READ_RULES})
async def show(
    request: AnyRequest, session: NamedDependency[AsyncSession], now: NamedDependency[datetime]
) -> Response[str]:
    """Every scheme with the rule in force, and every other file that rules rest on."""
    book, today = await rulebooks.in_force(session), london_date(now)
    return page(
        request,
        LIST,
        schemes=[(each, each.rule_on(today), GIVEN[each.given]) for each in book.schemes.values()],
        others=sorted(
            name for name in book.texts if name.removesuffix(".toml") not in book.schemes
        ),
        waiting=len(await publishing.waiting(session)),
    )


@get(f"{PATH}/files/{{name:str}}", opt={ACT: Act.READ_RULES})
async def show_file(
    request: AnyRequest,
    name: FromPath[str],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[str]:
    """One file as it is in force, with a form for those who may ask for a change.

    Raises:
        NoSuchPage: there is no such file.
    """
    book = await rulebooks.in_force(session)
    if name not in book.texts:
        raise NoSuchPage("There is no such rule file.")
    return _file(request, book, name, {"text": book.texts[name]}, {}, now)


@get(f"{PATH}/{NEW}", opt={ACT: Act.ASK_RULES})
async def ask_new(
    request: AnyRequest, session: NamedDependency[AsyncSession], now: NamedDependency[datetime]
) -> Response[str]:
    """An empty form for a new scheme."""
    return _file(request, await rulebooks.in_force(session), "", {}, {}, now)


@post(f"{PATH}/{NEW}", status_code=200, opt={ACT: Act.ASK_RULES})
async def ask(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask for a file to be published; or say what is wrong with it."""
    typed = await typed_in(request)
    name = typed.get("file", "").strip()
    try:
        await publishing.ask(
            session,
            name,
            as_typed(typed.get("text", "")),
            typed.get("reason", ""),
            backdated="backdated" in typed,
            actor=request.user.actor,
            now=now,
        )
    except SchemesFaulty as error:
        faults = {"text": "\n".join(error.faults)}
    except PublicationError as error:
        faults = {"text": str(error)}
    except InvalidDetails as error:
        faults = dict(error.faults)
    else:
        return see_other("/staff/rules/changes?done=asked")
    return _file(request, await rulebooks.in_force(session), name, typed, faults, now)


def as_typed(text: str) -> str:
    """A text from a form: browsers end its lines with CR and LF."""
    return f"{text.replace(chr(13), '').rstrip()}\n"


def _file(
    request: AnyRequest,
    book: RuleBook,
    name: str,
    typed: Typed,
    faults: Mapping[str, str],
    now: datetime,
) -> Response[str]:
    scheme = book.schemes.get(name.removesuffix(".toml"))
    rules = scheme.rules if scheme and name in book.texts else ()
    return page(
        request,
        FILE,
        status=422 if faults else 200,
        faults=faults,
        typed={"file": name, **typed},
        name=name if name in book.texts else "",
        scheme=scheme,
        rules=[(rule, None if rule.effective_to == NEVER else rule.effective_to) for rule in rules],
        charges=[charge_words(each) for each in scheme.charges_on(london_date(now))]
        if scheme
        else [],
        lines=len(typed.get("text", "").splitlines()),
    )
