"""The page for developers of partners: their API, described and to be tried, from here alone."""

from typing import Final

from litestar import Response, get

from cardservice.web.pages import page
from cardservice.web.visitors import AnyRequest
from entitlements.partner_paths import DOCUMENT

PATH: Final = "/developers"


@get(PATH)
async def developers(request: AnyRequest) -> Response[str]:
    """The API in Swagger UI, which reads the document and sends what a developer tries."""
    answer = page(request, "developers.html", document=DOCUMENT)
    policy = answer.headers["content-security-policy"]
    # Its pictures are in its styles, and it fetches the document and answers: from here alone.
    policy = policy.replace("img-src 'self'", "img-src 'self' data:")
    answer.headers["content-security-policy"] = f"{policy}; connect-src 'self'"
    return answer
