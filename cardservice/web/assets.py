"""The files a browser fetches for the pages, by their plain names."""

from functools import cache
from pathlib import Path

import msgspec

BUILT = Path(__file__).parent / "static" / "built"
MANIFEST = BUILT / "manifest.json"
PATH = "/static/built"


class NotBuilt(Exception):
    """The styles and scripts were never built on this machine."""

    code = "pages-not-built"


class Manifest(msgspec.Struct, frozen=True):
    """What the last build made.

    Attributes:
        source: SHA-256 of everything the build was made from, in hexadecimal.
        files: plain name -> the file's name in `static/built`.
    """

    source: str
    files: dict[str, str]


def read_manifest() -> Manifest:
    """Read what the last build made.

    Raises:
        NotBuilt: there was no build.
    """
    try:
        return msgspec.json.decode(MANIFEST.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise NotBuilt("Run `python -m cardservice.web.frontend.build` first.") from error


@cache
def asset(name: str) -> str:
    """The address of a built file, for example of `kent.css`."""
    return f"{PATH}/{read_manifest().files[name]}"
