"""One server for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.support.web import LiveServer, serving


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with serving(tmp_path_factory.mktemp("live")) as running:
        yield running
