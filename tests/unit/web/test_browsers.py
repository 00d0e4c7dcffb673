"""A browser is called by a name its user knows; nothing it says is repeated."""

import pytest

from cardservice.web.browsers import browser_name

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (CHROME, "Chrome on Linux"),
        (CHROME.replace("X11; Linux x86_64", "Windows NT 10.0") + " Edg/156", "Edge on Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 16) Chrome/156.0 Mobile", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15) Firefox/160.0", "Firefox on Mac"),
        ("", "A browser"),
        ("<script>alert(1)</script>" * 500, "A browser"),
    ],
)
def test_a_browser_is_named(said: str, name: str) -> None:
    assert browser_name(said) == name
