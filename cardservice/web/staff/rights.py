"""Who may use which staff page: every staff route names its act, and the role must have it."""

from collections.abc import Mapping
from typing import Any, Final

import structlog
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from cardservice.web.errors import AssistanceNeeded, NotForYourRole
from cardservice.web.guards import recently_proved
from cardservice.web.kept_forms import what_to_keep
from cardservice.web.visitors import Visitor
from identity.models import StaffRole
from identity.roles import ON_BEHALF, STEP_UP, Act, may

ACT: Final = "act"
"""The key of a handler's `opt` that names its `Act`."""
_FIRST_PAGES: Final[Mapping[Act, str]] = {
    Act.READ_AUDIT: "/staff/audit",
    Act.MANAGE_STAFF: "/staff/people",
    Act.WORK_FOR_PARTNER: "/partners",
}
_LOG = structlog.get_logger(__name__)


def first_page(role: StaffRole | None) -> str:
    """Where a role begins that does not search for residents.

    Raises:
        NotForYourRole: no page is for it.
    """
    for act, path in _FIRST_PAGES.items():
        if may(role, act):
            return path
    raise NotForYourRole("No page is for this role.")


async def role_may(
    connection: ASGIConnection[Any, Any, Any, Any],
    handler: BaseRouteHandler,
) -> None:
    """Guard, after `signed_in`: refuses a role that the table does not give the route's act.

    Raises:
        NotForYourRole: the role may not; or the route names no act, so that nobody may.
        ProofNeeded: the act is one of `STEP_UP`, and they showed who they are too long ago.
    """
    visitor: Visitor = connection.user
    act = handler.opt.get(ACT)
    if not isinstance(act, Act) or not may(visitor.role, act):
        _LOG.warning("act refused", act=str(act), role=str(visitor.role), staff=visitor.actor.id)
        raise NotForYourRole("The role does not include this.")
    if act in STEP_UP:
        await recently_proved(connection, handler)


async def acting_for(
    connection: ASGIConnection[Any, Any, Any, Any],
    handler: BaseRouteHandler,
) -> None:
    """Guard, after `role_may`: what is a resident's own word needs an assisted session for them.

    Raises:
        AssistanceNeeded: there is none open for this resident.
    """
    if handler.opt.get(ACT) not in ON_BEHALF:
        return
    visitor: Visitor = connection.user
    account_id = connection.path_params["account_id"]
    if visitor.assisted and visitor.assisted.account_id == account_id:
        return
    kept = await what_to_keep(connection) if isinstance(connection, Request) else {}
    raise AssistanceNeeded(account_id, kept)
