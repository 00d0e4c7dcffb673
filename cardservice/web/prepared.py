"""Pages that are rendered once: what is answered when there is no time to render anything.

A template is rendered with a mark wherever visitors differ, and cut there. What goes between the
pieces is escaped by the same environment, and nothing a visitor sent is ever looked for marks.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from markupsafe import escape

from cardservice.web.environment import environment

FIELDS: Final = "problems/kept_fields.html"
_MARK: Final = re.compile("\0(\\w+)\0")
_KEPT: Final = "kept"


class Prepared(msgspec.Struct, frozen=True):
    """A page in pieces: the first, and each other after the name of what comes before it."""

    first: str
    others: tuple[tuple[str, str], ...]

    def filled(self, kept: Mapping[str, str], **given: str) -> str:
        """The whole page.

        Args:
            kept: what was typed, for the form to send again.
            given: a text for every mark, by its name.
        """
        pieces = [self.first]
        for name, piece in self.others:
            pieces.append(_fields(kept) if name == _KEPT else str(escape(given[name])))
            pieces.append(piece)
        return "".join(pieces)


def prepare(template: str, marks: tuple[str, ...], **context: Any) -> Prepared:  # noqa: ANN401  (whatever the template shows)
    """Render a template that includes `FIELDS` once.

    Args:
        template: name below `templates/`.
        marks: what it shows that differs between visitors.
        context: what is the same for all.
    """
    marked = {name: f"\0{name}\0" for name in marks}
    fields = {"\0": ""}
    html = environment().get_template(template).render(**context, **marked, kept=fields)
    first, *rest = _MARK.split(html.replace(_fields(fields), f"\0{_KEPT}\0"))
    return Prepared(first, tuple(zip(rest[::2], rest[1::2], strict=True)))


def _fields(kept: Mapping[str, str]) -> str:
    return environment().get_template(FIELDS).render(kept=kept) if kept else ""
