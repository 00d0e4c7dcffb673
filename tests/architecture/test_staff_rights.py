"""Every staff route names its act, and the table of roles knows it."""

from pathlib import Path

import pytest
from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute

from cardservice.app import create_app
from cardservice.settings import Settings
from cardservice.web.staff.rights import ACT, first_page, role_may
from identity.keys import FileKeyStore
from identity.models import StaffRole
from identity.roles import OF_THE_COUNCIL, RIGHTS, WORDS, Act, may
from readers.clock import system_clock

NOT_A_PAGE = frozenset({Act.SEE_PROTECTED_ADDRESS, Act.REVIEW_APPLICATION})
"""Acts that widen what a page shows or takes, so that no route is theirs alone."""


@pytest.fixture(scope="module")
def staff_routes(
    keystore: FileKeyStore, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, BaseRouteHandler]:
    directory: Path = tmp_path_factory.mktemp("rights")
    settings = Settings(database_url=f"sqlite:///{directory}/kentcard.db")
    application: Litestar = create_app(settings, keystore, system_clock)
    return {
        f"{'/'.join(sorted(handler.http_methods))} {route.path}": handler
        for route in application.routes
        if isinstance(route, HTTPRoute) and route.path.startswith(("/staff", "/partners"))
        for handler in route.route_handlers
        if handler.http_methods != {"OPTIONS"} and "public" not in handler.opt
    }


def test_every_staff_route_names_an_act(staff_routes: dict[str, BaseRouteHandler]) -> None:
    nameless = {
        path for path, handler in staff_routes.items() if not isinstance(handler.opt.get(ACT), Act)
    }
    assert len(staff_routes) > 10
    assert nameless == set()


def test_every_staff_route_is_guarded_by_the_table(
    staff_routes: dict[str, BaseRouteHandler],
) -> None:
    assert {
        path for path, handler in staff_routes.items() if role_may not in handler.resolve_guards()
    } == set()


def test_every_act_has_words_a_role_and_a_route(
    staff_routes: dict[str, BaseRouteHandler],
) -> None:
    assert set(WORDS) == set(Act)
    assert set(RIGHTS) == set(StaffRole)
    assert frozenset().union(*RIGHTS.values()) == set(Act)
    served = {handler.opt[ACT] for handler in staff_routes.values()}
    assert served == set(Act) - NOT_A_PAGE


@pytest.mark.parametrize("role", [StaffRole.AUDITOR, StaffRole.ADMINISTRATOR])
def test_who_watches_or_grants_access_sees_no_resident(role: StaffRole) -> None:
    residents = {act for act in Act if "resident" in act or "record" in act or "card" in act}
    assert not RIGHTS[role] & residents
    assert first_page(role).startswith("/staff/")


def test_nobody_without_a_role_may_do_anything() -> None:
    assert not any(may(None, act) for act in Act)


def test_a_partners_person_opens_no_page_of_the_council_and_staff_none_of_theirs(
    staff_routes: dict[str, BaseRouteHandler],
) -> None:
    """Apart from their own sign-in, which is everybody's."""
    everybodys = frozenset.intersection(*RIGHTS.values())
    assert everybodys == {Act.OWN_SIGN_IN, Act.CHANGE_OWN_SIGN_IN}
    of_partners = RIGHTS[StaffRole.PARTNER] - everybodys
    opened = {path for path, handler in staff_routes.items() if handler.opt[ACT] in of_partners}
    assert opened == {path for path in staff_routes if path.split(" ")[1].startswith("/partners")}
    assert len(opened) > 10
    for role in OF_THE_COUNCIL:
        assert not RIGHTS[role] & of_partners
    assert first_page(StaffRole.PARTNER) == "/partners"
