"""The words of the pages, from one gettext catalogue.

A message's key is its English text in the code; a translation in the catalogue replaces it, so that
whoever looks after the words can change them in one file. `python -m cardservice.web.words`
collects new messages into the catalogue.
"""

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from babel.support import Translations

from identity.oidc.consents import BASIS_WORDS
from identity.oidc.scopes import SCOPES

HERE = Path(__file__).parent
CATALOGUE = HERE / "locale" / "en_GB" / "LC_MESSAGES" / "messages.po"
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"newstyle_gettext": "true", "trimmed": "true"}}


@cache
def catalogue() -> Translations:
    """The catalogue, compiled in memory: there is no second file that could be stale."""
    compiled = BytesIO()
    write_mo(compiled, read_catalogue())
    compiled.seek(0)
    return Translations(compiled)


def gettext(message: str) -> str:
    """What the catalogue says for a message."""
    return catalogue().gettext(message)


def read_catalogue() -> Catalog:
    """The catalogue as it is in the repository."""
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="en_GB")


def messages_in_use() -> Catalog:
    """Every message that the code and the templates use."""
    found = Catalog(charset="utf-8")
    sources = extract_from_dir(
        HERE, _METHODS, _OPTIONS, directory_filter=_holds_words, strip_comment_tags=True
    )
    for source, _line, message, comments, context in sources:
        found.add(message, None, [(source, 0)], auto_comments=comments, context=context)
    for message in _from_below():
        found.add(message)
    return found


def collect() -> None:
    """Bring the catalogue up to date with the messages in use; translations are kept."""
    updated = read_catalogue() if CATALOGUE.exists() else _empty_catalogue()
    updated.update(messages_in_use(), no_fuzzy_matching=True)
    updated.obsolete.clear()
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    with CATALOGUE.open("wb") as file:
        write_po(file, updated, include_lineno=False, sort_output=True, omit_header=False)


def _empty_catalogue() -> Catalog:
    return Catalog(
        locale="en_GB",
        project="Kent Card",
        version="1",
        header_comment="# The words of Kent Card's pages. A translation here replaces the English.",
        fuzzy=False,
    )


def _from_below() -> Iterator[str]:
    """Words of packages that know no catalogue; templates show them by `_(...)`."""
    yield from (scope.words for scope in SCOPES.values() if scope.words)
    yield from BASIS_WORDS.values()


def _holds_words(directory: str | Iterable[str]) -> bool:
    return Path(str(directory)).name not in {"node_modules", "static", "locale", "__pycache__"}


if __name__ == "__main__":
    collect()
    sys.exit(0)
