"""Two accounts that may be one person's: both beside each other, and what a colleague finds."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import typed_in
from cardservice.web.pages import see_other
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import accounts, duplicates
from identity.accounts import Person
from identity.actors import Actor
from identity.errors import NotADuplicate, RequestDecided
from identity.models import DuplicateOutcome
from identity.personal import Vault
from identity.roles import Act

MOST_SHOWN: Final = 20


class PairLine(msgspec.Struct, frozen=True):
    """A pair on the page; both looks are recorded."""

    id: UUID
    newer: Person
    other: Person


async def pair_lines(
    session: AsyncSession, vault: Vault, *, actor: Actor, now: datetime
) -> tuple[PairLine, ...]:
    """The oldest pairs that nobody has judged, opened."""
    why = _("Two accounts were compared that may be one person’s")
    lines = []
    for pair in (await duplicates.waiting(session))[:MOST_SHOWN]:
        newer, other = [
            await accounts.person(session, vault, each, actor=actor, reason=why, now=now)
            for each in (pair.account_id, pair.other_id)
        ]
        lines.append(PairLine(pair.id, newer, other))
    return tuple(lines)


@post("/duplicates/{pair_id:uuid}", status_code=303, opt={ACT: Act.DECIDE_REQUEST})
async def judge(
    request: VisitorRequest,
    pair_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Record what was found; nothing is merged."""
    chosen = (await typed_in(request)).get("outcome", "")
    outcome = next((each for each in DuplicateOutcome if each.value == chosen), None)
    if outcome is None:
        return see_other("/staff/requests?done=not-chosen")
    try:
        async with session.begin_nested():
            actor = request.user.actor
            await duplicates.judge(session, pair_id, outcome, actor=actor, now=now)
    except (RequestDecided, NotADuplicate) as error:
        return see_other(f"/staff/requests?done={error.code}")
    return see_other(f"/staff/requests?done={outcome.value}")


DONE: Final = {
    DuplicateOutcome.DIFFERENT_PEOPLE.value: _("Recorded: they are two people"),
    DuplicateOutcome.SAME_PERSON.value: _(
        "Recorded: one person. The newer account cannot be signed in to any more. Give the "
        "resident an activation code for the older one"
    ),
}
REFUSED: Final = {
    "not-chosen": _("Select what you found"),
    RequestDecided.code: _("Somebody else has decided it"),
    NotADuplicate.code: _(
        "Documents were seen for both accounts, so neither can be set aside here"
    ),
}
