"""The messages that were sent to residents, to be read in a demonstration."""

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.pages import page
from cardservice.web.visitors import AnyRequest
from identity import outbox
from identity.personal import Vault


@get("/outbox")
async def show_outbox(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
) -> Response[str]:
    """The newest messages first."""
    return page(request, "demo/outbox.html", messages=await outbox.messages(session, vault))
