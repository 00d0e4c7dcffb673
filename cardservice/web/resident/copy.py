"""A resident sees or downloads everything that is held of them."""

from collections.abc import Iterator
from datetime import date, datetime
from enum import Enum
from typing import Any, Final, TypeAlias

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import own_copy
from cardservice.own_copy import OwnCopy, Section
from cardservice.web.environment import day, moment
from cardservice.web.guards import recently_proved
from cardservice.web.pages import page
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity.personal import Vault

TEMPLATE: Final = "resident/copy.html"
FILE_NAME: Final = "kent-card.json"
Lines: TypeAlias = list[tuple[str, str]]
"""Label and value, of one row."""


@get("/copy", guards=[recently_proved])
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[str]:
    """Show it."""
    visitor = request.user
    made = await own_copy.make(session, vault, visitor.subject_id, actor=visitor.actor, now=now)
    return page(request, TEMPLATE, topics=_by_topic(made), made_at=made.made_at)


@get("/copy/download", guards=[recently_proved])
async def download(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[bytes]:
    """The same as JSON, for programs."""
    visitor = request.user
    made = await own_copy.make(session, vault, visitor.subject_id, actor=visitor.actor, now=now)
    return Response(
        msgspec.json.format(msgspec.json.encode(made), indent=2),
        media_type="application/json",
        headers={"content-disposition": f'attachment; filename="{FILE_NAME}"'},
    )


def _by_topic(made: OwnCopy) -> list[tuple[str, list[tuple[Section, list[Lines]]]]]:
    """Every section with the lines of its rows, under its heading."""
    return [
        (
            topic,
            [
                (section, [list(_lines(row)) for row in section.rows])
                for section in made.sections
                if section.topic == topic
            ],
        )
        for topic in dict.fromkeys(section.topic for section in made.sections)
    ]


def _lines(told: dict[str, Any], within: str = "") -> Iterator[tuple[str, str]]:
    """Label and value of everything in a row, what lies deeper too."""
    for name, value in told.items():
        label = f"{within}{name.replace('_', ' ').replace('-', ' ')}"
        if isinstance(value, dict):
            yield from _lines(value, f"{label}: ")
        elif value not in ("", [], None):
            yield label[:1].upper() + label[1:], _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return ", ".join(
            "; ".join(f"{label} {text}" for label, text in _lines(each))
            if isinstance(each, dict)
            else str(each)
            for each in value
        )
    return str(value.value if isinstance(value, Enum) else value)
