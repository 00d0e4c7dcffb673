"""Where a request comes from, as far as the browser says.

Source: W3C Fetch Metadata Request Headers.
"""

from urllib.parse import urlsplit

from cardservice.web.visitors import AnyRequest


def is_cross_site(request: AnyRequest) -> bool:
    """Whether the browser says that another site sent it; old browsers say nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")


def is_surely_ours(request: AnyRequest) -> bool:
    """Whether the browser says that a page of ours sent it."""
    return request.headers.get("sec-fetch-site") == "same-origin" and not is_cross_site(request)
