"""A server and a browser for each module: a browser's event loop must not outlive its tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import CHROMIUM, Reader, chromium
from tests.support.web import LiveServer, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed, so the pages were not tried in a browser")
    with chromium() as running:
        yield running


@pytest.fixture
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with serving(tmp_path_factory.mktemp("live")) as live:
        yield live


@pytest.fixture
def reader(browser: Browser, live_server: LiveServer) -> Reader:
    return Reader(browser, live_server.url)


@pytest.fixture
def reader_without_scripts(browser: Browser, live_server: LiveServer) -> Reader:
    return Reader(browser, live_server.url, javascript=False)
