"""What `cardservice.app` mounts.

The pages need, from the application:

- dependencies `session` (one transaction), `vault` (`identity.personal.Vault`), `now` (aware UTC);
- `app.state`: `database` (`cardservice.database.Database`), `keystore`, `clock`
  (`Callable[[], datetime]`), `settings` (`cardservice.settings.Settings`);
- `before_send=[add_security_headers]` for the whole application;
- `problem_page` as exception handler for every address that is not the API's.
"""

from litestar import Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler

from cardservice.web import developers, notices
from cardservice.web.assets import BUILT
from cardservice.web.assets import PATH as ASSETS
from cardservice.web.defences import our_own_form
from cardservice.web.demo import outbox, tray
from cardservice.web.pages import page
from cardservice.web.problem_pages import HANDLERS
from cardservice.web.routes.partners import partners
from cardservice.web.routes.residents import residents, sent_by_sites
from cardservice.web.routes.staff import staff
from cardservice.web.visitors import AnyRequest, VisitorMiddleware

FOREVER = CacheControlHeader(max_age=31_536_000, public=True, immutable=True)
"""The name of a built file changes with what is in it."""


def routes(*, demo: bool) -> list[ControllerRouterHandler]:
    """Every page; those of the demo only in demo mode."""
    parts = [_everybodys(), *residents(), sent_by_sites(), *staff(), partners()]
    site = Router(
        "/",
        route_handlers=[*parts, *([_demo()] if demo else [])],
        middleware=[VisitorMiddleware],
        exception_handlers=HANDLERS,
        include_in_schema=False,
    )
    return [site, _assets()]


def _everybodys() -> Router:
    return Router(
        "/",
        route_handlers=[
            *(home, notices.privacy, notices.cookies, notices.accessibility),
            developers.developers,
        ],
        opt={"public": "says what Kent Card is, and what the law has us tell everybody"},
    )


def _demo() -> Router:
    return Router(
        "/",
        route_handlers=[
            tray.show_tray,
            tray.make_card,
            tray.lay_card,
            tray.lift_card,
            outbox.show_outbox,
        ],
        guards=[our_own_form],
        opt={"public": "demo mode only: nothing in it is real"},
    )


def _assets() -> Router:
    return create_static_files_router(
        ASSETS,
        directories=[BUILT],
        cache_control=FOREVER,
        include_in_schema=False,
        opt={"public": "styles and scripts, the same for everybody"},
    )


@get("/")
async def home(request: AnyRequest) -> Response[str]:
    """The first page."""
    return page(request, "home.html")
