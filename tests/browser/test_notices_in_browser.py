"""The notices are fit for everybody, and found from every page."""

import pytest

from tests.support.browser import Reader

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("link", "title"),
    [
        ("Privacy", "How we use your information"),
        ("Cookies", "Cookies"),
        ("Accessibility statement", "Accessibility statement"),
    ],
)
def test_a_notice_is_found_and_fit_for_everybody(reader: Reader, link: str, title: str) -> None:
    reader.page.goto("/")
    reader.page.get_by_role("contentinfo").get_by_role("link", name=link, exact=True).click()
    reader.check(title)
