"""What was typed into a form, as text, so that it can be shown again."""

from collections.abc import Mapping

from cardservice.web.visitors import AnyRequest
from identity.evidence import DocumentShown

Typed = Mapping[str, str]
"""Field name -> what was typed. A field that was left empty is not there."""


async def typed_in(request: AnyRequest) -> Typed:
    """The fields of a form. Of a field sent twice the first counts; files are ignored."""
    form = await request.form()
    return {
        name: values[0]
        for name, values in form.dict().items()
        if values and isinstance(values[0], str)
    }


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
