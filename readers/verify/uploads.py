"""The one file in a form with a picture."""

import re
from typing import Final

_BOUNDARY: Final = re.compile(r'boundary="?([0-9A-Za-z\'()+_,./:=? -]{1,70})"?\s*(?:;|$)')


def file_in(content_type: str, body: bytes) -> bytes:
    """The content of the first part that has a file name; `b""` if there is none.

    Source: RFC 7578 section 4, RFC 2046 section 5.1.1.
    """
    found = _BOUNDARY.search(content_type)
    if found is None or not content_type.lower().startswith("multipart/form-data"):
        return b""
    between = b"\r\n--" + found[1].encode()
    for part in (b"\r\n" + body).split(between)[1:]:
        head, gap, content = part.partition(b"\r\n\r\n")
        if gap and b"filename=" in head:
            return content
    return b""
