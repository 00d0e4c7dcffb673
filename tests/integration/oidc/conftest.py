"""A provider for each test."""

from collections.abc import AsyncIterator

import pytest

from identity.keys import FileKeyStore
from tests.support.oidc import COUNCIL, PARTNER, Browser, Relying, Site, relying, running


@pytest.fixture
async def site(database_url: str, keystore: FileKeyStore) -> AsyncIterator[Site]:
    async with running(database_url, keystore) as site:
        yield site


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[Browser]:
    browser = Browser(site)
    yield browser
    await browser.http.aclose()


@pytest.fixture
async def council(site: Site) -> Relying:
    """A council service, which rests on public task."""
    return await relying(site, COUNCIL)


@pytest.fixture
async def partner(site: Site) -> Relying:
    """A partner, which residents agree to."""
    return await relying(site, PARTNER)
