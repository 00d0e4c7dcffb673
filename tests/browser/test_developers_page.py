"""The page for developers of partners: the whole API, under our policy, from this server alone."""

import pytest
from playwright.sync_api import expect

from tests.support.browser import Reader

pytestmark = pytest.mark.browser

METHODS = {"get", "put", "post", "delete", "patch"}


def test_developers_see_every_operation_and_nothing_is_fetched_elsewhere(reader: Reader) -> None:
    page = reader.page
    document = page.request.get("/developers/openapi.json").json()
    operations = sum(len(METHODS & path.keys()) for path in document["paths"].values())
    page.goto("/developers")
    expect(page.locator(".opblock-summary-control")).to_have_count(operations)
    assert operations
    page.locator("#operations-default-check .opblock-summary-control").click()
    expect(page.get_by_role("button", name="Execute")).to_be_visible()
    assert reader.complaints == []
    assert {url.split("/")[2] for url in reader.fetched if not url.startswith("data:")} == {
        page.url.split("/")[2]
    }


def test_without_scripts_the_document_itself_can_be_read(reader_without_scripts: Reader) -> None:
    page = reader_without_scripts.page
    page.goto("/developers")
    link = page.get_by_role("link", name="The OpenAPI document")
    assert link.get_attribute("href") == "/developers/openapi.json"
