"""Forms by which staff ask for something about a resident that a second person decides."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response

from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.resident import Look
from cardservice.web.visitors import AnyRequest, VisitorRequest
from identity.errors import InvalidDetails, NoErasureWaits, RequestWaits, WrongAccountState


class Form(msgspec.Struct, frozen=True):
    """A form that asks for something.

    Attributes:
        template: its page.
        first: its first field, at which a refusal of the whole is said.
        shows: what else the page shows, by name.
    """

    template: str
    first: str
    shows: Mapping[str, Any]


def show(
    request: AnyRequest,
    form: Form,
    account_id: UUID,
    reason: str,
    typed: Typed | None = None,
    faults: Mapping[str, str] | None = None,
) -> Response[str]:
    """The form, empty or as it was typed."""
    return page(
        request,
        form.template,
        status=422 if faults else 200,
        faults=faults,
        typed=typed or {},
        here=f"/staff/residents/{account_id}",
        reason=reason if reason_of(reason) else "",
        **form.shows,
    )


async def answer(
    request: VisitorRequest, form: Form, look: Look, asking: Callable[[Typed], Awaitable[object]]
) -> Response[Any]:
    """Ask, and go back to the record; or show the form with what is wrong."""
    typed = await typed_in(request)
    try:
        await asking(typed)
    except InvalidDetails as invalid:
        faults = invalid.faults
    except (NoErasureWaits, RequestWaits, WrongAccountState) as error:
        faults = {form.first: str(error)}
    else:
        return see_other(look.address(done="asked"))
    return show(request, form, look.account_id, look.reason, typed, faults)
