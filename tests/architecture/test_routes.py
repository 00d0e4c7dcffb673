"""Every route has a guard, or says why it needs none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute

from cardservice.app import create_app
from cardservice.settings import Settings
from identity.keys import FileKeyStore
from readers.clock import system_clock


@pytest.fixture(scope="module", params=[False, True], ids=["in service", "demo"])
def application(
    request: pytest.FixtureRequest, keystore: FileKeyStore, tmp_path_factory: pytest.TempPathFactory
) -> Litestar:
    directory: Path = tmp_path_factory.mktemp("routes")
    settings = Settings(
        database_url=f"sqlite:///{directory}/kentcard.db",
        demo=request.param,
        tray_url="http://localhost:1" if request.param else "",
    )
    return create_app(settings, keystore, system_clock)


def _handlers(application: Litestar) -> Iterator[tuple[str, BaseRouteHandler]]:
    for route in application.routes:
        handlers = route.route_handlers if isinstance(route, HTTPRoute) else [route.route_handler]
        for handler in handlers:
            if getattr(handler, "http_methods", None) != {"OPTIONS"}:  # the framework's own
                yield route.path, handler


def test_every_route_has_a_guard_or_says_why_it_needs_none(application: Litestar) -> None:
    open_without_a_word = {
        path
        for path, handler in _handlers(application)
        if not handler.resolve_guards() and not str(handler.opt.get("public", "")).strip()
    }
    assert open_without_a_word == set()


def test_the_walk_meets_every_part(application: Litestar) -> None:
    paths = {path for path, _ in _handlers(application)}
    assert {"/api/terminal/taps", "/api/terminal/card-session", "/staff", "/healthz"} <= paths


def test_nothing_below_api_is_public_but_enrolment(application: Litestar) -> None:
    public = {
        path
        for path, handler in _handlers(application)
        if path.startswith("/api/") and "public" in handler.opt
    }
    assert public == {"/api/terminal/enrol"}
