"""The Jinja environment every page is rendered with."""

from datetime import date, datetime
from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader

from cardservice.web.assets import asset
from cardservice.web.words import catalogue
from identity.dates import LONDON
from identity.mobiles import in_groups
from identity.numbers import spoken


def day(value: date) -> str:
    """A date as GOV.UK writes it: 30 November 2026."""
    return f"{value.day} {value:%B %Y}"


def moment(value: datetime) -> str:
    """A moment in London time: 30 November 2026 at 9:31am."""
    local = value.astimezone(LONDON)
    hour = local.hour % 12 or 12
    return f"{day(local.date())} at {hour}:{local:%M}{'am' if local.hour < 12 else 'pm'}"  # noqa: PLR2004  (noon)


def ident(name: str) -> str:
    """The id of a field in a page, from its name: `identity_document.kind` has a full stop."""
    return name.replace(".", "-")


def compile_pages() -> None:
    """Compile every template now, half a second of work that no visitor should wait behind."""
    pages = environment()
    for name in pages.list_templates():
        pages.get_template(name)


@cache
def environment() -> Environment:
    """The environment: our templates, GOV.UK Frontend's macros and the catalogue."""
    pages = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("cardservice.web"),
                PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            ]
        ),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.policies["ext.i18n.trimmed"] = True
    pages.install_gettext_translations(catalogue(), newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    pages.globals["asset"] = asset
    pages.filters.update(day=day, ident=ident, mobile=in_groups, moment=moment, spoken=spoken)
    return pages
