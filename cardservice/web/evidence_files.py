"""A file that was sent as evidence, as it is answered: nothing in it runs, nothing keeps it."""

from typing import Final

from litestar import Response

from entitlements.cleaning.media import Media
from entitlements.evidence_records import Shown

_ENDINGS: Final = {Media.PDF: "pdf", Media.JPEG: "jpg", Media.PNG: "png"}


def file_answer(shown: Shown, reference: str) -> Response[bytes]:
    """The bytes, named after the application and never as its sender named it.

    A picture can be shown in a page. A PDF is only ever saved: what reads PDF inside a browser runs
    where our policy does not reach. Every other header is that of whatever is no page of ours
    (`defences`): no guess of another type, a sandbox, no cache.
    """
    name = f"{reference}.{_ENDINGS[shown.media]}"
    how = "attachment" if shown.media is Media.PDF else "inline"
    return Response(
        shown.content,
        media_type=shown.media.value,
        headers={"content-disposition": f'{how}; filename="{name}"'},
    )
