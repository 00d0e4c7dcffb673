"""What was typed into a form, as text, so that it can be shown again."""

from collections.abc import Mapping
from typing import Final

from litestar.datastructures import UploadFile
from litestar.types import Message, Scope

from cardservice.settings import LARGEST_EVIDENCE
from cardservice.web.visitors import AnyRequest
from entitlements.uploads import MEGABYTE
from identity.evidence import DocumentShown

LARGEST_WITH_FILE: Final = (LARGEST_EVIDENCE + 1) * MEGABYTE
"""Bytes of a form with a file in it, whatever the setting says of the file."""
_FILES: Final = "kent_files"
Typed = Mapping[str, str]
"""Field name -> what was typed. A field that was left empty is not there."""


async def typed_in(request: AnyRequest) -> Typed:
    """The fields of a form. Of a field sent twice the first counts; files are no text."""
    form = await request.form()
    sent = (value for values in form.dict().values() for value in values)
    files = [value for value in sent if isinstance(value, UploadFile)]
    request.scope["state"][_FILES] = files
    return {
        name: values[0]
        for name, values in form.dict().items()
        if values and isinstance(values[0], str)
    }


async def close_files(message: Message, scope: Scope) -> None:
    """Hook before anything is sent: no file of a form outlives its request, taken or refused."""
    if message["type"] == "http.response.start":
        files: list[UploadFile] = scope["state"].pop(_FILES, [])
        for file in files:
            file.file.close()


def typed_day(typed: Typed, field: str) -> str:
    """A date of three fields as one text: `31/07/1960`; empty when all three are."""
    parts = [typed.get(f"{field}-{part}", "").strip() for part in ("day", "month", "year")]
    return "/".join(parts) if any(parts) else ""


def document_shown(typed: Typed, prefix: str = "") -> DocumentShown:
    """A document's fields after a prefix: `kind`, `dated_on`, `expires_on`, `examined`, `photo`."""
    return DocumentShown(
        kind=typed.get(f"{prefix}kind", ""),
        dated_on=typed_day(typed, f"{prefix}dated_on"),
        expires_on=typed_day(typed, f"{prefix}expires_on"),
        examined=typed.get(f"{prefix}examined", ""),
        photo_matched=typed.get(f"{prefix}photo", "") == "compared",
    )
